/* SPDX-License-Identifier: ISC */
#include "serve.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "state/root.h"

#include "carried.h"
#include "ctl.h"
#include "fs.h"
#include "mount.h"
#include "undo.h"

#define CACHE_DIR "cache"
#define CACHE_DEFAULT (10 * NUM_GIB)
#define REQUESTS_TOGETHER 16 /* of the kernel, before others are looked at */

/* A quarter of its filesystem, where that is less. */
static uint64_t
default_size(int cachefd)
{
	struct statvfs st;
	uint64_t size = CACHE_DEFAULT, disk;

	if (fstatvfs(cachefd, &st) == 0) {
		disk = (uint64_t)st.f_blocks * st.f_frsize;
		if (disk / 4 < size)
			size = disk / 4;
	}
	return size < CACHE_BYTES_MIN ? CACHE_BYTES_MIN : size;
}

static int
open_cache(struct mount *m, const struct opts *o, struct error *err)
{
	struct root *root;
	char *log = NULL;
	int rc = -1;

	if (root_open(&root, o->common.root, err) == -1)
		return -1;
	if (mkdirat(root_fd(root), CACHE_DIR, 0700) == -1 && errno != EEXIST)
		error_sys(err, error_code_of(errno), "%s/" CACHE_DIR,
		    root_path(root));
	else
		rc = fd_open_dir(&m->cachefd, root_fd(root), CACHE_DIR, false,
		    err);
	if (rc == 0 && !o->foreground) {
		log = o->log != NULL
		    ? path_absolute(o->log)
		    : path_format("%s/" CACHE_DIR "/" CACHE_LOG,
			  root_path(root));
		rc = log == NULL
		    ? error_nomem(err, "log")
		    : log_open(&m->log, AT_FDCWD, log, m->dir, err);
		m->log_path = log;
	}
	root_close(root);
	if (rc == -1)
		return -1;
	m->cache_bytes = o->cache_bytes != 0 ? o->cache_bytes
					     : default_size(m->cachefd);
	return cache_open(&m->cache, m->cachefd, m->cache_bytes, err);
}

/* Everything that needs a name; then only what is open can be used. */
static int
open_all(struct mount *m, const struct opts *o, struct error *err)
{
	struct transport_how how = o->registry;
	int from;
	struct sandbox s = { .dirfds = &m->cachefd, .n = 1 };

	/* First: who talks to a registry keeps what is there. */
	if (!o->foreground && ctl_silence(err) == -1)
		return -1;
	/* What a tag leads to only the registry knows; the rest may be cached. */
	if (o->ref.has_digest)
		how.away = &m->away;
	if (signers_begin(&m->signers, &o->signers, err) == -1 ||
	    transport_open(&m->from, &o->ref, &how, err) == -1 ||
	    open_cache(m, o, err) == -1)
		return -1;
	from = transport_dirfd(&m->from);
	s.read_dirfds = &from;
	s.read_n = from != -1;
	return sandbox_enter_as(&s, err);
}

static int
prepare(struct mount *m, const struct opts *o, struct error *err)
{
	size_t i;
	int rc = image_open(&m->image, &m->from, m->cache, m->signers,
	    m->cachefd, &o->ref, err);

	signers_end(m->signers);
	m->signers = NULL;
	if (rc == -1)
		return error_wrap(err, "%s", o->text);
	m->arrivals.came_ms = clock_ms();
	m->wants.away_max = o->registry.jobs;
	ahead_init(&m->ahead, !o->on_demand, m->cache_bytes);
	m->ends = malloc((m->image.index.files_n + 1) * sizeof(*m->ends));
	if (m->ends == NULL)
		return error_nomem(err, "files");
	for (i = 0; i < m->image.index.files_n; i++)
		m->ends[i] = UINT64_MAX;
	if (pages_init(&m->pages, &m->image, m->cache, err) == -1 ||
	    order_init(&m->order, &m->image, m->cachefd, err) == -1)
		return -1;
	carried_order(m);
	return fetcher_start(&m->fetcher, &m->from, err);
}

