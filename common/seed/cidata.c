/* SPDX-License-Identifier: ISC */
#include "seed/cidata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "seed/cidata_impl.h"
#include "seed/yaml.h"

#define CIDATA_LABEL_MAX 63 /* bytes between two dots */
#define CIDATA_HASH_MAX 384 /* bytes with the NUL, CRYPT_OUTPUT_SIZE */

static const char alnum[] = "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Labels of letters, digits, - and _, with an alphanumeric at their ends. */
bool
cidata_is_hostname(const char *name)
{
	const char *p = name, *end;

	if (strlen(name) > CIDATA_HOSTNAME_MAX)
		return false;
	for (;; p = end + 1) {
		end = p + strcspn(p, ".");
		if (end == p || end - p > CIDATA_LABEL_MAX ||
		    strchr(alnum, p[0]) == NULL ||
		    strchr(alnum, end[-1]) == NULL ||
		    (size_t)(end - p) !=
			strspn(p,
			    "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"))
			return false;
		if (*end == '\0')
			return true;
	}
}

/* Whether it looks like what crypt(5) describes: "$METHOD$...". */
static bool
is_hash(const char *hash)
{
	size_t len = strlen(hash);
	const char *p;

	if (hash[0] != '$' || len < 13 || len >= CIDATA_HASH_MAX)
		return false;
	for (p = hash; *p != '\0'; p++)
		if (*p <= 0x20 || *p > 0x7e || strchr(":;*!\\", *p) != NULL)
			return false;
	return strchr(hash + 1, '$') != NULL;
}

static int
check_seed(const struct cidata *s, struct error *err)
{
	if (s->instance_id != NULL &&
	    (!path_is_name(s->instance_id) ||
		strlen(s->instance_id) > CIDATA_ID_MAX))
		return error_set(err, EX_USAGE,
		    "instance id \"%s\" is not 1 to %d printable bytes "
		    "without /",
		    s->instance_id, CIDATA_ID_MAX);
	if (s->hostname != NULL && !cidata_is_hostname(s->hostname))
		return error_set(err, EX_USAGE, "hostname \"%s\" is none",
		    s->hostname);
	if (s->dsmode != NULL && strcmp(s->dsmode, "local") != 0 &&
	    strcmp(s->dsmode, "net") != 0)
		return error_set(err, EX_USAGE,
		    "dsmode \"%s\" is neither local nor net", s->dsmode);
	if (s->user != NULL && !cidata_is_user(s->user))
		return error_set(err, EX_USAGE,
		    "user \"%s\" is not 1 to %d of a-z, 0-9, _ and -, the "
		    "first a letter or _",
		    s->user, CIDATA_USER_MAX);
	if (s->password_hash != NULL && !is_hash(s->password_hash))
		return error_set(err, EX_USAGE,
		    "the password's hash is not one of crypt(5)");
	return 0;
}

/* Closes what was written; the text is the caller's.  -1: out of memory. */
static int
text_end(FILE *to, char **text, const char *name, struct error *err)
{
	bool bad = ferror(to) != 0;

	if (fclose(to) == 0 && !bad)
		return 0;
	free(*text);
	*text = NULL;
	return error_nomem(err, name);
}

static void
put_nic(FILE *to, const struct nic *nic, size_t i)
{
	/* Unquoted, digits with colons would be a number of base 60. */
	fprintf(to, "  id%zu:\n    match:\n      macaddress: ", i);
	yaml_put(to, nic->mac);
	if (nic->ip[0] == '\0')
		fputs("\n    dhcp4: true\n", to);
	else {
		fputs("\n    addresses:\n      - ", to);
		yaml_put(to, nic->ip);
		putc('\n', to);
	}
	if (nic->gw[0] != '\0') {
		fputs("    routes:\n      - to: '0.0.0.0/0'\n        via: ",
		    to);
		yaml_put(to, nic->gw);
		putc('\n', to);
	}
}

/* Network config version 2; no file without NICs. */
static int
make_network(struct cidata_file *out, const struct nic_list *nics,
    struct error *err)
{
	FILE *to;
	size_t i;

	to = open_memstream(&out->text, &out->len);
	if (to == NULL)
		return error_sys(err, EX_OSERR, "%s", out->name);
	fputs("version: 2\nethernets:\n", to);
	for (i = 0; i < nics->n; i++)
		put_nic(to, &nics->v[i], i);
	return text_end(to, &out->text, out->name, err);
}

