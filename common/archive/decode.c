/* SPDX-License-Identifier: ISC */
#include "archive/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/codec.h"

#define DECODE_CHUNKS 24 /* 6 MiB between the threads */
#define DECODE_IN_BYTES (128u << 10)
#define DECODE_POLL_MS 200 /* how soon an ended consumer is noticed */

struct decode {
	struct chunk_flow *flow;
	pthread_t thread;
	int fd;
	atomic_bool is_stopped;
	atomic_uint_least64_t read_bytes;
	const struct codec *codec; /* the thread's, until the flow has ended */
	void *state;
	bool has_padding;
	unsigned char in[DECODE_IN_BYTES];
};

/* Reads what there is, at most `len`; *got 0 at the end. */
static int
read_some(struct decode *d, void *buf, size_t len, size_t *got,
    struct error *err)
{
	struct pollfd pfd = { .fd = d->fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		if (atomic_load(&d->is_stopped))
			return error_set(err, EX_SOFTWARE, "given up");
		if (poll(&pfd, 1, DECODE_POLL_MS) == 0)
			continue;
		n = read(d->fd, buf, len);
		if (n >= 0)
			break;
		if (errno != EINTR && errno != EAGAIN)
			return error_sys(err, EX_IOERR, "read");
	}
	atomic_fetch_add(&d->read_bytes, (uint64_t)n);
	*got = (size_t)n;
	return 0;
}

static int
read_full(struct decode *d, unsigned char *buf, size_t len, size_t *got,
    struct error *err)
{
	size_t n = 1;

	for (*got = 0; *got < len && n != 0; *got += n)
		if (read_some(d, buf + *got, len - *got, &n, err) == -1)
			return -1;
	return 0;
}

/* Bytes as they are; `head_len` of them are in d->in already. */
static int
copy_plain(struct decode *d, size_t head_len, struct error *err)
{
	struct chunk *chunk;
	size_t got = 1;

	while (got != 0) {
		chunk = chunk_flow_unused(d->flow);
		if (chunk == NULL)
			return 0;
		memcpy(chunk->data, d->in, head_len);
		chunk->len = head_len;
		head_len = 0;
		while (got != 0 && chunk->len < CHUNK_BYTES) {
			if (read_some(d, chunk->data + chunk->len,
				CHUNK_BYTES - chunk->len, &got, err) == -1) {
				chunk_release(d->flow, chunk);
				return -1;
			}
			chunk->len += got;
		}
		chunk_flow_push(d->flow, chunk);
	}
	return 0;
}

/* Zero bytes may stand behind the last frame; then nothing else does. */
static int
skip_padding(struct decode *d, struct codec_io *io, struct error *err)
{
	d->has_padding = true;
	for (; io->in_left != 0; io->in++, io->in_left--)
		if (*io->in != 0)
			return error_set(err, EX_DATAERR,
			    "bytes behind the end of the compressed data");
	return 0;
}

/* Gives the bytes of d->in to the codec, and full chunks to the consumer. */
static int
decode_input(struct decode *d, struct codec_io *io, struct chunk **chunk,
    struct error *err)
{
	bool is_full = false;

	while (io->in_left != 0 || is_full) {
		if (d->has_padding ||
		    (io->is_between && !is_full && *io->in == 0))
			return skip_padding(d, io, err);
		if (*chunk == NULL) {
			*chunk = chunk_flow_unused(d->flow);
			if (*chunk == NULL)
				return error_set(err, EX_SOFTWARE, "given up");
		}
		io->out = (*chunk)->data + (*chunk)->len;
		io->out_left = CHUNK_BYTES - (*chunk)->len;
		if (d->codec->step(d->state, io, err) == -1)
			return -1;
		(*chunk)->len = CHUNK_BYTES - io->out_left;
		/* A full chunk may leave output behind in the codec. */
		is_full = io->out_left == 0 && !io->is_between;
		if (io->out_left == 0) {
			chunk_flow_push(d->flow, *chunk);
			*chunk = NULL;
		}
	}
	return 0;
}

static int
decode_packed(struct decode *d, size_t got, struct error *err)
{
	struct codec_io io = { .is_between = true };
	struct chunk *chunk = NULL;
	int rc = -1;

	while (got != 0) {
		io.in = d->in;
		io.in_left = got;
		if (decode_input(d, &io, &chunk, err) == -1) {
			if (err->code == EX_DATAERR)
				error_wrap(err,
				    "before compressed byte %" PRIu64,
				    atomic_load(&d->read_bytes));
			goto out;
		}
		if (read_some(d, d->in, sizeof(d->in), &got, err) == -1)
			goto out;
	}
	if (!io.is_between) {
		error_set(err, EX_DATAERR, "compressed data end early (%s)",
		    d->codec->name);
		goto out;
	}
	rc = 0;
out:
	/* What was decoded before the fault comes first. */
	if (chunk != NULL)
		chunk_flow_push(d->flow, chunk);
	return rc;
}

static int
decode_all(struct decode *d, struct error *err)
{
	size_t got;

	if (read_full(d, d->in, CODEC_MAGIC_MAX, &got, err) == -1)
		return -1;
	d->codec = codec_by_magic(d->in, got);
	if (d->codec->name == NULL)
		return copy_plain(d, got, err);
	d->state = d->codec->start();
	if (d->state == NULL)
		return error_nomem(err, d->codec->name);
	return decode_packed(d, got, err);
}

static void *
run(void *arg)
{
	struct decode *d = arg;
	struct error err = { 0 };

	if (decode_all(d, &err) == 0)
		err.code = 0;
	chunk_flow_end(d->flow, &err);
	return NULL;
}

int
decode_open(struct decode **out, int fd, struct error *err)
{
	struct decode *d = calloc(1, sizeof(*d));
	sigset_t all, old;
	int sys;

	if (d == NULL)
		return error_sys(err, EX_OSERR, "archive");
	d->fd = fd;
	if (chunk_flow_new(&d->flow, DECODE_CHUNKS, err) == -1) {
		free(d);
		return -1;
	}
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	sys = pthread_create(&d->thread, NULL, run, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (sys != 0) {
		errno = sys;
		error_sys(err, EX_OSERR, "thread");
		chunk_flow_free(d->flow);
		free(d);
		return -1;
	}
	*out = d;
	return 0;
}

void
decode_free(struct decode *d)
{
	if (d == NULL)
		return;
	atomic_store(&d->is_stopped, true);
	chunk_flow_stop(d->flow);
	pthread_join(d->thread, NULL);
	if (d->state != NULL)
		d->codec->stop(d->state);
	chunk_flow_free(d->flow);
	free(d);
}

struct chunk_flow *
decode_flow(struct decode *d)
{
	return d->flow;
}

bool
decode_has_padding(const struct decode *d)
{
	return d->has_padding;
}

uint64_t
decode_read_bytes(struct decode *d)
{
	return atomic_load(&d->read_bytes);
}
