/* SPDX-License-Identifier: ISC */
/*
 * usage: replay [-c CALL=FROM:TO] [-e CALL[=STATUS]] [-f FAULT@CALL] [-l LOG]
 *            [-s KEY=VALUE] SOCKET TRANSCRIPT CALL ... | any | again
 *
 * A VMM's REST API played from a transcript: answers the calls, named by their
 * number or whole title, in that order with exactly the bytes recorded.  `any`
 * answers whatever request was recorded, each record once, the first fitting
 * one first; with `again` the last fitting one may be used over and over.
 * What was not recorded is refused: a word on stderr, status 1.  With calls
 * named it ends (0) when all were played and no client is there any more; told
 * by SIGTERM to end before that, with 2; by `any` and `again`, with 0.
 *
 * A transcript is lines "=== NUMBER. TITLE", then "> " and a line of the
 * request each, then "< " and a line of the answer; an empty line ends a call,
 * and all else is prose.  Heads have CR LF on the wire, bodies LF between
 * their lines.  Of a request are compared: its first line; its body, byte for
 * byte or as JSON (so the order of members is free); its length.  No body and
 * "Content-Length: 0" are the same; other headers are the client's own.
 *
 * SOCKET "fd:N" is a descriptor that listens already.
 *
 *   -c  copies a file when that call is to be answered, before it is
 *   -e  ends, with that status, when the call is answered
 *   -f  answers the call wrongly: cut (closes), half (of the answer), part (of
 *       its head), silent, stuck (half, then silent), garbage, flood (a body
 *       of 100 MiB), endless (a head)
 *   -l  appends the number and title of each call played to the file
 *   -s  puts VALUE where the transcript has KEY, lengths corrected
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/replay.h"

#define CLIENTS_MAX 16
#define REQUEST_MAX (1u << 20) /* bytes */
#define FLOOD_BYTES (100u << 20)

enum mode { LISTED, ANY, AGAIN };

struct client {
	int fd; /* -1: none */
	char *buf; /* REQUEST_MAX bytes */
	size_t len;
	size_t skip; /* bytes of a body that is not looked at */
};

struct player {
	struct transcript script;
	struct strings copies, ends, faults; /* -c, -e, -f */
	const char *log;
	enum mode mode;
	struct call **listed;
	size_t n, next;
	struct client clients[CLIENTS_MAX];
	int listener;
};

/* One request on the wire. */
struct request {
	char line[4096];
	size_t head_len, content_length;
	const char *body;
	bool has_body; /* all of it is there */
};

static volatile sig_atomic_t told_to_end;

static void
note_end(int number)
{
	(void)number;
	told_to_end = 1;
}

/* The text behind "CALL=" of the first option that names the call, or NULL. */
static const char *
option_of(const struct strings *options, const struct call *call)
{
	size_t i, len;

	for (i = 0; i < options->n; i++) {
		len = strcspn(options->v[i], "=");
		if (call_has_name(call, options->v[i], len))
			return options->v[i] + len;
	}
	return NULL;
}

static const char *
fault_of(const struct player *p, const struct call *call)
{
	const char *at;
	size_t i;

	for (i = 0; i < p->faults.n; i++) {
		at = strchr(p->faults.v[i], '@');
		if (at != NULL && call_has_name(call, at + 1, strlen(at + 1)))
			return p->faults.v[i];
	}
	return "";
}

static bool
is_fault(const char *option, const char *name)
{
	return strncmp(option, name, strlen(name)) == 0 &&
	    option[strlen(name)] == '@';
}

/* False when the client is gone. */
static bool
say(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n, bytes += n) {
		n = write(fd, bytes, len);
		if (n == -1)
			return false;
	}
	return true;
}

static bool
flood(int fd)
{
	static const char head[] = "HTTP/1.1 200 \r\nContent-Length: 104857600"
				   "\r\n\r\n";
	char block[65536];
	size_t i;

	memset(block, ' ', sizeof(block));
	if (!say(fd, head, sizeof(head) - 1))
		return false;
	for (i = 0; i < FLOOD_BYTES / sizeof(block); i++)
		if (!say(fd, block, sizeof(block)))
			return false;
	return true;
}

static bool
say_endless_head(int fd)
{
	static const char line[] = "X-More: and more\r\n";
	size_t i;

	if (!say(fd, "HTTP/1.1 200 \r\n", 15))
		return false;
	for (i = 0; i < FLOOD_BYTES / sizeof(line); i++)
		if (!say(fd, line, sizeof(line) - 1))
			return false;
	return true;
}

