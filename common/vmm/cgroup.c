/* SPDX-License-Identifier: ISC */
#include "vmm/cgroup.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "base/path.h"

/*
 * What a VMM needs besides its guest's memory: its own code and heap, tables of
 * overlays, and under emulation what it translates, which is 1 GiB at most.
 */
#define VMM_BYTES (256 * NUM_MIB)
#define DISK_BYTES (32 * NUM_MIB)
#define TCG_BYTES (1024 * NUM_MIB)

#define PROCS "cgroup.procs"
#define CONTROL "cgroup.subtree_control"
#define NAME_START "instar-"
#define TEXT_MAX 4096 /* of one of its files */

/* What is killed is gone soon, if the kernel lets go of it at all. */
#define KILL_NAPS 200
#define KILL_NAP_MS 10

void
cgroup_spec_fini(struct cgroup_spec *spec)
{
	free(spec->path);
	spec->path = NULL;
}

/* One NAME=VALUE behind the place; none of them is ever 0 once it was said. */
static int
parse_item(struct cgroup_spec *s, const char *item, struct error *err)
{
	const struct {
		const char *key;
		int (*read)(uint64_t *, const char *, uint64_t, uint64_t,
		    struct error *);
		uint64_t *slot, min, max;
	} limits[] = {
		{ "memory=", num_size, &s->memory_bytes, VM_MEMORY_MIN,
		    VM_MEMORY_MAX },
		{ "cpu-weight=", num_u64, &s->cpu_weight, 1,
		    CGROUP_WEIGHT_MAX },
		{ "io-weight=", num_u64, &s->io_weight, 1, CGROUP_WEIGHT_MAX },
		{ "pids=", num_u64, &s->pids, 16, INT_MAX },
	};
	size_t i, len;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		len = strlen(limits[i].key);
		if (strncmp(item, limits[i].key, len) != 0)
			continue;
		if (*limits[i].slot != 0)
			return error_set(err, EX_USAGE, "%s: given twice",
			    item);
		return limits[i].read(limits[i].slot, item + len, limits[i].min,
		    limits[i].max, err);
	}
	return error_set(err, EX_USAGE,
	    "%s: not memory=, cpu-weight=, io-weight= or pids=", item);
}

static int
parse(struct cgroup_spec *s, char *text, struct error *err)
{
	char *place = strsep(&text, ","), *item;

	if (strcmp(place, "auto") == 0)
		s->kind = CGROUP_AUTO;
	else if (place[0] == '/') {
		s->kind = CGROUP_PATH;
		s->path = strdup(place);
		if (s->path == NULL)
			return error_nomem(err, NULL);
	} else if (strcmp(place, "none") != 0)
		return error_set(err, EX_USAGE,
		    "%s: not auto, none or an absolute path", place);
	if (s->kind == CGROUP_NONE && text != NULL)
		return error_set(err, EX_USAGE, "none has no %s", text);
	while ((item = strsep(&text, ",")) != NULL)
		if (parse_item(s, item, err) == -1)
			return -1;
	if (s->pids == 0)
		s->pids = CGROUP_PIDS;
	return 0;
}

int
cgroup_parse(struct cgroup_spec *out, const char *text, struct error *err)
{
	struct cgroup_spec s = { 0 };
	char *copy = strdup(text == NULL ? "none" : text);
	int rc;

	if (copy == NULL)
		return error_nomem(err, NULL);
	rc = parse(&s, copy, err);
	free(copy);
	if (rc == -1)
		cgroup_spec_fini(&s);
	else
		*out = s;
	return rc;
}

int
cgroup_check(const char *text, struct error *err)
{
	struct cgroup_spec spec;

	if (text != NULL && strlen(text) > VM_CGROUP_MAX)
		return error_set(err, EX_USAGE, "--cgroup: too long");
	if (cgroup_parse(&spec, text, err) == -1)
		return error_wrap(err, "--cgroup");
	cgroup_spec_fini(&spec);
	return 0;
}

static int
read_text(char text[TEXT_MAX], int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = read(fd, text, TEXT_MAX - 1);
	close(fd);
	if (n == -1)
		return -1;
	text[n] = '\0';
	return 0;
}

/* Whether it was written: a controller may be missing. */
static bool
write_text(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);
	bool done = fd != -1 &&
	    write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	fd_drop(&fd);
	return done;
}

