/* SPDX-License-Identifier: ISC */
#include "vmm/foreground.h"

#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/sig.h"
#include "state/vm_at.h"
#include "state/vm_log.h"
#include "vmm/foreground_impl.h"
#include "vmm/host/console.h"
#include "vmm/status.h"
#include "vmm/vmm.h"

#define LOCK_MS 60000 /* for who puts the VM back, or notes its end */
#define CONSOLE_MS 20 /* between two looks at the console */
#define STATUS_MS 5000 /* and whether the guest is more than its process */
#define CONSOLE_END_MS 10000 /* for its last words, and who reads them */
#define END_UNKNOWN (-1)

/*
 * timeout(1), and whoever signals a process and then its group, sends the same
 * word twice, which is one.
 */
#define SAME_MS 500

struct stay {
	struct foreground *f;
	struct root *root;
	struct vm_at at;
	int pidfd; /* of the VMM */
	sigset_t unblocked;
	pid_t stopper; /* 0: none */
	unsigned asked; /* how often the end was asked for */
	int64_t asked_ms; /* first */
	bool forced; /* and it did not come of itself */
	bool broken; /* the guest is no more, its process is */
	int64_t status_ms;
	struct vm_log log;
	char out[PIPE_BUF]; /* of the console, not written yet */
	size_t out_from, out_len;
	int out_code; /* EX_OK, or why nothing more is written */
	int end; /* as proc_end() has it */
};

bool
foreground_is_opt(int ch)
{
	return ch >= FOREGROUND && ch <= FOREGROUND_RM;
}

int
foreground_opt(struct foreground *f, int ch)
{
	switch (ch) {
	case FOREGROUND:
		f->wanted = true;
		return 0;
	case FOREGROUND_CONSOLE:
		f->console = true;
		return 0;
	case FOREGROUND_RM:
		f->removes = true;
		return 0;
	case FOREGROUND_ON_KILL:
		if (strcmp(optarg, "stop") != 0 && strcmp(optarg, "leave") != 0)
			return opt_wrong("--on-kill: %s: not stop or leave",
			    optarg);
		return opt_once(&f->on_kill, optarg, "--on-kill");
	default:
		return opt_duration(&f->timeout, optarg, "--stop-timeout");
	}
}

int
foreground_opt_check(const struct foreground *f, const char *members)
{
	const char *other = f->console ? "--console"
	    : f->removes               ? "--rm"
	    : f->on_kill != NULL       ? "--on-kill"
	    : f->timeout.given         ? "--stop-timeout"
				       : NULL;

	if (!f->wanted)
		return other == NULL
		    ? 0
		    : opt_wrong("%s needs --foreground", other);
	return f->console && members != NULL
	    ? opt_wrong("--console and -p exclude each other")
	    : 0;
}

int
foreground_begin(struct foreground *f, const char *root, struct error *err)
{
	struct error why = { 0 };

	f->root = root;
	if (notify_open(&f->notify, &why) == -1)
		diag("warning: %s", why.msg);
	return !f->wanted ||
		(f->on_kill != NULL && strcmp(f->on_kill, "leave") == 0)
	    ? 0
	    : foreground_watch(f, err);
}

bool
foreground_auto_removes(const struct foreground *f)
{
	return f->removes && f->watcher != 0;
}

static void
say(const struct foreground *f, const char *lines)
{
	struct error why = { 0 };

	if (notify_say(&f->notify, lines, &why) == -1)
		diag("warning: %s", why.msg);
}

/* The first time as vm-stop does, then by force. */
static void
ask_end(struct stay *s)
{
	struct error why = { 0 };

	if (s->asked == 0) {
		s->asked_ms = clock_ms();
		say(s->f, "STOPPING=1\nSTATUS=stops\n");
	}
	if (s->asked > 1 && s->stopper != 0)
		return;
	if (s->stopper != 0) {
		kill(s->stopper, SIGKILL);
		waitpid(s->stopper, NULL, 0);
		s->stopper = 0;
	}
	s->forced = s->asked++ > 0;
	if (foreground_stopper(&s->stopper, s->f, s->forced, &why) == -1) {
		s->stopper = 0;
		diag_error(&why);
	}
}

/* It tells itself what it could not do; then the VM goes on. */
static void
look_at_stopper(struct stay *s, int options)
{
	int status;

	if (s->stopper == 0 ||
	    waitpid(s->stopper, &status, options) != s->stopper)
		return;
	s->stopper = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == FOREGROUND_FORCED)
		s->forced = true;
}

