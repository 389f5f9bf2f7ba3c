/* SPDX-License-Identifier: ISC */
/*
 * How a file looked when it was read: size, time of modification, device and
 * inode; not the time of change, which each VM sets anew by taking and giving up
 * its link.
 */
#ifndef STATE_LOOKS_H
#define STATE_LOOKS_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>

#define LOOKS_TEXT_MAX 128 /* bytes, with the NUL */

struct looks {
	uintmax_t size, sec, nsec, dev, ino;
};

struct looks looks_of(const struct stat *st);

/* SIZE.SECONDS.NANOSECONDS.DEVICE.INODE, all in decimal. */
void looks_text(char out[LOOKS_TEXT_MAX], const struct looks *looks);
bool looks_parse(struct looks *out, const char *text);

/*
 * Whether it is the same file, as it was.  On another device, as of a root that
 * was moved as a whole, another inode is no difference, nor is a time that lost
 * its fraction on the way.
 */
bool looks_same(const struct looks *then, const struct looks *now);

#endif
