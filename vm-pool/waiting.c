/* SPDX-License-Identifier: ISC */
#include "waiting.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "state/standby.h"
#include "state/vm.h"
#include "vmm/vmm.h"

#define END_AT_ONCE 32
#define KILL_MS 10000 /* for a killed VMM to be gone */

static bool
has_died(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void
forget(struct waiting *w, size_t i)
{
	fd_drop(&w->v[i].pidfd);
	memmove(&w->v[i], &w->v[i + 1], (w->n - i - 1) * sizeof(*w->v));
	w->n--;
}

/* Its VMM and its directory go, unless somebody has it. */
static bool
bury(const struct root *root, int dirfd, const char *id, struct error *err)
{
	struct root_new dir;
	struct vm vm;

	if (root_new_adopt(&dir, root, ROOT_VM, dirfd, id, "", err) == -1)
		return false;
	if (vm_read(&vm, dir.dirfd, NULL) == 0) {
		vmm_kill(&vm, 0, NULL);
		vm_fini(&vm);
	}
	root_new_end(&dir);
	return true;
}

static int
keep_room(struct waiting *w, struct error *err)
{
	struct waiting_one *v = realloc(w->v, (w->n + 1) * sizeof(*v));

	if (v == NULL)
		return error_nomem(err, STANDBY_DIR);
	w->v = v;
	return 0;
}

/* One that is taken meanwhile is none of ours, nor is one of another keeper's. */
static int
meet(struct waiting *w, const struct root *root, int dirfd, const char *id,
    struct error *err)
{
	struct vm vm;
	int fd, pidfd, rc;

	if (keep_room(w, err) == -1)
		return -1;
	if (fd_open_dir(&fd, dirfd, id, false, NULL) == -1)
		return 0;
	rc = vm_read(&vm, fd, NULL);
	fd_drop(&fd);
	if (rc == -1)
		return 0;
	if (vm.elsewhere) {
		vm_fini(&vm);
		return 0;
	}
	rc = proc_open(&pidfd, &vm.proc, err);
	if (rc == -1 && vm_is_alive(&vm)) {
		vm_fini(&vm);
		return -1;
	}
	vm_fini(&vm);
	w->made++;
	if (rc == -1) {
		if (bury(root, dirfd, id, NULL))
			w->died++;
		else
			w->taken++;
		return 0;
	}
	snprintf(w->v[w->n].id, sizeof(w->v[w->n].id), "%s", id);
	w->v[w->n++].pidfd = pidfd;
	return 0;
}

static bool
is_known(const struct waiting *w, const char *id)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (strcmp(w->v[i].id, id) == 0)
			return true;
	return false;
}

int
waiting_look(struct waiting *w, const struct root *root, int dirfd,
    struct error *err)
{
	struct strv ids = { 0 };
	size_t i;
	int rc;

	rc = standby_list(&ids, dirfd, err);
	for (i = w->n; rc == 0 && i > 0; i--) {
		if (!has_died(w->v[i - 1].pidfd)) {
			if (strv_has(&ids, w->v[i - 1].id))
				continue;
			w->taken++;
		} else if (bury(root, dirfd, w->v[i - 1].id, NULL))
			w->died++;
		else
			w->taken++;
		forget(w, i - 1);
	}
	for (i = 0; rc == 0 && i < ids.n; i++)
		if (!is_known(w, ids.v[i]))
			rc = meet(w, root, dirfd, ids.v[i], err);
	strv_fini(&ids);
	return rc;
}

/* All at once, so that they end side by side. */
static void
end_some(struct waiting *w, const struct waiting_one *v, size_t n,
    const struct root *root, int dirfd)
{
	struct root_new dirs[END_AT_ONCE] = { 0 };
	struct error why = { 0 };
	size_t i;

	for (i = 0; i < n; i++)
		if (root_new_adopt(&dirs[i], root, ROOT_VM, dirfd, v[i].id, "",
			&why) == 0)
			proc_signal(v[i].pidfd, SIGKILL, NULL);
		else if (why.code == EX_TEMPFAIL || why.code == EX_NOINPUT)
			w->taken++;
		else
			diag("%s: %s", v[i].id, why.msg);
	for (i = 0; i < n; i++) {
		if (dirs[i].root == NULL)
			continue;
		proc_wait(v[i].pidfd, clock_ms() + KILL_MS, NULL);
		root_new_end(&dirs[i]);
	}
}

void
waiting_end(struct waiting *w, const struct root *root, int dirfd)
{
	size_t i, n;

	for (i = 0; i < w->n; i += n) {
		n = w->n - i < END_AT_ONCE ? w->n - i : END_AT_ONCE;
		end_some(w, w->v + i, n, root, dirfd);
	}
}

void
waiting_fini(struct waiting *w)
{
	while (w->n > 0)
		forget(w, w->n - 1);
	free(w->v);
	w->v = NULL;
}
