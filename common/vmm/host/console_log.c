/* SPDX-License-Identifier: ISC */
#include "vmm/host/console_log.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "state/vm_log.h"
#include "vmm/host/spawn.h"

/* Before its end a file waits for that of a line, so far ahead at most. */
#define SLACK_MAX 4096
#define SLACK_PART 8 /* of its size */

/* Moves what stands at `from` to the beginning: no room is needed for that. */
static int
shift(int fd, uint64_t from, uint64_t size, const char *name, struct error *err)
{
	char buf[16384];
	uint64_t to = 0;
	size_t n;

	for (; from < size; from += n, to += n) {
		n = sizeof(buf);
		if (size - from < n)
			n = (size_t)(size - from);
		if (fd_pread(fd, buf, n, from, name, err) == -1 ||
		    fd_pwrite(fd, buf, n, to, name, err) == -1)
			return -1;
	}
	return ftruncate(fd, (off_t)to) == -1
	    ? error_sys(err, EX_IOERR, "%s", name)
	    : 0;
}

/* Where what is left of the file begins: with a line, if it is not a long one. */
static int
find_start(uint64_t *start, int fd, uint64_t size, uint64_t max,
    const char *name, struct error *err)
{
	char head[SLACK_MAX];
	const char *end;

	*start = size - max;
	if (fd_pread(fd, head, sizeof(head), *start, name, err) == -1)
		return -1;
	end = memchr(head, '\n', sizeof(head));
	if (end != NULL)
		*start += (uint64_t)(end + 1 - head);
	return 0;
}

/*
 * Leaves the last `max` bytes at most of the file; *whole becomes true when a
 * line is its end.
 */
static int
cut(bool *whole, int dirfd, const char *name, uint64_t max, struct error *err)
{
	struct error why = { 0 };
	uint64_t size, start;
	char last = '\n';
	int fd, rc = 0;

	*whole = true;
	if (fd_open_file(&fd, &size, dirfd, name, O_RDWR, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 0;
		if (err != NULL)
			*err = why;
		return -1;
	}
	if (size > 0)
		rc = fd_pread(fd, &last, 1, size - 1, name, err);
	if (rc == 0 && size > max) {
		rc = find_start(&start, fd, size, max, name, err);
		if (rc == 0)
			rc = shift(fd, start, size, name, err);
	}
	fd_drop(&fd);
	*whole = last == '\n';
	return rc;
}

static int
open_bounded(struct console_log *log, int dirfd, struct error *err)
{
	bool whole;

	if (cut(&whole, dirfd, VM_CONSOLE_OLD, log->file_max_bytes, err) ==
		-1 ||
	    cut(&log->at_line_end, dirfd, VM_CONSOLE_LOG, log->file_max_bytes,
		err) == -1)
		return -1;
	/* Not the caller's description: that one has the VM's lock. */
	return fd_open_dir(&log->dirfd, dirfd, ".", false, err);
}

int
console_log_open(struct console_log *log, struct vm *vm, int dirfd,
    struct error *err)
{
	uint64_t size;
	struct stat st;

	log->file_max_bytes = vm->machine.console_max_bytes / 2;
	if (spawn_open_log(&log->fd, &size, dirfd, VM_CONSOLE_LOG, err) == -1 ||
	    (log->file_max_bytes != 0 && open_bounded(log, dirfd, err) == -1))
		return -1;
	if (fstat(log->fd, &st) == -1)
		return error_sys(err, EX_IOERR, VM_CONSOLE_LOG);
	vm->console_from = (uint64_t)st.st_size;
	vm->console_marked = (st.st_mode & VM_LOG_MARK) != 0;
	log->marks = !vm->console_marked;
	return 0;
}

void
console_log_drop(struct console_log *log)
{
	fd_drop(&log->fd);
	fd_drop(&log->dirfd);
}

/* A new console.log in the place of what has the name; -1. */
static int
make_new(const struct console_log *log)
{
	int fd = openat(log->dirfd, VM_CONSOLE_NEW,
	    O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);

	if (fd == -1)
		return -1;
	if (fchmod(fd, log->marks ? 0600 | VM_LOG_MARK : 0600) == 0 &&
	    renameat(log->dirfd, VM_CONSOLE_NEW, log->dirfd, VM_CONSOLE_LOG) ==
		0)
		return fd;
	fd_drop(&fd);
	return -1;
}

/* False: it goes on in the file that it has, and tries again. */
static bool
rotate(struct console_log *log)
{
	int fd;

	unlinkat(log->dirfd, VM_CONSOLE_NEW, 0);
	/* Somebody may have taken the log away: there is nothing to keep. */
	if (linkat(log->dirfd, VM_CONSOLE_LOG, log->dirfd, VM_CONSOLE_NEW, 0) ==
	    -1) {
		if (errno != ENOENT)
			return false;
	} else if (renameat(log->dirfd, VM_CONSOLE_NEW, log->dirfd,
		       VM_CONSOLE_OLD) == -1)
		return false;
	/* Where the last try came so far already, the name is there still. */
	unlinkat(log->dirfd, VM_CONSOLE_NEW, 0);
	fd = make_new(log);
	if (fd == -1)
		return false;
	fd_drop(&log->fd);
	log->fd = fd;
	log->at_line_end = false;
	return true;
}

/* How much of it this file takes. */
static size_t
room_for(const struct console_log *log, const char *buf, size_t len)
{
	uint64_t max = log->file_max_bytes, slack = max / SLACK_PART, size;
	const char *end;
	struct stat st;
	size_t first = 0;

	if (max == 0)
		return len;
	if (slack > SLACK_MAX)
		slack = SLACK_MAX;
	/* Asked each time: it may be emptied, and another may append to it. */
	size = fstat(log->fd, &st) == 0 ? (uint64_t)st.st_size : max;
	if (size >= max || (size >= max - slack && log->at_line_end))
		return 0;
	if (len > max - size)
		len = (size_t)(max - size);
	if (size + len < max - slack)
		return len;
	if (size < max - slack)
		first = (size_t)(max - slack - size);
	end = memchr(buf + first, '\n', len - first);
	return end == NULL ? len : (size_t)(end + 1 - buf);
}

size_t
console_log_append(struct console_log *log, const char *buf, size_t len)
{
	size_t done = 0, room;
	ssize_t n;

	while (done < len) {
		room = room_for(log, buf + done, len - done);
		if (room == 0) {
			if (!rotate(log))
				break;
			continue;
		}
		n = write(log->fd, buf + done, room);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
		log->at_line_end = buf[done - 1] == '\n';
	}
	return done;
}
