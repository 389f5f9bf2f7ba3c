/* SPDX-License-Identifier: ISC */
/* Fills a state root, and times programs, for store_bench.sh. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/num.h"
#include "snapshot/envelope.h"
#include "state/root.h"

#define LINKS 1000 /* of one envelope; ext4 allows 65000 */
#define RUNS_MAX 1000

/* One snapshot: an envelope of its own, or a link to that of `first`. */
static int
make_one(const struct root *root, const char *name, char *first,
    struct error *err)
{
	struct envelope e;
	struct root_new n;
	int rc = -1;

	if (root_new_begin(&n, root, ROOT_SNAP, name, err) == -1)
		return -1;
	envelope_init(&e);
	if (first[0] != '\0') {
		if (linkat(root_kind_fd(root, ROOT_SNAP), first, n.dirfd,
			ENVELOPE_NAME, 0) == -1) {
			error_sys(err, EX_IOERR, "%s", name);
			goto out;
		}
	} else {
		memcpy(e.config.id, n.id, sizeof(n.id));
		snprintf(e.config.name, sizeof(e.config.name), "%s", name);
		if (envelope_write(n.dirfd, &e, err) == -1)
			goto out;
		snprintf(first, ID_LEN + 32, "%s/%s", n.id, ENVELOPE_NAME);
	}
	rc = root_new_publish(&n, false, err);
out:
	envelope_fini(&e);
	root_new_end(&n);
	return rc;
}

static int
make(const char *path, uint64_t count, struct error *err)
{
	char first[ID_LEN + 32] = "", name[32];
	struct root *root;
	uint64_t i;
	int rc = 0;

	if (root_open(&root, path, err) == -1)
		return -1;
	for (i = 0; i < count && rc == 0; i++) {
		if (i % LINKS == 0 || i == count - 1)
			first[0] = '\0';
		snprintf(name, sizeof(name), "n%" PRIu64, i);
		rc = make_one(root, name, first, err);
	}
	root_close(root);
	return rc;
}

static int64_t
run_once(char *argv[])
{
	int64_t start = clock_us();
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		if (fd != -1)
			dup2(fd, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1 || status != 0)
		return -1;
	return clock_us() - start;
}

static int
compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Prints the medians of two commands, separated by "--", run in turn. */
static int
time_two(uint64_t runs, char *argv[], struct error *err)
{
	int64_t took[2][RUNS_MAX];
	char **second = argv;
	uint64_t i;

	while (*second != NULL && strcmp(*second, "--") != 0)
		second++;
	if (*second == NULL)
		return error_set(err, EX_USAGE, "no second command");
	*second++ = NULL;
	for (i = 0; i < runs; i++) {
		took[0][i] = run_once(argv);
		took[1][i] = run_once(second);
		if (took[0][i] == -1 || took[1][i] == -1)
			return error_set(err, EX_SOFTWARE, "%s: failed",
			    argv[0]);
	}
	qsort(took[0], runs, sizeof(int64_t), compare);
	qsort(took[1], runs, sizeof(int64_t), compare);
	printf("%" PRId64 " %" PRId64 "\n", took[0][runs / 2],
	    took[1][runs / 2]);
	return 0;
}

int
main(int argc, char *argv[])
{
	struct error err = { 0 };
	uint64_t n;
	int rc = -1;

	if (argc < 4)
		error_set(&err, EX_USAGE,
		    "usage: make count root | time runs command... -- "
		    "command...");
	else if (num_u64(&n, argv[2], 1, UINT32_MAX, &err) == 0) {
		if (strcmp(argv[1], "make") == 0)
			rc = make(argv[3], n, &err);
		else if (n <= RUNS_MAX)
			rc = time_two(n, argv + 3, &err);
	}
	return rc == -1 ? diag_error(&err) : EX_OK;
}
