/* SPDX-License-Identifier: ISC */
#include "console.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "state/root.h"

#include "reply.h"
#include "route.h"
#include "tail.h"

#define IDLE_MS (10 * 60 * 1000) /* without a key the console is given back */

struct typist {
	struct typist *next;
	struct console *console;
	char id[ID_LEN + 1];
	struct job *job;
	int64_t key_ms;
};

struct console {
	struct web *web;
	struct tails tails;
	struct typist *typists;
};

static struct typist *
find(struct console *c, const char *id)
{
	struct typist *t;

	for (t = c->typists; t != NULL; t = t->next)
		if (strcmp(t->id, id) == 0)
			return t;
	return NULL;
}

/* Its vm-console has ended: whoever types is told why. */
static void
on_end(struct job *job, void *arg)
{
	struct typist *t = arg, **p;
	struct console *c = t->console;
	json_t *o;
	char *text;

	if (!job->ended)
		return;
	for (p = &c->typists; *p != t;)
		p = &(*p)->next;
	*p = t->next;
	o = json_object();
	json_object_set_new(o, "id", json_string(t->id));
	json_object_set_new(o, "exit", json_integer(job->status));
	json_object_set_new(o, "stderr", json_string(job->err_text));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text != NULL)
		feed_tell(&c->web->feed, "released", text, strlen(text));
	free(text);
	job_free(job);
	free(t);
}

static struct typist *
take(struct console *c, const char *id, struct error *err)
{
	struct strv argv = { 0 };
	struct typist *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		error_nomem(err, id);
		return NULL;
	}
	if (strv_add(&argv, err, "vm-console") == -1 ||
	    strv_add(&argv, err, "-R") == -1 ||
	    strv_add(&argv, err, "%s", c->web->root) == -1 ||
	    strv_add(&argv, err, "-q") == -1 ||
	    strv_add(&argv, err, "--") == -1 ||
	    strv_add(&argv, err, "%s", id) == -1 ||
	    job_start(&t->job, &c->web->jobs, &argv, true, JOB_DROP, err) ==
		-1) {
		strv_fini(&argv);
		free(t);
		return NULL;
	}
	t->console = c;
	memcpy(t->id, id, ID_LEN + 1);
	t->job->changed = on_end;
	t->job->arg = t;
	t->next = c->typists;
	c->typists = t;
	return t;
}

/* At its end of input vm-console would wait for an answer. */
static void
release(struct typist *t)
{
	job_close_in(t->job);
	job_stop(t->job);
}

static void
on_idle(void *arg)
{
	struct console *c = arg;
	struct typist *t;
	int64_t now = clock_ms(), next = 0;

	for (t = c->typists; t != NULL; t = t->next) {
		if (now - t->key_ms >= IDLE_MS)
			release(t);
		else if (next == 0 || t->key_ms + IDLE_MS < next)
			next = t->key_ms + IDLE_MS;
	}
	c->web->console_timer.at_ms = next;
}

int
console_new(struct console **out, struct web *web, struct error *err)
{
	struct console *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return error_nomem(err, "consoles");
	c->web = web;
	tails_init(&c->tails, &web->loop, web->rootfd);
	web->console_timer.ready = on_idle;
	web->console_timer.arg = c;
	loop_add_timer(&web->loop, &web->console_timer);
	*out = c;
	return 0;
}

void
console_free(struct console *c)
{
	struct typist *t;

	if (c == NULL)
		return;
	while ((t = c->typists) != NULL) {
		c->typists = t->next;
		t->job->changed = NULL;
		release(t);
		free(t);
	}
	tails_fini(&c->tails);
	free(c);
}

static ssize_t
read_output(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	ssize_t n;

	(void)pos;
	if (r->is_gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = tail_read(r->own, buf, max);
	if (n == -1)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0)
		web_suspend(r);
	return n;
}

static void
wake(void *arg)
{
	web_resume(arg);
}

/* The last one that looked has gone: nobody types blindly. */
static void
leave(struct request *r)
{
	struct console *c = r->web->consoles;
	struct tail *tail = r->own;
	struct typist *t = find(c, tail->id);

	tail_close(&c->tails, tail);
	if (t != NULL && !tails_has(&c->tails, t->id))
		release(t);
	r->own = NULL;
}

/* The id of a VM, by an id or a name. */
static int
resolve(char id[ID_LEN + 1], struct request *r, struct error *err)
{
	struct root *root = NULL;
	int rc;

	if (root_open_to_read(&root, r->web->root, err) == -1)
		return -1;
	rc = root_resolve(id, root, ROOT_VM, web_part(r, 0), err);
	root_close(root);
	return rc;
}

enum MHD_Result
console_output(struct request *r)
{
	struct error err = { 0 };
	char id[ID_LEN + 1];
	struct tail *tail;

	if (resolve(id, r, &err) == -1 ||
	    tail_open(&tail, &r->web->consoles->tails, id, wake, r, &err) == -1)
		return reply_failure(r, &err);
	r->own = tail;
	r->close = leave;
	return reply_send(r, 200, "application/octet-stream",
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384,
		read_output, r, NULL));
}

enum MHD_Result
console_keys(struct request *r)
{
	struct console *c = r->web->consoles;
	struct error err = { 0 };
	char id[ID_LEN + 1];
	struct typist *t;
	ssize_t n = 0;

	/* So few a pipe takes as a whole, or none of them: pipe(7). */
	if (r->body_len > PIPE_BUF)
		return reply_error(r, 413, "too many keys at a time");
	if (resolve(id, r, &err) == -1)
		return reply_failure(r, &err);
	t = find(c, id);
	if (t == NULL)
		t = take(c, id, &err);
	if (t == NULL)
		return reply_failure(r, &err);
	if (t->job->in.fd == -1)
		return reply_error(r, 503, "it is being given back: try again");
	t->key_ms = clock_ms();
	if (c->web->console_timer.at_ms == 0)
		c->web->console_timer.at_ms = t->key_ms + IDLE_MS;
	if (r->body_len > 0)
		n = write(t->job->in.fd, r->body, r->body_len);
	if (n != (ssize_t)r->body_len)
		return reply_error(r, 503, "the guest does not take its input");
	return reply_bytes(r, 202, NULL, "", 0);
}

enum MHD_Result
console_release(struct request *r)
{
	struct error err = { 0 };
	char id[ID_LEN + 1];
	struct typist *t;

	if (resolve(id, r, &err) == -1)
		return reply_failure(r, &err);
	t = find(r->web->consoles, id);
	if (t != NULL)
		release(t);
	return reply_bytes(r, 202, NULL, "", 0);
}
