/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/opt.h"
#include "base/sig.h"
#include "state/refs.h"
#include "state/vm_at.h"

#include "console.h"
#include "relay.h"
#include "terminal.h"

static void
usage(FILE *to)
{
	fprintf(to, "usage: vm-console [-q] [-R root] vm\n");
}

static int
parse_opts(struct opt_common *common, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG,
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (
	    rc == 0 && (ch = opt_next(argc, argv, OPT_SHORT, longopts)) != -1)
		rc = opt_common(common, ch, usage);
	if (rc == 0 && argc - optind != 1)
		rc = opt_wrong("exactly one VM is needed");
	return rc;
}

static int
talk(struct vm_at *at, bool quiet, struct error *err)
{
	struct terminal terminal = { 0 };
	enum relay_end end;
	int lock = -1, fd = -1, rc = -1;
	bool keys = isatty(STDIN_FILENO);

	if (!vm_is_alive(&at->vm))
		return error_set(err, EX_NOPERM, "not running");
	if (console_claim(&lock, at, err) == -1 ||
	    fd_dial(&fd, at->dirfd, VM_CONSOLE_SOCKET, err) == -1)
		goto out;
	if (keys && !quiet)
		diag("Ctrl-] detaches");
	if (keys && terminal_take(&terminal, STDIN_FILENO, err) == -1)
		goto out;
	rc = relay(&end, fd, keys, err);
	terminal_give_back(&terminal);
	if (rc == 0 && !quiet && end == RELAY_CLOSED)
		diag("the VM has closed its console");
out:
	fd_drop(&fd);
	fd_drop(&lock);
	return rc;
}

static int
run(const struct opt_common *common, char *operand, struct error *err)
{
	struct root *root = NULL;
	struct vm_at at = { .dirfd = -1 };
	char *ref = NULL;
	int rc = -1;

	if (refs_read_one(&ref, operand, "VM", err) == -1 ||
	    root_open_to_read(&root, common->root, err) == -1 ||
	    root_check_owner(root, err) == -1 ||
	    vm_at_open(&at, root, ref, false, 0, err) == -1)
		goto out;
	rc = talk(&at, common->quiet, err);
	if (rc == -1)
		error_wrap(err, "%s", ref);
	vm_at_close(&at);
out:
	free(ref);
	root_close(root);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct opt_common common = { 0 };
	struct error err = { 0 };
	int status;

	sig_setup();
	status = parse_opts(&common, argc, argv);
	if (status != 0)
		return opt_end(status);
	return run(&common, argv[optind], &err) == -1 ? diag_error(&err)
						      : EX_OK;
}
