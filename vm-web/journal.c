/* SPDX-License-Identifier: ISC */
#include "journal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/rfc3339.h"

#include "reply.h"

void
journal_fini(struct journal *j)
{
	size_t i;

	for (i = 0; i < JOURNAL_MAX; i++)
		free(j->line[i]);
	memset(j, 0, sizeof(*j));
}

static json_t *
record_of(const struct job *job, uint64_t seq)
{
	char at[RFC3339_MAX];
	char *command = job_line(job);
	json_t *o = json_object();

	rfc3339_us(at, &job->started);
	json_object_set_new(o, "seq", json_integer((json_int_t)seq));
	json_object_set_new(o, "at", json_string(at));
	json_object_set_new(o, "command", json_string(command));
	json_object_set_new(o, "exit", json_integer(job->status));
	json_object_set_new(o, "meaning",
	    json_string(reply_meaning(job->status)));
	json_object_set_new(o, "ms", json_integer(job->took_ms));
	json_object_set_new(o, "stderr", json_string(job->err_text));
	if (job->mark[0] != '\0')
		json_object_set_new(o, "mark", json_string(job->mark));
	if (job->text_len > 0 && job->text_len <= JOURNAL_TEXT_MAX &&
	    path_is_utf8(job->text, job->text_len))
		json_object_set_new(o, "stdout", json_string(job->text));
	free(command);
	return o;
}

void
journal_add(struct journal *j, const struct job *job)
{
	json_t *o = record_of(job, j->n);
	char *text = json_dumps(o, JSON_COMPACT);
	char **slot = &j->line[j->n % JOURNAL_MAX];

	json_decref(o);
	if (text == NULL)
		return;
	free(*slot);
	*slot = text;
	j->n++;
	feed_tell(j->feed, "did", text, strlen(text));
}

char *
journal_text(const struct journal *j)
{
	size_t len = 0, cap = 1, i, n;
	char *text;
	const char *line;

	for (i = 0; i < JOURNAL_MAX; i++)
		cap += j->line[i] == NULL ? 0 : strlen(j->line[i]) + 1;
	text = malloc(cap);
	for (i = 0; text != NULL && i < JOURNAL_MAX; i++) {
		line = j->line[(j->n + i) % JOURNAL_MAX];
		if (line == NULL)
			continue;
		n = strlen(line);
		memcpy(text + len, line, n);
		text[len + n] = '\n';
		len += n + 1;
	}
	if (text != NULL)
		text[len] = '\0';
	return text;
}
