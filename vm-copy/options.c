/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: vm-copy [-q] [-R root] source vm:path\n"
	    "       vm-copy [-q] [-R root] vm:path target\n");
}

void
options_fini(struct opts *o)
{
	free(o->vm);
	o->vm = NULL;
}

/* "vm:path": a colon before any slash.  NULL: a path of this machine. */
static const char *
colon_of(const char *operand)
{
	size_t n = strcspn(operand, ":/");

	return operand[n] == ':' && n > 0 ? operand + n : NULL;
}

static bool
has_control(const char *text)
{
	while (*text != '\0' && !iscntrl((unsigned char)*text))
		text++;
	return *text != '\0';
}

static int
take_operands(struct opts *o, int n, char *const *operands)
{
	const char *from, *to, *guest;

	if (n != 2)
		return opt_wrong("a source and a target are needed, one of "
				 "them vm:path");
	from = colon_of(operands[0]);
	to = colon_of(operands[1]);
	if ((from == NULL) == (to == NULL))
		return opt_wrong("%s, %s: exactly one of them is to be vm:path "
				 "(\"./\" before a name with a colon)",
		    operands[0], operands[1]);
	o->to_guest = to != NULL;
	guest = o->to_guest ? operands[1] : operands[0];
	o->here = o->to_guest ? operands[0] : operands[1];
	o->there = (o->to_guest ? to : from) + 1;
	if (o->there[0] != '/')
		return opt_wrong("%s: the guest's path is to begin with a "
				 "slash",
		    guest);
	/* The guest's shell tells us paths, a line each. */
	if (has_control(o->there))
		return opt_wrong("%s: a control character in the guest's path",
		    guest);
	if (!path_is_utf8(o->there, strlen(o->there)))
		return opt_wrong("%s: the guest's path is not UTF-8", guest);
	if (o->here[0] == '\0')
		return opt_wrong("an empty name");
	o->vm = strndup(guest, (size_t)(o->there - 1 - guest));
	return o->vm == NULL ? opt_wrong("out of memory") : 0;
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG,
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (
	    rc == 0 && (ch = opt_next(argc, argv, OPT_SHORT, longopts)) != -1)
		rc = opt_common(&o->common, ch, usage);
	return rc != 0 ? rc : take_operands(o, argc - optind, argv + optind);
}
