/* SPDX-License-Identifier: ISC */
#include "vmm/qemu/qemu_facts.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/program.h"
#include "base/sha256.h"
#include "base/strv.h"
#include "vmm/host/spawn.h"
#include "vmm/qemu/qemu.h"

#define ANSWERS_MAX (1u << 20) /* QEMU 11.1 prints 14 KiB */
#define KEPT_MAX (64u << 10)
#define ASK_MS 30000
#define QUEUE_MAX 32768 /* entries of a queue; VIRTIO 1.2, 2.7 */
#define KEY_BYTES 8 /* of the path's SHA-256, in the file's name */

/* The program, and where what is known of it is kept. */
struct place {
	char *program;
	char identity[160]; /* "": it is not to be kept */
	int dirfd; /* -1: nowhere */
	char name[16 + 2 * SHA256_BYTES];
};

void
qemu_facts_fini(struct qemu_facts *facts)
{
	free(facts->machines);
	memset(facts, 0, sizeof(*facts));
}

bool
qemu_facts_since(const struct qemu_facts *facts, int major, int minor)
{
	return facts->major > major ||
	    (facts->major == major && facts->minor >= minor);
}

/* "pc-q35-7.2" has its version in its name; NULL: no such machine. */
static const char *
version_of(const char *machine)
{
	size_t len = strlen(QEMU_ARCH.prefix);

	return strncmp(machine, QEMU_ARCH.prefix, len) == 0 ? machine + len
							    : NULL;
}

static bool
machine_version(int *major, int *minor, const char *name)
{
	const char *version = version_of(name);
	int end = 0;

	return version != NULL &&
	    sscanf(version, "%d.%d%n", major, minor, &end) == 2 &&
	    version[end] == '\0';
}

static bool
is_older(const struct qemu_machine *a, const struct qemu_machine *b)
{
	return a->major < b->major ||
	    (a->major == b->major && a->minor < b->minor);
}

const char *
qemu_facts_machine(const struct qemu_facts *facts, const char *floor)
{
	const struct qemu_machine *m, *best = NULL;
	struct qemu_machine least = { 0 };
	size_t i;

	machine_version(&least.major, &least.minor, floor);
	for (i = 0; i < facts->machines_n; i++) {
		m = &facts->machines[i];
		if (!m->deprecated && !is_older(m, &least) &&
		    (best == NULL || is_older(m, best)))
			best = m;
	}
	return best == NULL ? floor : best->name;
}

int
qemu_facts_check_machine(const struct qemu_facts *facts, const char *machine,
    struct error *err)
{
	size_t i;

	if (facts->machines_n == 0 || version_of(machine) == NULL)
		return 0;
	for (i = 0; i < facts->machines_n; i++)
		if (strcmp(facts->machines[i].name, machine) == 0)
			return 0;
	return error_set(err, EX_CONFIG,
	    "saved on machine %s, which QEMU %s does not know", machine,
	    facts->version);
}

/* Of all machines those of the family. */
static int
decode_machines(struct qemu_facts *f, const struct jdoc *d, uint32_t list,
    struct error *err)
{
	struct qemu_machine *m;
	uint32_t entry;

	f->machines = calloc(QEMU_FACTS_MACHINES_MAX, sizeof(*f->machines));
	if (f->machines == NULL)
		return error_nomem(err, NULL);
	for (entry = jdoc_first(d, list); entry != 0;
	     entry = jdoc_next(d, entry)) {
		m = &f->machines[f->machines_n];
		if (jdoc_get_str(d, entry, "name", m->name, sizeof(m->name),
			JSON_REQUIRED, NULL) == -1 ||
		    !machine_version(&m->major, &m->minor, m->name))
			continue;
		m->deprecated = false;
		(void)jdoc_get_bool(d, entry, "deprecated", &m->deprecated,
		    JSON_OPTIONAL, NULL);
		if (++f->machines_n == QEMU_FACTS_MACHINES_MAX)
			break;
	}
	return 0;
}

/* One line of the monitor: its greeting, or an answer that we know by shape. */
static int
decode_line(struct qemu_facts *f, const char *line, size_t len,
    struct error *err)
{
	struct jdoc *message;
	struct qmp_version v;
	uint32_t answer;
	int rc = 0;

	if (jdoc_parse(&message, line, len, err) == -1)
		return -1;
	answer = qmp_return(message);
	if (qmp_version_decode(&v, message)) {
		f->major = (int)v.major;
		f->minor = (int)v.minor;
		snprintf(f->version, sizeof(f->version), "%u.%u.%u", v.major,
		    v.minor, v.micro);
	} else if (jdoc_type(message, answer) == JDOC_ARRAY &&
	    f->machines == NULL)
		rc = decode_machines(f, message, answer, err);
	else
		(void)jdoc_get_u64(message, answer, "vring-num-default",
		    &f->rng_queue, 1, QUEUE_MAX, JSON_OPTIONAL, NULL);
	jdoc_free(message);
	return rc;
}

