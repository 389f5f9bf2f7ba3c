/* SPDX-License-Identifier: ISC */
/*
 * usage: link target-port mbit-per-second delay-us
 * A link to 127.0.0.1:target-port: all its connections share its rate, each way,
 * and a byte arrives `delay-us` after it has left.  Prints the port that leads
 * there, and at the end (TERM) how many bytes came from there.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES 16384 /* sent at once */
#define PIECES 256 /* under way, of one connection and way: 4 MiB */

/* One way of the link. */
struct way {
	pthread_mutex_t mutex;
	int64_t free_ns; /* when all that was sent so far has left */
	uint64_t bytes;
};

struct link {
	struct way there, back;
	int64_t delay_ns;
	double ns_per_byte;
	uint16_t target;
};

struct piece {
	int64_t due_ns;
	size_t len;
	unsigned char data[PIECE_BYTES];
};

/* One way of a connection: a thread reads, another one writes. */
struct pipe {
	struct link *link;
	struct way *way;
	int from, to;
	struct piece *ring;
	size_t head, n;
	bool is_end;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
sleep_until(int64_t at_ns)
{
	const struct timespec t = { at_ns / 1000000000, at_ns % 1000000000 };

	while (
	    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* When the last of `len` bytes arrives that leave as soon as the way is free. */
static int64_t
book(struct pipe *p, size_t len)
{
	struct way *way = p->way;
	int64_t now = now_ns(), at;

	pthread_mutex_lock(&way->mutex);
	if (way->free_ns < now)
		way->free_ns = now;
	way->free_ns += (int64_t)((double)len * p->link->ns_per_byte);
	way->bytes += len;
	at = way->free_ns + p->link->delay_ns;
	pthread_mutex_unlock(&way->mutex);
	return at;
}

static void *
take(void *arg)
{
	struct pipe *p = arg;
	struct piece *piece;
	ssize_t n;

	for (;;) {
		pthread_mutex_lock(&p->mutex);
		while (p->n == PIECES)
			pthread_cond_wait(&p->changed, &p->mutex);
		piece = &p->ring[(p->head + p->n) % PIECES];
		pthread_mutex_unlock(&p->mutex);
		n = read(p->from, piece->data, sizeof(piece->data));
		if (n > 0) {
			piece->len = (size_t)n;
			piece->due_ns = book(p, (size_t)n);
		}
		pthread_mutex_lock(&p->mutex);
		if (n > 0)
			p->n++;
		else
			p->is_end = true;
		pthread_cond_broadcast(&p->changed);
		pthread_mutex_unlock(&p->mutex);
		if (n <= 0)
			return NULL;
	}
}

static bool
put(int fd, const struct piece *piece)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < piece->len; done += (size_t)n) {
		n = send(fd, piece->data + done, piece->len - done,
		    MSG_NOSIGNAL);
		if (n <= 0)
			return false;
	}
	return true;
}

static void *
give(void *arg)
{
	struct pipe *p = arg;
	struct piece *piece;
	bool is_open = true;

	for (;;) {
		pthread_mutex_lock(&p->mutex);
		while (p->n == 0 && !p->is_end)
			pthread_cond_wait(&p->changed, &p->mutex);
		piece = p->n == 0 ? NULL : &p->ring[p->head];
		pthread_mutex_unlock(&p->mutex);
		if (piece == NULL) {
			shutdown(p->to, SHUT_WR);
			return NULL;
		}
		sleep_until(piece->due_ns);
		if (is_open && !put(p->to, piece)) {
			is_open = false;
			shutdown(p->from, SHUT_RD);
		}
		pthread_mutex_lock(&p->mutex);
		p->head = (p->head + 1) % PIECES;
		p->n--;
		pthread_cond_broadcast(&p->changed);
		pthread_mutex_unlock(&p->mutex);
	}
}

static struct pipe *
pipe_new(struct link *link, struct way *way, int from, int to)
{
	struct pipe *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->ring = malloc(PIECES * sizeof(*p->ring));
	if (p == NULL || p->ring == NULL)
		abort();
	p->link = link;
	p->way = way;
	p->from = from;
	p->to = to;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->changed, NULL);
	return p;
}

static void
pipe_end(struct pipe *p, const pthread_t threads[2])
{
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	free(p->ring);
	free(p);
}

struct guest {
	struct link *link;
	int fd;
};

static void *
serve(void *arg)
{
	struct guest g = *(struct guest *)arg;
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(g.link->target),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct pipe *there, *back;
	pthread_t t[4];

	free(arg);
	/* The first packet goes there and comes back before any data. */
	sleep_until(now_ns() + 2 * g.link->delay_ns);
	if (fd != -1 &&
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(g.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		there = pipe_new(g.link, &g.link->there, g.fd, fd);
		back = pipe_new(g.link, &g.link->back, fd, g.fd);
		pthread_create(&t[0], NULL, take, there);
		pthread_create(&t[1], NULL, give, there);
		pthread_create(&t[2], NULL, take, back);
		pthread_create(&t[3], NULL, give, back);
		pipe_end(there, t);
		pipe_end(back, t + 2);
	}
	if (fd != -1)
		close(fd);
	close(g.fd);
	return NULL;
}

/* Tells the bytes at the end. */
static void *
await_end(void *arg)
{
	struct link *link = arg;
	sigset_t term;
	int number;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigwait(&term, &number);
	pthread_mutex_lock(&link->back.mutex);
	printf("%" PRIu64 "\n", link->back.bytes);
	fflush(stdout);
	_exit(0);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	struct link link = { 0 };
	struct guest *guest;
	pthread_t thread;
	sigset_t term;
	int fd, in;

	if (argc != 4)
		return 64;
	link.target = (uint16_t)atoi(argv[1]);
	link.ns_per_byte = 8000 / strtod(argv[2], NULL);
	link.delay_ns = strtoll(argv[3], NULL, 10) * 1000;
	pthread_mutex_init(&link.there.mutex, NULL);
	pthread_mutex_init(&link.back.mutex, NULL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	pthread_create(&thread, NULL, await_end, &link);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1 ||
	    listen(fd, 64) == -1 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) == -1) {
		perror("link");
		return 71;
	}
	printf("%u\n", (unsigned)ntohs(at.sin_port));
	fflush(stdout);
	for (;;) {
		in = accept(fd, NULL, NULL);
		guest = in == -1 ? NULL : malloc(sizeof(*guest));
		if (guest == NULL)
			continue;
		*guest = (struct guest){ &link, in };
		pthread_create(&thread, NULL, serve, guest);
		pthread_detach(thread);
	}
}
