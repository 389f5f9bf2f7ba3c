/* SPDX-License-Identifier: ISC */
#include "vmm/watcher.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hook.h"
#include "base/proc.h"
#include "base/sig.h"
#include "vmm/host/agent_freeze.h"
#include "vmm/vmm.h"

#define WATCH_MAX 2
#define WATCH_TRY_MS 50 /* between two tries to resume */
#define WATCH_MS 120000 /* a VMM that cannot be resumed until then is lost */

/* What the tool says. */
#define WORD_DONE 'd'
#define WORD_FROZEN 'f'

/*
 * Waits for the word of the tool, or its end; true when it has ended.  *thaws:
 * the guest's filesystems may stand still.
 */
static bool
tool_is_gone(int tool, int word, bool *thaws)
{
	struct pollfd pfd[2] = { { .fd = tool, .events = POLLIN },
		{ .fd = word, .events = POLLIN } };
	char c;

	*thaws = false;
	for (;;) {
		while (poll(pfd, 2, -1) == -1 && errno == EINTR)
			continue;
		/* Its word counts also when it ended right behind it. */
		if (read(word, &c, 1) != 1)
			return true;
		if (c == WORD_DONE)
			return false;
		*thaws = true;
	}
}

static void
resume_guest(struct vmm *vmm, const struct vm *vm)
{
	int64_t deadline_ms = clock_ms() + WATCH_MS;
	enum vmm_state state;

	while (clock_left(deadline_ms) > 0 && vm_is_alive(vm)) {
		if (vmm_resume(vmm, NULL) == 0 &&
		    vmm_query(vmm, &state, NULL) == 0 && state == VMM_RUNNING)
			return;
		clock_nap(WATCH_TRY_MS);
	}
}

/*
 * The guest was given up: whoever has the VM next knows that it may stand still.
 * The record is the one of now: the tool may have changed it after our start.
 */
static void
note_unsure(const struct watched *watched)
{
	struct timespec now;
	struct vm vm;

	vm_init(&vm);
	if (vm_read(&vm, watched->dirfd, NULL) == 0 &&
	    vm.thaw == VM_THAW_DONE) {
		vm.thaw = VM_THAW_UNSURE;
		clock_gettime(CLOCK_REALTIME, &now);
		vm_write(&vm, watched->dirfd, false, &now, NULL);
	}
	vm_fini(&vm);
}

/* An agent that is hung, or was killed, may come back as long as its guest is. */
static void
thaw_guest(const struct watched *watched)
{
	int64_t deadline_ms = clock_ms() + hook_ms("watch", WATCH_MS);
	bool is_thawed = false;
	struct agent *agent;
	const char *refusal = NULL;
	uint64_t n;

	if (agent_open(&agent, watched->vm, watched->dirfd, NULL) == -1)
		return;
	while (!is_thawed && clock_left(deadline_ms) > 0 &&
	    vm_is_alive(watched->vm) &&
	    (refusal == NULL || strcmp(refusal, AGENT_NO_COMMAND) != 0)) {
		is_thawed = agent_thaw(agent, &n, clock_ms() + AGENT_CALL_MS,
				NULL) == 0;
		refusal = agent_refusal(agent);
		if (!is_thawed)
			clock_nap(WATCH_TRY_MS);
	}
	agent_close(agent);
	if (!is_thawed)
		note_unsure(watched);
}

/* Whether the VM's directory has its name (it may be in a hidden place). */
static bool
is_in_place(const struct root *root, const struct watched *watched)
{
	struct stat held, named;

	return fstat(watched->dirfd, &held) == 0 &&
	    fstatat(root_kind_fd(root, ROOT_VM), watched->vm->id, &named,
		AT_SYMLINK_NOFOLLOW) == 0 &&
	    held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/*
 * Of two VMMs one is left, with all that was to be only one's: what the other
 * holds, a host's ports among it, is free once it has ended.
 */
static void
settle(const struct root *root, const struct watched *watched, struct vmm **vmm,
    size_t n, bool thaws)
{
	size_t i, left = n;

	for (i = 0; i < n; i++) {
		if (!is_in_place(root, &watched[i]))
			continue;
		left = i;
		if (!watched[i].stays_paused)
			resume_guest(vmm[i], watched[i].vm);
		if (thaws)
			thaw_guest(&watched[i]);
	}
	if (left == n || n == 1)
		return;
	for (i = 0; i < n; i++)
		if (i != left)
			vmm_kill(watched[i].vm, 0, NULL);
	vmm_take_forwards(vmm[left], NULL);
}

/* The child; it keeps nothing of the tool's standard streams. */
static void
watch(const struct root *root, const struct watched *watched, size_t n,
    int tool, int word, int ready)
{
	struct vmm *vmm[WATCH_MAX];
	bool thaws;
	size_t i;

	setsid();
	sig_shield();
	if (proc_silence(STDERR_FILENO) == -1)
		_exit(EX_OSERR);
	for (i = 0; i < n; i++)
		if (vmm_attach(&vmm[i], watched[i].vm, watched[i].dirfd,
			VMM_QUESTIONS, clock_ms() + VMM_CALL_MS, NULL) == -1)
			_exit(EX_UNAVAILABLE);
	if (write(ready, "r", 1) != 1)
		_exit(EX_OSERR);
	close(ready);
	if (tool_is_gone(tool, word, &thaws))
		settle(root, watched, vmm, n, thaws);
	_exit(EX_OK);
}

int
watcher_start(struct watcher *w, const struct root *root,
    const struct watched *watched, size_t n, struct error *err)
{
	int word[2] = { -1, -1 }, ready[2] = { -1, -1 }, tool = -1;
	int rc = -1;
	char c;

	if (n > WATCH_MAX)
		return error_set(err, EX_SOFTWARE, "watcher of %zu", n);
	tool = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (tool == -1 || pipe2(word, O_CLOEXEC) == -1 ||
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
		watch(root, watched, n, tool, word[0], ready[1]);
	}
	fd_drop(&ready[1]);
	w->word = word[1];
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
	fd_drop(&tool);
	fd_drop(&word[0]);
	fd_drop(&word[1]);
	fd_drop(&ready[0]);
	fd_drop(&ready[1]);
	return rc;
}

static bool
say(const struct watcher *w, char word)
{
	return write(w->word, &word, 1) == 1;
}

int
watcher_thaws(struct watcher *w, struct error *err)
{
	return say(w, WORD_FROZEN) ? 0 : error_sys(err, EX_OSERR, "watcher");
}

void
watcher_end(struct watcher *w)
{
	if (w->pid == 0)
		return;
	if (!say(w, WORD_DONE))
		kill(w->pid, SIGKILL);
	fd_drop(&w->word);
	while (waitpid(w->pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	w->pid = 0;
}

void
watcher_leave(struct watcher *w)
{
	fd_drop(&w->word);
	w->pid = 0;
}
