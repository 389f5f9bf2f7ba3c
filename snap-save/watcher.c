/* SPDX-License-Identifier: ISC */
#include "save.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

#define WATCH_TRY_MS 50 /* between two tries to resume */
#define WATCH_MS 120000 /* a VMM that cannot be resumed until then is lost */

/* Waits for the word of the saver, or its end; true when it has ended. */
static bool
saver_is_gone(int saver, int word)
{
	struct pollfd pfd[2] = { { .fd = saver, .events = POLLIN },
		{ .fd = word, .events = POLLIN } };
	char c;

	while (poll(pfd, 2, -1) == -1 && errno == EINTR)
		continue;
	/* Its word counts also when it ended right behind it. */
	return read(word, &c, 1) != 1;
}

static void
resume_guest(struct vmm *vmm, const struct vm *vm)
{
	int64_t deadline_ms = clock_ms() + WATCH_MS;
	enum vmm_state state;

	while (clock_left(deadline_ms) > 0) {
		if (vmm_resume(vmm, NULL) == 0 &&
		    vmm_query(vmm, &state, NULL) == 0 && state == VMM_RUNNING)
			return;
		if (!vm_is_alive(vm))
			return;
		clock_nap(WATCH_TRY_MS);
	}
}

/*
 * The child.  It holds the VM's lock (at->dirfd is inherited) until the guest
 * runs, and keeps nothing of the saver's standard streams.
 */
static void
watch(struct save *s, int saver, int word, int ready)
{
	struct vmm *vmm;
	int null;

	setsid();
	sig_shield();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1 ||
	    dup2(null, 2) == -1 ||
	    vmm_attach(&vmm, &s->at->vm, s->at->dirfd, VMM_QUESTIONS,
		clock_ms() + VMM_CALL_MS, NULL) == -1)
		_exit(EX_UNAVAILABLE);
	if (write(ready, "r", 1) != 1)
		_exit(EX_OSERR);
	close(ready);
	if (saver_is_gone(saver, word))
		resume_guest(vmm, &s->at->vm);
	_exit(EX_OK);
}

int
watcher_start(struct watcher *w, struct save *s, struct error *err)
{
	int word[2] = { -1, -1 }, ready[2] = { -1, -1 }, saver = -1;
	int rc = -1;
	char c;

	saver = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (saver == -1 || pipe2(word, O_CLOEXEC) == -1 ||
	    pipe2(ready, O_CLOEXEC) == -1) {
		error_sys(err, EX_OSERR, "watcher");
		goto out;
	}
	w->pid = fork();
	if (w->pid == -1) {
		w->pid = 0;
		error_sys(err, EX_OSERR, "watcher");
		goto out;
	}
	if (w->pid == 0) {
		close(word[1]);
		close(ready[0]);
		watch(s, saver, word[0], ready[1]);
	}
	fd_drop(&ready[1]);
	w->pipe = word[1];
	word[1] = -1;
	while ((rc = (int)read(ready[0], &c, 1)) == -1 && errno == EINTR)
		continue;
	if (rc == 1) {
		rc = 0;
		goto out;
	}
	watcher_end(w);
	rc = error_set(err, EX_UNAVAILABLE, "no watcher could be started");
out:
	fd_drop(&saver);
	fd_drop(&word[0]);
	fd_drop(&word[1]);
	fd_drop(&ready[0]);
	fd_drop(&ready[1]);
	return rc;
}

void
watcher_end(struct watcher *w)
{
	if (w->pid == 0)
		return;
	if (write(w->pipe, "d", 1) != 1)
		kill(w->pid, SIGKILL);
	fd_drop(&w->pipe);
	while (waitpid(w->pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	w->pid = 0;
}
