/* SPDX-License-Identifier: ISC */
/*
 * A filter of system calls (seccomp(2)): a list of what is refused.  What is
 * refused fails, and ends nobody.  Calls of another architecture than this
 * program's are refused, all of them.
 */
#ifndef BASE_CALLFILTER_H
#define BASE_CALLFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Newer than some headers; from 424 on numbers are the same everywhere. */
#define CALL_FCHMODAT2 452
#define CALL_SETXATTRAT 463
#define CALL_REMOVEXATTRAT 466
#define CALL_FILE_SETATTR 469

/* What becomes of a call: refused in one way, or by one of its arguments. */
enum call_verdict {
	CALL_REFUSE, /* EPERM */
	CALL_PRETEND, /* ENOSYS: the caller then asks as its C library did before */
	CALL_OWN_PROCESS, /* where argument 0 is another process */
	CALL_ITSELF, /* where argument 0 is neither this process nor 0 */
	CALL_NO_NAMESPACE, /* where argument 0 asks for one */
	/* Where argument 0 is no family of: */
	CALL_NO_NETWORK, /* local sockets, IP, netlink */
	CALL_INTERNET, /* IP: TCP, UDP and pings; no protocol that becomes TCP */
	CALL_LOCAL, /* local sockets, UDP of IPv4 */
	CALL_NO_DATAGRAMS, /* a pair of sockets that could send elsewhere */
	/* Where flags, which are argument 2, would connect (TCP Fast Open) */
	CALL_CONNECTED_2,
	CALL_CONNECTED_3, /* or argument 3 */
	CALL_NO_ADDRESS, /* where argument 4 is no NULL */
	CALL_READ_AT_1, /* where flags, which are argument 1, are not to read */
	CALL_READ_AT_2, /* or argument 2 */
	CALL_WHOLE_AT_1, /* where they cut what is opened to be read */
	CALL_WHOLE_AT_2,
	CALL_NO_HUGE, /* where argument 2 asks for huge pages: EINVAL */
	/*
	 * Where argument 1, of ioctl(2), changes what a file or a filesystem is,
	 * for which a descriptor that only reads it is enough: flags, verity,
	 * projects, keys, shared blocks, subvolumes.
	 */
	CALL_NO_CHANGE
};

#define CALLFILTER_RULES_MAX 90 /* a jump of the filter goes no further */

struct call_rule {
	uint32_t number;
	enum call_verdict verdict;
};

/*
 * From here on the calls v[n] (1 to CALLFILTER_RULES_MAX, no number twice; they
 * come back sorted) are refused to this thread and to those that it starts, and
 * what it becomes.  With no_new_privs set already.  A kernel without filters,
 * and an architecture that is not known here, are no error.  EX_OSERR: the
 * kernel refused.
 */
int callfilter_install(struct call_rule *v, size_t n, struct error *err);

/* Whether the kernel has such filters, and this architecture is known. */
bool callfilter_is_there(void);

#endif
