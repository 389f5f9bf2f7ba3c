/* SPDX-License-Identifier: ISC */
/*
 * Snapshots as tar archives, one pass each way; instar-archive(5).
 *
 * The headers are our own, reading and writing.  libarchive wants the whole
 * logical stream of a sparse file, holes included, through its hands: for a
 * sparse 10 GiB disk that is several times the cost of moving its data into
 * the pipe, where splice(2) copies nothing.  And it hides PAX keys that it does
 * not know (COCOON.sparse), so a second header reader would be needed anyway;
 * two readers of one stream may disagree.  libarchive is the oracle in tests.
 */
#ifndef ARCHIVE_ARCHIVE_H
#define ARCHIVE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/chunk.h"
#include "base/error.h"
#include "base/path.h"

#define ARCHIVE_ENTRIES_MAX 4098 /* ENVELOPE_FILES_MAX, envelope, digests */

/*
 * Reading: archive_read.c.  Entries of type file, one after the other, each
 * followed by its data.  Links, devices, directories other than ".", names
 * that are not plain, and whatever breaks the format are EX_DATAERR; messages
 * begin "ENTRY: byte OFFSET of the tar: ".
 */
struct archive_reader;

struct archive_entry {
	char name[PATH_NAME_MAX + 1]; /* plain; a leading "./" is gone */
	uint64_t size; /* apparent bytes */
	uint64_t data_bytes; /* bytes that the archive holds of it */
	uint64_t runs; /* runs of data; 1 when not sparse */
	const char *form; /* "plain", "gnu-1.0", "cocoon" ... */
	uint64_t head_off; /* of its first header in the tar */
};

/* One piece of a file's data, at its place in the file. */
struct archive_piece {
	uint64_t off;
	const unsigned char *data;
	size_t len;
	struct chunk *chunk; /* to hold, see archive_reader_flow() */
};

/* Borrows `fd`, from which nothing was read.  Returns owned.  EX_OSERR. */
int archive_reader_open(struct archive_reader **out, int fd, struct error *err);
void archive_reader_free(struct archive_reader *r);

/* 1 and the next entry, 0 at the archive's end (all of it was read), -1. */
int archive_reader_next(struct archive_reader *r, struct archive_entry *out,
    struct error *err);

/*
 * 1 and the entry's next piece, in order, 0 behind the last, -1.  The piece is
 * borrowed until the next call, or longer by chunk_hold(piece->chunk).
 */
int archive_reader_data(struct archive_reader *r, struct archive_piece *out,
    struct error *err);

/* For chunk_hold() and chunk_release(). */
struct chunk_flow *archive_reader_flow(struct archive_reader *r);

/*
 * What is not as in an archive of ours, though no reader stumbles over it (the
 * first such thing), or NULL; complete after the end.
 */
const char *archive_reader_oddity(const struct archive_reader *r);

/* Bytes read from the descriptor so far; bytes of tar taken so far. */
uint64_t archive_reader_read_bytes(struct archive_reader *r);
uint64_t archive_reader_tar_bytes(const struct archive_reader *r);

/* Puts "ENTRY: byte OFFSET of the tar: " in front of what *err says. */
int archive_reader_wrap(const struct archive_reader *r, struct error *err);

/*
 * Writing: archive_write.c.  Same calls, same bytes: owner, mode and time are
 * fixed.
 */
enum archive_press { ARCHIVE_PLAIN, ARCHIVE_ZSTD, ARCHIVE_GZIP };

#define ARCHIVE_ZSTD_LEVEL 1 /* default: as fast as a disk */
#define ARCHIVE_ZSTD_LEVEL_MAX 19
#define ARCHIVE_GZIP_LEVEL 6
#define ARCHIVE_GZIP_LEVEL_MAX 9
#define ARCHIVE_THREADS_MAX 8 /* each costs zstd memory */

/* Told the bytes of data that are done; called often. */
typedef void archive_progress(void *arg, uint64_t done_bytes);

struct archive_how {
	enum archive_press press;
	int level;
	bool is_long; /* zstd: windows of 128 MiB */
	bool is_dense; /* no sparse form: holes are written as zeros */
	uint64_t rate; /* bytes a second at most; 0: as fast as it goes */
	archive_progress *progress; /* or NULL */
	void *arg;
};

struct archive_writer;

/* Borrows `fd`; `what` names it in messages and is borrowed.  EX_OSERR. */
int archive_writer_new(struct archive_writer **out, int fd, const char *what,
    const struct archive_how *how, struct error *err);
void archive_writer_free(struct archive_writer *w);

/* An entry from memory, mode 0644. */
int archive_writer_text(struct archive_writer *w, const char *name,
    const void *text, size_t len, struct error *err);

/*
 * The first `size` bytes of `fd` as an entry, mode 0600: sparse where it has
 * holes.  EX_DATAERR: shorter than `size`, or it changed meanwhile.
 */
int archive_writer_file(struct archive_writer *w, const char *name, int fd,
    uint64_t size, struct error *err);

/* The archive's end, and that of its compression. */
int archive_writer_end(struct archive_writer *w, struct error *err);

/* Bytes that went to the descriptor. */
uint64_t archive_writer_bytes(const struct archive_writer *w);

/*
 * What archive_writer_file() would add to an archive without compression, and
 * the bytes of data in it.
 */
int archive_estimate(uint64_t *tar_bytes, uint64_t *data_bytes, int fd,
    const char *name, uint64_t size, bool is_dense, struct error *err);

#endif
