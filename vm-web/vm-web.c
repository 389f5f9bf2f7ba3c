/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sig.h"
#include "state/root.h"

#include "console.h"
#include "options.h"
#include "server.h"
#include "transfer.h"
#include "watch.h"

static void
told(void *arg, struct job *job)
{
	struct web *web = arg;

	journal_add(&web->journal, job);
	watch_look(web->watch, job);
}

/* Where a browser finds it; the caller frees it.  NULL: no memory. */
static char *
url_of(const struct web *web)
{
	const struct opts *o = web->opts;

	if (web->listen.path != NULL)
		return path_format("http://localhost%s/", o->base_path);
	return path_format("%s://%s:%u%s/", o->cert == NULL ? "http" : "https",
	    web->listen.host, (unsigned)web->listen.port, o->base_path);
}

static int
report(const struct web *web, const char *url, struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (json_put_str(record, "url", url, err) == 0 &&
	    json_put_text(record, "socket", web->listen.path, err) == 0 &&
	    json_put_u64(record, "pid", (uint64_t)getpid(), err) == 0 &&
	    json_report(record, web->opts->members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
	return rc;
}

/* The token goes behind '#', which a browser sends to nobody. */
static int
tell(const struct web *web, struct error *err)
{
	char *url = url_of(web);
	int rc;

	if (url == NULL)
		return error_nomem(err, "url");
	rc = report(web, url, err);
	if (rc == 0 && !web->opts->common.quiet)
		diag("%s#token=%s", url, web->token.token);
	free(url);
	return rc;
}

static int
serve(struct web *web, struct error *err)
{
	char boot[TOKEN_LEN + 1];

	jobs_init(&web->jobs, &web->loop, WEB_JOBS_MAX);
	web->jobs.told = told;
	web->jobs.arg = web;
	web->journal.feed = &web->feed;
	if (token_random(boot, err) == -1)
		return -1;
	snprintf(web->feed.boot, sizeof(web->feed.boot), "%.16s", boot);
	guard_init(&web->guard, &web->listen, &web->opts->origins);
	web->tickets = tickets_new();
	if (web->tickets == NULL)
		return error_nomem(err, "links");
	if (watch_new(&web->watch, web, err) == -1 ||
	    console_new(&web->consoles, web, err) == -1 ||
	    server_start(web, err) == -1 || tell(web, err) == -1)
		return -1;
	return loop_run(&web->loop, err);
}

static void
end(struct web *web)
{
	server_stop(web);
	console_free(web->consoles);
	watch_free(web->watch);
	jobs_fini(&web->jobs);
	tickets_free(web->tickets);
	feed_fini(&web->feed);
	journal_fini(&web->journal);
	listen_close(&web->listen);
	loop_fini(&web->loop);
	token_wipe(&web->token);
}

static int
open_root(struct root **root, const struct opts *o, struct error *err)
{
	if (o->read_only)
		return root_open_to_read(root, o->common.root, err);
	return root_open(root, o->common.root, err);
}

static int
run(const struct opts *o, struct error *err)
{
	struct web *web = calloc(1, sizeof(*web));
	struct root *root = NULL;
	int rc = -1;

	if (web == NULL)
		return error_nomem(err, "vm-web");
	web->opts = o;
	web->listen = LISTEN_NONE;
	web->loop.fd = -1;
	if (open_root(&root, o, err) == -1 || loop_init(&web->loop, err) == -1)
		goto out;
	web->root = root_path(root);
	web->rootfd = root_fd(root);
	if (token_make(&web->token, o->token_file, err) == 0 &&
	    (o->socket != NULL ? listen_unix(&web->listen, o->socket, err)
			       : listen_tcp(&web->listen, o->listen,
				     o->cert != NULL, err)) == 0)
		rc = serve(web, err);
out:
	end(web);
	root_close(root);
	free(web);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int status;

	sig_setup();
	status = options_parse(&o, argc, argv);
	if (status != 0)
		return opt_end(status);
	run(&o, &err);
	strv_fini(&o.origins);
	return diag_error(&err);
}
