/* SPDX-License-Identifier: ISC */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

int
input_open(struct input *in, const char *path, struct error *err)
{
	int fd;

	if (path == NULL)
		return 0;
	if (strcmp(path, "-") == 0) {
		path = "standard input";
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	in->what = path;
	in->fd = fd;
	return 0;
}

int
input_read(struct input *in, size_t max, struct error *err)
{
	if (in->what == NULL)
		return 0;
	return fd_read_all(&in->text, &in->len, in->fd, max, in->what, err);
}

void
input_fini(struct input *in)
{
	if (in->text != NULL)
		explicit_bzero(in->text, in->len);
	free(in->text);
	in->text = NULL;
	fd_drop(&in->fd);
}
