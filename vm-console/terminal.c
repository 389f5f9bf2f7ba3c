/* SPDX-License-Identifier: ISC */
#include "terminal.h"

int
terminal_take(struct terminal *t, int fd, struct error *err)
{
	struct termios raw;
	sigset_t held;

	if (tcgetattr(fd, &t->before) == -1)
		return error_sys(err, EX_OSERR, "terminal");
	sigemptyset(&held);
	sigaddset(&held, SIGQUIT);
	sigaddset(&held, SIGTSTP);
	sigaddset(&held, SIGTTIN);
	sigaddset(&held, SIGTTOU);
	sigprocmask(SIG_BLOCK, &held, &t->signals);
	raw = t->before;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSADRAIN, &raw) == -1) {
		error_sys(err, EX_OSERR, "terminal");
		sigprocmask(SIG_SETMASK, &t->signals, NULL);
		return -1;
	}
	t->fd = fd;
	t->raw = true;
	return 0;
}

void
terminal_give_back(struct terminal *t)
{
	if (!t->raw)
		return;
	tcsetattr(t->fd, TCSADRAIN, &t->before);
	sigprocmask(SIG_SETMASK, &t->signals, NULL);
	t->raw = false;
}
