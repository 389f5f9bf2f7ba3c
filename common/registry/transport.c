/* SPDX-License-Identifier: ISC */
#include "registry/transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define HAS_AT_ONCE 32 /* blobs that are looked for */

int
transport_open(struct transport *out, const struct ref *ref,
    const struct transport_how *how, struct error *err)
{
	struct transport t = { .ops = ref->kind == REF_LAYOUT ? &layout_ops
							      : &http_ops };

	t.ref = ref;
	if (t.ops->open(&t.state, ref, how, err) == -1)
		return -1;
	*out = t;
	return 0;
}

void
transport_close(struct transport *t)
{
	if (t->ops != NULL)
		t->ops->close(t->state);
	t->ops = NULL;
}

int
transport_dirfd(const struct transport *t)
{
	return t->ops->dirfd(t->state);
}

int
transport_ask(struct transport *t, struct range *range, struct error *err)
{
	assert(range->len > 0 && range->len <= RANGE_BYTES_MAX &&
	    num_in_range(range->off, range->len, range->blob->bytes));
	t->got_bytes += range->len;
	if (range->blob != t->more_blob || range->off != t->more_off)
		t->got_n++;
	t->more_blob = range->more == 0 ? NULL : range->blob;
	t->more_off = range->off + range->len;
	return t->ops->ask(t->state, range, err);
}

int
transport_await(struct transport *t, struct range *range, struct error *err)
{
	return t->ops->await(t->state, range, err);
}

int
transport_fd(const struct transport *t)
{
	return t->ops->fd == NULL ? -1 : t->ops->fd(t->state);
}

bool
transport_has_come(struct transport *t, const struct range *range)
{
	return t->ops->has_come == NULL || t->ops->has_come(t->state, range);
}

int
transport_get(struct transport *t, void *buf, size_t len,
    const struct blob *blob, uint64_t off, struct error *err)
{
	struct range range = { .blob = blob };
	size_t done;

	for (done = 0; done < len; done += range.len) {
		range.buf = (unsigned char *)buf + done;
		range.off = off + done;
		range.len = len - done < RANGE_BYTES_MAX ? len - done
							 : RANGE_BYTES_MAX;
		if (transport_ask(t, &range, err) == -1 ||
		    transport_await(t, &range, err) == -1)
			return -1;
	}
	return 0;
}

int
transport_get_all(struct transport *t, char **buf, const struct blob *blob,
    const char *what, struct error *err)
{
	unsigned char got[SHA256_BYTES];
	size_t len = (size_t)blob->bytes, off, n;
	struct sha256 sha256;
	char *p;

	p = malloc(len + 1);
	if (p == NULL)
		return error_nomem(err, what);
	sha256_init(&sha256);
	for (off = 0; off < len; off += n) {
		n = len - off < RANGE_BYTES_MAX ? len - off : RANGE_BYTES_MAX;
		if (transport_get(t, p + off, n, blob, off, err) == -1) {
			free(p);
			return error_wrap(err, "%s", what);
		}
		sha256_data(&sha256, p + off, n);
	}
	sha256_final(got, &sha256);
	if (memcmp(got, blob->digest.raw, sizeof(got)) != 0) {
		free(p);
		return error_set(err, EX_DATAERR, "%s: differs from its digest",
		    what);
	}
	p[len] = '\0';
	*buf = p;
	return 0;
}

int
transport_has(struct transport *t, bool *there, const struct blob *blob,
    struct error *err)
{
	return t->ops->has(t->state, there, blob, err);
}

int
transport_get_manifest(struct transport *t, char **text, size_t *len,
    struct digest *digest, const struct ref *ref, struct error *err)
{
	if (t->ops->get_manifest(t->state, text, len, ref, err) == -1)
		return -1;
	t->got_bytes += *len;
	t->got_n++;
	sha256_of(digest->raw, *text, *len);
	if (ref->has_digest && !digest_equal(digest, &ref->digest)) {
		free(*text);
		return error_set(err, EX_DATAERR,
		    "%s: the manifest differs from its digest", ref->place);
	}
	return 0;
}

int
transport_get_tag(struct transport *t, struct digest *digest,
    const struct ref *ref, struct error *err)
{
	char *text;
	size_t len;

	if (t->ops->get_tag != NULL)
		return t->ops->get_tag(t->state, digest, ref, err);
	if (transport_get_manifest(t, &text, &len, digest, ref, err) == -1)
		return -1;
	free(text);
	return 0;
}

