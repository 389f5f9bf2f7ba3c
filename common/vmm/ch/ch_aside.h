/* SPDX-License-Identifier: ISC */
/*
 * config.json and state.json read, and changed, in a process of its own that
 * can open nothing but what stands beside them: somebody made them, and jdoc,
 * which takes them apart, is our largest parser.  A clone asks all that it must
 * know at once, while its VMM starts, which takes longer: 0.3 ms for a state of
 * 48 KB, and what a process costs (base/aside.h).
 */
#ifndef VMM_CH_ASIDE_H
#define VMM_CH_ASIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snapshot/envelope.h"
#include "snapshot/nic.h"
#include "vmm/ch/ch_config.h"
#include "vmm/ch/ch_state.h"

struct ch_pair {
	struct ch_config config;
	struct ch_state state;
	struct jdoc *tree; /* state.json: ch_state_strip() */
};

/*
 * The two files, each by itself and against the other; before, against the
 * digests that `saved` (or NULL) has of them, so that what somebody changed is
 * not taken apart.  On success *pair is the caller's (ch_pair_fini).
 */
int ch_pair_read(struct ch_pair *pair, int dirfd, const struct envelope *saved,
    struct error *err);
void ch_pair_fini(struct ch_pair *pair);

/* The NICs are appended, as a record has them.  EX_DATAERR, EX_CONFIG. */
int ch_aside_nics(struct nic_list *nics, int dirfd, struct error *err);

/* What a start must know of the devices in config.json. */
struct ch_plan {
	uint32_t nets_n;
	bool is_replaced[NIC_MAX]; /* it gets another NIC in its place */
	char ids[NIC_MAX][CH_ID_MAX + 1]; /* of the NICs that were saved */
	bool has_seed; /* the seed is one of the saved disks */
	bool is_whole; /* config.json names every tap as it is to be */
};

/* New texts: the caller frees `answer`, in which the others are. */
struct ch_texts {
	void *answer;
	const char *config, *state; /* NULL: there is none */
	size_t config_len, state_len;
	struct ch_plan plan;
	bool can_map, has_balloon; /* of the memory */
};

/* How they are made, in the process: those of *out are on its heap. */
typedef int ch_make(struct ch_texts *out, void *arg, struct error *err);

/* Has `make` make them, which may read beneath `dirfd` alone. */
int ch_aside_texts(struct ch_texts *out, ch_make *make, void *arg, int dirfd,
    struct error *err);

/* Runs what answers nothing but whether it went well, beneath `dirfd`. */
int ch_aside_check(int (*check)(void *arg, struct error *err), void *arg,
    int dirfd, struct error *err);

#endif
