/* SPDX-License-Identifier: ISC */
#include "transfer.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/json.h"
#include "base/num.h"
#include "base/path.h"
#include "state/root.h"

#include "action.h"
#include "reply.h"
#include "route.h"

#define TICKETS 64
#define TICKET_MS (15 * 60 * 1000)

static const struct {
	const char *word, *option, *suffix;
} forms[] = {
	{ "zstd", NULL, ".tar.zst" },
	{ "gzip", "--gzip", ".tar.gz" },
	{ "none", "--no-compress", ".tar" },
};

struct tickets {
	struct ticket {
		char name[TOKEN_LEN + 1]; /* "": none */
		int64_t until_ms;
		char snap[URL_PART_MAX];
		char file[URL_PART_MAX]; /* "": all of it, an archive */
		size_t form;
	} v[TICKETS];
	size_t next;
};

struct tickets *
tickets_new(void)
{
	return calloc(1, sizeof(struct tickets));
}

void
tickets_free(struct tickets *t)
{
	free(t);
}

/* The form of that name, "" the first one; SIZE_MAX: none is. */
static size_t
find_form(const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (word[0] == '\0' || strcmp(forms[i].word, word) == 0)
			return i;
	return SIZE_MAX;
}

/* A name that needs no quoting in a header. */
static void
file_name(char *out, size_t cap, const char *ref, const char *suffix)
{
	size_t i;

	snprintf(out, cap, "%s%s", ref, suffix);
	for (i = 0; out[i] != '\0'; i++)
		if (strchr("\"\\/;%", out[i]) != NULL || out[i] < ' ' ||
		    out[i] > '~')
			out[i] = '_';
}

static enum MHD_Result
archive(struct request *r, const char *ref, size_t form)
{
	struct strv argv = { 0 };
	struct error err = { 0 };
	char name[URL_PART_MAX + 16];
	enum MHD_Result rc;

	if (r->job != NULL) {
		file_name(name, sizeof(name), ref, forms[form].suffix);
		web_be_patient(r);
		return action_stream(r, "application/octet-stream", name);
	}
	if (strcmp(ref, "-") == 0)
		return reply_error(r, 400, "-: not a name");
	if (strv_add(&argv, &err, "snap-export") == -1 ||
	    strv_add(&argv, &err, "-R") == -1 ||
	    strv_add(&argv, &err, "%s", r->web->root) == -1 ||
	    (forms[form].option != NULL &&
		strv_add(&argv, &err, "%s", forms[form].option) == -1) ||
	    strv_add(&argv, &err, "--") == -1 ||
	    strv_add(&argv, &err, "%s", ref) == -1)
		rc = reply_failure(r, &err);
	else {
		rc = action_begin(r, &argv, false, JOB_LEAVE);
		if (r->job != NULL) {
			r->job->stream = " >archive";
			job_ask_out(r->job);
			web_suspend(r);
		}
	}
	strv_fini(&argv);
	return rc;
}

enum MHD_Result
transfer_export(struct request *r)
{
	char word[8];
	size_t form;

	if (!web_query(r, "form", word, sizeof(word)) ||
	    (form = find_form(word)) == SIZE_MAX)
		return reply_error(r, 400, "form: not zstd, gzip or none");
	return archive(r, web_part(r, 0), form);
}

/*
 * RFC 9110, section 14.1.2, with one range: 1 *first and *last are it, 0 all of
 * it is wanted, -1 none of it is there.
 */
