/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <stdint.h>

#include "base/num.h"
#include "state/members.h"

/* Options as they were given, before they are held against each other. */
struct given {
	bool zstd, gzip, plain;
	const char *zstd_level, *gzip_level, *rate, *wrenn_dir;
};

/* Of an archive, an estimate (--dry-run), and entries (--list). */
static const struct members export_members = {
	"archive archive_size to_dir wrenn_dir data stream runs form offset",
	&snap_members
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: snap-export [-q] [-R root] [--zstd[=level] [--long] | "
	    "--gzip[=level] |\n"
	    "           --no-compress] [--dense] [--with-layers | --cocoon]\n"
	    "           [--rate size] [-o file [-p member,...]] snap\n"
	    "       snap-export [-q] [-R root] [-p member,...] --to-dir dir "
	    "snap\n"
	    "       snap-export [-q] [-R root] [-p member,...] --wrenn-dir dir "
	    "snap\n"
	    "       snap-export [-R root] [--dense] [--with-layers] [-p member,...]\n"
	    "           --dry-run snap\n"
	    "       snap-export [-p member,...] --list archive\n");
}

static int
take_level(int *level, const char *text, int max, const char *option)
{
	struct error err;
	uint64_t n;

	if (text == NULL)
		return 0;
	if (num_u64(&n, text, 1, (uint64_t)max, &err) == -1)
		return opt_wrong("%s=%s: a level is a number from 1 to %d",
		    option, text, max);
	*level = (int)n;
	return 0;
}

/* How to compress: zstd unless told otherwise, what cocoon reads for it. */
static int
check_press(struct opts *o, const struct given *g)
{
	struct archive_how *how = &o->how;

	if (g->zstd + g->gzip + g->plain > 1)
		return opt_wrong(
		    "--zstd, --gzip and --no-compress exclude each other");
	if (o->what.is_cocoon && (g->zstd || o->how.is_long))
		return opt_wrong("--cocoon and zstd exclude each other");
	if (o->what.is_cocoon && o->what.with_layers)
		return opt_wrong("--cocoon and --with-layers exclude each "
				 "other: cocoon would not look for them");
	if (how->is_long && (g->gzip || g->plain))
		return opt_wrong("--long needs zstd");
	how->press = ARCHIVE_ZSTD;
	how->level = ARCHIVE_ZSTD_LEVEL;
	if (g->plain || (o->what.is_cocoon && !g->gzip))
		how->press = ARCHIVE_PLAIN;
	if (g->gzip) {
		how->press = ARCHIVE_GZIP;
		how->level = ARCHIVE_GZIP_LEVEL;
	}
	if (take_level(&how->level, g->zstd_level, ARCHIVE_ZSTD_LEVEL_MAX,
		"--zstd") == -1)
		return -1;
	return take_level(&how->level, g->gzip_level, ARCHIVE_GZIP_LEVEL_MAX,
	    "--gzip");
}

static int
check_list(const struct opts *o, const struct given *g, int operands)
{
	if (operands != 0)
		return opt_wrong("--list takes no snapshot");
	if (o->out != NULL || o->is_dry_run || o->what.is_cocoon ||
	    o->what.with_layers || o->how.is_dense || o->how.is_long ||
	    g->rate != NULL || g->zstd || g->gzip || g->plain ||
	    o->common.root != NULL || o->to_dir != NULL)
		return opt_wrong("--list goes with -p alone");
	return 0;
}

static int
check_dirs(const struct opts *o, const struct given *g)
{
	if (o->out != NULL || o->is_dry_run || o->what.is_cocoon ||
	    (o->is_wrenn && o->what.with_layers) || o->how.is_dense ||
	    o->how.is_long || g->rate != NULL || g->zstd || g->gzip || g->plain)
		return opt_wrong("%s makes no archive: it goes with -p",
		    o->is_wrenn ? "--wrenn-dir" : "--to-dir");
	return 0;
}

