/* SPDX-License-Identifier: ISC */
/*
 * The files that one disk lies in: what they are called, and the formats that
 * they have.  Who asks for a format asks here: another one is a row of the
 * table in chain.c.
 */
#ifndef DISK_CHAIN_H
#define DISK_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct chain_format {
	const char *name; /* as headers, QEMU and qemu-img call it */
	const char *suffix; /* of a file's name, with its dot */
	const char *magic; /* what a file begins with; "": whatever it holds */
	bool is_flat; /* the file's bytes are the disk's: nothing under it */
	/* The functions of chain_disk_bytes() and chain_check(). */
	int (*disk_bytes)(uint64_t *out, int fd, uint64_t file_bytes,
	    const char *what, struct error *err);
	int (*check)(int fd, uint64_t file_bytes, uint64_t disk_bytes,
	    const char *below, const char *what, struct error *err);
};

/* Images of raw bytes, and what overlays are made as. */
const struct chain_format *chain_flat(void);
const struct chain_format *chain_overlay(void);

/* The format of the file with this path, by its name's end alone. */
const struct chain_format *chain_format(const char *path);

/* The format of this name; NULL: there is none. */
const struct chain_format *chain_find_format(const char *name);

/* What the file's first bytes say that it is.  EX_IOERR. */
int chain_recognize(const struct chain_format **out, int fd,
    uint64_t file_bytes, const char *what, struct error *err);

/*
 * Whether a file of a disk may have this name: path_is_name(), no colon, which
 * makes a protocol of what stands before it, and no dash in front, which makes
 * an option of it.
 */
bool chain_is_name(const char *name);

/*
 * The first file of a disk called `stem`: cow.raw, or cow.1.qcow2.  What does
 * not fit is cut off.
 */
void chain_first_name(char *out, size_t cap, const char *stem,
    const struct chain_format *format);

/*
 * The name that follows the disk file `top`, in that format: cow.1.qcow2 after
 * cow.raw, cow.4.raw after cow.3.qcow2.  The caller frees it.  EX_DATAERR:
 * `top` is not such a name, or the last.
 */
int chain_next_name(char **out, const char *top,
    const struct chain_format *format, struct error *err);

/*
 * Whether some overlay of the disk whose file is `top` would be called `name`:
 * to make it, that file is deleted.
 */
bool chain_is_later(const char *name, const char *top);

/* The n of an overlay's name "cow.<n>.qcow2"; 0 for anything else. */
unsigned chain_number(const char *name);

/*
 * The bytes of the disk that a guest sees in the file `name` of that format in
 * the directory.  EX_NOINPUT, EX_DATAERR.
 */
int chain_disk_bytes(uint64_t *out, const struct chain_format *format,
    int dirfd, const char *name, struct error *err);

/*
 * The open file `name`, of the format that its name says, lies on the file
 * `below` (NULL: on none) and is of `disk_bytes` (0: any).  EX_DATAERR.
 */
int chain_check(int fd, uint64_t file_bytes, uint64_t disk_bytes,
    const char *name, const char *below, struct error *err);

/*
 * Writes an empty overlay over `below`, whose name tells its format, to the
 * empty file `fd`, which is left unsynced.  EX_IOERR, EX_DATAERR.
 */
int chain_write_overlay(int fd, uint64_t disk_bytes, const char *below,
    const char *what, struct error *err);

#endif
