/* SPDX-License-Identifier: ISC */
/* Between the two processes of a mount: what is said, and how. */
#ifndef CTL_H
#define CTL_H

#include "base/error.h"

/* A pair of sockets that keep messages apart.  EX_OSERR. */
int ctl_pair(int fd[2], struct error *err);

/* Says how it stands; where nobody listens, nothing comes of it. */
void ctl_put(int fd, const struct error *said);

/* Hears it.  EX_SOFTWARE: the other one has ended without a word. */
int ctl_get(int fd, struct error *said, struct error *err);

/* A descriptor with its rights.  EX_OSERR. */
int ctl_put_fd(int fd, int what, struct error *err);
int ctl_get_fd(int *what, int fd, struct error *err);

/* Standard descriptors lead nowhere from then on.  EX_OSERR. */
int ctl_silence(struct error *err);

#endif
