/* SPDX-License-Identifier: ISC */
#include "restore.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/progress.h"
#include "disk/extent.h"
#include "disk/hash.h"
#include "disk/image.h"
#include "disk/relay.h"
#include "disk/sink.h"

struct source {
	struct mirn_reader *reader;
	uint64_t done_bytes;
	struct progress *progress;
};

int
restore_open(int *fd, const char *path, struct error *err)
{
	struct stat st;

	if (path == NULL || strcmp(path, "-") == 0) {
		*fd = STDIN_FILENO;
		return 0;
	}
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*fd == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	if (fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, EX_DATAERR, "%s: is a directory", path);
	return 0;
}

int
restore_claim_check(int fd, const char *path, struct error *err)
{
	enum image_use use = fd == -1 ? IMAGE_FREE : image_in_use(fd);

	if (use != IMAGE_FREE)
		return error_set(err, EX_TEMPFAIL, "%s: in use: %s", path,
		    image_use_name(use));
	return 0;
}

int
restore_claim(int *fd, const char *path, struct error *err)
{
	struct stat st;

	*fd = open(path,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (*fd == -1 && errno == ENOENT)
		return 0;
	if (*fd == -1 && errno != ELOOP && errno != ENXIO)
		return error_sys(err, error_code_of(errno), "%s", path);
	if (*fd == -1 || fstat(*fd, &st) == -1 || !S_ISREG(st.st_mode))
		return error_set(err, EX_CANTCREAT,
		    "%s: exists, and is no regular file", path);
	if (restore_claim_check(*fd, path, err) == -1)
		return -1;
	if (flock(*fd, LOCK_EX | LOCK_NB) == -1)
		return error_set(err, EX_TEMPFAIL, "%s: in use: %s", path,
		    image_use_name(IMAGE_LOCKED));
	return 0;
}

static int
make_piece(struct relay_piece *out, unsigned char *buf, void *arg,
    struct error *err)
{
	struct source *s = arg;
	size_t len;

	if (mirn_reader_next(s->reader, buf, RELAY_PIECE_BYTES, &len, err) ==
	    -1)
		return -1;
	if (len == 0)
		return 0;
	/* Looked at once, while it is in the cache, for all who take it. */
	out->data = extent_is_zero(buf, len) ? NULL : buf;
	out->len = len;
	s->done_bytes += len;
	progress_update(s->progress, s->done_bytes);
	return 1;
}

static int
write_piece(const struct relay_piece *piece, void *arg, struct error *err)
{
	if (piece->data == NULL)
		return sink_zeros(arg, piece->len, err);
	return sink_data(arg, piece->data, (size_t)piece->len, err);
}

static int
compare(const char *expected, struct hash *hash, const char *what,
    struct error *err)
{
	char got[HASH_TEXT_LEN + 1];

	hash_final(got, hash);
	if (strcmp(expected, got) != 0)
		return error_set(err, EX_DATAERR,
		    "%s: checksum mismatch: expected %s, got %s", what,
		    expected, got);
	return 0;
}

/* With `target` NULL nothing is written. */
static int
read_image(struct mirn_reader *reader, struct sink *target, const char *what,
    bool quiet, struct error *err)
{
	const struct mirn_head *head = mirn_reader_head(reader);
	struct source source = { .reader = reader };
	struct relay_taker takers[2];
	struct progress progress;
	struct hash *hash;
	int rc;

	if (hash_new(&hash, err) == -1)
		return -1;
	takers[0].take = hash_take;
	takers[0].arg = hash;
	takers[1].take = write_piece;
	takers[1].arg = target;
	source.progress = &progress;
	progress_init(&progress, target == NULL ? "verified" : "restored",
	    head->size_bytes, quiet);
	rc = relay_run(make_piece, &source, takers, target == NULL ? 1 : 2,
	    err);
	progress_fini(&progress);
	if (rc == 0)
		rc = compare(head->checksum, hash, what, err);
	hash_free(hash);
	return rc;
}

int
restore_image(struct mirn_reader *reader, const struct outfile *file,
    const char *what, bool quiet, struct error *err)
{
	struct sink sink;
	int rc;

	if (file->fd == -1)
		return read_image(reader, NULL, what, quiet, err);
	if (sink_open(&sink, file, err) == -1)
		return -1;
	rc = read_image(reader, &sink, what, quiet, err);
	if (rc == 0)
		rc = sink_finish(&sink, err);
	sink_fini(&sink);
	return rc;
}

int
restore_report(const struct mirn_head *head, const char *path,
    const char *members, struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (mirn_head_report(record, head, err) == 0 &&
	    (path == NULL || image_report(record, path, err) == 0))
		rc = json_report(record, members, err);
	json_decref(record);
	return rc;
}