static int
check_opts(struct opts *o, const struct given *g, char *operands[], int n)
{
	struct error err;

	if (o->to_dir != NULL && g->wrenn_dir != NULL)
		return opt_wrong("--to-dir and --wrenn-dir exclude each other");
	o->is_wrenn = g->wrenn_dir != NULL;
	if (o->is_wrenn)
		o->to_dir = g->wrenn_dir;
	if (o->list != NULL)
		return check_list(o, g, n);
	if (n != 1)
		return opt_wrong("one snapshot is needed");
	o->snap = operands[0];
	if (o->to_dir != NULL)
		return check_dirs(o, g);
	if (o->is_dry_run && (o->out != NULL || g->rate != NULL))
		return opt_wrong("--dry-run writes no archive");
	if (g->rate != NULL &&
	    num_size(&o->how.rate, g->rate, 1, UINT64_C(1) << 40, &err) == -1)
		return opt_wrong("--rate %s", err.msg);
	if (check_press(o, g) == -1)
		return -1;
	return o->is_dry_run ? 0 : opt_output(&o->out, o->members, "archive");
}

enum own {
	ZSTD = OPT_OWN,
	GZIP,
	PLAIN,
	LONG,
	DENSE,
	LAYERS,
	COCOON,
	RATE,
	DRY,
	LIST,
	TO_DIR,
	WRENN_DIR
};

static int
take_option(struct opts *o, struct given *g, int ch)
{
	switch (ch) {
	case ZSTD:
		g->zstd = true;
		return optarg == NULL
		    ? 0
		    : opt_once(&g->zstd_level, optarg, "--zstd");
	case GZIP:
		g->gzip = true;
		return optarg == NULL
		    ? 0
		    : opt_once(&g->gzip_level, optarg, "--gzip");
	case PLAIN:
		g->plain = true;
		return 0;
	case LONG:
		o->how.is_long = true;
		return 0;
	case DENSE:
		o->how.is_dense = true;
		return 0;
	case LAYERS:
		o->what.with_layers = true;
		return 0;
	case COCOON:
		o->what.is_cocoon = true;
		return 0;
	case RATE:
		return opt_once(&g->rate, optarg, "--rate");
	case DRY:
		o->is_dry_run = true;
		return 0;
	case LIST:
		return opt_once(&o->list, optarg, "--list");
	case TO_DIR:
		return opt_once(&o->to_dir, optarg, "--to-dir");
	case WRENN_DIR:
		return opt_once(&g->wrenn_dir, optarg, "--wrenn-dir");
	case 'o':
		return opt_once(&o->out, optarg, "-o");
	case 'p':
		return opt_members(&o->members, optarg, &export_members);
	default:
		return opt_common(&o->common, ch, usage);
	}
}

int
options_parse(struct opts *o, int argc, char *argv[])
{
	static const struct option longopts[] = { OPT_LONG,
		{ "zstd", optional_argument, NULL, ZSTD },
		{ "gzip", optional_argument, NULL, GZIP },
		{ "no-compress", no_argument, NULL, PLAIN },
		{ "long", no_argument, NULL, LONG },
		{ "dense", no_argument, NULL, DENSE },
		{ "with-layers", no_argument, NULL, LAYERS },
		{ "cocoon", no_argument, NULL, COCOON },
		{ "rate", required_argument, NULL, RATE },
		{ "dry-run", no_argument, NULL, DRY },
		{ "list", required_argument, NULL, LIST },
		{ "to-dir", required_argument, NULL, TO_DIR },
		{ "wrenn-dir", required_argument, NULL, WRENN_DIR },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 } };
	struct given g = { 0 };
	int ch, rc = 0;

	while (rc == 0 &&
	    (ch = opt_next(argc, argv, OPT_SHORT "o:p:", longopts)) != -1)
		rc = take_option(o, &g, ch);
	return rc != 0 ? rc : check_opts(o, &g, argv + optind, argc - optind);
}