/* Takes what there is of the console, if there is room. */
static bool
read_console(struct stay *s)
{
	struct error why = { 0 };
	bool anew;

	if (!s->f->console || s->out_code != EX_OK || s->out_len > 0)
		return false;
	s->out_from = 0;
	if (vm_log_read(&s->log, &s->at.vm, s->at.dirfd, s->out, sizeof(s->out),
		&s->out_len, &anew, &why) == -1)
		s->out_code = diag_error(&why);
	return s->out_len > 0;
}

/* So much at a time as a pipe that can be written takes at once: pipe(7). */
static void
write_console(struct stay *s)
{
	struct error why = { 0 };

	if (fd_write(STDOUT_FILENO, s->out + s->out_from, s->out_len,
		"standard output", &why) == -1)
		s->out_code = diag_error(&why);
	s->out_len = 0;
}

/* Until something happens; a guest can be gone though its process is not. */
static int
turn(struct stay *s, int ms, struct error *err)
{
	struct pollfd pfd[2] = { { .fd = s->pidfd, .events = POLLIN },
		{ .fd = s->out_len > 0 ? STDOUT_FILENO : -1,
		    .events = POLLOUT } };
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

	if (ppoll(pfd, 2, &left, &s->unblocked) == -1 && errno != EINTR)
		return error_sys(err, EX_OSERR, "poll");
	if (sig_take() != 0 &&
	    (s->asked == 0 || clock_ms() - s->asked_ms >= SAME_MS))
		ask_end(s);
	look_at_stopper(s, WNOHANG);
	if (pfd[1].revents != 0)
		write_console(s);
	return (pfd[0].revents & POLLIN) != 0;
}

static void
look_at_guest(struct stay *s)
{
	enum status status;

	if (s->broken || clock_left(s->status_ms) > 0)
		return;
	s->status_ms = clock_ms() + STATUS_MS;
	if (vm_at_refresh(&s->at, NULL) == -1 ||
	    status_known(&status, &s->at.vm, s->at.dirfd, NULL) != 1 ||
	    status != STATUS_ERROR)
		return;
	diag("%s: the guest has ended, or crashed", vm_label(&s->at.vm));
	s->broken = true;
	if (s->asked == 0)
		s->asked = 1;
	ask_end(s);
}

/* Until this process of the VM's has ended. */
static int
wait_for_end(struct stay *s, struct error *err)
{
	int ended = 0;

	while (ended == 0) {
		read_console(s);
		ended = turn(s,
		    s->stopper != 0 || s->f->console ? CONSOLE_MS : STATUS_MS,
		    err);
		if (ended == 0)
			look_at_guest(s);
	}
	return ended == -1 ? -1 : 0;
}

/* The last words, for who still reads; a signal says that nobody does. */
static void
end_console(struct stay *s)
{
	int64_t deadline_ms = clock_ms() + CONSOLE_END_MS;
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };
	struct timespec nap = { 0, CONSOLE_MS * 1000000L };
	bool writing;

	while (s->f->console && s->out_code == EX_OK && sig_take() == 0) {
		writing = console_is_writing(s->at.dirfd) &&
		    clock_left(deadline_ms) > 0;
		if (s->out_len == 0 && !read_console(s)) {
			if (!writing)
				return;
			ppoll(NULL, 0, &nap, &s->unblocked);
		} else if (ppoll(&pfd, 1, NULL, &s->unblocked) == 1) {
			write_console(s);
		}
	}
}

/*
 * What is left to be done with the VM, under its lock.  1: it was put back, or
 * started anew, and runs.
 */