int
transport_put_manifest(struct transport *t, const struct ref *ref,
    const char *text, size_t len, const struct digest *old, struct error *err)
{
	struct blob blob = { .bytes = len };

	sha256_of(blob.digest.raw, text, len);
	if (t->ops->put_manifest(t->state, ref, text, &blob, old, err) == -1)
		return -1;
	t->moved_bytes += len;
	t->moved_n++;
	return 0;
}

/* By their last bytes, of which several are on their way at once. */
static int
has_some(struct transport *t, bool *there, const struct part *parts, size_t n,
    struct error *err)
{
	struct range ranges[HAS_AT_ONCE];
	unsigned char bytes[HAS_AT_ONCE];
	struct error why;
	size_t i, asked;
	int rc = 0;

	for (asked = 0; asked < n && rc == 0; asked += rc == 0) {
		ranges[asked] = (struct range){ .blob = &parts[asked].blob,
			.off = parts[asked].blob.bytes - 1,
			.len = 1,
			.buf = &bytes[asked] };
		rc = t->ops->ask(t->state, &ranges[asked], err);
	}
	for (i = 0; i < asked; i++) {
		memset(&why, 0, sizeof(why));
		there[i] = t->ops->await(t->state, &ranges[i], &why) == 0;
		if (there[i] || why.code == EX_DATAERR || rc == -1)
			continue;
		if (err != NULL)
			*err = why;
		rc = -1;
	}
	return rc;
}

int
transport_has_all(struct transport *t, bool *there, const struct part *parts,
    size_t n, struct error *err)
{
	size_t i, some;

	for (i = 0; t->ref->kind == REF_LAYOUT && i < n; i++)
		if (transport_has(t, &there[i], &parts[i].blob, err) == -1)
			return -1;
	for (i = 0; t->ref->kind != REF_LAYOUT && i < n; i += some) {
		some = n - i < HAS_AT_ONCE ? n - i : HAS_AT_ONCE;
		if (has_some(t, there + i, parts + i, some, err) == -1)
			return -1;
	}
	return 0;
}

int
transport_mount(struct transport *t, bool dry, bool *there,
    const struct blob *blob, const struct ref *from, struct error *err)
{
	*there = false;
	if (t->ops->mount == NULL || from->kind != t->ref->kind ||
	    strcmp(from->place, t->ref->place) != 0 ||
	    strcmp(from->name, t->ref->name) == 0)
		return 0;
	*there = dry;
	return dry ? 0 : t->ops->mount(t->state, there, blob, from, err);
}

int
put_begin(struct put *put, struct transport *to, bool dry, struct error *err)
{
	memset(put, 0, sizeof(*put));
	sha256_init(&put->sha256);
	if (!dry && to->ops->put_begin(to->state, &put->state, err) == -1)
		return -1;
	put->to = to;
	put->is_open = true;
	return 0;
}

int
put_data(struct put *put, const void *buf, size_t len, struct error *err)
{
	sha256_data(&put->sha256, buf, len);
	put->bytes += len;
	if (put->state == NULL)
		return 0;
	return put->to->ops->put_data(put->state, buf, len, err);
}

int
put_end(struct put *put, struct blob *blob, struct error *err)
{
	struct transport *to = put->to;
	bool there = false;
	int rc;

	sha256_final(blob->digest.raw, &put->sha256);
	blob->bytes = put->bytes;
	rc = transport_has(to, &there, blob, err);
	if (there && put->state != NULL && to->ops->is_whole != NULL)
		there = to->ops->is_whole(put->state, blob);
	if (rc == 0 && !there && put->state != NULL)
		rc = to->ops->put_end(put->state, blob, err);
	put_drop(put);
	if (rc == -1)
		return -1;
	if (there) {
		to->there_bytes += blob->bytes;
		return 0;
	}
	to->moved_bytes += blob->bytes;
	to->moved_n++;
	return 0;
}

void
put_drop(struct put *put)
{
	if (put->is_open && put->state != NULL)
		put->to->ops->put_free(put->state);
	put->is_open = false;
}

int
put_all(struct transport *to, bool dry, struct blob *blob, const void *buf,
    size_t len, struct error *err)
{
	struct put put;

	if (put_begin(&put, to, dry, err) == -1)
		return -1;
	if (put_data(&put, buf, len, err) == -1) {
		put_drop(&put);
		return -1;
	}
	return put_end(&put, blob, err);
}
