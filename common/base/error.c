/* SPDX-License-Identifier: ISC */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

int
error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	err->code = code;
	err->sys = 0;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	text_clean(err->msg);
	return -1;
}

int
error_sys(struct error *err, int code, const char *fmt, ...)
{
	int sys = errno;
	size_t len;
	va_list ap;

	if (err == NULL)
		return -1;
	err->code = code;
	err->sys = sys;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", strerror(sys));
	text_clean(err->msg);
	return -1;
}

int
error_nomem(struct error *err, const char *what)
{
	if (what == NULL)
		return error_set(err, EX_OSERR, "out of memory");
	return error_set(err, EX_OSERR, "%s: out of memory", what);
}

int
error_wrap(struct error *err, const char *fmt, ...)
{
	char inner[ERROR_MSG_MAX];
	size_t len;
	va_list ap;

	if (err == NULL)
		return -1;
	memcpy(inner, err->msg, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", inner);
	text_clean(err->msg);
	return -1;
}

int
error_code_of(int sys)
{
	switch (sys) {
	case EACCES:
	case EPERM:
	case EROFS:
		return EX_NOPERM;
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
		return EX_NOINPUT;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return EX_OSERR;
	default:
		return EX_IOERR;
	}
}
