/* SPDX-License-Identifier: ISC */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "vmm/host/agent_exec.h"

static int
read_fd(struct input *out, int fd, const char *what, struct error *err)
{
	return fd_read_all(&out->bytes, &out->len, fd, AGENT_STREAM_MAX, what,
	    err);
}

int
input_read(struct input *out, const char *file, bool taken, struct error *err)
{
	bool is_stdin = file == NULL || strcmp(file, "-") == 0;
	int fd, rc;

	*out = (struct input){ 0 };
	if (is_stdin && taken)
		return file == NULL
		    ? 0
		    : error_set(err, EX_USAGE,
			  "-i -: standard input names the VMs already");
	if (is_stdin)
		return file == NULL && isatty(STDIN_FILENO)
		    ? 0
		    : read_fd(out, STDIN_FILENO, "standard input", err);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", file);
	rc = read_fd(out, fd, file, err);
	fd_drop(&fd);
	return rc;
}

void
input_fini(struct input *input)
{
	free(input->bytes);
	input->bytes = NULL;
}