/* Asks that children have what can be limited; what is there already stays. */
static void
enable(int dirfd)
{
	static const char *const controllers[] = { "+memory", "+cpu", "+io",
		"+pids" };
	size_t i;

	for (i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		write_text(dirfd, CONTROL, controllers[i]);
}

/* Whether children of it have a limit of memory, the one that matters. */
static bool
gives_memory(int dirfd)
{
	char text[TEXT_MAX];

	return read_text(text, dirfd, CONTROL) == 0 &&
	    strstr(text, "memory") != NULL;
}

/* Where cgroup v2 is mounted, and which of its groups this process is in. */
static char *
find_own(size_t *mount_len)
{
	char line[TEXT_MAX], point[PATH_MAX], *own = NULL, *mount = NULL;
	FILE *f;

	f = fopen("/proc/self/mountinfo", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (mount == NULL && strstr(line, " - cgroup2 ") != NULL &&
		    sscanf(line, "%*d %*d %*s %*s %4095s", point) == 1)
			mount = strdup(point);
	if (f != NULL)
		fclose(f);
	f = fopen("/proc/self/cgroup", "re");
	while (
	    mount != NULL && f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "0::/", 4) == 0) {
			line[strcspn(line, "\n")] = '\0';
			own = path_format("%s%s", mount,
			    line[4] == '\0' ? "" : line + 3);
		}
	if (f != NULL)
		fclose(f);
	*mount_len = mount == NULL ? 0 : strlen(mount);
	free(mount);
	return own;
}

/*
 * The nearest group above this process's that is ours to write and limits the
 * memory of its children; one that has processes of its own cannot.
 */
static int
find_place(char **out)
{
	size_t mount_len;
	char *path = find_own(&mount_len);
	int fd;

	while (path != NULL && strlen(path) >= mount_len) {
		if (fd_open_dir(&fd, AT_FDCWD, path, true, NULL) == 0) {
			if (faccessat(fd, PROCS, W_OK, AT_EACCESS) == 0 &&
			    faccessat(fd, ".", W_OK, AT_EACCESS) == 0) {
				enable(fd);
				if (gives_memory(fd)) {
					*out = path;
					return fd;
				}
			}
			fd_drop(&fd);
		}
		if (strlen(path) == mount_len)
			break;
		*strrchr(path, '/') = '\0';
	}
	free(path);
	return -1;
}

static uint64_t
memory_limit(const struct cgroup_spec *spec, const struct vm *vm)
{
	return spec->memory_bytes != 0 ? spec->memory_bytes
				       : vm->machine.memory_bytes + VMM_BYTES +
		vm->machine.disks.n * DISK_BYTES +
		(vm->accel == VM_ACCEL_TCG ? TCG_BYTES : 0);
}

static void
set_limits(int dirfd, const struct cgroup_spec *spec, const struct vm *vm)
{
	const struct {
		const char *name, *prefix;
		uint64_t value;
	} limits[] = { { "memory.max", "", memory_limit(spec, vm) },
		{ "pids.max", "", spec->pids },
		{ "cpu.weight", "", spec->cpu_weight },
		{ "io.weight", "default ", spec->io_weight } };
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (limits[i].value == 0)
			continue;
		snprintf(text, sizeof(text), "%s%" PRIu64, limits[i].prefix,
		    limits[i].value);
		write_text(dirfd, limits[i].name, text);
	}
	/* What is short of memory as one is ended as one. */
	write_text(dirfd, "memory.oom.group", "1");
}

