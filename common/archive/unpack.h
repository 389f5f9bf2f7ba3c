/* SPDX-License-Identifier: ISC */
/* An archive's entries into files of a directory. */
#ifndef ARCHIVE_UNPACK_H
#define ARCHIVE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "snapshot/envelope.h"
#include "snapshot/signers.h"

struct unpacked {
	char *name;
	uint64_t size_bytes;
	uint64_t head_off; /* of its first header in the tar */
	struct digest digest;
	bool in_trailer; /* unpack_check() has met its line */
};

/* What an archive held: { 0 } is nothing yet. */
struct unpack {
	/*
	 * The caller's, or NULL: who has to have signed it.  Then its envelope
	 * must come first and the signatures behind it, or it is refused before
	 * another byte of it is read.
	 */
	struct signers *signers;
	struct unpacked **files; /* in the archive's order */
	size_t files_n, files_cap;
	char *envelope; /* its bytes, or NULL: none came */
	size_t envelope_len;
	uint64_t envelope_off; /* of its header in the tar */
	struct digest envelope_digest;
	char *trailer; /* its bytes, or NULL */
	size_t trailer_len;
	uint64_t trailer_off;
	uint64_t tar_bytes;
	char oddity[ERROR_MSG_MAX]; /* "", or what is not as in ours */
};

/*
 * Opens the archive `path` (NULL or "-": standard input), *size is its length
 * where it has one, else 0.  EX_NOINPUT: there is none, or it is a directory.
 */
int unpack_open(int *fd, uint64_t *size, const char *path, struct error *err);
bool unpack_is_stdin(const char *path);

/* Told the bytes that were read; called often. */
typedef void unpack_progress(void *arg, uint64_t read_bytes);

/*
 * Reads all of the archive at `fd`, writes every file but envelope and
 * trailer beneath `dirfd` (mode 0600, sparse, synced), with its digest.
 * EX_DATAERR: the archive breaks its format, names a file twice.  EX_IOERR.
 * EX_NOPERM: u->signers have not signed it.
 */
int unpack_archive(struct unpack *u, int fd, int dirfd,
    unpack_progress *progress, void *arg, struct error *err);
void unpack_fini(struct unpack *u);

#endif
