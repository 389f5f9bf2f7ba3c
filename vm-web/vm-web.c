/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/notify.h"
#include "base/sig.h"
#include "state/root.h"

#include "console.h"
#include "login.h"
#include "options.h"
#include "server.h"
#include "tell.h"
#include "transfer.h"
#include "watch.h"

static void
told(void *arg, struct job *job)
{
	struct web *web = arg;

	journal_add(&web->journal, job);
	watch_look(web->watch, job);
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
	    login_init(web, err) == -1 || server_start(web, err) == -1 ||
	    tell_ready(web, err) == -1)
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
take_socket(struct listen *out, const struct opts *o, struct error *err)
{
	bool tls = o->cert != NULL;

	if (listen_given(out, tls, err) == -1)
		return -1;
	if (out->fd == -1 && o->socket != NULL)
		return listen_unix(out, o->socket, err);
	if (out->fd == -1)
		return listen_tcp(out,
		    o->listen != NULL ? o->listen : OPTIONS_LISTEN, tls, err);
	if (o->socket != NULL || o->listen != NULL || (out->port == 0 && tls))
		return error_set(err, EX_USAGE,
		    "the socket is given: no --listen or --socket, and --cert "
		    "with TCP alone");
	return 0;
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
	if (notify_open(&web->notify, err) == -1)
		goto out;
	if (open_root(&root, o, err) == -1 || loop_init(&web->loop, err) == -1)
		goto out;
	web->root = root_path(root);
	web->rootfd = root_fd(root);
	if (token_make(&web->token, o->token_file, err) == 0 &&
	    take_socket(&web->listen, o, err) == 0)
		rc = serve(web, err);
out:
	end(web);
	notify_close(&web->notify);
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
	if (status == 0)
		run(&o, &err);
	strv_fini(&o.origins);
	return status == 0 ? diag_error(&err) : opt_end(status);
}
