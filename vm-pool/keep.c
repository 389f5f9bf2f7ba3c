/* SPDX-License-Identifier: ISC */
#include "keep.h"

#include <sys/inotify.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sig.h"
#include "state/standby.h"

#include "fill.h"
#include "waiting.h"

#define AGAIN_MIN_MS 1000 /* after a vm-clone that failed; then twice as long */
#define AGAIN_MAX_MS 60000
#define POLL_OWN 2 /* ahead of those that wait: the watch, and vm-clone */

struct keep {
	const struct keep_how *how;
	int dirfd; /* of the pool, locked */
	int watch; /* inotify(7) of the pool and of the snapshot */
	struct fill fill;
	struct waiting waiting;
	struct pollfd *polls;
	int64_t start_us, next_ms, again_ms;
	uint64_t died; /* until it was filled up last */
	bool was_full;
};

static int
add_watch(const struct keep *k, const char *dir, uint32_t mask,
    struct error *err)
{
	char *path = path_format("%s/%s/%s", root_path(k->how->root), dir,
	    k->how->snap_id);
	int rc = 0;

	if (path == NULL)
		return error_nomem(err, dir);
	if (inotify_add_watch(k->watch, path, mask | IN_ONLYDIR) == -1)
		rc = error_sys(err, error_code_of(errno), "%s", path);
	free(path);
	return rc;
}

static int
begin(struct keep *k, struct error *err)
{
	struct error why = { 0 };

	if (standby_keep(&k->dirfd, k->how->root, k->how->snap_id, &why) == -1)
		return why.code == EX_TEMPFAIL
		    ? error_set(err, EX_TEMPFAIL, "%s: it has a keeper already",
			  k->how->snap_id)
		    : error_set(err, why.code, "%s: %s", k->how->snap_id,
			  why.msg);
	k->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (k->watch == -1)
		return error_sys(err, EX_OSERR, "inotify");
	k->polls = calloc(k->how->keep * 2 + POLL_OWN, sizeof(*k->polls));
	if (k->polls == NULL)
		return error_nomem(err, "pool");
	if (add_watch(k, STANDBY_DIR,
		IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE, err) == -1)
		return -1;
	return add_watch(k, "snap", IN_MOVE_SELF | IN_DELETE_SELF, err);
}

/* As many as there is room to poll for: somebody else may have put some there. */
static size_t
polled(const struct keep *k)
{
	size_t max = k->how->keep * 2;

	return k->waiting.n < max ? k->waiting.n : max;
}

/* Until something happens, or it is time to try again. */
static int
wait_for_news(struct keep *k, const sigset_t *unblocked, struct error *err)
{
	char events[4096];
	struct timespec left = { 0 };
	int64_t ms = k->next_ms - clock_ms();
	bool timed = k->fill.pid == 0 && k->waiting.n < k->how->keep;
	size_t i, n = polled(k);

	if (ms < 0)
		ms = 0;
	left.tv_sec = ms / 1000;
	left.tv_nsec = ms % 1000 * 1000000;
	k->polls[0] = (struct pollfd){ .fd = k->watch, .events = POLLIN };
	k->polls[1] = (struct pollfd){ .fd = k->fill.pidfd, .events = POLLIN };
	for (i = 0; i < n; i++)
		k->polls[POLL_OWN + i] = (struct pollfd){
			.fd = k->waiting.v[i].pidfd,
			.events = POLLIN
		};
	if (ppoll(k->polls, n + POLL_OWN, timed ? &left : NULL, unblocked) ==
		-1 &&
	    errno != EINTR)
		return error_sys(err, EX_OSERR, "poll");
	/* What has happened is looked for, whatever it was. */
	while (read(k->watch, events, sizeof(events)) > 0)
		continue;
	return 0;
}

static int
report(const struct keep *k, struct error *err)
{
	const struct waiting *w = &k->waiting;
	json_t *record = json_object();
	int rc = -1;

	if (record == NULL)
		return error_nomem(err, "record");
	if (json_put_str(record, "snapshot", k->how->snap_id, err) == 0 &&
	    json_put_u64(record, "keep", k->how->keep, err) == 0 &&
	    json_put_u64(record, "ready", w->n, err) == 0)
		rc = 0;
	if (rc == 0 && !k->was_full)
		rc = json_put(record, "fill_ms",
		    json_real((double)(clock_us() - k->start_us) / 1000), err);
	if (rc == 0 &&
	    (json_put_u64(record, "made", w->made, err) == -1 ||
		json_put_u64(record, "taken", w->taken, err) == -1 ||
		json_put_u64(record, "died", w->died, err) == -1))
		rc = -1;
	if (rc == 0)
		rc = json_report(record, k->how->members, err);
	json_decref(record);
	return rc;
}

