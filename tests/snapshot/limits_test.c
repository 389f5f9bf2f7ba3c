/* SPDX-License-Identifier: ISC */
/*
 * What is written is read again: with as much as the reader takes it is, with
 * one more it is not written.
 */
#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "snapshot/envelope.h"
#include "snapshot/sidecar.h"
#include "snapshot/trailer.h"

#define QUEUES_MAX 256
#define NICS_MAX 256
#define CPUS_MAX 4096
#define FLAGS_MAX 1024
#define FLAG_MAX 63
#define PATH_MAX_BYTES 4095

static char *
letters(size_t n)
{
	char *text = malloc(n + 1);

	ATF_REQUIRE(text != NULL);
	memset(text, 'x', n);
	text[n] = '\0';
	return text;
}

/* What is at a limit, filled with `n`. */
typedef void fill(struct envelope *, size_t n);

static void
fill_files(struct envelope *e, size_t n)
{
	char name[32];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%zu", i);
		ATF_REQUIRE(envelope_add_file(e, name, NULL) != NULL);
	}
}

static void
fill_layers(struct envelope *e, size_t n)
{
	char name[32];
	const struct layer layer = { .name = name };
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "layer%zu", i);
		ATF_REQUIRE_EQ(0,
		    layer_list_add(&e->machine.layers, &layer, NULL));
	}
}

static void
fill_layer_path(struct envelope *e, size_t n)
{
	fill_layers(e, 1);
	e->machine.layers.v[0].path = letters(n);
}

static void
fill_description(struct envelope *e, size_t n)
{
	e->config.description = letters(n);
}

static void
fill_image(struct envelope *e, size_t n)
{
	e->machine.image = letters(n);
}

static void
fill_nics(struct envelope *e, size_t n)
{
	e->config.nics = n;
}

static void
fill_cpus(struct envelope *e, size_t n)
{
	e->machine.cpu = n;
}

static void
fill_memory(struct envelope *e, size_t n)
{
	e->machine.memory_bytes = n;
}

static void
fill_storage(struct envelope *e, size_t n)
{
	e->machine.storage_bytes = n;
}

static void
fill_console(struct envelope *e, size_t n)
{
	e->machine.console_max_bytes = n;
}

static void
fill_file_bytes(struct envelope *e, size_t n)
{
	fill_files(e, 1);
	e->files[0].has_digest = true;
	e->files[0].size_bytes = n;
}

static void
fill_flags(struct envelope *e, size_t n)
{
	e->host.present = true;
	while (n-- > 0)
		ATF_REQUIRE_EQ(0, strv_add(&e->host.cpu_flags, NULL, "vmx"));
}

static void
fill_flag(struct envelope *e, size_t n)
{
	char *flag = letters(n);

	e->host.present = true;
	ATF_REQUIRE_EQ(0, strv_add(&e->host.cpu_flags, NULL, "%s", flag));
	free(flag);
}

static const struct {
	const char *what;
	fill *fill;
	size_t max;
} rows[] = {
	{ "files", fill_files, ENVELOPE_FILES_MAX },
	{ "file's bytes", fill_file_bytes, ENVELOPE_FILE_BYTES_MAX },
	{ "layers", fill_layers, ENVELOPE_LAYERS_MAX },
	{ "layer's path", fill_layer_path, PATH_MAX_BYTES },
	{ "description", fill_description, ENVELOPE_DESCRIPTION_MAX },
	{ "image", fill_image, ENVELOPE_IMAGE_MAX },
	{ "nics", fill_nics, NICS_MAX },
	{ "cpus", fill_cpus, CPUS_MAX },
	{ "memory", fill_memory, ENVELOPE_FILE_BYTES_MAX },
	{ "storage", fill_storage, ENVELOPE_FILE_BYTES_MAX },
	{ "console's log", fill_console, MACHINE_CONSOLE_MAX },
	{ "flags", fill_flags, FLAGS_MAX },
	{ "flag", fill_flag, FLAG_MAX },
};

static int
here(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ATF_REQUIRE(fd != -1);
	return fd;
}

/* Written and read, or refused with nothing changed. */
static void
check_envelope(const struct envelope *e, const char *what, bool is_good)
{
	struct error err = { 0 };
	struct envelope back;
	int dirfd = here();
	struct stat st;

	unlink(ENVELOPE_NAME);
	if (!is_good) {
		ATF_CHECK_EQ_MSG(-1, envelope_write(dirfd, e, &err),
		    "%s: one more is written", what);
		ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s: %s", what, err.msg);
		ATF_CHECK_EQ_MSG(0, strncmp(err.msg, ENVELOPE_NAME ": ", 15),
		    "%s: %s", what, err.msg);
		ATF_CHECK_EQ(-1, stat(ENVELOPE_NAME, &st));
	} else {
		ATF_REQUIRE_EQ_MSG(0, envelope_write(dirfd, e, &err), "%s: %s",
		    what, err.msg);
		ATF_REQUIRE_EQ_MSG(0, envelope_read(&back, dirfd, &err),
		    "%s: %s", what, err.msg);
		ATF_CHECK_EQ(e->files_n, back.files_n);
		envelope_fini(&back);
	}
	close(dirfd);
}

