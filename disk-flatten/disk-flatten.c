/* SPDX-License-Identifier: ISC */
#include "base/diag.h"
#include "base/hook.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "disk/content.h"
#include "disk/image.h"

#include "flatten.h"

struct opts {
	struct opt_common common;
	const char *base, *cow, *out, *members;
	bool map;
};

/* Everything that is open. */
struct job {
	struct image base, cow;
	struct outfile file;
	struct sink sink;
	struct cow_map map;
};

static const struct members flatten_members = { IMAGE_MEMBERS
	" exceptions reflinked "
	"old_chunk new_chunk offset length cow_offset", /* --map */
	NULL };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: disk-flatten [-q] --base image --cow file [-o file] "
	    "[-p member,...]\n"
	    "       disk-flatten [-p member,...] --map --base image --cow "
	    "file\n");
}

/* `operand`: the first one, or NULL. */
static int
check_opts(struct opts *o, const char *operand)
{
	if (operand != NULL)
		return opt_wrong("%s: no operands are taken", operand);
	if (o->base == NULL || o->cow == NULL)
		return opt_wrong("--base and --cow are needed");
	if (o->map && o->out != NULL)
		return opt_wrong("--map and -o exclude each other");
	return o->map ? 0 : opt_output(&o->out, o->members, "image");
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { BASE = OPT_OWN, COW, MAP };
	static const struct option longopts[] = { OPT_LONG_STATELESS,
		{ "base", required_argument, NULL, BASE },
		{ "cow", required_argument, NULL, COW },
		{ "map", no_argument, NULL, MAP }, { NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT_STATELESS "o:p:", longopts)) !=
		-1) {
		if (ch == BASE)
			rc = opt_once(&o->base, optarg, "--base");
		else if (ch == COW)
			rc = opt_once(&o->cow, optarg, "--cow");
		else if (ch == 'o')
			rc = opt_once(&o->out, optarg, "-o");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &flatten_members);
		else if (ch == MAP)
			o->map = true;
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv[optind]);
}

static int
write_image(const struct opts *o, struct job *j, struct error *err)
{
	if (sink_open(&j->sink, &j->file, err) == -1 ||
	    flatten_write(&j->sink, &j->map, &j->base, &j->cow, o->common.quiet,
		err) == -1)
		return -1;
	if (o->out == NULL)
		return 0;
	hook_step("flatten-written");
	if (outfile_publish(&j->file, OUTFILE_REPLACE, err) == -1)
		return -1;
	return flatten_report(o->out, &j->map, &j->sink, o->members, err);
}

static int
run(const struct opts *o, struct error *err)
{
	struct job j = { IMAGE_NONE, IMAGE_NONE, OUTFILE_NONE, { 0 }, { 0 } };
	int rc = -1;

	if (image_open(&j.base, o->base, err) == -1 ||
	    content_check_raw(j.base.fd, j.base.bytes, o->base, err) == -1 ||
	    image_open(&j.cow, o->cow, err) == -1)
		goto out;
	if (o->out != NULL &&
	    (image_is(j.base.fd, o->out) || image_is(j.cow.fd, o->out))) {
		error_set(err, EX_USAGE, "-o %s: is an input", o->out);
		goto out;
	}
	if (o->out != NULL &&
	    outfile_open(&j.file, o->out, OUTFILE_REPLACE, err) == -1)
		goto out;
	if (sandbox_enter(&j.file.dirfd, o->out != NULL, err) == -1 ||
	    cow_read(&j.map, j.cow.fd, j.cow.bytes, j.base.bytes, o->cow,
		err) == -1)
		goto out;
	if (o->map)
		rc = flatten_print_map(&j.map, j.base.bytes, o->members, err);
	else
		rc = write_image(o, &j, err);
out:
	sink_fini(&j.sink);
	cow_map_fini(&j.map);
	outfile_drop(&j.file);
	image_close(&j.cow);
	image_close(&j.base);
	return rc;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	struct opts o = { 0 };
	int rc;

	sig_setup();
	rc = parse_opts(&o, argc, argv);
	if (rc != 0)
		return opt_end(rc);
	return run(&o, &err) == -1 ? diag_error(&err) : EX_OK;
}
