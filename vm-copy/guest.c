/* SPDX-License-Identifier: ISC */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/path.h"
#include "base/sig.h"
#include "vmm/host/agent_exec.h"

#define OURS ".instar-copy." /* how the directory's name begins */

/*
 * $1: a path, $2: an entry's name, or nothing, $3: something if it is a directory.
 * Prints the directory made, then what its tar is.
 */
static const char begin_script[] =
    "command -v tar >/dev/null || exit 69\n"
    "d=$1; [ -d \"$d\" ] || d=$(dirname -- \"$d\")\n"
    "[ -d \"$d\" ] || exit 66\n"
    "to=$1; [ ! -d \"$to\" ] || to=${to%/}/$2\n"
    "[ -z \"$2\" ] || [ ! -d \"$to\" ] || exit 73\n"
    "[ -z \"$3\" ] || [ ! -e \"$to\" ] || exit 73\n"
    "d=$(cd -- \"$d\" && pwd) || exit 77\n"
    "mktemp -d \"${d%/}/" OURS "XXXXXX\" || exit 73\n"
    "case $(tar --version 2>&1) in *GNU*|*bsdtar*) echo sparse ;;\n"
    "*) echo plain ;; esac\n";

/* $1: our directory, $2: a path, $3: the entry's name. */
static const char unpack_script[] =
    "cd -- \"$1\" && mkdir new && tar -C new -xpof archive && rm archive ||\n"
    "    exit 74\n"
    "to=$2; [ ! -d \"$to\" ] || to=${to%/}/$3\n"
    "[ ! -d \"$to\" ] || exit 73\n"
    "[ ! -d \"new/$3\" ] || [ ! -e \"$to\" ] || exit 73\n"
    "mv -f -- \"new/$3\" \"$to\" || exit 74\n";

/*
 * $1: our directory, $2: a path, $3: what tar is told besides, and behind it "/" if
 * it is to be no directory.
 */
static const char pack_script[] =
    "[ -e \"$2\" ] || [ -h \"$2\" ] || exit 66\n"
    "case $3 in */) [ -h \"$2\" ] || [ ! -d \"$2\" ] || exit 73 ;; esac\n"
    "p=$2; while [ \"$p\" != \"${p%/}\" ]; do p=${p%/}; done\n"
    "d=${p%/*}; [ -n \"$p\" ] || exit 64\n"
    "tar -C \"${d:-/}\" -cf \"$1/archive\" ${3%/} -- \"${p##*/}\" || exit 74\n"
    "wc -c <\"$1/archive\"\n";

static const char end_script[] = "rm -rf -- \"$1\"\n";

/* The guest's own words, one line of them, and our status. */
static int
refuse(const struct guest *g, const struct agent_end *end, const char *what,
    struct error *err)
{
	char words[256];
	size_t n = end->err_len < sizeof(words) - 1 ? end->err_len
						    : sizeof(words) - 1;
	int code = end->status;

	if (n > 0)
		memcpy(words, end->err, n);
	words[n] = '\0';
	words[strcspn(words, "\n")] = '\0';
	if (code < EX_USAGE || code > EX_CONFIG)
		code = EX_UNAVAILABLE;
	if (end->status == EX_NOINPUT)
		return error_set(err, code, "%s:%s: no such file", g->vm, what);
	if (words[0] != '\0')
		return error_set(err, code, "%s:%s: %s", g->vm, what, words);
	if (end->status == EX_CANTCREAT)
		return error_set(err, code,
		    "%s:%s: there is something of that name already", g->vm,
		    what);
	return end->status == EX_UNAVAILABLE
	    ? error_set(err, code, "%s: no tar in the guest", g->vm)
	    : error_set(err, code, "%s:%s: status %d in the guest", g->vm, what,
		  end->status);
}

/* What it printed is in out[cap], with a NUL. */
static int
run(struct guest *g, const char *script, const char *const words[3],
    const char *what, char *out, size_t cap, struct error *err)
{
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", words[0],
		words[1], words[2], NULL };
	const struct agent_command c = { .argv = (char *const *)(uintptr_t)argv,
		.is_captured = true };
	struct agent_end end = { 0 };
	int rc = 0;

	if (agent_exec_run(g->agent, &c, &end, INT64_MAX, err) == -1)
		return error_wrap(err, "%s", g->vm);
	if (end.status != 0)
		rc = refuse(g, &end, what, err);
	else if (out != NULL && end.out_len >= cap)
		rc = error_set(err, EX_UNAVAILABLE,
		    "%s:%s: the guest says too much", g->vm, what);
	else if (out != NULL) {
		if (end.out_len > 0)
			memcpy(out, end.out, end.out_len);
		out[end.out_len] = '\0';
	}
	agent_end_fini(&end);
	return rc;
}

/* All of it is removed in the end: nothing is taken for ours that may not be. */
static bool
is_ours(const char *dir)
{
	return dir[0] == '/' &&
	    strncmp(path_base(dir), OURS, sizeof(OURS) - 1) == 0;
}

int
guest_begin(struct guest *g, const char *path, const char *name, bool is_dir,
    struct error *err)
{
	const char *const words[3] = { path, name == NULL ? "" : name,
		is_dir ? "dir" : "" };
	char out[GUEST_PATH_MAX + 16], *line;

	/* One that does not answer at once has not begun either. */
	if (agent_hold(g->agent, clock_ms() + AGENT_SYNC_MS, err) == -1)
		return error_wrap(err, "%s", g->vm);
	if (run(g, begin_script, words, path, out, sizeof(out), err) == -1)
		return -1;
	line = strchr(out, '\n');
	if (line != NULL)
		*line++ = '\0';
	if (line == NULL || !is_ours(out) || line - out > GUEST_PATH_MAX)
		return error_set(err, EX_UNAVAILABLE,
		    "%s:%s: the guest made no directory", g->vm, path);
	memcpy(g->dir, out, (size_t)(line - out));
	snprintf(g->archive, sizeof(g->archive), "%s/archive", g->dir);
	g->has_sparse = strncmp(line, "sparse", 6) == 0;
	return 0;
}

int
guest_unpack(struct guest *g, const char *path, const char *name,
    struct error *err)
{
	const char *const words[3] = { g->dir, path, name };

	return run(g, unpack_script, words, path, NULL, 0, err);
}

int
guest_pack(struct guest *g, const char *path, bool no_dir, uint64_t *size,
    struct error *err)
{
	static const char *const told[2][2] = { { "", "/" }, { "-S", "-S/" } };
	const char *const words[3] = { g->dir, path,
		told[g->has_sparse][no_dir] };
	char out[64], *text = out;

	if (run(g, pack_script, words, path, out, sizeof(out), err) == -1)
		return -1;
	text += strspn(text, " \t");
	text[strcspn(text, "\r\n")] = '\0';
	return num_u64(size, text, 1, INT64_MAX, NULL) == -1
	    ? error_set(err, EX_UNAVAILABLE,
		  "%s:%s: the guest does not say how much it is", g->vm, path)
	    : 0;
}

void
guest_end(struct guest *g)
{
	const char *const words[3] = { g->dir, NULL };

	if (g->dir[0] == '\0')
		return;
	if (sig_check(NULL) == -1)
		sig_shield();
	run(g, end_script, words, g->dir, NULL, 0, NULL);
	g->dir[0] = '\0';
}
