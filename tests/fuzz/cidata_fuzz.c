/* SPDX-License-Identifier: ISC */
/*
 * A file of keys, and the same bytes as user-data of the user's own: what is
 * refused is refused as such, and our part of a seed is ASCII in whole lines.
 */
#include "seed/cidata.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void
check_ours(const struct cidata_file *file)
{
	size_t i;

	if (strncmp(file->text, "#cloud-config\n", 14) != 0 ||
	    file->text[file->len - 1] != '\n')
		abort();
	for (i = 0; i < file->len; i++)
		if (file->text[i] != '\n' &&
		    (file->text[i] < 0x20 || file->text[i] > 0x7e))
			abort();
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *text = (const char *)data;
	struct strv keys = { 0 };
	struct cidata seed = { .user = "u", .ssh_keys = &keys };
	struct cidata_files files;
	struct error err;
	unsigned char *image;
	size_t image_bytes;

	if (cidata_add_keys(&keys, text, len, "keys", &err) == -1 &&
	    err.code != EX_DATAERR)
		abort();
	/* What was taken before a bad line can be written. */
	if (cidata_make(&files, &seed, &err) == -1)
		abort();
	check_ours(&files.v[1]);
	cidata_files_fini(&files);
	seed.user_data.text = text;
	seed.user_data.len = len;
	if (cidata_make(&files, &seed, &err) == 0) {
		if (cidata_vfat(&image, &image_bytes, &files, &err) == -1)
			abort();
		free(image);
		cidata_files_fini(&files);
	} else if (err.code != EX_USAGE)
		abort();
	strv_fini(&keys);
	return 0;
}