int
qemu_facts_decode(struct qemu_facts *out, const char *text, size_t len,
    struct error *err)
{
	struct qemu_facts f = { 0 };
	const char *line = text, *end, *stop = text + len;
	int rc = 0;

	for (; rc == 0 && line < stop; line = end + 1) {
		end = memchr(line, '\n', (size_t)(stop - line));
		if (end == NULL)
			break;
		if (end > line && end[-1] == '\r')
			rc = decode_line(&f, line, (size_t)(end - line) - 1,
			    err);
		else if (end > line)
			rc = decode_line(&f, line, (size_t)(end - line), err);
	}
	if (rc == 0 && (f.version[0] == '\0' || f.machines_n == 0))
		rc = error_set(err, EX_UNAVAILABLE,
		    "QEMU tells neither version nor machines");
	if (rc == -1) {
		if (err != NULL && err->code == EX_DATAERR)
			err->code = EX_UNAVAILABLE;
		qemu_facts_fini(&f);
		return -1;
	}
	*out = f;
	return 0;
}

/*
 * A machine that is never run, with one device whose queue tells how deep this
 * QEMU makes them.
 */
static int
ask_program(struct qemu_facts *out, const char *program, struct error *err)
{
	static const char questions[] =
	    "{\"execute\":\"qmp_capabilities\"}\n"
	    "{\"execute\":\"x-query-virtio-queue-status\",\"arguments\":"
	    "{\"path\":\"/machine/peripheral/" QEMU_RNG_ID "/virtio-backend\","
	    "\"queue\":0}}\n"
	    "{\"execute\":\"query-machines\"}\n"
	    "{\"execute\":\"quit\"}\n";
	static const char rng[] = "virtio-rng-pci,id=" QEMU_RNG_ID;
	static const char *const words[] = { "-nodefaults", "-no-user-config",
		"-S", "-display", "none", "-m", "16", "-device", rng, "-qmp",
		"stdio" };
	struct proc_run how = { .dirfd = -1, .stdin_fd = -1 };
	struct strv argv = { 0 };
	size_t i;
	int rc;

	rc = strv_add(&argv, err, "%s", program) == -1 ||
		strv_add(&argv, err, "-machine") == -1 ||
		strv_add(&argv, err, "%s,accel=tcg:kvm", QEMU_ARCH.any) == -1
	    ? -1
	    : 0;
	for (i = 0; rc == 0 && i < sizeof(words) / sizeof(words[0]); i++)
		rc = strv_add(&argv, err, "%s", words[i]);
	how.argv = argv.v;
	how.input = questions;
	how.out_cap = ANSWERS_MAX;
	how.out = malloc(how.out_cap);
	if (rc == 0 && how.out == NULL)
		rc = error_nomem(err, NULL);
	how.deadline_ms = clock_ms() + ASK_MS;
	if (rc == 0)
		rc = proc_run(&how, err);
	if (rc == 0)
		rc = qemu_facts_decode(out, how.out, strlen(how.out), err);
	free(how.out);
	strv_fini(&argv);
	return rc;
}

