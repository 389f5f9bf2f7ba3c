/* SPDX-License-Identifier: ISC */
#include "learn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/num.h"
#include "base/sig.h"
#include "snapshot/working_set.h"
#include "state/inplace.h"
#include "state/snap.h"
#include "vmm/host/touched.h"

#define NAP_MS 5 /* between two looks: what orders the pages */
#define ASK_MS 250 /* of one question whether the guest is ready */
#define MEMBER "working_set"

int
learn_opt(struct learn *l, const char *value)
{
	if (l->wanted)
		return opt_wrong("--learn given twice");
	l->wanted = true;
	l->until_ready = value != NULL && strcmp(value, "ready") == 0;
	if (value == NULL || l->until_ready || strcmp(value, "console") == 0)
		return 0;
	if (opt_duration(&l->time, value, "--learn") == -1)
		return -1;
	if (l->time.ms > WORKING_SET_MS_MAX)
		return opt_wrong("--learn: %s: more than a day", value);
	return 0;
}

int
learn_opt_check(const struct learn *l, const struct ready *ready,
    char *const *operands)
{
	uint64_t ms;
	size_t i;

	if (l->until_ready && ready->kind == READY_NONE)
		return opt_wrong("--learn=ready needs --ready");
	if (!l->wanted || operands[0] == NULL || operands[1] == NULL)
		return 0;
	for (i = 0; i < 2; i++)
		if (num_duration(&ms, operands[i], NULL) == 0)
			return opt_wrong("--learn: its duration belongs to it: "
					 "--learn=%s",
			    operands[i]);
	return 0;
}

static int
has_ended(struct error *err)
{
	return error_set(err, EX_UNAVAILABLE, "has ended: nothing was learned");
}

/* When it is over, whatever is seen. */
static int64_t
most_ms(const struct learn *l, const struct ready *ready)
{
	if (l->time.given)
		return (int64_t)l->time.ms;
	return l->until_ready && ready->timeout.given
	    ? (int64_t)ready->timeout.ms
	    : LEARN_SEEN_MS;
}

/* Whether it has been looked at for long enough: 1, 0, -1. */
static int
is_over(const struct learn *l, struct ready_look *seen, struct vm_at *at,
    int64_t end_ms, struct error *err)
{
	int64_t now_ms = clock_ms(), until_ms = now_ms + ASK_MS;

	if (!vm_is_alive(&at->vm))
		return has_ended(err);
	if (now_ms >= end_ms)
		return 1;
	return l->time.given
	    ? 0
	    : ready_look(seen, at, until_ms < end_ms ? until_ms : end_ms, err);
}

static int
look(struct touched *t, const struct vm_at *at, int64_t start_ms,
    struct error *err)
{
	if (touched_look(t, (uint64_t)(clock_ms() - start_ms), err) == 0)
		return 0;
	return vm_is_alive(&at->vm) ? -1 : has_ended(err);
}

static int
watch(struct touched *t, const struct learn *l, const struct ready *ready,
    struct vm_at *at, struct error *err)
{
	int64_t start_ms = clock_ms(), end_ms = start_ms + most_ms(l, ready);
	struct ready any = { .kind = READY_NONE };
	struct ready_look *seen = NULL;
	int rc = -1;

	if (ready_parse_console(&any, ".", err) == -1 ||
	    ready_begin(&seen, l->until_ready ? ready : &any, err) == -1)
		goto out;
	do {
		if (look(t, at, start_ms, err) == -1 || sig_check(err) == -1) {
			rc = -1;
			goto out;
		}
		rc = is_over(l, seen, at, end_ms, err);
		if (rc == 0)
			clock_nap(NAP_MS);
	} while (rc == 0);
	/* What it has touched since the last look belongs to it. */
	if (rc == 1)
		rc = look(t, at, start_ms, err);
out:
	ready_end(seen);
	ready_fini(&any);
	return rc;
}

/*
 * Written beside the clone, and then moved: who reads the snapshot meanwhile, under
 * the same shared lock, never meets a file that is not whole.  A snapshot that was
 * removed meanwhile is another one's error.
 */
static int
put(const struct root *root, const char *snap_id, int vm_dirfd,
    const struct working_set *w, struct error *err)
{
	struct snap *snap;
	int rc;

	hook_step("learned");
	if (working_set_write(vm_dirfd, w, err) == -1)
		return -1;
	hook_step("learn-beside");
	if (snap_open(&snap, root, snap_id, err) == -1) {
		unlinkat(vm_dirfd, WORKING_SET_NAME, 0);
		return error_wrap(err, WORKING_SET_NAME);
	}
	rc = renameat(vm_dirfd, WORKING_SET_NAME, snap_fd(snap),
	    WORKING_SET_NAME);
	if (rc == -1) {
		error_sys(err, error_code_of(errno), WORKING_SET_NAME);
		unlinkat(vm_dirfd, WORKING_SET_NAME, 0);
	}
	snap_close(snap);
	hook_step("learn-written");
	return rc == -1 ? error_wrap(err, "%s", snap_id) : 0;
}

static int
learn_of(struct vm_at *at, const struct learn *l, const struct ready *ready,
    const struct root *root, const char *snap_id, uint64_t *bytes,
    struct error *err)
{
	struct working_set w = { 0 };
	struct touched *t = NULL;
	uint64_t size;
	int fd, rc = -1;

	if (at->vm.memory != VM_MEMORY_TEMPLATE)
		return error_set(err, EX_UNAVAILABLE,
		    "its memory is not mapped from the snapshot: nothing is "
		    "to be learned");
	if (inplace_open(&fd, &size, at->vm.depends_on, at->dirfd, VM_TEMPLATE,
		err) == -1)
		return -1;
	if (touched_new(&t, at->vm.proc.pid, fd, size, err) == 0 &&
	    watch(t, l, ready, at, err) == 0 && touched_take(&w, t, err) == 0)
		rc = put(root, snap_id, at->dirfd, &w, err);
	*bytes = working_set_bytes(&w);
	working_set_fini(&w);
	touched_free(t);
	fd_drop(&fd);
	return rc;
}

int
learn(const struct ready_item *clone, const struct learn *l,
    const struct ready *ready, const struct root *root, const char *snap_id,
    struct error *err)
{
	struct vm_at at = { .dirfd = -1 };
	uint64_t bytes = 0;
	int rc;

	if (vm_at_open(&at, root, clone->id, false, 0, err) == -1)
		return -1;
	rc = learn_of(&at, l, ready, root, snap_id, &bytes, err);
	if (rc == -1)
		error_wrap(err, "%s",
		    at.vm.name[0] == '\0' ? at.vm.id : at.vm.name);
	vm_at_close(&at);
	return rc == -1 ? -1 : json_put_u64(clone->record, MEMBER, bytes, err);
}
