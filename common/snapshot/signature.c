/* SPDX-License-Identifier: ISC */
#include "snapshot/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/sha256.h"

/* OpenSSH, PROTOCOL.sshsig. */
#define BEGIN "-----BEGIN SSH SIGNATURE-----\n"
#define END "-----END SSH SIGNATURE-----\n"
#define MAGIC "SSHSIG"
#define VERSION 1
#define LINE_MAX_BYTES 128 /* ssh-keygen's have 70 */

/* What is left of bytes that are read one field after the other. */
struct bytes {
	const unsigned char *at;
	size_t left;
};

void
signature_list_fini(struct signature_list *list)
{
	while (list->n > 0)
		free(list->v[--list->n].text);
}

/* RFC 4251, section 5: a uint32, and a string, which has one in front. */
static bool
take_u32(uint32_t *out, struct bytes *b)
{
	if (b->left < 4)
		return false;
	*out = (uint32_t)b->at[0] << 24 | (uint32_t)b->at[1] << 16 |
	    (uint32_t)b->at[2] << 8 | b->at[3];
	b->at += 4;
	b->left -= 4;
	return true;
}

static bool
take_string(struct bytes *out, struct bytes *b)
{
	uint32_t len;

	if (!take_u32(&len, b) || len > b->left)
		return false;
	out->at = b->at;
	out->left = len;
	b->at += len;
	b->left -= len;
	return true;
}

/* As text without anything that is not printable ASCII, cut to fit. */
static void
put_text(char *out, size_t cap, const struct bytes *b)
{
	size_t i;

	for (i = 0; i < b->left && i + 1 < cap; i++)
		out[i] = b->at[i] > 0x20 && b->at[i] < 0x7f ? (char)b->at[i]
							    : '?';
	out[i] = '\0';
}

static bool
is_text(const struct bytes *b, const char *text, size_t len)
{
	return b->left == len && memcmp(b->at, text, len) == 0;
}

static void
hash_string(struct sha256 *s, const void *at, size_t len)
{
	unsigned char n[4] = { (unsigned char)(len >> 24),
		(unsigned char)(len >> 16), (unsigned char)(len >> 8),
		(unsigned char)len };

	sha256_data(s, n, sizeof(n));
	sha256_data(s, at, len);
}

/*
 * A certificate's fingerprint is that of the key in it, which stands behind a
 * nonce in `strings` fields; OpenSSH, PROTOCOL.certkeys.  false: it is none.
 */
static bool
hash_certified(struct sha256 *s, struct bytes blob)
{
	static const struct {
		const char *plain;
		unsigned strings;
	} kinds[] = { { "ssh-ed25519", 1 }, { "ssh-rsa", 2 }, { "ssh-dss", 4 },
		{ "ecdsa-sha2-nistp256", 2 }, { "ecdsa-sha2-nistp384", 2 },
		{ "ecdsa-sha2-nistp521", 2 }, { "sk-ssh-ed25519", 2 },
		{ "sk-ecdsa-sha2-nistp256", 3 } };
	static const char suffix[] = "-cert-v01@openssh.com";
	const size_t n = sizeof(suffix) - 1;
	struct bytes type, field;
	char plain[SIGNATURE_TYPE_MAX];
	size_t i, k, len;

	if (!take_string(&type, &blob) || type.left <= n ||
	    type.left >= sizeof(plain) ||
	    memcmp(type.at + type.left - n, suffix, n) != 0)
		return false;
	len = type.left - n;
	memcpy(plain, type.at, len);
	plain[len] = '\0';
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(plain, kinds[i].plain) == 0)
			break;
	if (i == sizeof(kinds) / sizeof(kinds[0]) ||
	    !take_string(&field, &blob))
		return false;
	/* A hardware key's name has its maker's in it when it is plain, too. */
	if (strncmp(plain, "sk-", 3) == 0)
		len += (size_t)snprintf(plain + len, sizeof(plain) - len, "%s",
		    "@openssh.com");
	hash_string(s, plain, len);
	for (k = 0; k < kinds[i].strings; k++) {
		if (!take_string(&field, &blob))
			return false;
		hash_string(s, field.at, field.left);
	}
	return true;
}

