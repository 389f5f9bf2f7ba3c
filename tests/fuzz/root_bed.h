/* SPDX-License-Identifier: ISC */
/* A root for one input, in memory, and what must be there when it has come in. */
#ifndef TESTS_ROOT_BED_H
#define TESTS_ROOT_BED_H

#include <sys/resource.h>
#include <sys/stat.h>

#include <assert.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/intake.h"

#define BED_DIR "/dev/shm/instar-fuzz-XXXXXX"
#define BED_DIR_CAP sizeof(BED_DIR)
#define BED_FILE_MAX (64u << 20) /* a file of more is EX_IOERR here */

static inline void
bed_make(char dir[BED_DIR_CAP])
{
	const struct rlimit limit = { BED_FILE_MAX, BED_FILE_MAX };

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	snprintf(dir, BED_DIR_CAP, BED_DIR);
	assert(mkdtemp(dir) != NULL);
}

static inline int
bed_remove_one(const char *path, const struct stat *st, int kind,
    struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline void
bed_remove(const char *dir)
{
	nftw(dir, bed_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* There is nothing in the root, not even hidden. */
static inline void
bed_check_empty(const char *root)
{
	struct error err = { 0 };
	struct strv ids = { 0 };
	struct root *again;
	char hidden[128];

	assert(root_open(&again, root, &err) == 0);
	assert(root_list(&ids, again, ROOT_SNAP, &err) == 0 && ids.n == 0);
	strv_fini(&ids);
	root_close(again);
	snprintf(hidden, sizeof(hidden), "%s/snap", root);
	/* A directory that holds nothing can be removed. */
	assert(rmdir(hidden) == 0);
}

/* What was published is what its envelope says. */
static inline void
bed_check_snapshot(struct intake *in, const struct label *label)
{
	const struct envelope *e;
	struct error err = { 0 };
	struct envelope_file file;
	struct snap *snap;
	json_t *record;
	size_t i;

	assert(intake_end(&snap, &record, in, label, &err) == 0);
	json_decref(record);
	e = snap_envelope(snap);
	for (i = 0; i < e->files_n; i++) {
		file = e->files[i];
		assert(file.has_digest);
		assert(intake_seal_file(&file, snap_fd(snap), &err) == 0);
	}
	snap_close(snap);
}

/* Ends an intake that has come to `rc`. */
static inline void
bed_end(struct intake *in, int rc, const struct error *err, const char *root,
    const struct intake_how *how)
{
	if (rc == 0)
		bed_check_snapshot(in, &how->label);
	else if (err->code != EX_DATAERR && err->code != EX_IOERR &&
	    err->code != EX_CONFIG) {
		fprintf(stderr, "%d: %s\n", err->code, err->msg);
		abort();
	}
	intake_fini(in);
	if (rc == -1)
		bed_check_empty(root);
}

#endif
