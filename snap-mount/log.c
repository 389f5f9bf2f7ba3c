/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/rfc3339.h"

#define MINUTE_MS 60000
#define LINE_MAX_BYTES 2048

int
log_open(struct log *log, int dirfd, const char *name, const char *dir,
    struct error *err)
{
	char old[4096];
	struct stat st;

	snprintf(old, sizeof(old), "%s.old", name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_size > LOG_BYTES_MAX)
		renameat(dirfd, name, dirfd, old);
	log->fd = openat(dirfd, name,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (log->fd == -1) {
		log->fd = 0;
		return error_sys(err, EX_CANTCREAT, "%s", name);
	}
	log->dir = dir;
	return 0;
}

/* One write, so that lines of several mounts do not mix. */
static void
put_line(const struct log *log, const char *text)
{
	char line[LINE_MAX_BYTES], when[RFC3339_MAX];
	struct timespec now;
	int n;

	if (log->fd == 0) {
		diag("%s", text);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	rfc3339_us(when, &now);
	n = snprintf(line, sizeof(line), "%s %s: %s\n", when, log->dir, text);
	if (n >= (int)sizeof(line)) {
		n = (int)sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	fd_write(log->fd, line, (size_t)n, "log", NULL);
}

void
log_put(struct log *log, const char *fmt, ...)
{
	char text[ERROR_MSG_MAX + 256];
	int64_t now = clock_ms();
	va_list ap;

	if (log->since_ms == 0 || now - log->since_ms >= MINUTE_MS) {
		if (log->untold > 0) {
			snprintf(text, sizeof(text), "%u more lines",
			    log->untold);
			put_line(log, text);
		}
		log->since_ms = now;
		log->lines = log->untold = 0;
	}
	if (log->lines == LOG_LINES) {
		log->untold++;
		return;
	}
	log->lines++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_line(log, text);
}
