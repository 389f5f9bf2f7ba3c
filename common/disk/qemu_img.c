/* SPDX-License-Identifier: ISC */
#include "disk/qemu_img.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/strv.h"
#include "disk/qcow2.h"

#define CONVERT_MS (24 * 3600 * 1000) /* 8 TiB at 100 MB/s */
#define HEADER_MS 60000
#define ARGUMENT_CAP (2 + PATH_NAME_MAX + 1)

/* ./NAME: a colon in it means nothing then. */
static int
file_argument(char out[ARGUMENT_CAP], const char *name, struct error *err)
{
	if (!path_is_name(name))
		return error_set(err, EX_DATAERR, "\"%s\" is no file name",
		    name);
	snprintf(out, ARGUMENT_CAP, "./%s", name);
	return 0;
}

/* The header of one file of a chain, which has its data in itself. */
static int
read_link(struct qcow2_head *head, int dirfd, const char *name,
    struct error *err)
{
	uint64_t bytes;
	int fd, rc;

	/* Links are followed: a directory of them may stand for the chain. */
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	bytes = (uint64_t)lseek(fd, 0, SEEK_END);
	rc = qcow2_read_head(head, fd, bytes, name, err);
	fd_drop(&fd);
	if (rc == -1)
		return -1;
	return head->has_data_file
	    ? error_set(err, EX_DATAERR, "%s: has an external data file", name)
	    : 0;
}

/* What a header names is beside it, and of a format that it says. */
static int
check_link(const struct chain_format **below, const struct qcow2_head *head,
    const char *name, struct error *err)
{
	*below = NULL;
	if (head->backing[0] == '\0')
		return 0;
	if (!chain_is_name(head->backing))
		return error_set(err, EX_DATAERR,
		    "%s: backing file \"%s\" is not a plain name", name,
		    head->backing);
	*below = chain_find_format(head->backing_format);
	if (*below == NULL)
		return error_set(err, EX_DATAERR,
		    "%s: backing file of format \"%s\"", name,
		    head->backing_format);
	return 0;
}

static int
check_chain(int dirfd, const char *name, const struct chain_format *format,
    struct error *err)
{
	struct qcow2_head head;
	char next[QCOW2_BACKING_MAX + 1];
	int depth;

	for (depth = 0; format != NULL && !format->is_flat; depth++) {
		if (depth == QEMU_IMG_CHAIN_MAX)
			return error_set(err, EX_DATAERR,
			    "%s: more than %d files in a chain", name,
			    QEMU_IMG_CHAIN_MAX);
		if (read_link(&head, dirfd, name, err) == -1 ||
		    check_link(&format, &head, name, err) == -1)
			return -1;
		memcpy(next, head.backing, sizeof(next));
		name = next;
	}
	return 0;
}

static int
run(const char *const *words, int dirfd, int64_t ms, struct error *err)
{
	struct proc_run how = { .dirfd = dirfd,
		.stdin_fd = -1,
		.deadline_ms = clock_ms() + ms };
	struct strv argv = { 0 };
	int rc = strv_add(&argv, err, "qemu-img");

	for (; rc == 0 && *words != NULL; words++)
		rc = strv_add(&argv, err, "%s", *words);
	if (rc == 0) {
		how.argv = argv.v;
		rc = proc_run(&how, err);
	}
	strv_fini(&argv);
	return rc;
}

int
qemu_img_convert(int to, int dirfd, const char *name,
    const struct chain_format *format, struct error *err)
{
	char from[ARGUMENT_CAP], out[64];
	/* -U: a VMM may hold locks on files that it only reads. */
	const char *const words[] = { "convert", "-U", "-f", format->name, "-O",
		chain_flat()->name, "--", from, out, NULL };

	if (check_chain(dirfd, name, format, err) == -1 ||
	    file_argument(from, name, err) == -1)
		return -1;
	/* Also a nameless file has this name for other processes. */
	snprintf(out, sizeof(out), "/proc/%ld/fd/%d", (long)getpid(), to);
	return run(words, dirfd, CONVERT_MS, err);
}

int
qemu_img_rebase(int dirfd, const char *name, const char *base,
    struct error *err)
{
	char overlay[ARGUMENT_CAP];
	/* `base` is what the header says then, and looked for beside it. */
	const char *const words[] = { "rebase", "-u", "-f",
		chain_overlay()->name, "-F", chain_format(base)->name, "-b",
		base, "--", overlay, NULL };
	struct qcow2_head head;

	if (!chain_is_name(base))
		return error_set(err, EX_DATAERR,
		    "%s: backing file \"%s\" is not a plain name", name, base);
	if (read_link(&head, dirfd, name, err) == -1 ||
	    file_argument(overlay, name, err) == -1)
		return -1;
	return run(words, dirfd, HEADER_MS, err);
}

int
qemu_img_resize(int dirfd, const char *name, uint64_t bytes, struct error *err)
{
	char overlay[ARGUMENT_CAP], size[32];
	const char *const words[] = { "resize", "-q", "--shrink", "-f",
		chain_overlay()->name, "--", overlay, size, NULL };

	if (check_chain(dirfd, name, chain_overlay(), err) == -1 ||
	    file_argument(overlay, name, err) == -1)
		return -1;
	snprintf(size, sizeof(size), "%" PRIu64, bytes);
	return run(words, dirfd, HEADER_MS, err);
}
