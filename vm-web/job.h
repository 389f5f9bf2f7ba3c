/* SPDX-License-Identifier: ISC */
/*
 * A tool that runs: by argument vector, in a session of its own, ended
 * with us however we end.  Its output is collected, or left in the pipe for who
 * reads `out` as fast as a client takes it.
 */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

#include "base/strv.h"

#include "loop.h"

#define JOB_ERR_MAX 8192 /* bytes of its stderr that are kept, the first */
#define JOB_TEXT_MAX (4u << 20) /* bytes of output that are collected */
#define JOB_MARK_MAX 36 /* bytes: a UUID */
#define JOB_END_MS 10000 /* for a tool to undo what it did, once told to end */

struct jobs {
	struct loop *loop;
	struct rlimit files; /* descriptors that a tool may have, as we might */
	struct job *first;
	size_t n, max;
	/* Told of each that is `listed` when it has ended; NULL: nobody. */
	void (*told)(void *arg, struct job *job);
	void *arg;
};

enum job_out { JOB_COLLECT, JOB_LEAVE, JOB_DROP };

struct job {
	struct jobs *all;
	struct job *next;
	struct strv argv;
	pid_t pid;
	struct loop_fd end, in, out, err; /* fd -1: none, or over */
	enum job_out how;
	bool listed;
	const char *stream; /* " <archive": what its line ends with; or NULL */
	char mark[JOB_MARK_MAX + 1]; /* by which its client knows it, or "" */
	char err_text[JOB_ERR_MAX + 1];
	size_t err_len;
	char *text; /* collected, with a NUL; NULL: nothing */
	size_t text_len;
	bool too_long; /* more output than is collected */
	struct timespec started;
	int64_t started_ms, took_ms; /* base/clock */
	bool ended; /* and all of its output is here, or in the pipe */
	int status; /* its exit status, 128 + N by signal N */
	/* Told when it has ended, and when a pipe that was asked for is ready. */
	void (*changed)(struct job *job, void *arg);
	void *arg;
};

/* From now on we may have as many descriptors as the system lets us. */
void jobs_init(struct jobs *jobs, struct loop *loop, size_t max);

/* Ends all of them: a signal, a while, and another one. */
void jobs_fini(struct jobs *jobs);

/*
 * Runs argv, which it takes on success.  With `input` its stdin is a pipe, else
 * /dev/null.  Returned owned (job_free) in *out.  EX_TEMPFAIL: too many run.
 * EX_OSERR.
 */
int job_start(struct job **out, struct jobs *jobs, struct strv *argv,
    bool input, enum job_out how, struct error *err);

/* changed() is called once the pipe can be read, or written. */
void job_ask_out(struct job *job);
void job_ask_in(struct job *job);

/* No more input. */
void job_close_in(struct job *job);

/* Asks it to end. */
void job_stop(struct job *job);

/*
 * Nobody waits for it any more; one that runs goes on to its end where its
 * output is collected, else it is asked to end.
 */
void job_leave(struct job *job);

/* Once it has ended; takes NULL. */
void job_free(struct job *job);

/* Its command as a line for a shell, without -R; the caller frees it.  NULL: no memory. */
char *job_line(const struct job *job);

#endif