/* Answers, rightly or as told; false when the connection is to be closed. */
static bool
answer(int fd, const struct call *call, const char *fault)
{
	static const char garbage[] = "\001\002\377\376 no HTTP at all\n\n\n";

	if (fault[0] == '\0')
		return say(fd, call->answer, call->answer_len);
	if (is_fault(fault, "half") || is_fault(fault, "stuck"))
		return say(fd, call->answer, call->answer_len / 2) &&
		    is_fault(fault, "stuck");
	if (is_fault(fault, "part"))
		say(fd, call->answer, call->head_len / 2);
	if (is_fault(fault, "garbage"))
		say(fd, garbage, sizeof(garbage) - 1);
	if (is_fault(fault, "flood"))
		return flood(fd);
	if (is_fault(fault, "endless"))
		return say_endless_head(fd);
	return is_fault(fault, "silent");
}

static void
drop(struct client *client)
{
	close(client->fd);
	client->fd = -1;
	client->len = client->skip = 0;
}

static bool
fits(const struct call *call, const struct request *request)
{
	if (strcmp(call->line, request->line) != 0)
		return false;
	if (call->is_head_only)
		return call->content_length == request->content_length;
	return request->has_body &&
	    body_is_same(call->body, call->body_len, request->body,
		request->content_length);
}

/* The call to be played for the request, or NULL. */
static struct call *
choose(struct player *p, const struct request *request)
{
	struct call *last = NULL;
	size_t i;

	if (p->mode == LISTED)
		return p->next < p->n && fits(p->listed[p->next], request)
		    ? p->listed[p->next]
		    : NULL;
	for (i = 0; i < p->script.n; i++)
		if (fits(&p->script.v[i], request)) {
			last = &p->script.v[i];
			if (!last->is_used)
				return last;
		}
	return p->mode == AGAIN ? last : NULL;
}

static void
refuse(const struct player *p, const struct request *request)
{
	const struct call *call;

	fprintf(stderr, "replay: refused: %s, %zu bytes of body: %.*s\n",
	    request->line, request->content_length,
	    (int)request->content_length, request->body);
	if (p->mode != LISTED)
		fprintf(stderr, "replay: not recorded, or not so often\n");
	else if (p->next == p->n)
		fprintf(stderr, "replay: nothing more was expected\n");
	else {
		call = p->listed[p->next];
		fprintf(stderr,
		    "replay: expected %s. %s: %s, %zu bytes of body: %.*s\n",
		    call->number, call->title, call->line, call->content_length,
		    (int)call->body_len, call->body);
	}
	exit(1);
}

static void
note_call(const struct player *p, const struct call *call)
{
	FILE *log;

	if (p->log == NULL)
		return;
	log = fopen(p->log, "a");
	if (log == NULL ||
	    fprintf(log, "%s. %s\n", call->number, call->title) < 0 ||
	    fclose(log) != 0) {
		perror(p->log);
		exit(1);
	}
}

static void
play(struct player *p, struct client *client, struct call *call)
{
	const char *end = option_of(&p->ends, call);

	call->is_used = true;
	p->next++;
	note_call(p, call);
	copy_for(&p->copies, call);
	if (!answer(client->fd, call, fault_of(p, call)))
		drop(client);
	if (end != NULL)
		exit(*end == '=' ? parse_status(end + 1) : 0);
}

/* Parses the head at the start of the buffer; false when it is not whole. */
static bool
take_head(struct request *r, const struct client *client)
{
	const char *end, *length, *eol;

	end = memmem(client->buf, client->len, "\r\n\r\n", 4);
	if (end == NULL)
		return false;
	r->head_len = (size_t)(end - client->buf) + 4;
	eol = memmem(client->buf, client->len, "\r\n", 2);
	snprintf(r->line, sizeof(r->line), "%.*s", (int)(eol - client->buf),
	    client->buf);
	length = memmem(client->buf, r->head_len, "\r\nContent-Length: ", 18);
	r->content_length = length == NULL ? 0 : strtoul(length + 18, NULL, 10);
	r->body = client->buf + r->head_len;
	r->has_body = client->len - r->head_len >= r->content_length;
	return true;
}

/* Takes the first `n` bytes out of the buffer. */
static void
use(struct client *client, size_t n)
{
	client->len -= n;
	memmove(client->buf, client->buf + n, client->len);
}

/* Plays what the buffer has whole requests for. */
static void
serve(struct player *p, struct client *client)
{
	struct request r;
	struct call *call;
	size_t n;

	for (;;) {
		n = client->skip < client->len ? client->skip : client->len;
		client->skip -= n;
		use(client, n);
		if (client->len == 0 || !take_head(&r, client))
			return;
		call = choose(p, &r);
		if (call == NULL && !r.has_body)
			return;
		if (call == NULL)
			refuse(p, &r);
		use(client, r.head_len);
		client->skip = r.content_length;
		play(p, client, call);
	}
}