/* With the kernel's descriptor, which the keeper sends. */
static int
begin(struct mount *m, int ctl, struct error *err)
{
	char name[] = "snap-mount", path[32], *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	int fd;

	if (ctl_get_fd(&fd, ctl, err) == -1)
		return -1;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		return error_sys(err, EX_OSERR, "/dev/fuse");
	m->session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), m);
	fuse_opt_free_args(&args);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	if (m->session == NULL || fuse_session_mount(m->session, path) != 0)
		return error_set(err, EX_SOFTWARE, "libfuse: no session");
	return undo_start(&m->undo, m->session,
	    FS_INODES(m->image.index.files_n), err);
}

/*
 * What the kernel asks; a request that is too much for now stays there.  -1:
 * somebody has cut the connection, and the mount is still there.
 */
static int
take_requests(struct mount *m, struct fuse_buf *buf)
{
	int i, n;

	for (i = 0; i < REQUESTS_TOGETHER && m->held_bytes < MOUNT_HELD_MAX;
	     i++) {
		n = fuse_session_receive_buf(m->session, buf);
		if (n == -EAGAIN || n == -EINTR)
			return 0;
		if (n <= 0)
			return n == 0 ? 0 : -1;
		fuse_session_process_buf(m->session, buf);
	}
	return 0;
}

/* Does what can be done now; returns until when there is nothing else. */
static int64_t
go_on(struct mount *m)
{
	int64_t now = clock_ms(), next, at;

	arrivals_take(m, now);
	arrivals_expire(m, now);
	next = ahead_ask(m, now);
	wants_send(m, now);
	if (m->order.save_ms != 0 && m->order.save_ms <= now)
		order_save(&m->order);
	at = wants_next_ms(m);
	if (at < next)
		next = at;
	at = jobs_next_ms(m);
	if (at < next)
		next = at;
	return m->order.save_ms != 0 && m->order.save_ms < next
	    ? m->order.save_ms
	    : next;
}

/* Until the mount is gone, a signal comes, or the keeper has ended. */
static int
loop(struct mount *m, int ctl)
{
	struct fuse_buf buf = { .mem = NULL };
	struct pollfd p[] = { { .events = POLLIN },
		{ .fd = fetcher_fd(m->fetcher), .events = POLLIN },
		{ .fd = ctl, .events = POLLIN } };
	int64_t next;
	int rc = 0;

	while (rc == 0 && !fuse_session_exited(m->session) &&
	    sig_check(NULL) == 0 && (p[2].revents & (POLLHUP | POLLERR)) == 0) {
		next = go_on(m);
		p[0].fd = m->held_bytes < MOUNT_HELD_MAX
		    ? fuse_session_fd(m->session)
		    : -1;
		if (ctl_poll(p, 3,
			next == INT64_MAX ? next : clock_left(next)) == -1)
			continue;
		if (p[0].fd != -1 && p[0].revents != 0)
			rc = take_requests(m, &buf);
	}
	free(buf.mem);
	order_save(&m->order);
	if (rc == -1)
		return EX_OSERR;
	return fuse_session_exited(m->session) ? SERVE_UNMOUNTED
					       : SERVE_STOPPED;
}

static void
quiet(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
}

int
serve(const struct opts *o, const char *dir, int ctl)
{
	struct mount m = { .ref = o->text,
		.dir = dir,
		.pid = getppid(),
		.timeout_ms = o->timeout.ms,
		.cachefd = -1 };
	struct error err = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	fuse_set_log_func(quiet);
	if (open_all(&m, o, &err) == -1 || prepare(&m, o, &err) == -1) {
		ctl_put(ctl, &err);
		return err.code;
	}
	/* No filesystem is held up by who has all that he needs. */
	if (!o->foreground && chdir("/") == -1)
		return EX_OSERR;
	m.away.code = EX_OK; /* it is told, and all the same we serve */
	ctl_put(ctl, &m.away);
	if (begin(&m, ctl, &err) == -1)
		return err.code;
	return loop(&m, ctl);
}
