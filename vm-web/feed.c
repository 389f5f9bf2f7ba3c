/* SPDX-License-Identifier: ISC */
#include "feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
drop_first(struct feed *f)
{
	struct feed_message *m = &f->ring[f->first % FEED_MAX];

	f->bytes -= m->len;
	free(m->text);
	m->text = NULL;
	f->first++;
}

void
feed_fini(struct feed *f)
{
	while (f->first != f->next)
		drop_first(f);
}

static void
wake_all(struct feed *f)
{
	struct feed_client *c;

	for (c = f->clients; c != NULL; c = c->next)
		c->wake(c->arg);
}

static void
add(struct feed *f, char *text, size_t len)
{
	while (f->first != f->next &&
	    (f->next - f->first >= FEED_MAX || f->bytes + len > FEED_BYTES_MAX))
		drop_first(f);
	f->ring[f->next % FEED_MAX] = (struct feed_message){ text, len };
	f->bytes += len;
	f->next++;
	wake_all(f);
}

void
feed_tell(struct feed *f, const char *event, const char *data, size_t len)
{
	size_t cap = len + strlen(event) + 96;
	char *text;
	int n;

	if (f->clients == NULL)
		return;
	text = malloc(cap);
	if (text == NULL)
		return;
	n = snprintf(text, cap, "id: %s-%" PRIu64 "\nevent: %s\ndata: %.*s\n\n",
	    f->boot, f->next, event, (int)len, data);
	add(f, text, (size_t)n);
}

void
feed_join(struct feed *f, struct feed_client *c, const char *last)
{
	size_t n = strlen(f->boot);
	uint64_t seq = 0;

	c->seq = f->next;
	c->off = 0;
	c->lost = c->greeted = false;
	if (last != NULL) {
		c->lost = true;
		if (strncmp(last, f->boot, n) == 0 && last[n] == '-' &&
		    sscanf(last + n + 1, "%" SCNu64, &seq) == 1 &&
		    seq < f->next && seq + 1 >= f->first) {
			c->seq = seq + 1;
			c->lost = false;
		}
	}
	c->next = f->clients;
	f->clients = c;
	f->clients_n++;
}

/* Nobody listens, and nothing is noted: whoever was here misses some. */
static void
forget(struct feed *f)
{
	while (f->first != f->next)
		drop_first(f);
	f->first = ++f->next;
}

void
feed_part(struct feed *f, struct feed_client *c)
{
	struct feed_client **p;

	for (p = &f->clients; *p != NULL; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			f->clients_n--;
			break;
		}
	if (f->clients == NULL)
		forget(f);
}

size_t
feed_read(struct feed *f, struct feed_client *c, char *buf, size_t max)
{
	static const char reset[] = "event: reset\ndata: {}\n\n";
	/* Firefox tells a page of an answer with its first bytes, not before. */
	static const char greeting[] = ":\n\n";
	const struct feed_message *m;
	size_t n = 0, part;

	if (!c->greeted && max >= sizeof(greeting) - 1) {
		n = sizeof(greeting) - 1;
		memcpy(buf, greeting, n);
		c->greeted = true;
	}
	if (c->seq < f->first) {
		/* In the midst of a message: an empty line ends it. */
		c->lost = true;
		c->seq = f->next;
		if (c->off > 0 && max - n >= 2) {
			memcpy(buf + n, "\n\n", 2);
			n += 2;
		}
		c->off = 0;
	}
	if (c->lost && max - n >= sizeof(reset) - 1) {
		memcpy(buf + n, reset, sizeof(reset) - 1);
		n += sizeof(reset) - 1;
		c->lost = false;
	}
	while (c->seq < f->next && n < max) {
		m = &f->ring[c->seq % FEED_MAX];
		part = m->len - c->off < max - n ? m->len - c->off : max - n;
		memcpy(buf + n, m->text + c->off, part);
		n += part;
		c->off += part;
		if (c->off == m->len) {
			c->seq++;
			c->off = 0;
		}
	}
	return n;
}
