/* SPDX-License-Identifier: ISC */
/* Which directory a watch of inotify(7) is of. */
#ifndef DIRS_H
#define DIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/id.h"

struct dirs_one {
	int wd;
	bool is_vm;
	char id[ID_LEN + 1]; /* "": gone */
};

/* Sorted by wd, as the kernel counts them upwards.  { 0 } is none. */
struct dirs {
	struct dirs_one *v;
	size_t n, cap, gone;
};

void dirs_fini(struct dirs *d);

/* Where there is no memory it is not noted. */
void dirs_add(struct dirs *d, int wd, bool is_vm, const char *id);
void dirs_remove(struct dirs *d, int wd);

/* The id, borrowed until the next call; NULL: not one of these. */
const char *dirs_find(const struct dirs *d, int wd, bool *is_vm);

/* Whether the root has it, now. */
bool dirs_has(int rootfd, bool is_vm, const char *id);

/* Calls `one` for every id in the directory; none where that is not there. */
int dirs_each(int rootfd, const char *dir,
    void (*one)(void *arg, const char *id), void *arg, struct error *err);

#endif