static void
put_member(FILE *to, const char *key, const char *value)
{
	if (value == NULL)
		return;
	fprintf(to, "%s: ", key);
	yaml_put(to, value);
	putc('\n', to);
}

static int
make_meta(struct cidata_file *out, const struct cidata *s,
    const char *instance_id, struct error *err)
{
	FILE *to;

	to = open_memstream(&out->text, &out->len);
	if (to == NULL)
		return error_sys(err, EX_OSERR, "%s", out->name);
	put_member(to, "instance-id", instance_id);
	put_member(to, "local-hostname", s->hostname);
	put_member(to, "dsmode", s->dsmode);
	return text_end(to, &out->text, out->name, err);
}

static int
copy_text(struct cidata_file *out, const struct cidata_text *from,
    struct error *err)
{
	if (from->len > CIDATA_TEXT_MAX)
		return error_set(err, EX_USAGE, "%s: more than %llu bytes",
		    out->name, (unsigned long long)CIDATA_TEXT_MAX);
	out->text = malloc(from->len + 1);
	if (out->text == NULL)
		return error_nomem(err, out->name);
	memcpy(out->text, from->text, from->len);
	out->text[from->len] = '\0';
	out->len = from->len;
	return 0;
}

/* The user's own alone, ours alone, or both together. */
static int
make_user_data(struct cidata_file *out, const struct cidata *s,
    struct error *err)
{
	struct cidata_file ours = { "user-data", NULL, 0 };
	bool empty;
	int rc;

	if (cidata_config(&ours, &empty, s, err) == -1)
		return -1;
	if (s->user_data.text == NULL) {
		*out = ours;
		return 0;
	}
	rc = copy_text(out, &s->user_data, err);
	if (rc == 0 && !empty) {
		free(out->text);
		out->text = NULL;
		rc = cidata_join(out, &s->user_data, &ours, err);
	}
	free(ours.text);
	return rc;
}

/* A seed that says something new is a new instance, and no other is. */
static void
derive_id(char *out, const struct cidata *s, const struct cidata_files *files)
{
	struct cidata_text pieces[CIDATA_FILES_MAX + 1] = { 0 };
	char digest[CIDATA_DIGEST_HEX + 1];
	size_t i;

	pieces[0].text = s->hostname != NULL ? s->hostname : "";
	pieces[0].len = strlen(pieces[0].text);
	/* files->v[0] is meta-data, which the id goes into. */
	for (i = 1; i < files->n; i++) {
		pieces[i].text = files->v[i].text;
		pieces[i].len = files->v[i].len;
	}
	cidata_digest(digest, pieces, files->n);
	snprintf(out, CIDATA_ID_MAX + 1, "iid-%.16s", digest);
}

/* All but meta-data. */
static int
make_rest(struct cidata_files *files, const struct cidata *s, struct error *err)
{
	struct cidata_file *f;

	files->v[0].name = "meta-data";
	files->v[1].name = "user-data";
	files->n = 2;
	if (make_user_data(&files->v[1], s, err) == -1)
		return -1;
	if (s->network_config.text != NULL ||
	    (s->nics != NULL && s->nics->n > 0)) {
		f = &files->v[files->n++];
		f->name = "network-config";
		if (s->network_config.text != NULL
			? copy_text(f, &s->network_config, err) == -1
			: make_network(f, s->nics, err) == -1)
			return -1;
	}
	if (s->vendor_data.text == NULL)
		return 0;
	f = &files->v[files->n++];
	f->name = "vendor-data";
	return copy_text(f, &s->vendor_data, err);
}

int
cidata_make(struct cidata_files *out, const struct cidata *seed,
    struct error *err)
{
	struct cidata_files files = { 0 };

	if (check_seed(seed, err) == -1)
		return -1;
	if (make_rest(&files, seed, err) == -1)
		goto fail;
	if (seed->instance_id != NULL)
		snprintf(files.instance_id, sizeof(files.instance_id), "%s",
		    seed->instance_id);
	else
		derive_id(files.instance_id, seed, &files);
	if (make_meta(&files.v[0], seed, files.instance_id, err) == -1)
		goto fail;
	*out = files;
	return 0;
fail:
	cidata_files_fini(&files);
	return -1;
}

void
cidata_files_fini(struct cidata_files *files)
{
	size_t i;

	for (i = 0; i < files->n; i++)
		free(files->v[i].text);
	memset(files, 0, sizeof(*files));
}
