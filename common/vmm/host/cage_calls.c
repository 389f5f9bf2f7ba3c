/* SPDX-License-Identifier: ISC */
/*
 * The calls, besides the list, that no VMM of ours makes as it is set up, and
 * that Landlock does not ask about.
 */
#include <sys/syscall.h>

#include <errno.h>

#include "base/calllist.h"
#include "vmm/host/cage.h"

static const struct call_rule always[] = {
	{ SYS_ioctl, CALL_NO_CHANGE }, /* by a descriptor that only reads */
	{ SYS_socketpair, CALL_NO_DATAGRAMS },
	{ SYS_prlimit64, CALL_ITSELF }, /* a limit of time ends a process */
};

/*
 * For guests' traffic alone; to be connected to a local service is not.  Who
 * sends with TCP Fast Open connects, and Landlock does not see it.
 */
static const struct call_rule user_nets[] = {
	{ SYS_socket, CALL_INTERNET },
	{ SYS_sendto, CALL_CONNECTED_3 },
	{ SYS_sendmsg, CALL_CONNECTED_2 },
	{ SYS_sendmmsg, CALL_CONNECTED_3 },
};

/* For names in the VM's directory, and to ask about taps; nothing is sent away. */
static const struct call_rule local_sockets[] = {
	{ SYS_socket, CALL_LOCAL },
	{ SYS_connect, CALL_REFUSE },
	{ SYS_sendto, CALL_NO_ADDRESS },
	{ SYS_sendmsg, CALL_REFUSE },
	{ SYS_sendmmsg, CALL_REFUSE },
};

/* It has all that it serves. */
static const struct call_rule no_sockets[] = {
	{ SYS_socket, CALL_REFUSE },
	{ SYS_connect, CALL_REFUSE },
};

static const struct call_rule no_huge[] = {
	{ SYS_madvise, CALL_NO_HUGE },
};

/* A Landlock before 6.2 lets who reads truncate. */
static const struct call_rule no_cuts[] = {
	{ SYS_openat, CALL_WHOLE_AT_2 },
	{ SYS_openat2, CALL_PRETEND },
#ifdef SYS_open
	{ SYS_open, CALL_WHOLE_AT_1 },
#endif
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int
cage_filter_calls(const struct cage *cage)
{
	struct calllist list;
	struct error err = { 0 };

	calllist_begin(&list, CALLLIST_VMM);
	calllist_add(&list, always, COUNT(always));
	if (cage->has_user_nets)
		calllist_add(&list, user_nets, COUNT(user_nets));
	else if (cage->makes_sockets)
		calllist_add(&list, local_sockets, COUNT(local_sockets));
	else
		calllist_add(&list, no_sockets, COUNT(no_sockets));
	if (cage->refuses_huge)
		calllist_add(&list, no_huge, COUNT(no_huge));
	if (cage->rules.abi > 0 && cage->rules.abi < 3)
		calllist_add(&list, no_cuts, COUNT(no_cuts));
	if (calllist_install(&list, &err) == 0)
		return 0;
	errno = err.sys;
	return -1;
}
