/* SPDX-License-Identifier: ISC */
#include "job.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"

#define PIPE_BYTES (1 << 20) /* what a tool may be ahead of its reader */

static void
drop(struct job *job, struct loop_fd *f)
{
	if (f->fd == -1)
		return;
	loop_forget(job->all->loop, f);
	fd_drop(&f->fd);
}

static void
unlink_job(struct job *job)
{
	struct job **p;

	for (p = &job->all->first; *p != NULL; p = &(*p)->next)
		if (*p == job) {
			*p = job->next;
			job->all->n--;
			return;
		}
}

void
job_free(struct job *job)
{
	if (job == NULL)
		return;
	drop(job, &job->end);
	drop(job, &job->in);
	drop(job, &job->out);
	drop(job, &job->err);
	unlink_job(job);
	strv_fini(&job->argv);
	free(job->text);
	free(job);
}

static void
collect(struct job *job, const char *data, size_t len)
{
	char *longer;

	if (job->how != JOB_COLLECT)
		return;
	longer = job->text_len + len > JOB_TEXT_MAX
	    ? NULL
	    : realloc(job->text, job->text_len + len + 1);
	if (longer == NULL) {
		job->too_long = true;
		return;
	}
	job->text = longer;
	memcpy(longer + job->text_len, data, len);
	job->text_len += len;
	longer[job->text_len] = '\0';
}

static void
keep_err(struct job *job, const char *data, size_t len)
{
	size_t room = JOB_ERR_MAX - job->err_len;

	if (len > room)
		len = room;
	memcpy(job->err_text + job->err_len, data, len);
	job->err_len += len;
	job->err_text[job->err_len] = '\0';
}

/* Reads what is there: false at its end. */
static bool
take(struct job *job, struct loop_fd *f)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(f->fd, buf, sizeof(buf))) > 0) {
		if (f == &job->err)
			keep_err(job, buf, (size_t)n);
		else
			collect(job, buf, (size_t)n);
	}
	return n == -1 && (errno == EAGAIN || errno == EINTR);
}

static void
on_err(void *arg, uint32_t events)
{
	struct job *job = arg;

	(void)events;
	if (!take(job, &job->err))
		drop(job, &job->err);
}

static void
on_out(void *arg, uint32_t events)
{
	struct job *job = arg;

	(void)events;
	if (job->how == JOB_LEAVE) {
		loop_forget(job->all->loop, &job->out);
		if (job->changed != NULL)
			job->changed(job, job->arg);
	} else if (!take(job, &job->out))
		drop(job, &job->out);
}

static void
on_in(void *arg, uint32_t events)
{
	struct job *job = arg;

	(void)events;
	loop_forget(job->all->loop, &job->in);
	if (job->changed != NULL)
		job->changed(job, job->arg);
}

static void
on_end(void *arg, uint32_t events)
{
	struct job *job = arg;
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PID, (id_t)job->pid, &info, WEXITED | WNOHANG) == -1 ||
	    info.si_pid == 0)
		return;
	job->status = info.si_code == CLD_EXITED ? info.si_status
						 : 128 + info.si_status;
	/* What it left running does not keep us. */
	if (job->err.fd != -1)
		take(job, &job->err);
	if (job->out.fd != -1 && job->how != JOB_LEAVE)
		take(job, &job->out);
	drop(job, &job->end);
	drop(job, &job->err);
	drop(job, &job->in);
	if (job->how != JOB_LEAVE)
		drop(job, &job->out);
	job->took_ms = clock_ms() - job->started_ms;
	job->ended = true;
	if (job->listed && job->all->told != NULL)
		job->all->told(job->all->arg, job);
	if (job->changed != NULL)
		job->changed(job, job->arg);
	else
		job_free(job);
}

