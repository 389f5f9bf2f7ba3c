/* SPDX-License-Identifier: ISC */
#include "tail.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define LOG "console.log"

void
tails_init(struct tails *all, struct loop *loop, int rootfd)
{
	memset(all, 0, sizeof(*all));
	all->loop = loop;
	all->rootfd = rootfd;
	all->notify.fd = -1;
}

static void
on_notify(void *arg, uint32_t events)
{
	struct tails *all = arg;
	struct tail *t;
	char buf[16384];

	/* Whose it was is cheaper looked up than told apart. */
	(void)events;
	while (read(all->notify.fd, buf, sizeof(buf)) > 0)
		continue;
	for (t = all->first; t != NULL; t = t->next)
		t->wake(t->arg);
}

bool
tails_has(const struct tails *all, const char *id)
{
	const struct tail *t;

	for (t = all->first; t != NULL; t = t->next)
		if (strcmp(t->id, id) == 0)
			return true;
	return false;
}

static int
start(struct tails *all, struct error *err)
{
	if (all->notify.fd != -1)
		return 0;
	all->notify.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (all->notify.fd == -1)
		return error_sys(err, EX_OSERR, "inotify_init1");
	all->notify.ready = on_notify;
	all->notify.arg = all;
	loop_set(all->loop, &all->notify, EPOLLIN);
	return 0;
}

static void
stop(struct tails *all)
{
	loop_forget(all->loop, &all->notify);
	fd_drop(&all->notify.fd);
}

void
tails_fini(struct tails *all)
{
	while (all->first != NULL)
		tail_close(all, all->first);
	stop(all);
}

/* Opens the log, which may be another than before. */
static int
open_log(struct tail *t, struct error *err)
{
	char path[ID_LEN + 32], whole[ID_LEN + 96];
	uint64_t size;
	int fd;

	snprintf(path, sizeof(path), "vm/%s/" LOG, t->id);
	if (fd_open_file(&fd, &size, t->all->rootfd, path, O_RDONLY, err) == -1)
		return -1;
	snprintf(whole, sizeof(whole), "/proc/self/fd/%d", fd);
	t->wd = inotify_add_watch(t->all->notify.fd, whole,
	    IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
	if (t->wd == -1) {
		error_sys(err, EX_OSERR, LOG);
		fd_drop(&fd);
		return -1;
	}
	t->fd = fd;
	t->off = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
	return 0;
}

int
tail_open(struct tail **out, struct tails *all, const char *id,
    void (*wake)(void *arg), void *arg, struct error *err)
{
	struct tail *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return error_nomem(err, LOG);
	t->all = all;
	t->wake = wake;
	t->arg = arg;
	memcpy(t->id, id, ID_LEN + 1);
	if (start(all, err) == -1 || open_log(t, err) == -1) {
		if (all->first == NULL)
			stop(all);
		free(t);
		return -1;
	}
	t->next = all->first;
	all->first = t;
	*out = t;
	return 0;
}

/* The watch of a file is one for all that follow it. */
static void
unwatch(struct tail *t)
{
	const struct tail *o;

	for (o = t->all->first; o != NULL; o = o->next)
		if (o != t && o->wd == t->wd)
			return;
	inotify_rm_watch(t->all->notify.fd, t->wd);
}

void
tail_close(struct tails *all, struct tail *tail)
{
	struct tail **p;

	unwatch(tail);
	for (p = &all->first; *p != tail;)
		p = &(*p)->next;
	*p = tail->next;
	fd_drop(&tail->fd);
	free(tail);
	if (all->first == NULL)
		stop(all);
}

/* 1: there is another, or it begins anew; 0: not; -1: none is there. */
static int
follow(struct tail *t)
{
	char path[ID_LEN + 32];
	struct stat here, there;

	snprintf(path, sizeof(path), "vm/%s/" LOG, t->id);
	if (fstat(t->fd, &here) == -1 ||
	    fstatat(t->all->rootfd, path, &there, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
		if ((uint64_t)here.st_size >= t->off)
			return 0;
		t->off = 0; /* it was cut */
		return 1;
	}
	unwatch(t);
	fd_drop(&t->fd);
	if (open_log(t, NULL) == -1) {
		t->wd = -1;
		return -1;
	}
	t->off = 0;
	return 1;
}

ssize_t
tail_read(struct tail *tail, char *buf, size_t max)
{
	ssize_t n;
	int rc;

	for (;;) {
		n = pread(tail->fd, buf, max, (off_t)tail->off);
		if (n != 0)
			break;
		rc = follow(tail);
		if (rc == -1)
			return -1;
		if (rc == 0)
			return 0;
	}
	if (n > 0)
		tail->off += (uint64_t)n;
	return n;
}
