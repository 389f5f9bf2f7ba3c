/* SPDX-License-Identifier: ISC */
#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

void
diag(const char *fmt, ...)
{
	char line[1024];
	size_t len;
	va_list ap;

	snprintf(line, sizeof(line), "%s: ", program_invocation_short_name);
	len = strlen(line);
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	text_clean(line);
	len = strlen(line);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) == -1)
		return; /* nobody is left to tell */
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