/* As ssh-keygen -l prints it: without the padding of base64. */
static void
put_fingerprint(struct signature *sig, const struct bytes *blob)
{
	char text[BASE64_ROOM(SHA256_BYTES)];
	unsigned char hash[SHA256_BYTES];
	struct sha256 s;

	sha256_init(&s);
	if (!hash_certified(&s, *blob)) {
		sha256_init(&s);
		sha256_data(&s, blob->at, blob->left);
	}
	sha256_final(hash, &s);
	base64_put(text, hash, sizeof(hash));
	text[strcspn(text, "=")] = '\0';
	snprintf(sig->key, sizeof(sig->key), "SHA256:%s", text);
}

/* The blob in the armour. */
static bool
read_blob(struct signature *sig, struct bytes b)
{
	struct bytes key, type, space, reserved, hash, made, rest;
	uint32_t version;

	if (b.left < strlen(MAGIC) || memcmp(b.at, MAGIC, strlen(MAGIC)) != 0)
		return false;
	b.at += strlen(MAGIC);
	b.left -= strlen(MAGIC);
	if (!take_u32(&version, &b) || version != VERSION ||
	    !take_string(&key, &b) || !take_string(&space, &b) ||
	    !take_string(&reserved, &b) || !take_string(&hash, &b) ||
	    !take_string(&made, &b) || b.left != 0)
		return false;
	rest = key;
	if (!take_string(&type, &rest) || type.left == 0 || space.left == 0)
		return false;
	put_text(sig->type, sizeof(sig->type), &type);
	/* One that goes on behind ours, with a NUL or not, is not cut to it. */
	if (is_text(&space, SIGNATURE_NAMESPACE, strlen(SIGNATURE_NAMESPACE)))
		memcpy(sig->space, SIGNATURE_NAMESPACE,
		    sizeof(SIGNATURE_NAMESPACE));
	else
		put_text(sig->space, sizeof(sig->space), &space);
	put_fingerprint(sig, &key);
	return true;
}

/*
 * The lines of base64 between `at` and `end` without their ends into out[], which
 * has room for all; how many characters it is, or -1.
 */
static ssize_t
join_lines(char *out, const char *at, const char *end)
{
	const char *line_end;
	size_t n = 0, len;

	while (at < end) {
		line_end = memchr(at, '\n', (size_t)(end - at));
		if (line_end == NULL || line_end == at)
			return -1;
		len = (size_t)(line_end - at);
		if (len > LINE_MAX_BYTES)
			return -1;
		memcpy(out + n, at, len);
		n += len;
		at = line_end + 1;
	}
	return (ssize_t)n;
}

/* What stands between the first line and the last. */
static bool
read_armour(struct signature *sig, const char *at, const char *end)
{
	size_t room = (size_t)(end - at) + 1;
	char *text = malloc(room);
	unsigned char *raw = malloc(room);
	ssize_t n = -1;
	bool is = false;

	if (text != NULL && raw != NULL)
		n = join_lines(text, at, end);
	if (n > 0)
		n = base64_get(raw, text, (size_t)n);
	if (n > 0)
		is = read_blob(sig, (struct bytes){ raw, (size_t)n });
	free(raw);
	free(text);
	return is;
}

static int
add(struct signature_list *list, const char *text, size_t len,
    struct error *err)
{
	struct signature *sig = &list->v[list->n];
	const size_t begin = strlen(BEGIN), end = strlen(END);

	if (list->n == SIGNATURES_MAX)
		return error_set(err, EX_DATAERR, "more than %d signatures",
		    SIGNATURES_MAX);
	memset(sig, 0, sizeof(*sig));
	if (!read_armour(sig, text + begin, text + len - end))
		return error_set(err, EX_DATAERR, "signature %zu: is none",
		    list->n + 1);
	sig->text = malloc(len + 1);
	if (sig->text == NULL)
		return error_nomem(err, NULL);
	memcpy(sig->text, text, len);
	sig->text[len] = '\0';
	sig->len = len;
	list->n++;
	return 0;
}

static int
decode(struct signature_list *list, const char *text, size_t len,
    struct error *err)
{
	const char *at = text, *last = text + len, *end;