/*
 * What vm-clone could not do it will perhaps do later, as where a disk was
 * full; where there was never one that waits, it is told at once.
 */
static int
reap(struct keep *k, struct error *err)
{
	struct pollfd p = { .fd = k->fill.pidfd, .events = POLLIN };
	int code;

	if (k->fill.pid == 0 || poll(&p, 1, 0) != 1)
		return 0;
	code = fill_wait(&k->fill);
	/* Those that die as soon as they are there are no success. */
	if (code == EX_OK && k->waiting.died == k->died) {
		k->again_ms = AGAIN_MIN_MS;
		return 0;
	}
	k->died = k->waiting.died;
	if (code != EX_OK && k->waiting.made == 0)
		return error_set(err, code, "%s", "");
	k->next_ms = clock_ms() + k->again_ms;
	k->again_ms = k->again_ms * 2 < AGAIN_MAX_MS ? k->again_ms * 2
						     : AGAIN_MAX_MS;
	return 0;
}

static void
tell_supervisor(const struct keep_how *how, const char *lines)
{
	struct error why = { 0 };

	if (notify_say(&how->notify, lines, &why) == -1)
		diag("warning: %s", why.msg);
}

static int
fill_up(struct keep *k, struct error *err)
{
	const struct fill_how how = { .root = root_path(k->how->root),
		.snap_id = k->how->snap_id,
		.jobs = k->how->jobs,
		.quiet = k->how->quiet };

	if (k->waiting.n >= k->how->keep && !k->was_full && k->fill.pid == 0) {
		if (report(k, err) == -1)
			return -1;
		k->was_full = true;
		tell_supervisor(k->how, "READY=1\nSTATUS=full\n");
		hook_step("pool-full");
	}
	if (k->fill.pid != 0 || k->waiting.n >= k->how->keep ||
	    k->next_ms > clock_ms())
		return 0;
	return fill_start(&k->fill, &how, k->how->keep - k->waiting.n, err);
}

static int
look_after(struct keep *k, const sigset_t *unblocked, struct error *err)
{
	const struct root *root = k->how->root;

	for (;;) {
		if (sig_check(NULL) == -1)
			return 0;
		if (waiting_look(&k->waiting, root, k->dirfd, err) == -1 ||
		    reap(k, err) == -1)
			return -1;
		if (!root_is_alive(root, ROOT_SNAP, k->how->snap_id))
			return error_set(err, EX_NOINPUT,
			    "%s: the snapshot was removed", k->how->snap_id);
		if (fill_up(k, err) == -1 ||
		    wait_for_news(k, unblocked, err) == -1)
			return -1;
	}
}

static void
end(struct keep *k)
{
	sig_shield();
	fill_end(&k->fill);
	if (k->dirfd != -1) {
		waiting_look(&k->waiting, k->how->root, k->dirfd, NULL);
		waiting_end(&k->waiting, k->how->root, k->dirfd);
		standby_drop(k->how->root, k->how->snap_id);
	}
	waiting_fini(&k->waiting);
	free(k->polls);
	fd_drop(&k->watch);
	fd_drop(&k->dirfd);
}

int
keep_run(const struct keep_how *how, struct error *err)
{
	struct keep k = { .how = how,
		.dirfd = -1,
		.watch = -1,
		.fill = { .pidfd = -1, .said = -1 },
		.start_us = clock_us(),
		.again_ms = AGAIN_MIN_MS };
	sigset_t block, old;
	int rc = -1;

	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGHUP);
	sigprocmask(SIG_BLOCK, &block, &old);
	if (begin(&k, err) == 0)
		rc = look_after(&k, &old, err);
	tell_supervisor(how, "STOPPING=1\n");
	end(&k);
	/* What it came to, for whoever asked for a proper end. */
	return rc == 0 ? report(&k, err) : rc;
}