/* Beneath `place`; the name is this start's, for a restore has two VMMs. */
static int
make_in(int *out, struct vm *vm, const char *place, int placefd,
    const struct cgroup_spec *spec, struct error *err)
{
	char *path = path_format("%s/" NAME_START "%s.%ld", place, vm->id,
	    (long)getpid());
	int dirfd = -1, rc = -1;

	if (path == NULL)
		return error_nomem(err, NULL);
	if ((mkdirat(placefd, path_base(path), 0755) == -1 &&
		errno != EEXIST) ||
	    (dirfd = openat(placefd, path_base(path),
		 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) == -1) {
		error_sys(err,
		    errno == EACCES || errno == EROFS ? EX_NOPERM
						      : error_code_of(errno),
		    "cgroup %s", path);
		goto out;
	}
	set_limits(dirfd, spec, vm);
	*out = openat(dirfd, PROCS, O_WRONLY | O_CLOEXEC);
	if (*out == -1) {
		error_sys(err, EX_NOPERM, "cgroup %s", path);
		unlinkat(placefd, path_base(path), AT_REMOVEDIR);
		goto out;
	}
	free(vm->cgroup);
	vm->cgroup = path;
	path = NULL;
	rc = 0;
out:
	fd_drop(&dirfd);
	free(path);
	return rc;
}

/* Ends all that is in it, from Linux 5.14 on: whether that was ordered. */
static bool
kill_all(const struct vm *vm)
{
	int dirfd;
	bool done;

	if (strncmp(path_base(vm->cgroup), NAME_START, strlen(NAME_START)) !=
		0 ||
	    fd_open_dir(&dirfd, AT_FDCWD, vm->cgroup, true, NULL) == -1)
		return false;
	done = write_text(dirfd, "cgroup.kill", "1");
	fd_drop(&dirfd);
	return done;
}

void
cgroup_remove(const struct vm *vm)
{
	int n;

	if (vm->cgroup == NULL || rmdir(vm->cgroup) == 0 || errno != EBUSY ||
	    !kill_all(vm))
		return;
	for (n = 0; n < KILL_NAPS && rmdir(vm->cgroup) == -1 && errno == EBUSY;
	     n++)
		clock_nap(KILL_NAP_MS);
}

int
cgroup_make(int *fd, struct vm *vm, struct error *err)
{
	struct cgroup_spec spec;
	char *place = NULL;
	int placefd = -1, rc = 0;

	*fd = -1;
	/* The record may have that of one which was killed. */
	if (vm->cgroup != NULL && !vm_is_alive(vm))
		cgroup_remove(vm);
	free(vm->cgroup);
	vm->cgroup = NULL;
	if (cgroup_parse(&spec, vm->cgroup_choice, err) == -1)
		return -1;
	if (spec.kind == CGROUP_AUTO) {
		placefd = find_place(&place);
		if (placefd != -1 &&
		    make_in(fd, vm, place, placefd, &spec, NULL) == -1)
			*fd = -1;
		/* Who has said a limit counts on it. */
		if (*fd == -1 && strchr(vm->cgroup_choice, ',') != NULL)
			diag("warning: %s: no control group to be had here: "
			     "nothing limits it",
			    vm_label(vm));
	} else if (spec.kind == CGROUP_PATH) {
		rc = fd_open_dir(&placefd, AT_FDCWD, spec.path, true, err);
		if (rc == 0 && !fd_exists(placefd, PROCS))
			rc = error_set(err, EX_NOINPUT,
			    "%s: no control group (cgroup v2)", spec.path);
		if (rc == 0) {
			enable(placefd);
			rc = make_in(fd, vm, spec.path, placefd, &spec, err);
		}
		if (rc == -1)
			error_wrap(err, "--cgroup");
	}
	fd_drop(&placefd);
	free(place);
	cgroup_spec_fini(&spec);
	return rc;
}

int
cgroup_join(int fd)
{
	return fd == -1 || write(fd, "0", 1) == 1 ? 0 : -1;
}

/* A number alone, or behind `key` in a file of several; false: "max", none. */
static bool
read_number(uint64_t *out, int dirfd, const char *name, const char *key)
{
	char text[TEXT_MAX];
	const char *p = text;

	if (read_text(text, dirfd, name) == -1)
		return false;
	if (key != NULL)
		p = strstr(text, key);
	return p != NULL &&
	    sscanf(p + (key == NULL ? 0 : strlen(key)), "%" SCNu64, out) == 1;
}

/* rbytes= and wbytes= of all devices. */
static void
read_io(json_t *obj, int dirfd)
{
	static const char *const keys[] = { "rbytes=", "wbytes=" };
	static const char *const members[] = { "io_read", "io_written" };
	char text[TEXT_MAX];
	uint64_t sum, n;
	const char *p;
	size_t i;

	if (read_text(text, dirfd, "io.stat") == -1)
		return;
	for (i = 0; i < 2; i++) {
		sum = 0;
		for (p = text; (p = strstr(p, keys[i])) != NULL; p++)
			if (sscanf(p + strlen(keys[i]), "%" SCNu64, &n) == 1)
				sum += n;
		(void)json_put_u64(obj, members[i], sum, NULL);
	}
}

enum cgroup_want
cgroup_find_want(const struct vm *vm)
{
	uint64_t kills = 0, at_limit = 0;
	int dirfd;

	if (vm->cgroup == NULL ||
	    fd_open_dir(&dirfd, AT_FDCWD, vm->cgroup, true, NULL) == -1)
		return CGROUP_WANT_NONE;
	(void)read_number(&kills, dirfd, "memory.events", "oom_kill ");
	(void)read_number(&at_limit, dirfd, "memory.events", "oom ");
	fd_drop(&dirfd);
	if (kills == 0)
		return CGROUP_WANT_NONE;
	return at_limit > 0 ? CGROUP_WANT_OWN : CGROUP_WANT_OTHERS;
}

int
cgroup_report(json_t *record, const struct vm *vm, struct error *err)
{
	static const struct {
		const char *member, *file, *key;
	} numbers[] = { { "memory", "memory.current", NULL },
		{ "memory_peak", "memory.peak", NULL },
		{ "memory_max", "memory.max", NULL },
		{ "oom_kills", "memory.events", "oom_kill " },
		{ "cpu_us", "cpu.stat", "usage_usec " },
		{ "cpu_weight", "cpu.weight", NULL },
		{ "io_weight", "io.weight", "default " },
		{ "pids", "pids.current", NULL },
		{ "pids_max", "pids.max", NULL } };
	uint64_t n;
	json_t *obj;
	size_t i;
	int dirfd;

	/* Of one that has ended it is there until it is cleared away. */
	if (vm->cgroup == NULL || access(vm->cgroup, F_OK) == -1)
		return 0;
	obj = json_object();
	if (json_put_str(obj, "path", vm->cgroup, err) == -1) {
		json_decref(obj);
		return -1;
	}
	if (fd_open_dir(&dirfd, AT_FDCWD, vm->cgroup, true, NULL) == 0) {
		for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			if (read_number(&n, dirfd, numbers[i].file,
				numbers[i].key))
				(void)json_put_u64(obj, numbers[i].member, n,
				    NULL);
		read_io(obj, dirfd);
		fd_drop(&dirfd);
	}
	return json_put(record, "cgroup", obj, err);
}
