/* SPDX-License-Identifier: ISC */
/* What archive_bench.sh needs: samples, the floor, a clock, memory of a run. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive/survey.h"

#define PAGE 4096

/* The same bytes in every run: half of a page is noise, half repeats. */
static void
fill(unsigned char *page, uint64_t *seed)
{
	uint64_t x = *seed;
	size_t i;

	for (i = 0; i < PAGE; i += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (i % 64 < 32)
			memcpy(page + i, &x, sizeof(x));
		else
			memcpy(page + i, "repeated", sizeof(x));
	}
	*seed = x;
}

/* make FILE SIZE RUN EVERY: RUN bytes of data about each EVERY, over SIZE. */
static int
make(char *argv[])
{
	uint64_t size = strtoull(argv[1], NULL, 0), off, at,
		 seed = 88172645463u;
	uint64_t run = strtoull(argv[2], NULL, 0);
	uint64_t every = strtoull(argv[3], NULL, 0);
	unsigned char page[PAGE];
	int fd = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || ftruncate(fd, (off_t)size) == -1)
		err(1, "%s", argv[0]);
	for (off = 0; off + run <= size; off += every)
		for (at = 0; at < run; at += PAGE) {
			fill(page, &seed);
			if (pwrite(fd, page, PAGE,
				(off_t)(off / PAGE * PAGE + at)) != PAGE)
				err(1, "%s", argv[0]);
		}
	if (fsync(fd) == -1)
		err(1, "%s", argv[0]);
	return 0;
}

/* What waits in the pipe `from` into standard output. */
static void
move_on(int from, size_t len)
{
	ssize_t n;

	for (; len != 0; len -= (size_t)n) {
		n = splice(from, NULL, STDOUT_FILENO, NULL, len, SPLICE_F_MORE);
		if (n <= 0)
			err(1, "splice");
	}
}

/* Runs of data of a file by way of the pipe. */
static void
move_runs(const struct sparse_map *map, int fd, const int by[2])
{
	struct sparse_iter it;
	uint64_t from, len;
	size_t waiting = 0;
	ssize_t n;
	off_t off;

	sparse_iter_init(&it, map);
	while (sparse_iter_next(&it, &from, &len))
		for (off = (off_t)from; len != 0; len -= (uint64_t)n) {
			n = splice(fd, &off, by[1], NULL, (size_t)len,
			    SPLICE_F_MORE | SPLICE_F_NONBLOCK);
			if (n == -1 && errno == EAGAIN) {
				move_on(by[0], waiting);
				waiting = 0;
				n = 0;
			} else if (n <= 0) {
				err(1, "splice");
			}
			waiting += (size_t)n;
		}
	move_on(by[0], waiting);
}

/*
 * floor FILE...: their data into the pipe, and nothing else, by the fastest
 * calls there are: extents by the hundred, then splice(2) by way of a pipe that
 * nobody waits for.
 */
static int
floor_of(char *argv[])
{
	struct sparse_map map = { 0 };
	struct error e = { 0 };
	struct stat st;
	int fd, by[2];

	if (pipe(by) == -1)
		err(1, "pipe");
	fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 1 << 20);
	fcntl(by[1], F_SETPIPE_SZ, 1 << 20);
	for (; *argv != NULL; argv++) {
		fd = open(*argv, O_RDONLY);
		if (fd == -1 || fstat(fd, &st) == -1)
			err(1, "%s", *argv);
		if (survey_file(&map, fd, (uint64_t)st.st_size,
			SPARSE_MAP_BYTES_MAX, *argv, &e) == -1)
			errx(1, "%s", e.msg);
		move_runs(&map, fd, by);
		close(fd);
	}
	sparse_map_fini(&map);
	return 0;
}

/* time COMMAND...: milliseconds, and the peak KiB of its largest process. */
static int
time_of(char *argv[])
{
	struct timespec a, b;
	struct rusage use;
	int status;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &a);
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1 || status != 0)
		errx(1, "%s failed", argv[0]);
	clock_gettime(CLOCK_MONOTONIC, &b);
	getrusage(RUSAGE_CHILDREN, &use);
	printf("%.1f %ld\n",
	    (double)(b.tv_sec - a.tv_sec) * 1e3 +
		(double)(b.tv_nsec - a.tv_nsec) / 1e6,
	    use.ru_maxrss);
	return 0;
}

int
main(int argc, char *argv[])
{
	if (argc == 6 && strcmp(argv[1], "make") == 0)
		return make(argv + 2);
	if (argc > 2 && strcmp(argv[1], "floor") == 0)
		return floor_of(argv + 2);
	if (argc > 2 && strcmp(argv[1], "time") == 0)
		return time_of(argv + 2);
	errx(64, "wrong arguments");
}
