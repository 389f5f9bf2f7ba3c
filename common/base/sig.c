/* SPDX-License-Identifier: ISC */
#include "base/sig.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

static const int caught[] = { SIGINT, SIGTERM, SIGHUP };

static volatile sig_atomic_t pending;

static void
note(int number)
{
	pending = number;
}

void
sig_setup(void)
{
	struct sigaction sa;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = note;
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaction(caught[i], &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
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

void
sig_shield(void)
{
	size_t i;

	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		signal(caught[i], SIG_IGN);
	pending = 0;
}
