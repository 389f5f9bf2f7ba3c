/* SPDX-License-Identifier: ISC */
#include "state/seed_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "seed/cidata.h"

int
seed_files_text(char **text, size_t *len, const char *path, size_t max,
    const char *option, struct error *err)
{
	int fd, rc;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s: %s", option,
		    path);
	rc = fd_read_all(text, len, fd, max, path, err);
	fd_drop(&fd);
	return rc == -1 ? error_wrap(err, "%s", option) : 0;
}

int
seed_files_add_keys(struct vm_seed *seed, const char *path, struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (seed_files_text(&text, &len, path, CIDATA_KEYS_MAX, "--ssh-key",
		err) == -1)
		return -1;
	rc = cidata_read_keys(&seed->ssh_keys, text, len, path, err);
	free(text);
	return rc == -1 ? error_wrap(err, "--ssh-key") : 0;
}

int
seed_files_user_data(struct vm_seed *seed, const char *path,
    char doubt[USERDATA_DOUBT_MAX], struct error *err)
{
	char *text;
	size_t len;

	doubt[0] = '\0';
	if (seed_files_text(&text, &len, path, CIDATA_TEXT_MAX, "--user-data",
		err) == -1)
		return -1;
	if (!path_is_utf8(text, len)) {
		free(text);
		return error_set(err, EX_DATAERR,
		    "--user-data: %s: not text in UTF-8", path);
	}
	free(seed->user_data);
	seed->user_data = text;
	if (!userdata_doubt(doubt, text, len))
		doubt[0] = '\0';
	return 0;
}
