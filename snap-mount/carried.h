/* SPDX-License-Identifier: ISC */
/* The working set that came with a snapshot, as the order of a first mount. */
#ifndef CARRIED_H
#define CARRIED_H

struct mount;

/*
 * What the snapshot's working set names is read first, in its order, where no
 * earlier mount has left one.  To be called before the fetcher is started: it is
 * fetched here.  One that is wrong, or does not come, is told in the log.
 */
void carried_order(struct mount *m);

#endif
