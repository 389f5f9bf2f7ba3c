/* SPDX-License-Identifier: ISC */
/*
 * What a guest's agent says: an answer to each line that it hears, up to the next
 * NUL, in which "@" is the number of the sync; behind the last it is gone.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/host/agent.h"
#include "vmm/host/agent_exec.h"
#include "vmm/host/agent_file.h"
#include "vmm/host/agent_freeze.h"

#define LONG_MS 2000 /* nobody waits so long: see NEXT_MS */
#define NEXT_MS 5 /* then nothing more is asked: half a reply is waited for */
#define ROUNDS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct guest {
	int dirfd, listener;
	const uint8_t *data;
	size_t size;
};

/* Reads a line, and the number in it, if there is one. */
static bool
hear(int fd, char number[32])
{
	static const char key[] = "\"id\":";
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char line[512], *at;
	size_t n = 0;
	char c;

	if (poll(&pfd, 1, NEXT_MS) != 1)
		return false;
	do {
		if (read(fd, &c, 1) != 1)
			return false;
		if (n < sizeof(line) - 1)
			line[n++] = c;
	} while (c != '\n');
	line[n] = '\0';
	at = strstr(line, key);
	if (at != NULL)
		snprintf(number, 32, "%lld", atoll(at + strlen(key)));
	return true;
}

static bool
say(int fd, const uint8_t *text, size_t len, const char *number)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		const uint8_t *at = memchr(text + i, '@', len - i);

		n = at == NULL ? len - i : (size_t)(at - (text + i));
		if (n > 0 && send(fd, text + i, n, MSG_NOSIGNAL) != (ssize_t)n)
			return false;
		if (at == NULL)
			break;
		n++;
		if (send(fd, number, strlen(number), MSG_NOSIGNAL) == -1)
			return false;
	}
	return true;
}

static void *
serve(void *arg)
{
	struct guest *g = arg;
	char number[32] = "0";
	const uint8_t *end;
	bool is_whole;
	size_t len;
	int fd;

	while (g->size > 0) {
		fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd == -1)
			break;
		while (g->size > 0 && hear(fd, number)) {
			end = memchr(g->data, 0, g->size);
			len = end == NULL ? g->size : (size_t)(end - g->data);
			is_whole = say(fd, g->data, len, number) && len > 0 &&
			    g->data[len - 1] == '\n';
			len += end != NULL;
			g->data += len;
			g->size -= len;
			/* More of half a reply is waited for: none comes. */
			if (!is_whole)
				break;
		}
		close(fd);
	}
	/* Nobody comes any more, and who has come is told so. */
	unlinkat(g->dirfd, VM_AGENT_SOCKET, 0);
	close(g->listener);
	return NULL;
}

/* What is kept of a command's end has no more than was allowed. */
static void
look(struct agent *a, int64_t deadline_ms)
{
	struct agent_end end = { 0 };

	if (agent_exec_look(a, 7, &end, 4096, deadline_ms, NULL) == 0)
		assert(end.out_len <= 4096 && end.err_len <= 4096 &&
		    end.status >= 0 && end.status <= 255);
	agent_end_fini(&end);
}

/* One question of each kind, in an order that the input has chosen. */
static void
ask(struct agent *a, unsigned what, int64_t deadline_ms, struct error *err)
{
	char *const argv[] = { (char[]){ "true" }, NULL };
	const struct agent_command command = { .argv = argv };
	unsigned char buf[AGENT_CHUNK];
	struct jdoc *answer = NULL;
	uint64_t n = 0;
	size_t got = 0;
	bool is_frozen;

	switch (what % 8) {
	case 0:
		if (agent_call(a, "guest-ping", NULL, &answer, AGENT_REPLY_MAX,
			deadline_ms, err) == 0)
			(void)agent_return(answer);
		jdoc_free(answer);
		break;
	case 1:
		(void)agent_exec_start(a, &n, &command, deadline_ms, err);
		break;
	case 2:
		look(a, deadline_ms);
		break;
	case 3:
		(void)agent_file_open(a, &n, "/etc/motd", "r", err);
		break;
	case 4:
		if (agent_file_read(a, 3, buf, &got, err) == 0)
			assert(got <= sizeof(buf));
		break;
	case 5:
		(void)agent_file_write(a, 3, "text", 4, err);
		break;
	case 6:
		(void)agent_is_frozen(a, &is_frozen, deadline_ms, err);
		break;
	default:
		(void)agent_thaw(a, &n, deadline_ms, err);
		break;
	}
}

static void
talk(int dirfd, unsigned what)
{
	struct error err = { 0 };
	struct agent *a = NULL;
	struct vm vm;
	int i;

	vm_init(&vm);
	snprintf(vm.machine.hypervisor, sizeof(vm.machine.hypervisor), "qemu");
	vm.machine.agent = true;
	assert(agent_open(&a, &vm, dirfd, &err) == 0);
	for (i = 0; i < ROUNDS; i++) {
		if (agent_hold(a, clock_ms() + LONG_MS, &err) == -1)
			break;
		ask(a, what + (unsigned)i, clock_ms() + LONG_MS, &err);
	}
	agent_close(a);
	vm_fini(&vm);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char dir[64] = "/dev/shm/instar-fuzz-XXXXXX";
	struct guest g;
	pthread_t thread;
	int dirfd;

	if (size < 2)
		return 0;
	assert(mkdtemp(dir) != NULL);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g = (struct guest){ dirfd, -1, data + 1, size - 1 };
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", dir,
	    VM_AGENT_SOCKET);
	g.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(dirfd != -1 && g.listener != -1);
	assert(bind(g.listener, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	assert(listen(g.listener, 4) == 0);
	assert(pthread_create(&thread, NULL, serve, &g) == 0);
	talk(dirfd, data[0]);
	shutdown(g.listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	unlinkat(dirfd, VM_AGENT_LOCK, 0);
	close(dirfd);
	rmdir(dir);
	return 0;
}
