/* SPDX-License-Identifier: ISC */
#include "base/diag.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_quiet;

static void tell(const char *fmt, va_list ap)
    __attribute__((format(printf, 1, 0)));

static void
tell(const char *fmt, va_list ap)
{
	char line[1024];
	size_t len;

	snprintf(line, sizeof(line), "%s: ", program_invocation_short_name);
	len = strlen(line);
	vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	for (len = 0; line[len] != '\0'; len++)
		if (iscntrl((unsigned char)line[len]))
			line[len] = '?';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) == -1)
		return; /* nobody is left to tell */
}

void
diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
}

void
diag_note(const char *fmt, ...)
{
	va_list ap;

	if (is_quiet)
		return;
	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
}

void
diag_hush(void)
{
	is_quiet = true;
}

int
diag_error(const struct error *err)
{
	if (err->msg[0] != '\0')
		diag("%s", err->msg);
	return err->code;
}

void
diag_failure(int *status, const struct error *err)
{
	int code = diag_error(err);

	if (*status == EX_OK || code > 128)
		*status = code;
}