static int
read_range(uint64_t *first, uint64_t *last, const char *text, uint64_t size)
{
	char a[24] = "", b[24] = "";
	int end = 0;

	*first = 0;
	*last = size - 1;
	if (text == NULL || strncmp(text, "bytes=", 6) != 0)
		return 0;
	text += 6;
	if (sscanf(text, "%20[0-9]-%20[0-9]%n", a, b, &end) == 2 &&
	    text[end] == '\0') {
		if (num_u64(first, a, 0, UINT64_MAX, NULL) == -1 ||
		    num_u64(last, b, 0, UINT64_MAX, NULL) == -1 ||
		    *last < *first)
			return 0;
	} else if (end = 0,
	    sscanf(text, "-%20[0-9]%n", b, &end) == 1 && text[end] == '\0') {
		if (num_u64(last, b, 0, UINT64_MAX, NULL) == -1)
			return 0;
		*first = *last < size ? size - *last : 0;
		if (*last == 0)
			return -1;
		*last = size - 1;
	} else if (end = 0,
	    sscanf(text, "%20[0-9]-%n", a, &end) == 1 && end > 0 &&
		text[end] == '\0') {
		if (num_u64(first, a, 0, UINT64_MAX, NULL) == -1)
			return 0;
	} else
		return 0;
	if (*last >= size)
		*last = size - 1;
	return *first < size ? 1 : -1;
}

/* The file, from where its reader stands: takes fd. */
static enum MHD_Result
send_file(struct request *r, int fd, uint64_t size, const char *name)
{
	const char *range = MHD_lookup_connection_value(r->conn,
	    MHD_HEADER_KIND, "Range");
	struct MHD_Response *response;
	char text[96 + URL_PART_MAX], shown[URL_PART_MAX];
	uint64_t first = 0, last = 0;
	unsigned status = 200;
	int part = size == 0 ? 0 : read_range(&first, &last, range, size);

	if (part == -1) {
		fd_drop(&fd);
		return reply_error(r, 416, "there is nothing so far");
	}
	web_be_patient(r);
	response = MHD_create_response_from_fd_at_offset64(size == 0
		? 0
		: last - first + 1,
	    fd, first);
	if (response == NULL) {
		fd_drop(&fd);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Accept-Ranges", "bytes");
	file_name(shown, sizeof(shown), name, "");
	snprintf(text, sizeof(text), "attachment; filename=\"%s\"", shown);
	MHD_add_response_header(response, "Content-Disposition", text);
	if (part == 1) {
		status = 206;
		snprintf(text, sizeof(text),
		    "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, last,
		    size);
		MHD_add_response_header(response, "Content-Range", text);
	}
	return reply_send(r, status, "application/octet-stream", response);
}

static enum MHD_Result
file(struct request *r, const char *ref, const char *name)
{
	struct root *root = NULL;
	struct error err = { 0 };
	char id[ID_LEN + 1];
	uint64_t size = 0;
	int dirfd = -1, fd = -1, rc = -1;

	if (!path_is_name(name))
		return reply_error(r, 400, "not the name of a file");
	if (web_open_root(&root, r->web, &err) == 0 &&
	    root_resolve(id, root, ROOT_SNAP, ref, &err) == 0 &&
	    fd_open_dir(&dirfd, root_kind_fd(root, ROOT_SNAP), id, false,
		&err) == 0)
		rc = fd_open_file(&fd, &size, dirfd, name, O_RDONLY, &err);
	fd_drop(&dirfd);
	root_close(root);
	return rc == -1 ? reply_failure(r, &err) : send_file(r, fd, size, name);
}

enum MHD_Result
transfer_file(struct request *r)
{
	return file(r, web_part(r, 0), web_part(r, 1));
}

/* What the link is to be for: {"form"} or {"file"}, or neither. */
static int
read_wish(struct ticket *t, const struct request *r, struct error *err)
{
	json_t *body = NULL;
	char form[8] = "";
	int rc = -1;

	if (r->body_len > 0 &&
	    (json_parse(&body, r->body, r->body_len, err) == -1 ||
		json_get_str(body, "form", form, sizeof(form), JSON_OPTIONAL,
		    err) == -1 ||
		json_get_str(body, "file", t->file, sizeof(t->file),
		    JSON_OPTIONAL, err) == -1))
		goto out;
	t->form = find_form(form);
	if (t->form == SIZE_MAX)
		error_set(err, EX_USAGE, "form: not zstd, gzip or none");
	else
		rc = 0;
out:
	json_decref(body);
	return rc;
}

enum MHD_Result
transfer_make_link(struct request *r)
{
	struct tickets *all = r->web->tickets;
	struct ticket t = { 0 };
	struct error err = { 0 };
	char path[TOKEN_LEN + 8];

	if (read_wish(&t, r, &err) == -1) {
		err.code = EX_USAGE;
		return reply_failure(r, &err);
	}
	if (token_random(t.name, &err) == -1)
		return reply_failure(r, &err);
	snprintf(t.snap, sizeof(t.snap), "%s", web_part(r, 0));
	t.until_ms = clock_ms() + TICKET_MS;
	all->v[all->next++ % TICKETS] = t;
	snprintf(path, sizeof(path), "link/%s", t.name);
	return reply_json(r, 200, json_pack("{s:s}", "path", path));
}

enum MHD_Result
transfer_by_link(struct request *r)
{
	const struct ticket *t;
	size_t i;

	for (i = 0; i < TICKETS; i++) {
		t = &r->web->tickets->v[i];
		if (t->name[0] == '\0' || !token_is(t->name, web_part(r, 0)) ||
		    (r->job == NULL && clock_left(t->until_ms) == 0))
			continue;
		return t->file[0] != '\0' ? file(r, t->snap, t->file)
					  : archive(r, t->snap, t->form);
	}
	return reply_error(r, 404, "no such link, or not any more");
}

/* The arguments of the query as options. */
static int
put_import(struct strv *argv, const struct request *r, struct error *err)
{
	static const struct {
		const char *key, *option;
	} known[] = { { "name", "-n" }, { "description", "-d" },
		{ "signed_by", "--signed-by" }, { "as", "--as" },
		{ "revoked", "--revoked" } };
	char text[ACTION_TEXT_MAX];
	size_t i;

	if (strv_add(argv, err, "snap-import") == -1 ||
	    strv_add(argv, err, "-R") == -1 ||
	    strv_add(argv, err, "%s", r->web->root) == -1)
		return -1;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!web_query(r, known[i].key, text, sizeof(text)))
			return error_set(err, EX_USAGE, "%s: not a text",
			    known[i].key);
		if (text[0] != '\0' &&
		    (strv_add(argv, err, "%s", known[i].option) == -1 ||
			strv_add(argv, err, "%s", text) == -1))
			return -1;
	}
	return 0;
}

