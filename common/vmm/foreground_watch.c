/* SPDX-License-Identifier: ISC */
#include "vmm/foreground_impl.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/sig.h"
#include "state/vm_at.h"
#include "vmm/stop.h"
#include "vmm/vmm.h"

/* For somebody who changes the VM just now, as a save does. */
#define LOCK_MS 120000
#define LOCK_FORCE_MS 5000

#define WORD_DONE 'd' /* no letter of an id, which is told otherwise */
_Static_assert(ID_LEN > 1, "an id is longer than that word");

/* By force a VM is ended that somebody else does not let go of, too. */
static int
end_unlocked(const struct root *root, const char *id, struct error *err)
{
	struct vm_at at;
	int rc;

	if (vm_at_open(&at, root, id, false, 0, err) == -1)
		return -1;
	rc = vmm_kill(&at.vm, 0, err);
	vm_at_close(&at);
	return rc;
}

/* One that was removed meanwhile has ended. */
static int
stop(const struct foreground *f, struct stop *how, bool removes,
    struct error *err)
{
	struct root *root = NULL;
	struct vm_at at;
	int rc;

	if (root_open_existing(&root, f->root, err) == -1)
		return -1;
	if (vm_at_open(&at, root, f->id, true,
		clock_ms() + (how->force ? LOCK_FORCE_MS : LOCK_MS),
		err) == -1) {
		rc = -1;
		if (err->code == EX_TEMPFAIL && how->force)
			rc = end_unlocked(root, f->id, err);
		root_close(root);
		return rc == -1 && err->code == EX_NOINPUT ? 0 : rc;
	}
	rc = stop_vm(&at, how, err);
	if (rc == 0 && removes)
		rc = root_remove(root, ROOT_VM, at.vm.id, at.vm.name, err);
	vm_at_close(&at);
	root_close(root);
	return rc;
}

static void
init_stop(struct stop *how, const struct foreground *f, bool force)
{
	*how = (struct stop){ .force = force, .timeout = f->timeout };
	if (!how->timeout.given)
		how->timeout.ms = STOP_TIMEOUT_MS;
}

int
foreground_stopper(pid_t *pid, const struct foreground *f, bool force,
    struct error *err)
{
	struct error why = { 0 };
	struct stop how;
	int rc;

	*pid = fork();
	if (*pid != 0)
		return *pid == -1 ? error_sys(err, EX_OSERR, "fork") : 0;
	/* A key pressed on the terminal is for the tool, which decides. */
	sig_shield();
	init_stop(&how, f, force);
	rc = stop(f, &how, false, &why);
	strv_fini(&how.pressed);
	if (rc == -1)
		_exit(diag_error(&why));
	_exit(how.went_off ? EX_OK : FOREGROUND_FORCED);
}

/* Whether the tool has ended without a word; id is what it has told. */
static bool
tool_is_gone(int tool, int word, char id[ID_LEN + 1])
{
	struct pollfd pfd[2] = { { .fd = tool, .events = POLLIN },
		{ .fd = word, .events = POLLIN } };
	char buf[ID_LEN];
	ssize_t n;

	for (;;) {
		while (poll(pfd, 2, -1) == -1 && errno == EINTR)
			continue;
		/* A pipe's writes of a few bytes come whole. */
		if ((pfd[1].revents & POLLIN) == 0)
			return true;
		n = read(word, buf, sizeof(buf));
		if (n == 1 && buf[0] == WORD_DONE)
			return false;
		if (n != ID_LEN)
			return true;
		memcpy(id, buf, ID_LEN);
		id[ID_LEN] = '\0';
	}
}

/* It keeps nothing of the tool's standard streams. */
static void
watch(struct foreground *f, int tool, int word)
{
	struct error err = { 0 };
	struct stop how;

	setsid();
	sig_shield();
	if (proc_silence(STDERR_FILENO) == -1)
		_exit(EX_OSERR);
	if (!tool_is_gone(tool, word, f->id) || f->id[0] == '\0')
		_exit(EX_OK);
	init_stop(&how, f, false);
	stop(f, &how, f->removes, &err);
	strv_fini(&how.pressed);
	_exit(EX_OK);
}

int
foreground_watch(struct foreground *f, struct error *err)
{
	int word[2] = { -1, -1 }, tool;
	int rc = -1;

	tool = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (tool == -1 || pipe2(word, O_CLOEXEC) == -1) {
		error_sys(err, EX_OSERR, "watcher");
		goto out;
	}
	f->watcher = fork();
	if (f->watcher == 0) {
		fd_drop(&word[1]);
		fd_drop(&f->notify.fd);
		watch(f, tool, word[0]);
	}
	if (f->watcher == -1) {
		f->watcher = 0;
		error_sys(err, EX_OSERR, "watcher");
		goto out;
	}
	f->word = word[1];
	word[1] = -1;
	rc = 0;
out:
	fd_drop(&tool);
	fd_drop(&word[0]);
	fd_drop(&word[1]);
	return rc;
}

void
foreground_unwatch(struct foreground *f)
{
	const char done = WORD_DONE;

	if (f->watcher == 0)
		return;
	if (write(f->word, &done, 1) != 1)
		kill(f->watcher, SIGKILL);
	fd_drop(&f->word);
	while (waitpid(f->watcher, NULL, 0) == -1 && errno == EINTR)
		continue;
	f->watcher = 0;
}

void
foreground_tell(struct foreground *f, const char *id)
{
	if (!f->wanted && f->notify.fd == -1)
		return;
	f->told++;
	snprintf(f->id, sizeof(f->id), "%s", id);
	/* A watcher that was killed is as --on-kill leave. */
	if (f->word != -1 && write(f->word, f->id, ID_LEN) != ID_LEN)
		fd_drop(&f->word);
}
