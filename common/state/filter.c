/* SPDX-License-Identifier: ISC */
#include "state/filter.h"

#include <string.h>

#include "base/rfc3339.h"

/* Appends a wish, which `option` has not been given for before; NULL, told. */
static struct filter_wish *
add(struct filter *f, const char *option, const char *member)
{
	struct filter_wish *w;
	size_t i;

	for (i = 0; i < f->n; i++)
		if (strcmp(f->v[i].option, option) == 0) {
			opt_wrong("%s: given twice", option);
			return NULL;
		}
	w = &f->v[f->n++];
	*w = (struct filter_wish){ .option = option, .member = member };
	return w;
}

/* Whether the `len` bytes at `word` are one of the list "a,b". */
static bool
is_word_of(const char *list, const char *word, size_t len)
{
	size_t n;

	for (;; list += n + 1) {
		n = strcspn(list, ",");
		if (n == len && memcmp(list, word, n) == 0)
			return true;
		if (list[n] == '\0')
			return false;
	}
}

static int
check_word(const char *option, const char *word, size_t len,
    const char *(*known)(size_t i))
{
	char list[256] = "";
	const char *name;
	size_t at = 0, i;

	for (i = 0; (name = known(i)) != NULL && at < sizeof(list); i++) {
		if (strlen(name) == len && memcmp(name, word, len) == 0)
			return 0;
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s",
		    i == 0 ? "" : ", ", name);
	}
	return opt_wrong("%s: \"%.*s\": not one of %s", option, (int)len, word,
	    list);
}

int
filter_words(struct filter *f, const char *option, const char *member,
    const char *words, const char *(*known)(size_t i))
{
	struct filter_wish *w = add(f, option, member);
	const char *p = words;
	size_t n;

	if (w == NULL)
		return -1;
	for (;; p += n + 1) {
		n = strcspn(p, ",");
		if (check_word(option, p, n, known) == -1)
			return -1;
		if (p[n] == '\0')
			break;
	}
	w->words = words;
	return 0;
}

int
filter_age(struct filter *f, const char *option, const char *member,
    const char *else_member, const char *duration)
{
	struct filter_wish *w = add(f, option, member);

	if (w == NULL)
		return -1;
	w->else_member = else_member;
	return opt_duration(&w->age, duration, option);
}

int
filter_origin(struct filter *f, const char *option, const char *member,
    enum root_kind kind, const char *ref)
{
	struct filter_wish *w = add(f, option, member);

	if (w == NULL)
		return -1;
	w->ref = ref;
	w->kind = kind;
	return 0;
}

int
filter_resolve(struct filter *f, const struct root *root, struct error *err)
{
	struct error why = { 0 };
	struct filter_wish *w;
	size_t i;

	for (i = 0; i < f->n; i++) {
		w = &f->v[i];
		if (w->ref == NULL ||
		    root_resolve(w->id, root, w->kind, w->ref, &why) == 0)
			continue;
		if (why.code != EX_NOINPUT || !id_is_valid(w->ref)) {
			if (err != NULL)
				*err = why;
			return error_wrap(err, "%s", w->option);
		}
		memcpy(w->id, w->ref, ID_LEN + 1);
	}
	return 0;
}

/* Whether `text` is a time that is `ms` ago, or more. */
static bool
is_so_long_ago(const char *text, uint64_t ms, const struct timespec *now)
{
	struct timespec then;
	int64_t ago_ms;

	if (rfc3339_parse(&then, text, NULL) == -1)
		return false;
	ago_ms = ((int64_t)now->tv_sec - (int64_t)then.tv_sec) * 1000 +
	    (now->tv_nsec - then.tv_nsec) / 1000000;
	return ago_ms >= 0 && (uint64_t)ago_ms >= ms;
}

static bool
is_true(const struct filter_wish *w, const json_t *record,
    const struct timespec *now)
{
	const char *text = json_string_value(
	    json_object_get(record, w->member));

	if (text == NULL && w->else_member != NULL)
		text = json_string_value(
		    json_object_get(record, w->else_member));
	if (text == NULL)
		return false;
	if (w->words != NULL)
		return is_word_of(w->words, text, strlen(text));
	if (w->ref != NULL)
		return strcmp(text, w->id) == 0;
	return is_so_long_ago(text, w->age.ms, now);
}

bool
filter_fits(const struct filter *f, const json_t *record,
    const struct timespec *now)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (!is_true(&f->v[i], record, now))
			return false;
	return true;
}