ATF_TC_WITHOUT_HEAD(envelope__table);
ATF_TC_BODY(envelope__table, tc)
{
	struct envelope e;
	size_t i, more;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (more = 0; more < 2; more++) {
			envelope_init(&e);
			rows[i].fill(&e, rows[i].max + more);
			check_envelope(&e, rows[i].what, more == 0);
			envelope_fini(&e);
		}
}

static size_t
encoded_bytes(const struct envelope *e)
{
	struct error err = { 0 };
	char *text;
	size_t len;

	ATF_REQUIRE_EQ_MSG(0, envelope_encode(&text, &len, e, &err), "%s",
	    err.msg);
	free(text);
	return len;
}

/* Long names alone make it too long, of far fewer files. */
ATF_TC_WITHOUT_HEAD(envelope__bytes);
ATF_TC_BODY(envelope__bytes, tc)
{
	struct envelope e;
	size_t len, each, left;
	char name[PATH_NAME_MAX + 1];
	unsigned i, n = 2;

	envelope_init(&e);
	e.machine.image = letters(1);
	len = each = 0;
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%0255u", i);
		ATF_REQUIRE(envelope_add_file(&e, name, NULL) != NULL);
		if (i > 1)
			continue;
		each = encoded_bytes(&e) - len;
		len += each;
		if (i == 1)
			n += (unsigned)((ENVELOPE_BYTES_MAX - len) / each);
	}
	left = ENVELOPE_BYTES_MAX - encoded_bytes(&e);
	ATF_REQUIRE(n < ENVELOPE_FILES_MAX && left < ENVELOPE_IMAGE_MAX);
	free(e.machine.image);
	e.machine.image = letters(1 + left);
	ATF_CHECK_EQ(ENVELOPE_BYTES_MAX, encoded_bytes(&e));
	check_envelope(&e, "bytes", true);
	free(e.machine.image);
	e.machine.image = letters(2 + left);
	check_envelope(&e, "bytes", false);
	envelope_fini(&e);
}

/* A disk that every rule is content with. */
static void
add_disk(struct storage_list *list, size_t i)
{
	char path[32];
	struct storage disk = { .role = STORAGE_DATA,
		.path = path,
		.fstype = "none" };

	snprintf(path, sizeof(path), "data-d%zu.raw", i);
	snprintf(disk.serial, sizeof(disk.serial), "d%u", (unsigned)i);
	ATF_REQUIRE_EQ(0, storage_list_add(list, &disk, NULL));
}

/* Of so many files. */
static void
make_chain(struct storage *disk, size_t files)
{
	free(disk->path);
	disk->path = strdup("data-d0.9.qcow2");
	while (disk->backing.n + 1 < files)
		ATF_REQUIRE_EQ(0,
		    strv_add(&disk->backing, NULL, "data-d0.%zu.qcow2",
			disk->backing.n + 10));
}

static void
check_sidecar(const struct sidecar *s, const char *what, bool is_good)
{
	struct error err = { 0 };
	struct sidecar back;
	int dirfd = here();
	struct stat st;

	unlink(SIDECAR_NAME);
	if (!is_good) {
		ATF_CHECK_EQ_MSG(-1, sidecar_write(dirfd, s, &err),
		    "%s: one more is written", what);
		ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s: %s", what, err.msg);
		ATF_CHECK_EQ(-1, stat(SIDECAR_NAME, &st));
	} else {
		ATF_REQUIRE_EQ_MSG(0, sidecar_write(dirfd, s, &err), "%s: %s",
		    what, err.msg);
		ATF_REQUIRE_EQ_MSG(0, sidecar_read(&back, dirfd, &err),
		    "%s: %s", what, err.msg);
		ATF_CHECK_EQ(s->machine.disks.n, back.machine.disks.n);
		ATF_CHECK_EQ(s->devices_n, back.devices_n);
		ATF_CHECK_EQ(s->machine.nics.n, back.machine.nics.n);
		sidecar_fini(&back);
	}
	close(dirfd);
}

ATF_TC_WITHOUT_HEAD(sidecar__devices);
ATF_TC_BODY(sidecar__devices, tc)
{
	struct sidecar s = { 0 };
	size_t i, more;

	for (more = 0; more < 2; more++) {
		s.devices_n = SIDECAR_DEVICES_MAX + more;
		s.devices = calloc(s.devices_n, sizeof(*s.devices));
		ATF_REQUIRE(s.devices != NULL);
		for (i = 0; i < s.devices_n; i++) {
			snprintf(s.devices[i].id, sizeof(s.devices[i].id),
			    "d%zu", i);
			snprintf(s.devices[i].driver,
			    sizeof(s.devices[i].driver), "virtio-blk-pci");
		}
		check_sidecar(&s, "devices", more == 0);
		sidecar_fini(&s);
	}
	for (more = 0; more < 2; more++) {
		s.devices_n = 1;
		s.devices = calloc(1, sizeof(*s.devices));
		ATF_REQUIRE(s.devices != NULL);
		snprintf(s.devices[0].driver, sizeof(s.devices[0].driver), "d");
		s.devices[0].queues = QUEUES_MAX + more;
		check_sidecar(&s, "queues", more == 0);
		sidecar_fini(&s);
	}
}

