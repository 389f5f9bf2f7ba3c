/* SPDX-License-Identifier: ISC */
#include "snapshot/manifest.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "disk/digest_file.h"

int
manifest_open(int *fd, uint64_t *size_bytes, int dirfd, const char *name,
    struct error *err)
{
	struct error why = { 0 };

	if (fd_open_file(fd, size_bytes, dirfd, name, O_RDONLY, &why) == 0)
		return 0;
	if (why.code == EX_NOINPUT)
		return error_set(err, EX_DATAERR, "%s: missing", name);
	if (err != NULL)
		*err = why;
	return -1;
}

int
manifest_size(uint64_t *size_bytes, int dirfd, const char *name,
    struct error *err)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT
		    ? error_set(err, EX_DATAERR, "%s: missing", name)
		    : error_sys(err, error_code_of(errno), "%s", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, EX_DATAERR, "%s: not a regular file",
		    name);
	if (faccessat(dirfd, name, R_OK, AT_EACCESS) == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	*size_bytes = (uint64_t)st.st_size;
	return 0;
}

int
manifest_compare(const char *name, uint64_t size_bytes,
    const struct digest *digest, uint64_t want_bytes, const struct digest *want,
    struct error *err)
{
	if (size_bytes != want_bytes)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, not %" PRIu64, name, size_bytes,
		    want_bytes);
	if (digest != NULL && !digest_equal(digest, want))
		return error_set(err, EX_DATAERR, "%s: " MANIFEST_DIFFERS,
		    name);
	return 0;
}

int
manifest_check_size(const struct envelope_file *file, uint64_t size_bytes,
    struct error *err)
{
	return file->has_digest ? manifest_compare(file->name, size_bytes, NULL,
				      file->size_bytes, NULL, err)
				: 0;
}

int
manifest_read(struct digest *digest, const struct envelope_file *file, int fd,
    uint64_t size_bytes, struct error *err)
{
	struct digest is;

	if (manifest_check_size(file, size_bytes, err) == -1 ||
	    digest_file(&is, fd, size_bytes, file->name, err) == -1)
		return -1;
	if (digest != NULL)
		*digest = is;
	return file->has_digest ? manifest_compare(file->name, size_bytes, &is,
				      file->size_bytes, &file->digest, err)
				: 0;
}

int
manifest_read_layer(const struct layer *layer, int fd, uint64_t size_bytes,
    struct error *err)
{
	char name[PATH_NAME_MAX + sizeof("layer ")];
	struct digest is;

	snprintf(name, sizeof(name), "layer %s", layer->name);
	if (manifest_compare(name, size_bytes, NULL, layer->size_bytes, NULL,
		err) == -1 ||
	    digest_file(&is, fd, size_bytes, name, err) == -1)
		return -1;
	return manifest_compare(name, size_bytes, &is, layer->size_bytes,
	    &layer->digest, err);
}

int
manifest_check_storage(const struct envelope *e, uint64_t cow_bytes,
    struct error *err)
{
	uint64_t want = e->machine.storage_bytes;
	size_t i;

	if (want == 0 || cow_bytes == want)
		return 0;
	for (i = 0; i < e->files_n; i++)
		if (chain_is_later(e->files[i].name, "cow.raw"))
			return 0;
	return error_set(err, EX_DATAERR,
	    "cow.raw: %" PRIu64 " bytes, the envelope's storage has %" PRIu64,
	    cow_bytes, want);
}
