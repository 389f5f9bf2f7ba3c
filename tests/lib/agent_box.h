/* SPDX-License-Identifier: ISC */
/*
 * A guest's agent for tests: a child of the test that says what it is told, at
 * agent.sock or vsock.sock in the working directory.
 */
#ifndef TESTS_AGENT_BOX_H
#define TESTS_AGENT_BOX_H

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "state/vm.h"

#define BOX_REPLIES_MAX 16
#define BOX_VSOCK "vsock.sock"
#define BOX_SYNCED "\377{\"return\": @}\n"

/*
 * What it says, a text after each line that it hears; "@" in it is the number
 * of the last guest-sync-delimited.  After the last it closes, or is silent.
 */
struct box_script {
	const char *replies[BOX_REPLIES_MAX];
	size_t
	    flood_bytes; /* before the first of them, no newline among them */
	bool is_silent;
	unsigned clients; /* how many it serves with all of that; 0: one */
	/*
	 * At vsock.sock: what it says to whoever asks for port 1234, and goes on
	 * when that is right; NULL: at agent.sock.
	 */
	const char *vsock;
};

struct box {
	int dirfd;
	pid_t pid;
	struct vm vm;
};

static inline void
box_write(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, text, len);
		if (n <= 0)
			_exit(0);
		text += n;
		len -= (size_t)n;
	}
}

static inline void
box_say(int fd, const char *text, const char *number)
{
	const char *at;

	while ((at = strchr(text, '@')) != NULL) {
		box_write(fd, text, (size_t)(at - text));
		box_write(fd, number, strlen(number));
		text = at + 1;
	}
	box_write(fd, text, strlen(text));
}

/* The line that comes next, and the number in it, if it is of a sync. */
static inline bool
box_hear(int fd, char number[32])
{
	static const char key[] = "\"id\":";
	char line[4096], *at;
	size_t n = 0;

	do {
		if (n == sizeof(line) - 1)
			n = 0;
		if (read(fd, &line[n], 1) != 1)
			return false;
	} while (line[n++] != '\n');
	line[n] = '\0';
	at = strstr(line, key);
	if (at != NULL && strstr(line, "guest-sync-delimited") != NULL)
		snprintf(number, 32, "%lld", atoll(at + strlen(key)));
	return true;
}

/* False: another port was asked for, or it is to close. */
static inline bool
box_connect(int fd, const char *answer)
{
	static const char question[] = "CONNECT 1234\n";
	char got[sizeof(question) - 1];
	size_t n;

	for (n = 0; n < sizeof(got); n++)
		if (read(fd, &got[n], 1) != 1)
			return false;
	if (memcmp(got, question, sizeof(got)) != 0)
		return false;
	box_say(fd, answer, "");
	return strncmp(answer, "OK ", 3) == 0;
}

static inline void
box_serve(int fd, const struct box_script *script)
{
	char number[32] = "0", block[4096];
	size_t i, sent;

	if (script->vsock != NULL && !box_connect(fd, script->vsock))
		return;

	memset(block, 'x', sizeof(block));
	for (i = 0; i < BOX_REPLIES_MAX && script->replies[i] != NULL; i++) {
		if (!box_hear(fd, number))
			return;
		for (sent = 0; i == 0 && sent < script->flood_bytes;
		     sent += sizeof(block))
			box_write(fd, block, sizeof(block));
		box_say(fd, script->replies[i], number);
	}
	if (script->is_silent)
		while (read(fd, block, sizeof(block)) > 0)
			;
}

static inline void
box_start(struct box *b, const struct box_script *script)
{
	const char *name = script->vsock == NULL ? VM_AGENT_SOCKET : BOX_VSOCK;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	unsigned left = script->clients == 0 ? 1 : script->clients;
	int fd, client;

	b->dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ATF_REQUIRE(b->dirfd != -1);
	vm_init(&b->vm);
	snprintf(b->vm.machine.hypervisor, sizeof(b->vm.machine.hypervisor),
	    script->vsock == NULL ? "qemu" : "firecracker");
	b->vm.machine.agent = true;
	unlink(name);
	strcpy(sun.sun_path, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ATF_REQUIRE(listen(fd, 4) == 0);
	b->pid = fork();
	ATF_REQUIRE(b->pid != -1);
	if (b->pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		for (; left > 0; left--) {
			client = accept(fd, NULL, NULL);
			if (client == -1)
				_exit(1);
			box_serve(client, script);
			close(client);
		}
		_exit(0);
	}
	close(fd);
}

static inline void
box_end(struct box *b)
{
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	vm_fini(&b->vm);
	close(b->dirfd);
}

#endif