ATF_TC_WITHOUT_HEAD(sidecar__boot);
ATF_TC_BODY(sidecar__boot, tc)
{
	struct sidecar s = { 0 };
	size_t more;

	for (more = 0; more < 2; more++) {
		s.machine.cmdline = letters(SIDECAR_CMDLINE_MAX + more);
		check_sidecar(&s, "cmdline", more == 0);
		sidecar_fini(&s);
		s.cpu = CPUS_MAX + more;
		check_sidecar(&s, "cpu", more == 0);
		sidecar_fini(&s);
		s.machine.boot[MACHINE_KERNEL] = letters(PATH_NAME_MAX + more);
		check_sidecar(&s, "kernel", more == 0);
		sidecar_fini(&s);
	}
}

ATF_TC_WITHOUT_HEAD(sidecar__disks);
ATF_TC_BODY(sidecar__disks, tc)
{
	struct storage disk = { .role = STORAGE_DATA, .fstype = "none" };
	struct sidecar s = { 0 };
	struct error err = { 0 };
	char path[] = "data-more.raw";
	size_t i, more;

	for (i = 0; i < STORAGE_MAX; i++)
		add_disk(&s.machine.disks, i);
	check_sidecar(&s, "disks", true);
	disk.path = path;
	ATF_CHECK_EQ(-1, storage_list_add(&s.machine.disks, &disk, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	sidecar_fini(&s);
	for (more = 0; more < 2; more++) {
		add_disk(&s.machine.disks, 0);
		make_chain(&s.machine.disks.v[0], STORAGE_CHAIN_MAX + more);
		check_sidecar(&s, "chain", more == 0);
		sidecar_fini(&s);
		add_disk(&s.machine.disks, 0);
		s.machine.disks.v[0].size_bytes = STORAGE_BYTES_MAX +
		    512 * more;
		check_sidecar(&s, "disk's bytes", more == 0);
		sidecar_fini(&s);
	}
}

ATF_TC_WITHOUT_HEAD(sidecar__nics);
ATF_TC_BODY(sidecar__nics, tc)
{
	struct nic nic = { .kind = NIC_USER };
	struct sidecar s = { 0 };
	struct error err = { 0 };
	struct nic *one;
	size_t i, more;

	for (i = 0; i < NIC_MAX; i++) {
		snprintf(nic.mac, sizeof(nic.mac), "52:54:00:00:00:%02x",
		    (unsigned char)i);
		ATF_REQUIRE_EQ(0, nic_list_add(&s.machine.nics, &nic, &err));
	}
	check_sidecar(&s, "nics", true);
	ATF_CHECK_EQ(-1, nic_list_add(&s.machine.nics, &nic, &err));
	sidecar_fini(&s);
	for (more = 0; more < 2; more++) {
		ATF_REQUIRE_EQ(0, nic_list_add(&s.machine.nics, &nic, &err));
		one = s.machine.nics.v;
		one->forwards_n = NIC_FORWARD_MAX + more;
		one->forwards = calloc(one->forwards_n,
		    sizeof(struct nic_forward));
		ATF_REQUIRE(one->forwards != NULL);
		for (i = 0; i < one->forwards_n; i++) {
			snprintf(one->forwards[i].addr,
			    sizeof(one->forwards[i].addr), "127.0.0.1");
			one->forwards[i].guest_port = 22;
		}
		check_sidecar(&s, "forwards", more == 0);
		sidecar_fini(&s);
	}
}

/* A line for each file that an envelope can have, and for itself. */
ATF_TC_WITHOUT_HEAD(trailer__longest);
ATF_TC_BODY(trailer__longest, tc)
{
	char line[TRAILER_LINE_MAX + 1], name[PATH_NAME_MAX + 1];
	struct digest digest = { 0 };
	size_t len;

	memset(name, 'n', PATH_NAME_MAX);
	name[PATH_NAME_MAX] = '\0';
	len = trailer_line(line, &digest, name);
	ATF_CHECK_EQ(strlen(line), len);
	ATF_CHECK(len <= TRAILER_LINE_MAX);
	ATF_CHECK((ENVELOPE_FILES_MAX + 1) * len <= TRAILER_BYTES_MAX);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, envelope__table);
	ATF_TP_ADD_TC(tp, envelope__bytes);
	ATF_TP_ADD_TC(tp, sidecar__devices);
	ATF_TP_ADD_TC(tp, sidecar__boot);
	ATF_TP_ADD_TC(tp, sidecar__disks);
	ATF_TP_ADD_TC(tp, sidecar__nics);
	ATF_TP_ADD_TC(tp, trailer__longest);
	return atf_no_error();
}
