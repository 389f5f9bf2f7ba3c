/* SPDX-License-Identifier: ISC */
#include "web.h"

#include <sys/epoll.h>
#include <sys/stat.h>

#include <string.h>

#include "route.h"

#define PATIENCE_S 600u

int
web_open_root(struct root **out, const struct web *web, struct error *err)
{
	struct stat was, is;

	/* That it is not there, opening it tells. */
	if (fstat(web->rootfd, &was) == 0 && stat(web->root, &is) == 0 &&
	    is.st_uid != was.st_uid)
		return error_set(err, EX_NOPERM, "%s: another user's by now",
		    web->root);
	return root_open_to_read(out, web->root, err);
}

static void
on_line(void *arg, uint32_t events)
{
	struct request *r = arg;

	(void)events;
	loop_forget(&r->web->loop, &r->line);
	r->is_gone = true;
	web_resume(r);
}

void
web_suspend(struct request *r)
{
	const union MHD_ConnectionInfo *info;

	if (r->is_suspended)
		return;
	r->is_suspended = true;
	r->next = r->web->requests;
	r->web->requests = r;
	/* MHD looks at none that is set aside: its end is ours to see. */
	info = MHD_get_connection_info(r->conn,
	    MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info != NULL) {
		r->line.fd = info->connect_fd;
		r->line.ready = on_line;
		r->line.arg = r;
		loop_set(&r->web->loop, &r->line, EPOLLRDHUP);
	}
	MHD_suspend_connection(r->conn);
}

void
web_resume(struct request *r)
{
	struct request **p;

	if (!r->is_suspended)
		return;
	r->is_suspended = false;
	for (p = &r->web->requests; *p != r;)
		p = &(*p)->next;
	*p = r->next;
	loop_forget(&r->web->loop, &r->line);
	MHD_resume_connection(r->conn);
}

void
web_be_patient(struct request *r)
{
	MHD_set_connection_option(r->conn, MHD_CONNECTION_OPTION_TIMEOUT,
	    PATIENCE_S);
}

void
web_job_changed(struct job *job, void *arg)
{
	(void)job;
	web_resume(arg);
}

bool
web_query(const struct request *r, const char *key, char *out, size_t cap)
{
	const char *text = MHD_lookup_connection_value(r->conn,
	    MHD_GET_ARGUMENT_KIND, key);

	out[0] = '\0';
	return text == NULL || url_decode(out, cap, text, strlen(text));
}

const char *
web_part(const struct request *r, size_t n)
{
	const char *path = r->route->path;
	size_t i;

	for (i = 0; i < r->url.n; i++) {
		if (path[0] == '*' && n-- == 0)
			return r->url.part[i];
		path += strcspn(path, "/");
		path += path[0] == '/';
	}
	return NULL;
}
