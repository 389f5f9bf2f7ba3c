/* SPDX-License-Identifier: ISC */
#include "fresh.h"

#include <sys/epoll.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "base/json.h"
#include "base/num.h"

#include "dirs.h"

#define ASK_MAX 200 /* ids of one command */
#define RECORD_MAX (1u << 20) /* bytes; VM_RECORD_BYTES_MAX */

struct process {
	struct fresh *fresh;
	struct process *next;
	struct loop_fd end;
	pid_t pid;
	char id[ID_LEN + 1];
};

struct fresh {
	struct web *web;
	bool is_vm;
	struct strv ids;
	struct job *job; /* that runs */
	bool again; /* once that has ended */
	struct process *processes;
	void (*ended)(void *arg, const char *id);
	void *arg;
};

int
fresh_new(struct fresh **out, struct web *web, bool is_vm,
    void (*ended)(void *arg, const char *id), void *arg, struct error *err)
{
	struct fresh *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return error_nomem(err, "records");
	f->web = web;
	f->is_vm = is_vm;
	f->ended = ended;
	f->arg = arg;
	*out = f;
	return 0;
}

static void
forget_process(struct process **p)
{
	struct process *gone = *p;

	*p = gone->next;
	loop_forget(&gone->fresh->web->loop, &gone->end);
	fd_drop(&gone->end.fd);
	free(gone);
}

void
fresh_stop(struct fresh *f)
{
	strv_fini(&f->ids);
	f->again = false;
	while (f->processes != NULL)
		forget_process(&f->processes);
	job_leave(f->job);
	f->job = NULL;
}

void
fresh_free(struct fresh *f)
{
	if (f == NULL)
		return;
	fresh_stop(f);
	free(f);
}

void
fresh_mark(struct fresh *f, const char *id)
{
	if (!strv_has(&f->ids, id))
		strv_add(&f->ids, NULL, "%s", id);
}

static void
on_process(void *arg, uint32_t events)
{
	struct process *p = arg, **at;
	struct fresh *f = p->fresh;
	char id[ID_LEN + 1];

	(void)events;
	memcpy(id, p->id, sizeof(id));
	for (at = &f->processes; *at != p;)
		at = &(*at)->next;
	forget_process(at);
	f->ended(f->arg, id);
}

/* Its process, which may be another than before, or none (0). */
static void
note_process(struct fresh *f, const char *id, pid_t pid)
{
	struct process **at, *p;

	for (at = &f->processes; *at != NULL; at = &(*at)->next)
		if (strcmp((*at)->id, id) == 0)
			break;
	if (*at != NULL && (*at)->pid == pid)
		return;
	if (*at != NULL)
		forget_process(at);
	p = pid <= 0 ? NULL : calloc(1, sizeof(*p));
	if (p == NULL)
		return;
	p->end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p->end.fd == -1) {
		free(p);
		return;
	}
	fcntl(p->end.fd, F_SETFD, FD_CLOEXEC);
	p->end.ready = on_process;
	p->end.arg = p;
	p->fresh = f;
	p->pid = pid;
	memcpy(p->id, id, ID_LEN + 1);
	p->next = f->processes;
	f->processes = p;
	loop_set(&f->web->loop, &p->end, EPOLLIN);
}

static void
on_record(struct fresh *f, const char *line, size_t len)
{
	char id[ID_LEN + 1] = "";
	uint64_t pid = 0;
	json_t *record;

	if (len > RECORD_MAX || json_parse(&record, line, len, NULL) == -1)
		return;
	/* One that was removed while it was asked for stays so. */
	if (json_get_str(record, "id", id, sizeof(id), JSON_REQUIRED, NULL) ==
		0 &&
	    id_is_valid(id) && dirs_has(f->web->rootfd, f->is_vm, id)) {
		if (f->is_vm &&
		    json_get_u64(record, "pid", &pid, 0, INT32_MAX,
			JSON_OPTIONAL, NULL) == 0)
			note_process(f, id, (pid_t)pid);
		feed_tell(&f->web->feed, f->is_vm ? "vm" : "snap", line, len);
	}
	json_decref(record);
}

/* "ID<TAB>PID", of fresh_scan(). */
static void
on_pid(struct fresh *f, const char *line, size_t len)
{
	char text[ID_LEN + 16];
	uint64_t pid;

	if (len <= ID_LEN + 1 || len >= sizeof(text))
		return;
	memcpy(text, line, len);
	text[len] = '\0';
	text[ID_LEN] = '\0';
	if (id_is_valid(text) &&
	    num_u64(&pid, text + ID_LEN + 1, 1, INT32_MAX, NULL) == 0)
		note_process(f, text, (pid_t)pid);
}

static void
on_answer(struct job *job, void *arg)
{
	struct fresh *f = arg;
	const char *line = job->text, *end;

	if (!job->ended)
		return;
	f->job = NULL;
	for (; line != NULL && (end = strchr(line, '\n')) != NULL;
	     line = end + 1) {
		if (line[0] == '{')
			on_record(f, line, (size_t)(end - line));
		else
			on_pid(f, line, (size_t)(end - line));
	}
	job_free(job);
	if (f->again)
		fresh_ask(f);
}

static int
begin(struct fresh *f, struct strv *argv, struct error *err)
{
	return strv_add(argv, err, f->is_vm ? "vm-ls" : "snap-ls") == -1 ||
		strv_add(argv, err, "-q") == -1 ||
		strv_add(argv, err, "-R") == -1
	    ? -1
	    : strv_add(argv, err, "%s", f->web->root);
}

static void
start(struct fresh *f, struct strv *argv)
{
	/* Too many run: the marks are gone, and the page asks by and by. */
	if (job_start(&f->job, &f->web->jobs, argv, false, JOB_COLLECT, NULL) ==
	    -1)
		f->job = NULL;
	else {
		f->job->changed = on_answer;
		f->job->arg = f;
	}
}

void
fresh_ask(struct fresh *f)
{
	struct strv argv = { 0 };
	size_t i, n = f->ids.n < ASK_MAX ? f->ids.n : ASK_MAX;
	int rc;

	f->again = f->job != NULL || n < f->ids.n;
	if (f->job != NULL || n == 0)
		return;
	rc = begin(f, &argv, NULL);
	if (rc == 0 && f->is_vm)
		rc = strv_add(&argv, NULL, "--memory");
	if (rc == 0)
		rc = strv_add(&argv, NULL, "--");
	for (i = f->ids.n - n; rc == 0 && i < f->ids.n; i++)
		rc = strv_add(&argv, NULL, "%s", f->ids.v[i]);
	strv_cut(&f->ids, f->ids.n - n);
	if (rc == 0)
		start(f, &argv);
	strv_fini(&argv);
}

void
fresh_scan(struct fresh *f)
{
	struct strv argv = { 0 };

	if (f->job == NULL && begin(f, &argv, NULL) == 0 &&
	    strv_add(&argv, NULL, "-p") == 0 &&
	    strv_add(&argv, NULL, "id,pid") == 0)
		start(f, &argv);
	strv_fini(&argv);
}