	if (len > SIGNATURE_BYTES_MAX)
		return error_set(err, EX_DATAERR, "more than %u bytes",
		    SIGNATURE_BYTES_MAX);
	do {
		if ((size_t)(last - at) < strlen(BEGIN) ||
		    memcmp(at, BEGIN, strlen(BEGIN)) != 0)
			return error_set(err, EX_DATAERR,
			    "byte %td: no signature begins here", at - text);
		end = memmem(at, (size_t)(last - at), "\n" END,
		    strlen("\n" END));
		if (end == NULL)
			return error_set(err, EX_DATAERR,
			    "byte %td: a signature without its end", at - text);
		end += strlen("\n" END);
		if (add(list, at, (size_t)(end - at), err) == -1)
			return -1;
		at = end;
	} while (at < last);
	return 0;
}

int
signature_list_decode(struct signature_list *out, const char *text, size_t len,
    struct error *err)
{
	struct signature_list list = { .n = 0 };

	if (decode(&list, text, len, err) == -1) {
		signature_list_fini(&list);
		return -1;
	}
	*out = list;
	return 0;
}

int
signature_list_read(struct signature_list *out, int dirfd, struct error *err)
{
	uint64_t size;
	int fd, rc;

	if (fd_open_file(&fd, &size, dirfd, SIGNATURE_NAME, O_RDONLY, err) ==
	    -1)
		return -1;
	rc = signature_list_read_open(out, fd, size, err);
	fd_drop(&fd);
	return rc;
}

int
signature_list_read_open(struct signature_list *out, int fd, uint64_t size,
    struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (fd_slurp_open(&text, &len, fd, size, SIGNATURE_BYTES_MAX,
		SIGNATURE_NAME, err) == -1)
		return -1;
	rc = signature_list_decode(out, text, len, err);
	free(text);
	return rc == -1 ? error_wrap(err, SIGNATURE_NAME) : 0;
}

int
signature_list_join(struct signature_list *to, struct signature_list *from,
    struct error *err)
{
	size_t i, k;

	for (i = 0; i < from->n; i++) {
		for (k = 0; k < to->n; k++)
			if (strcmp(to->v[k].key, from->v[i].key) == 0)
				break;
		if (k == SIGNATURES_MAX)
			return error_set(err, EX_DATAERR,
			    SIGNATURE_NAME ": has %d signatures, and more it "
					   "cannot have",
			    SIGNATURES_MAX);
		if (k < to->n)
			free(to->v[k].text);
		else
			to->n++;
		to->v[k] = from->v[i];
		from->v[i].text = NULL;
	}
	signature_list_fini(from);
	return 0;
}

size_t
signature_list_drop(struct signature_list *list, const char *key)
{
	size_t i, kept = 0, n = list->n;

	for (i = 0; i < n; i++)
		if (strcmp(list->v[i].key, key) == 0)
			free(list->v[i].text);
		else
			list->v[kept++] = list->v[i];
	list->n = kept;
	return n - kept;
}

int
signature_list_write(int dirfd, const struct signature_list *list,
    struct error *err)
{
	char *text;
	size_t len = 0, i;
	int rc;

	if (list->n == 0) {
		if (unlinkat(dirfd, SIGNATURE_NAME, 0) == -1 && errno != ENOENT)
			return error_sys(err, error_code_of(errno),
			    SIGNATURE_NAME);
		return fd_sync_dir(dirfd, SIGNATURE_NAME, err);
	}
	for (i = 0; i < list->n; i++)
		len += list->v[i].len;
	if (len > SIGNATURE_BYTES_MAX)
		return error_set(err, EX_DATAERR,
		    SIGNATURE_NAME ": would be longer than %u bytes",
		    SIGNATURE_BYTES_MAX);
	text = malloc(len + 1);
	if (text == NULL)
		return error_nomem(err, SIGNATURE_NAME);
	for (i = 0, len = 0; i < list->n; len += list->v[i++].len)
		memcpy(text + len, list->v[i].text, list->v[i].len);
	rc = fd_replace_file(dirfd, SIGNATURE_NAME, text, len, true, err);
	free(text);
	return rc;
}