/* Makes the directories of `path`, as far as they are missing. */
static int
open_dir(char *path, int *dirfd)
{
	char *p;

	for (p = path + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	mkdir(path, 0700);
	return fd_open_dir(dirfd, AT_FDCWD, path, true, NULL);
}

static char *
kept_below(void)
{
	const char *dir = getenv("XDG_CACHE_HOME");

	if (dir != NULL && dir[0] == '/')
		return path_format("%s/instar", dir);
	if (geteuid() == 0)
		return strdup("/var/cache/instar");
	dir = getenv("HOME");
	return dir == NULL || dir[0] != '/'
	    ? NULL
	    : path_format("%s/.cache/instar", dir);
}

/* What tells a program's file from every other; a script runs who knows what. */
static void
identify(char *out, size_t cap, const char *program)
{
	unsigned char magic[4];
	struct stat st;
	size_t got;
	int fd;

	out[0] = '\0';
	if (fd_open_path(&fd, NULL, program, O_RDONLY, NULL) == -1)
		return;
	if (fd_read(&got, fd, magic, sizeof(magic), program, NULL) == 0 &&
	    got == sizeof(magic) && memcmp(magic, "\177ELF", 4) == 0 &&
	    fstat(fd, &st) == 0)
		snprintf(out, cap, "%ju:%ju:%jd:%jd.%09ld:%jd.%09ld",
		    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
		    (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
		    st.st_mtim.tv_nsec, (intmax_t)st.st_ctim.tv_sec,
		    st.st_ctim.tv_nsec);
	fd_drop(&fd);
}

static int
place_init(struct place *p)
{
	unsigned char sum[SHA256_BYTES];
	char hex[2 * KEY_BYTES + 1], *dir;

	*p = (struct place){ .dirfd = -1 };
	p->program = program_find(
	    spawn_program(QEMU_VARIABLE, QEMU_ARCH.program));
	if (p->program == NULL)
		return -1;
	identify(p->identity, sizeof(p->identity), p->program);
	if (p->identity[0] == '\0')
		return 0;
	sha256_of(sum, p->program, strlen(p->program));
	hex_put(hex, sum, KEY_BYTES);
	snprintf(p->name, sizeof(p->name), "qemu-%s.json", hex);
	dir = kept_below();
	if (dir != NULL)
		open_dir(dir, &p->dirfd);
	free(dir);
	return 0;
}

static void
place_fini(struct place *p)
{
	free(p->program);
	fd_drop(&p->dirfd);
}

/* Its machines are in QEMU's own form, so that one decoder does for both. */
static int
decode_kept(struct qemu_facts *f, const struct jdoc *d, struct error *err)
{
	uint32_t machines;

	if (jdoc_get_str(d, JDOC_ROOT, "version", f->version,
		sizeof(f->version), JSON_REQUIRED, err) == -1 ||
	    jdoc_get_u64(d, JDOC_ROOT, "rng_queue", &f->rng_queue, 0, QUEUE_MAX,
		JSON_REQUIRED, err) == -1 ||
	    jdoc_get_array(d, JDOC_ROOT, "machines", &machines,
		QEMU_FACTS_MACHINES_MAX, JSON_REQUIRED, err) == -1)
		return -1;
	if (sscanf(f->version, "%d.%d", &f->major, &f->minor) != 2)
		return error_set(err, EX_DATAERR, "no version");
	return decode_machines(f, d, machines, err);
}

/* Ours alone may be believed, and of this very program. */
static int
read_kept(struct qemu_facts *out, const struct place *p)
{
	char identity[sizeof(p->identity)] = "", *text = NULL;
	struct qemu_facts f = { 0 };
	struct jdoc *d = NULL;
	struct stat st;
	size_t len;
	int fd = -1, rc = -1;

	if (fd_open_file(&fd, NULL, p->dirfd, p->name, O_RDONLY, NULL) == -1)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & 022) == 0 &&
	    fd_read_all(&text, &len, fd, KEPT_MAX, p->name, NULL) == 0 &&
	    jdoc_parse(&d, text, len, NULL) == 0 &&
	    jdoc_get_str(d, JDOC_ROOT, "identity", identity, sizeof(identity),
		JSON_REQUIRED, NULL) == 0 &&
	    strcmp(identity, p->identity) == 0)
		rc = decode_kept(&f, d, NULL);
	jdoc_free(d);
	free(text);
	fd_drop(&fd);
	if (rc == 0)
		*out = f;
	else
		qemu_facts_fini(&f);
	return rc;
}

static void
keep(const struct qemu_facts *f, const struct place *p)
{
	json_t *root, *list = json_array();
	char *text = NULL;
	size_t i, len;

	for (i = 0; i < f->machines_n; i++)
		if (json_append(list, "machines",
			json_pack("{s:s, s:b}", "name", f->machines[i].name,
			    "deprecated", (int)f->machines[i].deprecated),
			NULL) == -1) {
			json_decref(list);
			return;
		}
	root = json_pack("{s:s, s:s, s:s, s:I, s:o}", "program", p->program,
	    "identity", p->identity, "version", f->version, "rng_queue",
	    (json_int_t)f->rng_queue, "machines", list);
	if (root != NULL && json_text(&text, &len, root, 0, NULL) == 0 &&
	    len <= KEPT_MAX)
		fd_replace_file(p->dirfd, p->name, text, len, false, NULL);
	free(text);
	json_decref(root);
}

void
qemu_facts_get(struct qemu_facts *out)
{
	struct place p;

	memset(out, 0, sizeof(*out));
	if (place_init(&p) == -1)
		return;
	if ((p.dirfd == -1 || read_kept(out, &p) == -1) &&
	    ask_program(out, p.program, NULL) == 0 && p.dirfd != -1)
		keep(out, &p);
	place_fini(&p);
}

void
qemu_facts_forget(void)
{
	struct place p;

	if (place_init(&p) == 0 && p.dirfd != -1)
		unlinkat(p.dirfd, p.name, 0);
	place_fini(&p);
}
