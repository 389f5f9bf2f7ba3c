/* SPDX-License-Identifier: ISC */
/*
 * A control group of the VMM's own (cgroup v2; Linux
 * Documentation/admin-guide/cgroup-v2.rst), made where somebody lets us: in a
 * directory that is ours to write, which need not be root's.
 */
#ifndef VMM_CGROUP_H
#define VMM_CGROUP_H

#include <jansson.h>
#include <stdint.h>

#include "state/vm.h"

#define CGROUP_WEIGHT_MAX 10000
#define CGROUP_PIDS 1024 /* processes and threads, where nobody says */

enum cgroup_kind { CGROUP_NONE, CGROUP_AUTO, CGROUP_PATH };

/* What of --cgroup was said. */
struct cgroup_spec {
	enum cgroup_kind kind;
	char *path; /* CGROUP_PATH: absolute */
	uint64_t memory_bytes; /* 0: the guest's and what is added to it */
	uint64_t cpu_weight, io_weight; /* 1 to CGROUP_WEIGHT_MAX, 0: unsaid */
	uint64_t pids; /* at least 16 */
};

/*
 * Decodes (auto|none|PATH)[,memory=SIZE][,cpu-weight=N][,io-weight=N][,pids=N],
 * NULL being none.  On success *out is the caller's.  EX_USAGE.
 */
int cgroup_parse(struct cgroup_spec *out, const char *text, struct error *err);
/* The same of what an option says: EX_USAGE names it. */
int cgroup_check(const char *text, struct error *err);
void cgroup_spec_fini(struct cgroup_spec *spec);

/*
 * Makes the group that vm->cgroup_choice asks for, with its limits, and notes
 * it in vm->cgroup; what a dead VMM has left there goes.  *fd, by which a
 * process joins it (cgroup_join), is the caller's; -1: there is none, for none
 * is asked for or auto found no place, which is told where limits were said.
 * What no controller is there for is not limited.  EX_NOPERM, EX_NOINPUT: the
 * place that was named.
 */
int cgroup_make(int *fd, struct vm *vm, struct error *err);

/* This process joins it.  -1 with errno. */
int cgroup_join(int fd);

/* The VMM has ended: its group goes, and what it has left behind in there. */
void cgroup_remove(const struct vm *vm);

/*
 * For want of whose memory something in it was killed: the kernel counts every
 * kill, and apart from them how often the group came to its own limit (Linux
 * Documentation/admin-guide/cgroup-v2.rst, memory.events).
 */
enum cgroup_want {
	CGROUP_WANT_NONE, /* nothing was */
	CGROUP_WANT_OWN,
	CGROUP_WANT_OTHERS /* of the host, or of a group above */
};

enum cgroup_want cgroup_find_want(const struct vm *vm);

/*
 * The member cgroup of a record, as long as there is one: what it may use and has
 * used.  EX_OSERR.
 */
int cgroup_report(json_t *record, const struct vm *vm, struct error *err);

#endif
