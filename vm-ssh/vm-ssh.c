/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/program.h"
#include "base/sig.h"
#include "state/refs.h"
#include "state/vm_at.h"
#include "state/vm_seed.h"

#include "command.h"
#include "options.h"
#include "wait.h"

#define CONNECT_LEAST_S 10 /* for ssh's own connection */

/* A record of before knows no user: its seed does. */
static int
find_user(struct command *c, struct vm_at *at, struct error *err)
{
	c->user = c->opts->user;
	if (c->user != NULL)
		return 0;
	if (at->vm.user[0] == '\0' && vm_seed_is_there(at->dirfd) &&
	    vm_seed_tell_user(&at->vm, at->dirfd, err) == -1)
		return -1;
	if (at->vm.user[0] != '\0')
		c->user = at->vm.user;
	return 0;
}

/* This process becomes ssh; it returns where that cannot be. */
static int
become(const char *program, const struct command *c, struct error *err)
{
	struct strv argv = { 0 };

	if (command_words(&argv, c, err) == 0 && sig_check(err) == 0) {
		sig_hand_over();
		execv(program, argv.v);
		error_sys(err, EX_UNAVAILABLE, "%s", program);
	}
	strv_fini(&argv);
	return -1;
}

static int
login(struct command *c, struct vm_at *at, struct route *route, const char *ref,
    struct error *err)
{
	const struct opts *o = c->opts;
	int64_t start_ms = clock_ms(), deadline_ms;
	char *program = program_find("ssh");
	uint64_t left_s;
	int rc = 0;

	if (program == NULL)
		return error_set(err, EX_UNAVAILABLE,
		    "ssh: program not found (of OpenSSH: openssh-client)");
	if (options_wait_ms(o, &at->vm) > 0) {
		rc = wait_for_server(at, route, ref, o, start_ms, err);
		deadline_ms = start_ms + options_wait_ms(o, &at->vm);
		left_s = (uint64_t)clock_left(deadline_ms) / 1000;
		c->connect_s = left_s > CONNECT_LEAST_S ? left_s
							: CONNECT_LEAST_S;
	} else
		rc = route_check_known(route, err);
	/* The record may be another one since. */
	if (rc == 0)
		rc = find_user(c, at, err);
	if (rc == 0)
		rc = become(program, c, err);
	free(program);
	return rc;
}

static int
print(const struct command *c, struct error *err)
{
	return route_check_known(c->route, err) == -1 ? -1
						      : command_print(c, err);
}

static int
run(const struct opts *o, struct error *err)
{
	struct vm_at at = { .dirfd = -1 };
	struct root *root = NULL;
	struct route route;
	struct command c = { .opts = o, .at = &at, .route = &route };
	char *ref = NULL;
	int rc = -1;

	if (refs_read_one(&ref, o->vm, "VM", err) == -1 ||
	    root_open_to_read(&root, o->common.root, err) == -1 ||
	    root_check_owner(root, err) == -1 ||
	    command_check_keys(o, err) == -1 ||
	    vm_at_open(&at, root, ref, false, 0, err) == -1)
		goto out;
	if (!vm_is_alive(&at.vm))
		error_set(err, EX_NOPERM, "not running");
	else if (route_find(&route, &at.vm, err) == 0 &&
	    find_user(&c, &at, err) == 0)
		rc = o->output == OUTPUT_LOGIN
		    ? login(&c, &at, &route, ref, err)
		    : print(&c, err);
	if (rc == -1)
		error_wrap(err, "%s", ref);
out:
	vm_at_close(&at);
	root_close(root);
	free(ref);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int code;

	sig_setup();
	code = options_parse(&o, argc, argv);
	if (code != 0)
		code = opt_end(code);
	else if (run(&o, &err) == -1)
		code = diag_error(&err);
	options_fini(&o);
	return code;
}
