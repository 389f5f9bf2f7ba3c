/* SPDX-License-Identifier: ISC */
/* What the sandbox's filter refuses besides its list. */
#include <sys/syscall.h>

#include "base/calllist.h"
#include "base/sandbox_impl.h"

/* To be bound to an address is part of asking which the host has. */
static const struct call_rule sockets[] = {
	{ SYS_socket, CALL_REFUSE },
	{ SYS_socketpair, CALL_REFUSE },
	{ SYS_bind, CALL_REFUSE },
	{ SYS_connect, CALL_REFUSE },
};

static const struct call_rule networks[] = {
	{ SYS_socket, CALL_NO_NETWORK },
};

static const struct call_rule signals[] = {
	{ SYS_kill, CALL_OWN_PROCESS },
	{ SYS_tgkill, CALL_OWN_PROCESS },
	{ SYS_tkill, CALL_REFUSE },
	{ SYS_rt_sigqueueinfo, CALL_REFUSE },
	{ SYS_rt_tgsigqueueinfo, CALL_REFUSE },
	{ SYS_pidfd_send_signal, CALL_REFUSE },
};

/* Who writes nowhere: a Landlock before 6.2 lets who reads truncate. */
static const struct call_rule opens[] = {
	{ SYS_openat, CALL_READ_AT_2 },
	{ SYS_openat2, CALL_PRETEND },
#ifdef SYS_open
	{ SYS_open, CALL_READ_AT_1 },
	{ SYS_creat, CALL_REFUSE },
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int
sandbox_filter(const struct sandbox *s, struct error *err)
{
	struct calllist list;

	calllist_begin(&list, CALLLIST_READER);
	if (s->may_connect)
		calllist_add(&list, networks, COUNT(networks));
	else
		calllist_add(&list, sockets, COUNT(sockets));
	if (!s->may_signal)
		calllist_add(&list, signals, COUNT(signals));
	if (s->n == 0)
		calllist_add(&list, opens, COUNT(opens));
	return calllist_install(&list, err);
}