/* In the child.  Its parent may be gone before it could be told. */
static void
become(const struct job *job, const int fds[3], pid_t parent)
{
	sigset_t none;
	int i;

	sig_hand_over();
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Nobody is at the terminal for it: ssh-keygen(1) would ask there. */
	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || getppid() != parent)
		_exit(EX_OSERR);
	for (i = 0; i < 3; i++)
		if (dup2(fds[i], i) == -1)
			_exit(EX_OSERR);
	if (fd_close_others(3, NULL, 0) == -1)
		_exit(EX_OSERR);
	setrlimit(RLIMIT_NOFILE, &job->all->files);
	execvp(job->argv.v[0], job->argv.v);
	i = (int)write(STDERR_FILENO, "the program cannot be run\n", 26);
	_exit(EX_UNAVAILABLE);
}

static int
make_pipe(int ends[2], struct error *err)
{
	if (pipe2(ends, O_CLOEXEC) == -1)
		return error_sys(err, EX_OSERR, "pipe2");
	fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

static void
wait_for(struct job *job, struct loop_fd *f, int *fd,
    void (*ready)(void *, uint32_t))
{
	f->fd = *fd;
	f->ready = ready;
	f->arg = job;
	*fd = -1;
	if (f != &job->end)
		fcntl(f->fd, F_SETFL, O_NONBLOCK);
}

/* The three pipes, of which the child has `theirs`. */
static int
make_pipes(int ours[3], int theirs[3], bool input, struct error *err)
{
	int ends[2], i;

	for (i = 0; i < 3; i++)
		ours[i] = theirs[i] = -1;
	for (i = 0; i < 3; i++) {
		if (i == 0 && !input) {
			theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			if (theirs[0] == -1)
				return error_sys(err, EX_OSERR, "/dev/null");
			continue;
		}
		if (make_pipe(ends, err) == -1)
			return -1;
		ours[i] = ends[i == 0];
		theirs[i] = ends[i != 0];
	}
	return 0;
}

static int
spawn(struct job *job, int ours[3], const int theirs[3], struct error *err)
{
	pid_t parent = getpid();
	int pidfd;

	job->pid = fork();
	if (job->pid == -1)
		return error_sys(err, EX_OSERR, "fork");
	if (job->pid == 0)
		become(job, theirs, parent);
	pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	if (pidfd == -1) {
		error_sys(err, EX_OSERR, "pidfd_open");
		kill(job->pid, SIGKILL);
		waitpid(job->pid, NULL, 0);
		return -1;
	}
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	wait_for(job, &job->end, &pidfd, on_end);
	if (ours[0] != -1)
		wait_for(job, &job->in, &ours[0], on_in);
	wait_for(job, &job->out, &ours[1], on_out);
	wait_for(job, &job->err, &ours[2], on_err);
	return 0;
}

static struct job *
new_job(struct jobs *jobs, enum job_out how)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->all = jobs;
	job->how = how;
	job->end.fd = job->in.fd = job->out.fd = job->err.fd = -1;
	clock_gettime(CLOCK_REALTIME, &job->started);
	job->started_ms = clock_ms();
	return job;
}

int
job_start(struct job **out, struct jobs *jobs, struct strv *argv, bool input,
    enum job_out how, struct error *err)
{
	struct job *job;
	int ours[3], theirs[3], i, rc = -1;

	if (jobs->n >= jobs->max)
		return error_set(err, EX_TEMPFAIL,
		    "%zu programs run already: try again", jobs->n);
	job = new_job(jobs, how);
	if (job == NULL)
		return error_nomem(err, argv->v[0]);
	job->argv = *argv;
	if (make_pipes(ours, theirs, input, err) == 0)
		rc = spawn(job, ours, theirs, err);
	for (i = 0; i < 3; i++) {
		fd_drop(&ours[i]);
		fd_drop(&theirs[i]);
	}
	if (rc == -1) {
		memset(&job->argv, 0, sizeof(job->argv));
		job_free(job);
		return -1;
	}
	memset(argv, 0, sizeof(*argv));
	job->next = jobs->first;
	jobs->first = job;
	jobs->n++;
	loop_set(jobs->loop, &job->end, EPOLLIN);
	loop_set(jobs->loop, &job->err, EPOLLIN);
	if (how != JOB_LEAVE)
		loop_set(jobs->loop, &job->out, EPOLLIN);
	*out = job;
	return 0;
}

