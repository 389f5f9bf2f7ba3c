/* SPDX-License-Identifier: ISC */
/* Between the two processes of a mount: what is said, and how. */
#ifndef CTL_H
#define CTL_H

#include <poll.h>
#include <stdint.h>

#include "base/error.h"

/*
 * As poll(2), and a signal ends it (EINTR) that has come before it, too, for
 * base/sig to tell.  `timeout_ms` of INT64_MAX is for ever.
 */
int ctl_poll(struct pollfd *p, nfds_t n, int64_t timeout_ms);

/* A pair of sockets that keep messages apart.  EX_OSERR. */
int ctl_pair(int fd[2], struct error *err);

/* Says how it stands; where nobody listens, nothing comes of it. */
void ctl_put(int fd, const struct error *said);

/*
 * Hears it.  EX_SOFTWARE: the other one has ended without a word.  A signal ends
 * the waiting with its code.
 */
int ctl_get(int fd, struct error *said, struct error *err);

/* A descriptor with its rights.  EX_OSERR. */
int ctl_put_fd(int fd, int what, struct error *err);
int ctl_get_fd(int *what, int fd, struct error *err);

/* Standard descriptors lead nowhere from then on.  EX_OSERR. */
int ctl_silence(struct error *err);

#endif