enum MHD_Result
transfer_import_first(struct request *r)
{
	struct strv argv = { 0 };
	struct error err = { 0 };
	char mark[JOB_MARK_MAX + 1];
	enum MHD_Result rc;

	web_be_patient(r);
	if (!web_query(r, "mark", mark, sizeof(mark)))
		return reply_error(r, 400, "mark: not a text, or too long");
	rc = put_import(&argv, r, &err) == -1
	    ? reply_failure(r, &err)
	    : action_begin(r, &argv, true, JOB_COLLECT);
	if (r->job != NULL) {
		r->job->stream = " <archive";
		memcpy(r->job->mark, mark, sizeof(mark));
	}
	strv_fini(&argv);
	return rc;
}

enum MHD_Result
transfer_import_data(struct request *r, const char *data, size_t *len)
{
	ssize_t n;

	if (r->job->in.fd == -1 || r->job->ended) {
		/* It was refused, which is heard once all is read. */
		*len = 0;
		return MHD_YES;
	}
	n = write(r->job->in.fd, data, *len);
	if (n > 0) {
		*len -= (size_t)n;
		return MHD_YES;
	}
	if (n == -1 && errno == EPIPE) {
		job_close_in(r->job);
		return MHD_YES;
	}
	job_ask_in(r->job);
	web_suspend(r);
	return MHD_YES;
}

enum MHD_Result
transfer_import(struct request *r)
{
	job_close_in(r->job);
	return action_run(r);
}
