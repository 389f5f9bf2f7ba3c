/* SPDX-License-Identifier: ISC */
#include "archive/unpack.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/hasher.h"
#include "base/fd.h"
#include "base/hook.h"
#include "disk/verity.h"
#include "disk/writeback.h"
#include "snapshot/signature.h"
#include "snapshot/trailer.h"

#define BLOCK VERITY_BLOCK /* a block of zeros becomes a hole */
#define LATE_MAX 64 /* files that wait for their sync */

_Static_assert(ARCHIVE_ENTRIES_MAX >= ENVELOPE_FILES_MAX + 2,
    "what an export writes: the files, the envelope and the trailer");
_Static_assert(TRAILER_BYTES_MAX >= (ENVELOPE_FILES_MAX + 1) * TRAILER_LINE_MAX,
    "a line for each");

/* One archive being unpacked. */
struct work {
	struct unpack *u;
	struct archive_reader *reader;
	struct hasher *hasher;
	struct writeback writeback;
	int dirfd;
	unpack_progress *progress;
	void *arg;
	/* The file being written: */
	const char *name;
	int fd;
	uint64_t end; /* how far it is digested */
	/* Written; synced at the end, so that the disk never has a rest. */
	struct {
		const char *name;
		int fd;
	} late[LATE_MAX];
	size_t late_n;
};

bool
unpack_is_stdin(const char *path)
{
	return path == NULL || strcmp(path, "-") == 0;
}

int
unpack_open(int *fd, uint64_t *size, const char *path, struct error *err)
{
	const char *what = unpack_is_stdin(path) ? "standard input" : path;
	struct stat st;

	*fd = unpack_is_stdin(path) ? STDIN_FILENO
				    : open(path, O_RDONLY | O_CLOEXEC);
	if (*fd == -1 || fstat(*fd, &st) == -1)
		return error_sys(err, error_code_of(errno), "%s", what);
	if (S_ISDIR(st.st_mode))
		return error_set(err, EX_NOINPUT,
		    "%s: a directory, not an archive", what);
	*size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return 0;
}

void
unpack_fini(struct unpack *u)
{
	size_t i;

	for (i = 0; i < u->files_n; i++) {
		free(u->files[i]->name);
		free(u->files[i]);
	}
	free(u->files);
	free(u->envelope);
	free(u->trailer);
	memset(u, 0, sizeof(*u));
}

/* Each stands in memory of its own: the hasher writes to it later. */
static struct unpacked *
add_file(struct unpack *u, const struct archive_entry *entry, struct error *err)
{
	size_t cap = u->files_cap == 0 ? 16 : u->files_cap * 2;
	struct unpacked **files, *file;

	if (u->files_n == u->files_cap) {
		files = realloc(u->files, cap * sizeof(struct unpacked *));
		if (files == NULL) {
			error_sys(err, EX_OSERR, "%s", entry->name);
			return NULL;
		}
		u->files = files;
		u->files_cap = cap;
	}
	file = calloc(1, sizeof(*file));
	if (file == NULL || (file->name = strdup(entry->name)) == NULL) {
		error_sys(err, EX_OSERR, "%s", entry->name);
		free(file);
		return NULL;
	}
	file->size_bytes = entry->size;
	file->head_off = entry->head_off;
	u->files[u->files_n++] = file;
	return file;
}

