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

#include "disk/extent.h"

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

/* floor FILE...: their data into the pipe, by the fastest call there is. */
static int
floor_of(char *argv[])
{
	struct extent run;
	struct stat st;
	uint64_t from;
	off_t off;
	ssize_t n;
	int fd;

	fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 1 << 20);
	for (; *argv != NULL; argv++) {
		fd = open(*argv, O_RDONLY);
		if (fd == -1 || fstat(fd, &st) == -1)
			err(1, "%s", *argv);
		for (from = 0; extent_next(&run, fd, from, (uint64_t)st.st_size,
				   *argv, NULL) == 1;
		     from = run.off + run.len)
			for (off = (off_t)run.off;
			     off < (off_t)(run.off + run.len);) {
				n = splice(fd, &off, STDOUT_FILENO, NULL,
				    run.off + run.len - (size_t)off,
				    SPLICE_F_MORE);
				if (n <= 0)
					err(1, "splice");
			}
		close(fd);
	}
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
