/* SPDX-License-Identifier: ISC */
/* Tests of the REST client with replay as the server. */
#ifndef TESTS_REST_SERVER_H
#define TESTS_REST_SERVER_H

#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <atf-c.h>

#include "base/clock.h"
#include "vmm/host/rest.h"

#define SOCKET "api.sock"
#define CALL_MS 30000
#define SHORT_MS 300
#define ARGS_MAX 256

/* The server, and how to end. */
struct server {
	pid_t pid;
	char program[512], fixture[512];
};

/* Makes paths; false when there is no such recording here. */
static inline bool
server_find(struct server *s, const atf_tc_t *tc, const char *name)
{
	const char *dir = getenv("INSTAR_FIXTURES");
	const char *src = atf_tc_get_config_var(tc, "srcdir");

	snprintf(s->program, sizeof(s->program), "%s/../lib/replay", src);
	if (dir != NULL)
		snprintf(s->fixture, sizeof(s->fixture), "%s/%s", dir, name);
	else
		snprintf(s->fixture, sizeof(s->fixture),
		    "%s/../../../shared/fixtures/%s", src, name);
	return access(s->fixture, R_OK) == 0;
}

/* Starts it with `options`, then the numbers of the calls, both NULL at last. */
static inline void
server_start(struct server *s, const char *const *options,
    const char *transcript, const char *const *calls)
{
	const char *args[ARGS_MAX];
	size_t n = 0;

	args[n++] = s->program;
	while (*options != NULL)
		args[n++] = *options++;
	args[n++] = SOCKET;
	args[n++] = transcript;
	while (*calls != NULL && n < ARGS_MAX - 1)
		args[n++] = *calls++;
	args[n] = NULL;
	unlink(SOCKET);
	s->pid = fork();
	ATF_REQUIRE(s->pid != -1);
	if (s->pid == 0) {
		execv(s->program, (char *const *)(uintptr_t)args);
		_exit(127);
	}
}

/* It must have played all that it was told to. */
static inline void
server_end(struct server *s)
{
	int status;

	ATF_REQUIRE(waitpid(s->pid, &status, 0) == s->pid);
	ATF_CHECK_EQ_MSG(0, status, "server: %#x", status);
}

static inline void
server_kill(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

static inline struct rest *
open_here(void)
{
	struct error err = { 0 };
	struct rest *rest = NULL;
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ATF_REQUIRE(dirfd != -1);
	ATF_REQUIRE_EQ_MSG(0,
	    rest_open(&rest, dirfd, SOCKET, true, clock_ms() + CALL_MS, &err),
	    "%s", err.msg);
	return rest;
}

#endif