static bool
is_zero(const unsigned char *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* Bytes of data from `p` on that are zero in whole blocks, or are not. */
static size_t
same_run(const unsigned char *p, size_t len, uint64_t off, bool *zero)
{
	size_t at = 0, n;
	bool z;

	while (at < len) {
		n = (size_t)(BLOCK - (off + at) % BLOCK);
		if (n > len - at)
			n = len - at;
		z = is_zero(p + at, n);
		if (at == 0)
			*zero = z;
		else if (z != *zero)
			break;
		at += n;
	}
	return at;
}

static int
write_piece(struct work *w, const struct archive_piece *piece,
    struct error *err)
{
	const unsigned char *p = piece->data;
	uint64_t off = piece->off;
	size_t left = piece->len, n;
	bool zero = false;

	hasher_zeros(w->hasher, off - w->end);
	for (; left != 0; p += n, off += n, left -= n) {
		n = same_run(p, left, off, &zero);
		if (zero) {
			hasher_zeros(w->hasher, n);
			continue;
		}
		hasher_data(w->hasher, piece->chunk, p, n);
		if (fd_pwrite(w->fd, p, n, off, w->name, err) == -1)
			return -1;
		writeback_to(&w->writeback, w->fd, off + n);
	}
	w->end = off;
	if (w->progress != NULL)
		w->progress(w->arg, archive_reader_read_bytes(w->reader));
	return 0;
}

static int
write_pieces(struct work *w, uint64_t size, struct error *err)
{
	struct archive_piece piece;
	int more;

	while ((more = archive_reader_data(w->reader, &piece, err)) == 1)
		if (write_piece(w, &piece, err) == -1)
			return -1;
	if (more == -1)
		return -1;
	hasher_zeros(w->hasher, size - w->end);
	if (ftruncate(w->fd, (off_t)size) == -1)
		return error_sys(err, EX_IOERR, "%s", w->name);
	return 0;
}

static int
sync_late(struct work *w, struct error *err)
{
	size_t i;
	int rc = 0;

	writeback_wait(&w->writeback);
	for (i = 0; i < w->late_n; i++) {
		if (rc == 0)
			rc = fd_commit(&w->late[i].fd, w->late[i].name, err);
		fd_drop(&w->late[i].fd);
	}
	w->late_n = 0;
	return rc;
}

/* Takes the file being written. */
static int
sync_later(struct work *w, struct error *err)
{
	if (w->late_n == LATE_MAX && sync_late(w, err) == -1)
		return -1;
	w->late[w->late_n].name = w->name;
	w->late[w->late_n].fd = w->fd;
	w->late_n++;
	w->fd = -1;
	return 0;
}

static int
unpack_file(struct work *w, const struct archive_entry *entry,
    struct error *err)
{
	struct unpacked *file = add_file(w->u, entry, err);
	int rc;

	if (file == NULL)
		return -1;
	w->fd = openat(w->dirfd, file->name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->fd == -1 && errno == EEXIST) {
		error_set(err, EX_DATAERR, "a second file of that name");
		return archive_reader_wrap(w->reader, err);
	}
	if (w->fd == -1)
		return error_sys(err, EX_IOERR, "%s", file->name);
	w->name = file->name;
	w->end = 0;
	rc = write_pieces(w, entry->size, err);
	hasher_file(w->hasher, &file->digest);
	if (rc == 0)
		rc = sync_later(w, err);
	if (rc == -1)
		writeback_wait(&w->writeback);
	fd_drop(&w->fd);
	hook_step("import-file");
	return rc;
}

/* An entry that is not for the disk, at most `max` bytes, into *out. */
static int
keep_text(struct work *w, const struct archive_entry *entry, size_t max,
    char **out, size_t *len, struct error *err)
{
	struct archive_piece piece;
	int more;

	if (*out != NULL) {
		error_set(err, EX_DATAERR, "a second entry of that name");
		return archive_reader_wrap(w->reader, err);
	}
	if (entry->size > max) {
		error_set(err, EX_DATAERR, "larger than %zu bytes", max);
		return archive_reader_wrap(w->reader, err);
	}
	*len = (size_t)entry->size;
	*out = calloc(1, *len + 1);
	if (*out == NULL)
		return error_sys(err, EX_OSERR, "%s", entry->name);
	while ((more = archive_reader_data(w->reader, &piece, err)) == 1)
		memcpy(*out + piece.off, piece.data, piece.len);
	return more;
}

static int
unpack_entry(struct work *w, const struct archive_entry *entry,
    struct error *err)
{
	struct unpack *u = w->u;

	if (strcmp(entry->name, ENVELOPE_NAME) == 0) {
		u->envelope_off = entry->head_off;
		return keep_text(w, entry, ENVELOPE_BYTES_MAX, &u->envelope,
		    &u->envelope_len, err);
	}
	if (strcmp(entry->name, ENVELOPE_TRAILER) == 0) {
		u->trailer_off = entry->head_off;
		return keep_text(w, entry, TRAILER_BYTES_MAX, &u->trailer,
		    &u->trailer_len, err);
	}
	if (strcmp(entry->name, SIGNATURE_NAME) == 0 &&
	    entry->size > SIGNATURE_BYTES_MAX) {
		error_set(err, EX_DATAERR, "larger than %u bytes",
		    SIGNATURE_BYTES_MAX);
		return archive_reader_wrap(w->reader, err);
	}
	return unpack_file(w, entry, err);
}

/* Entry number `n` must be what tells whether the rest may be read. */
static int
check_order(const struct unpack *u, size_t n, const char *name,
    struct error *err)
{
	if (u->signers == NULL || n > 1)
		return 0;
	if (n == 0 && strcmp(name, ENVELOPE_NAME) != 0)
		return error_set(err, EX_NOPERM,
		    "refused: begins with %s, not with " ENVELOPE_NAME, name);
	if (n == 1 && strcmp(name, SIGNATURE_NAME) != 0)
		return signers_refuse_order(name, err);
	return 0;
}

/* Behind the second entry, which is on the disk. */
static int
check_signed(const struct work *w, struct error *err)
{
	const struct unpack *u = w->u;
	struct envelope e;
	int rc;

	if (u->signers == NULL)
		return 0;
	if (envelope_decode(&e, u->envelope, u->envelope_len, err) == -1)
		return -1;
	rc = signers_check_dir(u->signers, w->dirfd, &e, err);
	envelope_fini(&e);
	return rc;
}

static int
unpack_entries(struct work *w, struct error *err)
{
	struct archive_entry entry;
	size_t n;
	int more;

	for (n = 0; (more = archive_reader_next(w->reader, &entry, err)) == 1;
	     n++)
		if (check_order(w->u, n, entry.name, err) == -1 ||
		    unpack_entry(w, &entry, err) == -1 ||
		    (n == 1 && check_signed(w, err) == -1))
			return -1;
	if (more == 0 && w->u->signers != NULL && n < 2)
		return error_set(err, EX_NOPERM, "refused: not signed");
	return more;
}

static int
digest_envelope(struct unpack *u, struct error *err)
{
	struct verity *d = NULL;
	int rc = -1;

	if (u->envelope == NULL)
		return 0;
	if (verity_new(&d, err) == 0 &&
	    verity_data(d, u->envelope, u->envelope_len, err) == 0) {
		verity_final(d, &u->envelope_digest);
		rc = 0;
	}
	verity_free(d);
	return rc;
}

int
unpack_archive(struct unpack *u, int fd, int dirfd, unpack_progress *progress,
    void *arg, struct error *err)
{
	struct work w = { .u = u,
		.dirfd = dirfd,
		.fd = -1,
		.progress = progress,
		.arg = arg };
	int rc = -1;

	if (archive_reader_open(&w.reader, fd, err) == -1 ||
	    hasher_new(&w.hasher, archive_reader_flow(w.reader), err) == -1)
		goto out;
	if (unpack_entries(&w, err) == -1 || sync_late(&w, err) == -1 ||
	    hasher_finish(w.hasher, err) == -1 || digest_envelope(u, err) == -1)
		goto out;
	u->tar_bytes = archive_reader_tar_bytes(w.reader);
	if (archive_reader_oddity(w.reader) != NULL)
		snprintf(u->oddity, sizeof(u->oddity), "%s",
		    archive_reader_oddity(w.reader));
	rc = 0;
out:
	writeback_fini(&w.writeback);
	while (w.late_n > 0)
		fd_drop(&w.late[--w.late_n].fd);
	/* The hasher holds chunks of the reader. */
	hasher_free(w.hasher);
	archive_reader_free(w.reader);
	return rc;
}
