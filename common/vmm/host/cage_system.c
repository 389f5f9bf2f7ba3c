/* SPDX-License-Identifier: ISC */
/* What every VMM reads of the system, and where its program came from. */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/program.h"
#include "vmm/host/cage.h"

#define READ (RULE_READ_FILE | RULE_READ_DIR)
#define RUN (READ | RULE_EXECUTE)
#define DATA (RULE_READ_FILE | RULE_WRITE_FILE)

/* What every program needs of the system. */
static const struct {
	const char *path;
	uint64_t rights;
	bool is_dir; /* a link to another of them needs no rule */
} everyones[] = {
	{ "/usr", RUN, true },
	{ "/lib", RUN, true },
	{ "/lib64", RUN, true },
	{ "/bin", RUN, true },
	{ "/etc/ld.so.cache", RULE_READ_FILE, false },
	{ "/etc/ld.so.preload", RULE_READ_FILE, false },
	{ "/etc/localtime", RULE_READ_FILE, false },
	{ "/proc/filesystems", RULE_READ_FILE, false },
	{ "/proc/cpuinfo", RULE_READ_FILE, false },
	{ "/sys/devices/system", READ, false },
	{ "/sys/kernel/mm", READ, false },
	{ "/dev/null", DATA, false },
	{ "/dev/urandom", RULE_READ_FILE, false },
};

/* Beside a program that stands in a folder called bin. */
static const char *const libraries[] = { "lib", "lib64", "libexec", NULL };

static const char *const stores[] = { "/nix/store/", "/gnu/store/" };

static int
allow_system(struct ruleset *r, struct error *err)
{
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(everyones) / sizeof(everyones[0]); i++) {
		if (everyones[i].is_dir &&
		    (lstat(everyones[i].path, &st) == -1 ||
			!S_ISDIR(st.st_mode)))
			continue;
		if (ruleset_allow_at(r, AT_FDCWD, everyones[i].path,
			everyones[i].rights, err) == -1)
			return -1;
	}
	return 0;
}

/* "/a:/b" of the environment's `variable`. */
static int
allow_list(struct ruleset *r, const char *variable, struct error *err)
{
	const char *list = getenv(variable);
	char *copy, *rest, *dir;
	int rc = 0;

	if (list == NULL || list[0] == '\0')
		return 0;
	copy = rest = strdup(list);
	if (copy == NULL)
		return error_nomem(err, NULL);
	while (rc == 0 && (dir = strsep(&rest, ":")) != NULL)
		if (dir[0] == '/')
			rc = ruleset_allow_at(r, AT_FDCWD, dir, RUN, err);
	free(copy);
	return rc;
}

static int
allow_each(struct ruleset *r, const char *dir, const char *const *names,
    struct error *err)
{
	int dirfd, rc = 0;

	if (names == NULL ||
	    fd_open_dir(&dirfd, AT_FDCWD, dir, true, NULL) == -1)
		return 0;
	for (; rc == 0 && *names != NULL; names++)
		rc = ruleset_allow_at(r, dirfd, *names, RUN, err);
	fd_drop(&dirfd);
	return rc;
}

/* The program itself, and what came with it where that is not the system's. */
static int
allow_program(struct ruleset *r, const char *name,
    const struct cage_needs *needs, struct error *err)
{
	char *found = program_find(name), *path = NULL, *slash;
	size_t i;
	int rc;

	if (found != NULL)
		path = realpath(found, NULL);
	free(found);
	/* Whoever runs it says what is wrong. */
	if (path == NULL || strncmp(path, "/usr/bin/", 9) == 0) {
		free(path);
		return 0;
	}
	rc = ruleset_allow_at(r, AT_FDCWD, path, RULE_READ_FILE | RULE_EXECUTE,
	    err);
	/* Where each package has a folder, its libraries are in others. */
	for (i = 0; rc == 0 && i < sizeof(stores) / sizeof(stores[0]); i++)
		if (strncmp(path, stores[i], strlen(stores[i])) == 0)
			rc = ruleset_allow_at(r, AT_FDCWD, stores[i], RUN, err);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (rc == 0)
		rc = allow_each(r, path, needs->built, err);
	slash = strrchr(path, '/');
	if (rc == 0 && slash != NULL && strcmp(slash, "/bin") == 0) {
		*slash = '\0';
		rc = allow_each(r, path, libraries, err);
		if (rc == 0)
			rc = allow_each(r, path, needs->beside, err);
	}
	free(path);
	return rc;
}

/*
 * A user-mode NIC's name server is the first one there, read again whenever it
 * has changed (libslirp).  Where it is a link to what a service keeps, that one's
 * directory is for nothing else.
 */
static int
allow_resolver(struct ruleset *r, struct error *err)
{
	char *path = realpath("/etc/resolv.conf", NULL), *slash;
	int rc;

	if (path == NULL)
		return 0;
	slash = strncmp(path, "/run/", 5) == 0 ? strrchr(path + 5, '/') : NULL;
	if (slash != NULL)
		*slash = '\0';
	rc = ruleset_allow_at(r, AT_FDCWD, path, RULE_READ_FILE, err);
	free(path);
	return rc;
}

int
cage_allow_system(struct ruleset *r, const char *program,
    const struct cage_needs *needs, bool resolver, struct error *err)
{
	if (allow_system(r, err) == -1 ||
	    allow_list(r, "LD_LIBRARY_PATH", err) == -1 ||
	    allow_list(r, CAGE_READS, err) == -1 ||
	    allow_program(r, program, needs, err) == -1)
		return -1;
	return resolver ? allow_resolver(r, err) : 0;
}
