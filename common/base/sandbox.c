/* SPDX-License-Identifier: ISC */
#include "base/sandbox.h"

#include <sys/prctl.h>

#include <stdint.h>

#include "base/hook.h"
#include "base/ruleset.h"
#include "base/sandbox_impl.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_OFF 1
#endif
#endif
#ifndef SANDBOX_OFF
#define SANDBOX_OFF 0
#endif

#define READING (RULE_READ_FILE | RULE_READ_DIR)
#define WRITING                                                                \
	(READING | RULE_WRITE_FILE | RULE_REMOVE_DIR | RULE_REMOVE_FILE |      \
	    RULE_MAKE_DIR | RULE_MAKE_REG | RULE_MAKE_SYM | RULE_REFER |       \
	    RULE_TRUNCATE)

static int
allow_all(struct ruleset *r, const int *fds, size_t n, uint64_t rights,
    struct error *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (ruleset_allow(r, fds[i], rights, err) == -1)
			return -1;
	return 0;
}

static int
restrict_paths(const struct sandbox *s, struct error *err)
{
	const struct ruleset_open left = { .connect = s->may_connect,
		.signals = s->may_signal };
	struct ruleset r;
	int rc;

	if (ruleset_begin(&r, &left, err) == -1)
		return -1;
	rc = allow_all(&r, s->dirfds, s->n, WRITING, err) == -1 ||
		allow_all(&r, s->read_dirfds, s->read_n, READING, err) == -1
	    ? -1
	    : ruleset_enter(&r, err);
	ruleset_fini(&r);
	return rc;
}

int
sandbox_enter_as(const struct sandbox *s, struct error *err)
{
	if (SANDBOX_OFF)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return error_sys(err, EX_OSERR, "no_new_privs");
	if (restrict_paths(s, err) == -1 || sandbox_filter(s, err) == -1)
		return -1;
	hook_step("enclosed");
	return 0;
}

int
sandbox_enter(const int *dirfds, size_t n, struct error *err)
{
	const struct sandbox s = { .dirfds = dirfds, .n = n };

	return sandbox_enter_as(&s, err);
}