void
job_ask_out(struct job *job)
{
	if (job->out.fd != -1)
		loop_set(job->all->loop, &job->out, EPOLLIN);
}

void
job_ask_in(struct job *job)
{
	if (job->in.fd != -1)
		loop_set(job->all->loop, &job->in, EPOLLOUT);
}

void
job_close_in(struct job *job)
{
	drop(job, &job->in);
}

void
job_stop(struct job *job)
{
	if (!job->ended)
		kill(job->pid, SIGTERM);
}

void
job_leave(struct job *job)
{
	if (job == NULL)
		return;
	job->changed = NULL;
	if (job->ended) {
		job_free(job);
		return;
	}
	if (job->how == JOB_COLLECT)
		return;
	job_stop(job);
	drop(job, &job->in);
	drop(job, &job->out);
}

void
jobs_init(struct jobs *jobs, struct loop *loop, size_t max)
{
	struct rlimit more;

	memset(jobs, 0, sizeof(*jobs));
	jobs->loop = loop;
	jobs->max = max;
	/* One for each machine that runs, and for each connection. */
	getrlimit(RLIMIT_NOFILE, &jobs->files);
	more = jobs->files;
	more.rlim_cur = more.rlim_max;
	setrlimit(RLIMIT_NOFILE, &more);
}

/* Until all have ended that still run, or the time is over. */
static void
wait_all(struct jobs *jobs, int64_t deadline_ms)
{
	struct job *job, *next;
	struct pollfd p = { .events = POLLIN };

	while (jobs->first != NULL && clock_left(deadline_ms) > 0) {
		p.fd = jobs->first->end.fd;
		poll(&p, 1, clock_left(deadline_ms));
		for (job = jobs->first; job != NULL; job = next) {
			next = job->next;
			/* Pipes that nobody reads would keep it. */
			if (job->err.fd != -1)
				on_err(job, 0);
			on_end(job, 0);
		}
	}
}

void
jobs_fini(struct jobs *jobs)
{
	struct job *job, *next;

	jobs->told = NULL;
	for (job = jobs->first; job != NULL; job = next) {
		next = job->next;
		job->changed = NULL;
		drop(job, &job->in);
		drop(job, &job->out);
		if (job->ended)
			job_free(job);
		else
			job_stop(job);
	}
	wait_all(jobs, clock_ms() + JOB_END_MS);
	for (job = jobs->first; job != NULL; job = job->next)
		kill(job->pid, SIGKILL);
	wait_all(jobs, clock_ms() + JOB_END_MS);
}

/* Whether a shell takes the word as it is. */
static bool
is_plain(const char *word)
{
	return word[0] != '\0' &&
	    word[strspn(word,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_-+=./:,@%^")] == '\0';
}

static size_t
put_word(char *to, const char *word)
{
	const char *from = to;

	if (is_plain(word)) {
		memcpy(to, word, strlen(word));
		return strlen(word);
	}
	*to++ = '\'';
	for (; *word != '\0'; word++) {
		if (*word == '\'') {
			memcpy(to, "'\\''", 4);
			to += 4;
		} else
			*to++ = *word;
	}
	*to++ = '\'';
	return (size_t)(to - from);
}

char *
job_line(const struct job *job)
{
	const struct strv *argv = &job->argv;
	const char *stream = job->stream == NULL ? "" : job->stream;
	size_t i, n = 0, cap = strlen(stream) + 1;
	char *line;

	for (i = 0; i < argv->n; i++)
		cap += 4 * strlen(argv->v[i]) + 3;
	line = malloc(cap);
	if (line == NULL)
		return NULL;
	for (i = 0; i < argv->n; i++) {
		/* The root is where the user stands anyway. */
		if (i == 1 && strcmp(argv->v[i], "-R") == 0) {
			i++;
			continue;
		}
		if (i > 0)
			line[n++] = ' ';
		n += put_word(line + n, argv->v[i]);
	}
	memcpy(line + n, stream, strlen(stream) + 1);
	return line;
}