static void
hear(struct player *p, struct client *client)
{
	ssize_t n;

	if (client->len == REQUEST_MAX - 1) {
		fprintf(stderr, "replay: a request of more than %u bytes\n",
		    REQUEST_MAX);
		exit(1);
	}
	n = read(client->fd, client->buf + client->len,
	    REQUEST_MAX - 1 - client->len);
	if (n <= 0) {
		drop(client);
		return;
	}
	client->len += (size_t)n;
	client->buf[client->len] = '\0';
	serve(p, client);
}

static void
welcome(struct player *p)
{
	size_t i;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (p->clients[i].fd == -1) {
			p->clients[i].fd = accept(p->listener, NULL, NULL);
			return;
		}
	fprintf(stderr, "replay: more than %d clients\n", CLIENTS_MAX);
	exit(1);
}

static bool
is_over(const struct player *p)
{
	size_t i;

	for (i = 0; i < CLIENTS_MAX; i++)
		if (p->clients[i].fd != -1)
			return false;
	return p->mode == LISTED && p->next == p->n;
}

static int
run(struct player *p)
{
	struct pollfd pfd[CLIENTS_MAX + 1];
	size_t i;

	while (!is_over(p)) {
		for (i = 0; i < CLIENTS_MAX; i++) {
			pfd[i].fd = p->clients[i].fd;
			pfd[i].events = POLLIN;
		}
		pfd[i].fd = p->listener;
		pfd[i].events = POLLIN;
		/* A signal that comes just before is noticed soon after. */
		if (poll(pfd, CLIENTS_MAX + 1, 100) == -1 && errno != EINTR)
			return 1;
		if (told_to_end)
			return p->mode == LISTED && p->next < p->n ? 2 : 0;
		for (i = 0; i < CLIENTS_MAX; i++)
			if (pfd[i].fd != -1 && pfd[i].revents != 0)
				hear(p, &p->clients[i]);
		if (pfd[CLIENTS_MAX].revents != 0)
			welcome(p);
	}
	return 0;
}

static void
listen_at(struct player *p, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t i;

	for (i = 0; i < CLIENTS_MAX; i++) {
		p->clients[i].fd = -1;
		p->clients[i].buf = malloc(REQUEST_MAX);
		if (p->clients[i].buf == NULL)
			exit(71);
	}
	if (strncmp(path, "fd:", 3) == 0) {
		p->listener = atoi(path + 3);
		return;
	}
	if (strlen(path) >= sizeof(sun.sun_path)) {
		fprintf(stderr, "replay: %s: too long\n", path);
		exit(64);
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	unlink(path);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->listener == -1 ||
	    bind(p->listener, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(p->listener, CLIENTS_MAX) == -1) {
		perror(path);
		exit(1);
	}
}

static void
usage(void)
{
	fprintf(stderr,
	    "usage: replay [-c call=from:to] [-e call[=status]]\n"
	    "           [-f fault@call] [-l log] [-s key=value]\n"
	    "           socket transcript call ... | any | again\n");
	exit(64);
}

int
main(int argc, char *argv[])
{
	struct player p = { .listener = -1 };
	struct strings swaps = { .n = 0 };
	int ch, i;

	while ((ch = getopt(argc, argv, "c:e:f:l:s:")) != -1) {
		if (ch == 'c')
			strings_add(&p.copies, optarg);
		else if (ch == 'e')
			strings_add(&p.ends, optarg);
		else if (ch == 'f')
			strings_add(&p.faults, optarg);
		else if (ch == 'l')
			p.log = optarg;
		else if (ch == 's')
			strings_add(&swaps, optarg);
		else
			usage();
	}
	if (argc - optind < 3)
		usage();
	transcript_read(&p.script, argv[optind + 1], &swaps);
	p.listed = calloc((size_t)argc, sizeof(struct call *));
	if (p.listed == NULL)
		return 71;
	if (strcmp(argv[optind + 2], "any") == 0)
		p.mode = ANY;
	else if (strcmp(argv[optind + 2], "again") == 0)
		p.mode = AGAIN;
	for (i = optind + 2; p.mode == LISTED && i < argc; i++)
		p.listed[p.n++] = transcript_find(&p.script, argv[i]);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, note_end);
	listen_at(&p, argv[optind]);
	ch = run(&p);
	if (strncmp(argv[optind], "fd:", 3) != 0)
		unlink(argv[optind]);
	for (i = 0; i < CLIENTS_MAX; i++)
		free(p.clients[i].buf);
	free(p.listed);
	transcript_free(&p.script);
	return ch;
}
