/* SPDX-License-Identifier: ISC */
#include "base/opt.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/num.h"

/* The option that the word `text` is, without what may stand behind its "=". */
static int
wrong_word(const char *text, const char *why)
{
	opt_wrong("%.*s: %s", (int)strcspn(text, "="), text, why);
	return '?';
}

static const char *
argument_word(int has_arg)
{
	return has_arg == no_argument      ? "none"
	    : has_arg == required_argument ? "required"
					   : "optional";
}

/* '-': what the option returns is no letter that can be given. */
static int
letter_of(const struct option *o, const char *letters)
{
	return o->val > 0 && o->val < OPT_TABLE && o->val != ':' &&
		strchr(letters, o->val) != NULL
	    ? o->val
	    : '-';
}

/* A line for each option: "LETTER<tab>NAME<tab>none|required|optional". */
static void
print_table(const char *letters, const struct option *longopts)
{
	const struct option *o;
	const char *l;
	bool known;

	for (o = longopts; o->name != NULL; o++)
		printf("%c\t%s\t%s\n", letter_of(o, letters), o->name,
		    argument_word(o->has_arg));
	for (l = letters + (letters[0] == '+'); *l != '\0'; l++) {
		known = *l == ':';
		for (o = longopts; o->name != NULL; o++)
			known = known || o->val == *l;
		if (!known)
			printf("%c\t-\t%s\n", *l,
			    argument_word(
				l[1] == ':' ? required_argument : no_argument));
	}
}

int
opt_next(int argc, char *argv[], const char *letters,
    const struct option *longopts)
{
	char unknown[64], quiet[64], letter[3] = "-";
	bool stops = letters[0] == '+';
	const char *word, *name;
	int ch, which = -1;

	if (argc == 2 && strcmp(argv[1], "--options") == 0) {
		print_table(letters, longopts);
		return OPT_TABLE;
	}
	snprintf(unknown, sizeof(unknown), "unknown option: see %s -h",
	    program_invocation_short_name);
	/* A colon: a missing argument is told apart, and nothing printed. */
	snprintf(quiet, sizeof(quiet), "%s:%s", stops ? "+" : "",
	    letters + stops);
	ch = getopt_long(argc, argv, quiet, longopts, &which);
	if (ch == -1)
		return -1;
	word = argv[optind - 1];
	if (ch == '?' || ch == ':') {
		if (strncmp(word, "--", 2) == 0)
			return wrong_word(word,
			    ch == ':'         ? "needs an argument"
				: optopt == 0 ? unknown
					      : "takes no argument");
		letter[1] = (char)optopt;
		return wrong_word(letter,
		    ch == ':' ? "needs an argument" : unknown);
	}
	if (which == -1)
		return ch;
	/* Its argument may be a word of its own. */
	if (optarg == word)
		word = argv[optind - 2];
	name = longopts[which].name;
	if (strcspn(word + 2, "=") == strlen(name))
		return ch;
	return wrong_word(word, unknown);
}

int
opt_common(struct opt_common *c, int ch, void (*usage)(FILE *))
{
	switch (ch) {
	case OPT_TABLE:
		return 1;
	case 'h':
		usage(stdout);
		return 1;
	case 'V':
		printf("%s (instar) %s\n", program_invocation_short_name,
		    INSTAR_VERSION);
		return 1;
	case 'q':
		c->quiet = true;
		return 0;
	case OPT_ALLOW_EMPTY:
		c->allow_empty = true;
		return 0;
	case OPT_ALL:
		c->all = true;
		return 0;
	case OPT_WAIT:
		return opt_duration(&c->wait, optarg, "--wait");
	case 'R':
		return opt_once(&c->root, optarg, "--root");
	default:
		return -1;
	}
}

int
opt_end(int rc)
{
	struct error err = { 0 };

	if (rc == -1)
		return EX_USAGE;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EX_OK;
	error_sys(&err, EX_IOERR, "standard output");
	return diag_error(&err);
}

int
opt_wrong(const char *fmt, ...)
{
	char text[ERROR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag("%s", text);
	return -1;
}

int
opt_operands(const struct opt_common *c, size_t n, const char *kind)
{
	if (c->all && n > 0)
		return opt_wrong("--all and a %s exclude each other", kind);
	if (!c->all && n == 0)
		return opt_wrong("no %s is named", kind);
	return 0;
}

int64_t
opt_deadline(const struct opt_common *c, uint64_t ms)
{
	if (c->wait.given)
		ms = c->wait.ms;
	return ms == 0 ? 0 : clock_ms() + (int64_t)ms;
}

int
opt_once(const char **slot, const char *value, const char *name)
{
	if (*slot != NULL)
		return opt_wrong("%s: given twice", name);
	*slot = value;
	return 0;
}

int
opt_reads_stdin(const char **first, const char *value, const char *name,
    struct error *err)
{
	if (value == NULL || strcmp(value, "-") != 0)
		return 0;
	if (*first != NULL)
		return error_set(err, EX_USAGE,
		    "%s - and %s -: both read standard input", *first, name);
	*first = name;
	return 0;
}

int
opt_duration(struct opt_time *t, const char *value, const char *name)
{
	struct error err = { 0 };

	if (t->given)
		return opt_wrong("%s: given twice", name);
	if (num_duration(&t->ms, value, &err) == -1)
		return opt_wrong("%s: %s", name, err.msg);
	t->given = true;
	return 0;
}

int
opt_again(struct strv *list, const char *value)
{
	struct error err = { 0 };

	return strv_add(list, &err, "%s", value) == -1
	    ? opt_wrong("%s", err.msg)
	    : 0;
}

/* Whether a member of the list, or a part of one, has no letter. */
static bool
has_empty(const char *list)
{
	bool begins = true;

	for (; *list != '\0'; list++) {
		if (begins && (*list == ',' || *list == '.'))
			return true;
		begins = *list == ',' || *list == '.';
	}
	return begins;
}

int
opt_members(const char **slot, const char *value, const struct members *known)
{
	const char *p;
	size_t n;

	if (has_empty(value))
		return opt_wrong("-p: \"%s\": an empty member", value);
	for (p = value;; p += n + 1) {
		n = strcspn(p, ",");
		if (!members_have(known, p, n))
			return opt_wrong(
			    "-p: \"%.*s\": no member of the record", (int)n, p);
		if (p[n] == '\0')
			return opt_once(slot, value, "-p");
	}
}

int
opt_output(const char **out, const char *members, const char *what)
{
	if (*out != NULL && strcmp(*out, "-") != 0)
		return 0;
	*out = NULL;
	if (members != NULL)
		return opt_wrong("-p needs -o file");
	if (isatty(STDOUT_FILENO))
		return opt_wrong("no %s to a terminal: use -o file, or a pipe",
		    what);
	return 0;
}
