/* SPDX-License-Identifier: ISC */
#include "console.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sig.h"
#include "state/vm.h"

void
console_init(struct console *c)
{
	c->fd = -1;
	c->from = c->off = 0;
	c->len = 0;
}

void
console_fini(struct console *c)
{
	fd_drop(&c->fd);
}

static bool
line_fits(struct console *c, const regex_t *regex)
{
	c->line[c->len] = '\0';
	return regexec(regex, c->line, 0, NULL, 0) == 0;
}

/* Takes `n` bytes of the log; true as soon as a finished line fits. */
static bool
take_text(struct console *c, const char *buf, size_t n, const regex_t *regex)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (buf[i] == '\r' || buf[i] == '\0')
			continue;
		if (buf[i] != '\n')
			c->line[c->len++] = buf[i];
		if (buf[i] != '\n' && c->len < CONSOLE_LINE_MAX)
			continue;
		if (line_fits(c, regex))
			return true;
		c->len = 0;
	}
	return false;
}

/* The log is opened when it is there: 1, 0 not yet, -1. */
static int
open_log(struct console *c, int dirfd, struct error *err)
{
	struct error why = { 0 };

	if (c->fd != -1 ||
	    fd_open_file(&c->fd, NULL, dirfd, VM_CONSOLE_LOG, O_RDONLY, &why) ==
		0)
		return 1;
	if (why.code == EX_NOINPUT)
		return 0;
	if (err != NULL)
		*err = why;
	return -1;
}

int
console_scan(struct console *c, int dirfd, uint64_t from, const regex_t *regex,
    bool *found, struct error *err)
{
	char buf[16384];
	struct stat st;
	ssize_t n;
	int there;

	*found = false;
	there = open_log(c, dirfd, err);
	if (there != 1)
		return there;
	if (fstat(c->fd, &st) == -1)
		return error_sys(err, EX_IOERR, VM_CONSOLE_LOG);
	/* Started anew, or the log was made shorter by somebody. */
	if (from != c->from || (uint64_t)st.st_size < c->off) {
		c->from = from;
		c->off = from > (uint64_t)st.st_size ? 0 : from;
		c->len = 0;
	}
	while (sig_check(err) == 0) {
		n = pread(c->fd, buf, sizeof(buf), (off_t)c->off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return error_sys(err, EX_IOERR, VM_CONSOLE_LOG);
		if (n == 0) {
			*found = c->len > 0 && line_fits(c, regex);
			return 0;
		}
		c->off += (uint64_t)n;
		*found = take_text(c, buf, (size_t)n, regex);
		if (*found)
			return 0;
	}
	return -1;
}
