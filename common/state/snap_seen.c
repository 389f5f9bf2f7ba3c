/* SPDX-License-Identifier: ISC */
#include "state/snap_seen.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "state/looks.h"
#include "state/root_impl.h"

#define TEXT_MAX                                                               \
	2048 /* of all lines: kernel, initrd, firmware and few others */

/* LOOKS NAME, a line each; all of it, with a NUL, or "". */
static void
read_all(char text[TEXT_MAX], int fd)
{
	ssize_t n = pread(fd, text, TEXT_MAX - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
}

/* The line of the file `name`, without its end, or NULL. */
static char *
find(char *text, const char *name)
{
	char *line, *blank;

	while ((line = strsep(&text, "\n")) != NULL) {
		blank = strchr(line, ' ');
		/* What has no end was not written to it. */
		if (text != NULL && blank != NULL &&
		    strcmp(blank + 1, name) == 0) {
			*blank = '\0';
			return line;
		}
	}
	return NULL;
}

/* What is there of other files, behind the new line; false: no room. */
static bool
add_others(char out[TEXT_MAX], const char *name, char *old)
{
	size_t len = strlen(out);
	const char *line, *blank;
	int n;

	while ((line = strsep(&old, "\n")) != NULL) {
		blank = strchr(line, ' ');
		if (old == NULL || blank == NULL ||
		    strcmp(blank + 1, name) == 0)
			continue;
		n = snprintf(out + len, TEXT_MAX - len, "%s\n", line);
		if (n < 0 || (size_t)n >= TEXT_MAX - len)
			return false;
		len += (size_t)n;
	}
	return true;
}

static bool
is_ours(const struct root *root, const char *id, const struct stat *st)
{
	return root->access_fd != -1 && !root->is_foreign && id_is_valid(id) &&
	    S_ISREG(st->st_mode) &&
	    (uintmax_t)st->st_size >= SNAP_SEEN_MIN_BYTES;
}

void
snap_seen_set(const struct root *root, const char *id, const char *name,
    const struct stat *st)
{
	struct looks looks = looks_of(st);
	char old[TEXT_MAX], text[TEXT_MAX], first[LOOKS_TEXT_MAX];
	int fd, n;

	if (!is_ours(root, id, st) || strpbrk(name, " \n") != NULL)
		return;
	fd = openat(root->access_fd, id, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return;
	read_all(old, fd);
	looks_text(first, &looks);
	n = snprintf(text, sizeof(text), "%s %s\n", first, name);
	/* Who reads meanwhile finds a whole line, or none. */
	if (n > 0 && (size_t)n < sizeof(text) && add_others(text, name, old) &&
	    fd_pwrite(fd, text, strlen(text), 0, "access", NULL) == 0)
		(void)!ftruncate(fd, (off_t)strlen(text));
	fd_drop(&fd);
}

bool
snap_seen_is(const struct root *root, const char *id, const char *name,
    const struct stat *st)
{
	struct looks now = looks_of(st), then;
	char text[TEXT_MAX];
	const char *line;
	int fd;

	if (!is_ours(root, id, st))
		return false;
	fd = openat(root->access_fd, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return false;
	read_all(text, fd);
	fd_drop(&fd);
	line = find(text, name);
	return line != NULL && looks_parse(&then, line) &&
	    looks_same(&then, &now);
}
