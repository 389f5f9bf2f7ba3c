/* SPDX-License-Identifier: ISC */
/*
 * What exec_bench.sh compares with: `exec_bench SOCKET PROGRAM`, the exchange
 * with a guest's agent by hand: sync, guest-exec, and guest-exec-status until it
 * has ended, each 5 ms after the last.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAP_US 5000
#define SYNC_ID 20261130

static int sock;

/* The next line; false at the end. */
static const char *
hear(void)
{
	static char line[65536];
	size_t n = 0;

	while (n < sizeof(line) - 1 && read(sock, &line[n], 1) == 1)
		if (line[n++] == '\n') {
			line[n] = '\0';
			return line;
		}
	fprintf(stderr, "the agent is gone\n");
	exit(1);
}

static void
say(const char *text)
{
	if (write(sock, text, strlen(text)) != (ssize_t)strlen(text))
		exit(1);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char text[512];
	const char *at, *line;

	if (argc != 3)
		return 64;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", argv[1]);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(sock, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		perror(argv[1]);
		return 1;
	}
	snprintf(text, sizeof(text),
	    "\377{\"execute\":\"guest-sync-delimited\",\"arguments\":"
	    "{\"id\":%d}}\n",
	    SYNC_ID);
	say(text);
	while (strchr(hear(), '\377') == NULL)
		;
	snprintf(text, sizeof(text),
	    "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"%s\","
	    "\"capture-output\":true}}\n",
	    argv[2]);
	say(text);
	at = strstr(hear(), "\"pid\":");
	if (at == NULL)
		return 1;
	snprintf(text, sizeof(text),
	    "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":%d}}\n",
	    atoi(at + 6));
	for (;;) {
		say(text);
		line = hear();
		if (strstr(line, "\"exited\": true") != NULL)
			return strstr(line, "\"exitcode\": 0") == NULL;
		if (strstr(line, "\"exited\": false") == NULL)
			return 1;
		usleep(NAP_US);
	}
}
