/* SPDX-License-Identifier: ISC */
#include "base/sig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const int caught[] = { SIGINT, SIGTERM, SIGHUP };

static volatile sig_atomic_t pending;

static void
note(int number)
{
	pending = number;
}

/* Open for the other direction: the lowest free descriptor is the closed. */
static void
hold_standard(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			open("/dev/null",
			    fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static bool
is_ignored(int number)
{
	struct sigaction old;

	return sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
}

void
sig_setup(void)
{
	struct sigaction sa;
	size_t i;

	hold_standard();
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = note;
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		if (!is_ignored(caught[i]))
			sigaction(caught[i], &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGXFSZ, &sa, NULL);
}

int
sig_check(struct error *err)
{
	int number = pending;

	if (number == 0)
		return 0;
	return error_set(err, 128 + number, "ended by signal %d (%s)", number,
	    strsignal(number));
}

int
sig_take(void)
{
	int number = pending;

	pending = 0;
	return number;
}

void
sig_shield(void)
{
	size_t i;

	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		signal(caught[i], SIG_IGN);
	pending = 0;
}

void
sig_hand_over(void)
{
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
}
