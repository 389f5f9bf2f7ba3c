/* SPDX-License-Identifier: ISC */
/* A file of logins, and what a program answers. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "registry/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct login *login)
{
	char *text;

	if (login->kind == LOGIN_NONE) {
		assert(login->user == NULL && login->secret == NULL);
		return;
	}
	assert(strlen(login->secret) > 0);
	if (login->kind != LOGIN_PASSWORD)
		return;
	assert(strchr(login->user, ':') == NULL &&
	    strlen(login->user) <= LOGIN_USER_MAX);
	assert(login_basic(&text, login, NULL) == 0);
	secret_free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char helper[PATH_NAME_MAX + 1];
	struct login login = { 0 };
	struct error err = { 0 };

	if (login_decode_file(&login, helper, (const char *)data, size, "h",
		"n/m", &err) == -1)
		assert(err.code == EX_DATAERR && login.kind == LOGIN_NONE);
	else
		assert(helper[0] == '\0' || path_is_name(helper));
	check(&login);
	login_fini(&login);
	if (login_decode_reply(&login, (const char *)data, size, &err) == -1)
		assert(err.code == EX_DATAERR && login.kind == LOGIN_NONE);
	check(&login);
	login_fini(&login);
	return 0;
}
