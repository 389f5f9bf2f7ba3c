/* SPDX-License-Identifier: ISC */
#include "token.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/outfile.h"
#include "base/secret.h"
#include "base/sha256.h"

int
token_random(char out[TOKEN_LEN + 1], struct error *err)
{
	unsigned char raw[TOKEN_BYTES];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return error_sys(err, EX_OSERR, "getrandom");
	hex_put(out, raw, sizeof(raw));
	explicit_bzero(raw, sizeof(raw));
	return 0;
}

static void
derive(char out[TOKEN_LEN + 1], const char *token, char what)
{
	unsigned char raw[SHA256_BYTES];
	char text[TOKEN_LEN + 2];

	text[0] = what;
	memcpy(text + 1, token, TOKEN_LEN + 1);
	sha256_of(raw, text, TOKEN_LEN + 1);
	hex_put(out, raw, TOKEN_BYTES);
	explicit_bzero(text, sizeof(text));
}

static int
take(char out[TOKEN_LEN + 1], int fd, const char *path, struct error *err)
{
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int rc = -1;

	if (fstat(fd, &st) == -1)
		return error_sys(err, EX_IOERR, "%s", path);
	if (st.st_uid != geteuid())
		return error_set(err, EX_NOPERM, "%s: another user's", path);
	if ((st.st_mode & 077) != 0)
		return error_set(err, EX_NOPERM,
		    "%s: others may open it (mode %03o)", path,
		    (unsigned)st.st_mode & 0777);
	if (fd_slurp_open(&text, &len, fd, (uint64_t)st.st_size, 4096, path,
		err) == -1)
		return -1;
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len != TOKEN_LEN || strspn(text, "0123456789abcdef") != TOKEN_LEN)
		error_set(err, EX_DATAERR, "%s: not %d hexadecimal digits",
		    path, TOKEN_LEN);
	else
		rc = 0;
	if (rc == 0)
		memcpy(out, text, TOKEN_LEN + 1);
	secret_free(text);
	return rc;
}

static int
keep(const char *token, const char *path, struct error *err)
{
	struct outfile file = OUTFILE_NONE;
	int rc = -1;

	if (outfile_open(&file, path, 0, err) == 0 &&
	    fd_write(file.fd, token, TOKEN_LEN, path, err) == 0 &&
	    fd_write(file.fd, "\n", 1, path, err) == 0)
		rc = outfile_publish(&file, 0, err);
	outfile_drop(&file);
	return rc;
}

int
token_make(struct token *out, const char *path, struct error *err)
{
	struct error why = { 0 };
	int fd = -1, rc;

	if (path != NULL && fd_open_path(&fd, NULL, path, O_RDONLY, &why) == 0)
		rc = take(out->token, fd, path, err);
	else if (path != NULL && why.sys != ENOENT) {
		if (err != NULL)
			*err = why;
		rc = -1;
	} else {
		rc = token_random(out->token, err);
		if (rc == 0 && path != NULL)
			rc = keep(out->token, path, err);
	}
	fd_drop(&fd);
	if (rc == 0) {
		derive(out->cookie, out->token, 'c');
		derive(out->key, out->token, 'k');
	}
	return rc;
}

bool
token_is(const char *secret, const char *given)
{
	unsigned char differ = 0;
	size_t i;

	if (given == NULL || strlen(given) != TOKEN_LEN)
		return false;
	for (i = 0; i < TOKEN_LEN; i++)
		differ |= (unsigned char)(secret[i] ^ given[i]);
	return differ == 0;
}

void
token_wipe(struct token *t)
{
	explicit_bzero(t, sizeof(*t));
}
