/* SPDX-License-Identifier: ISC */
#include "base/diag.h"
#include "base/hook.h"
#include "base/opt.h"
#include "base/outfile.h"
#include "base/sandbox.h"
#include "base/sig.h"
#include "disk/content.h"

#include "overlay.h"

struct opts {
	struct opt_common common;
	const char *base, *changed, *chunk, *out, *members;
};

/* Everything that is open. */
struct job {
	struct image base, changed;
	struct outfile file;
	struct sink sink;
	struct overlay_list list;
};

static const struct members overlay_members = { IMAGE_MEMBERS
	" chunk_sectors exceptions reflinked",
	NULL };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: disk-overlay [-q] --base image --changed image "
	    "[--chunk sectors]\n"
	    "           [-o file] [-p member,...]\n");
}

/* `operand`: the first one, or NULL. */
static int
check_opts(struct opts *o, const char *operand)
{
	if (operand != NULL)
		return opt_wrong("%s: no operands are taken", operand);
	if (o->base == NULL || o->changed == NULL)
		return opt_wrong("--base and --changed are needed");
	return opt_output(&o->out, o->members, "CoW file");
}

static int
parse_opts(struct opts *o, int argc, char *argv[])
{
	enum { BASE = OPT_OWN, CHANGED, CHUNK };
	static const struct option longopts[] = { OPT_LONG_STATELESS,
		{ "base", required_argument, NULL, BASE },
		{ "changed", required_argument, NULL, CHANGED },
		{ "chunk", required_argument, NULL, CHUNK },
		{ NULL, 0, NULL, 0 } };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT_STATELESS "o:p:", longopts)) !=
		-1) {
		if (ch == BASE)
			rc = opt_once(&o->base, optarg, "--base");
		else if (ch == CHANGED)
			rc = opt_once(&o->changed, optarg, "--changed");
		else if (ch == CHUNK)
			rc = opt_once(&o->chunk, optarg, "--chunk");
		else if (ch == 'o')
			rc = opt_once(&o->out, optarg, "-o");
		else if (ch == 'p')
			rc = opt_members(&o->members, optarg, &overlay_members);
		else
			rc = opt_common(&o->common, ch, usage);
	}
	return rc != 0 ? rc : check_opts(o, argv[optind]);
}

/* One of the base's size is raw as that is, whatever its guest wrote there. */
static int
check_changed(const struct job *j, struct error *err)
{
	return j->changed.bytes == j->base.bytes
	    ? 0
	    : content_check_raw(j->changed.fd, j->changed.bytes,
		  j->changed.path, err);
}

static int
open_all(const struct opts *o, struct job *j, struct error *err)
{
	if (image_open(&j->base, o->base, err) == -1 ||
	    content_check_raw(j->base.fd, j->base.bytes, o->base, err) == -1 ||
	    image_open(&j->changed, o->changed, err) == -1 ||
	    check_changed(j, err) == -1 ||
	    overlay_check(&j->base, &j->changed, err) == -1)
		return -1;
	if (o->out == NULL)
		return 0;
	if (image_is(j->base.fd, o->out) || image_is(j->changed.fd, o->out))
		return error_set(err, EX_USAGE, "-o %s: is an input", o->out);
	return outfile_open(&j->file, o->out, OUTFILE_REPLACE, err);
}

static int
run(const struct opts *o, struct error *err)
{
	struct job j = { IMAGE_NONE, IMAGE_NONE, OUTFILE_NONE, { 0 }, { 0 } };
	uint32_t chunk_sectors;
	int rc = -1;

	if (overlay_parse_chunk(&chunk_sectors, o->chunk, err) == -1 ||
	    open_all(o, &j, err) == -1 ||
	    sandbox_enter(&j.file.dirfd, o->out != NULL, err) == -1 ||
	    overlay_compare(&j.list, &j.base, &j.changed, chunk_sectors,
		o->common.quiet, err) == -1)
		goto out;
	if (sink_open(&j.sink, &j.file, err) == -1 ||
	    overlay_write(&j.sink, &j.list, &j.changed, chunk_sectors, err) ==
		-1)
		goto out;
	hook_step("overlay-written");
	if (o->out != NULL &&
	    (outfile_publish(&j.file, OUTFILE_REPLACE, err) == -1 ||
		overlay_report(o->out, &j.list, chunk_sectors, &j.sink,
		    o->members, err) == -1))
		goto out;
	rc = 0;
out:
	sink_fini(&j.sink);
	overlay_list_fini(&j.list);
	outfile_drop(&j.file);
	image_close(&j.changed);
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