static int
settle(struct stay *s, struct error *err)
{
	struct timespec now;
	struct vm_at at;
	int rc = 0;

	if (vm_at_open(&at, s->root, s->f->id, true, clock_ms() + LOCK_MS,
		err) == -1)
		return err->code == EX_NOINPUT ? 0 : -1;
	if (vm_is_alive(&at.vm)) {
		vm_at_close(&at);
		return vm_at_refresh(&s->at, err) == -1 ? -1 : 1;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	if (s->end == END_UNKNOWN && vmm_broke_down(&at.vm, at.dirfd))
		s->forced = true;
	if (s->f->removes)
		rc = root_remove(at.root, ROOT_VM, at.vm.id, at.vm.name, err);
	else if (at.vm.proc.pid != 0)
		rc = vmm_note_end(&at.vm, at.dirfd,
		    !s->forced && !vmm_broke_down(&at.vm, at.dirfd), &now, err);
	vm_at_close(&at);
	return rc;
}

/* One process of the VM after the other, until none comes. */
static int
watch_all(struct stay *s, struct error *err)
{
	int rc;

	do {
		s->end = END_UNKNOWN;
		/* One that has ended already may be a child all the same. */
		if (proc_open(&s->pidfd, &s->at.vm.proc, NULL) == 0) {
			rc = wait_for_end(s, err);
			if (rc == 0)
				s->end = proc_end(s->pidfd);
			fd_drop(&s->pidfd);
			if (rc == -1)
				return -1;
		} else if (s->at.vm.proc.pid == 0 ||
		    waitpid(s->at.vm.proc.pid, &s->end, WNOHANG) !=
			s->at.vm.proc.pid) {
			s->end = END_UNKNOWN;
		}
		end_console(s);
		look_at_stopper(s, 0);
		rc = settle(s, err);
	} while (rc == 1);
	return rc;
}

/* The tool's status. */
static int
verdict(const struct stay *s)
{
	int code = 0;

	if (s->end != END_UNKNOWN && WIFSIGNALED(s->end)) {
		if (s->asked == 0)
			diag("%s: its hypervisor was ended by signal %d (%s)",
			    vm_label(&s->at.vm), WTERMSIG(s->end),
			    strsignal(WTERMSIG(s->end)));
		code = 1;
	} else if (s->end != END_UNKNOWN) {
		code = WEXITSTATUS(s->end);
	}
	if (code == 0 && (s->forced || s->broken))
		code = 1;
	return code == 0 ? s->out_code : code;
}

static int
stay(struct stay *s, int code)
{
	/* First of all, for with one that has come nothing is read any more. */
	bool is_asked = sig_take() != 0;
	struct error err = { 0 };
	char lines[256];
	int rc;

	if (root_open_existing(&s->root, s->f->root, &err) == -1 ||
	    vm_at_open(&s->at, s->root, s->f->id, false, 0, &err) == -1)
		/* What was to be started never was, which is told. */
		return code != EX_OK && err.code == EX_NOINPUT
		    ? code
		    : diag_error(&err);
	if (code == EX_OK) {
		snprintf(lines, sizeof(lines), "READY=1\nSTATUS=%s runs\n",
		    vm_label(&s->at.vm));
		say(s->f, lines);
	} else if (!vm_is_alive(&s->at.vm) && !s->f->removes) {
		return code;
	}
	if (is_asked || code != EX_OK)
		ask_end(s);
	s->status_ms = clock_ms() + STATUS_MS;
	rc = watch_all(s, &err);
	if (rc == -1)
		diag_error(&err);
	if (code != EX_OK)
		return code;
	return rc == -1 ? err.code : verdict(s);
}

/* Not in the foreground: the VM's process is what the supervisor has then. */
static void
tell_of_one(struct foreground *f)
{
	struct root *root = NULL;
	char lines[256];
	struct vm_at at;

	if (f->told == 1 && f->notify.fd != -1 &&
	    root_open_existing(&root, f->root, NULL) == 0 &&
	    vm_at_open(&at, root, f->id, false, 0, NULL) == 0) {
		snprintf(lines, sizeof(lines),
		    "MAINPID=%ld\nREADY=1\nSTATUS=%s runs\n",
		    (long)at.vm.proc.pid, vm_label(&at.vm));
		say(f, lines);
		vm_at_close(&at);
	} else if (f->notify.fd != -1) {
		say(f, "READY=1\n");
	}
	root_close(root);
	notify_flush(&f->notify);
}

int
foreground_stay(struct foreground *f, int code)
{
	struct stay s = { .f = f,
		.at = { .dirfd = -1 },
		.pidfd = -1,
		.out_code = EX_OK };
	sigset_t block;

	if (!f->wanted && code == EX_OK)
		tell_of_one(f);
	if (f->wanted && f->id[0] != '\0') {
		sigemptyset(&block);
		sigaddset(&block, SIGINT);
		sigaddset(&block, SIGTERM);
		sigaddset(&block, SIGHUP);
		sigprocmask(SIG_BLOCK, &block, &s.unblocked);
		vm_log_init(&s.log);
		code = stay(&s, code);
		vm_log_fini(&s.log);
		vm_at_close(&s.at);
		root_close(s.root);
		sigprocmask(SIG_SETMASK, &s.unblocked, NULL);
	}
	foreground_unwatch(f);
	notify_close(&f->notify);
	return code;
}
