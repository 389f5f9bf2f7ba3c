/* SPDX-License-Identifier: ISC */
/*
 * A VM's record and its seed: what is written is read again.  With as much as
 * the reader takes it is; with one more what was there stays.
 */
#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "disk/chain.h"
#include "seed/cidata.h"
#include "state/vm.h"
#include "state/vm_seed.h"

#define ID "abcdefghijklmnopqrstuvwxyz"
#define KEYS_MAX 1024
#define KEY_MAX 16384
#define PATH_MAX_BYTES 4095

static const struct timespec now = { .tv_sec = 1 };

static char *
letters(size_t n)
{
	char *text = malloc(n + 1);

	ATF_REQUIRE(text != NULL);
	memset(text, 'x', n);
	text[n] = '\0';
	return text;
}

static int
here(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ATF_REQUIRE(fd != -1);
	return fd;
}

static void
begin(struct vm *vm)
{
	vm_init(vm);
	snprintf(vm->id, sizeof(vm->id), ID);
	snprintf(vm->machine.hypervisor, sizeof(vm->machine.hypervisor),
	    "qemu");
	vm->machine.cpu = 1;
	vm->machine.memory_bytes = VM_MEMORY_MIN;
}

static void
check(struct vm *vm, const char *what, bool is_good)
{
	static const char before[] = "what was there";
	struct error err = { 0 };
	int dirfd = here();
	struct vm back;

	ATF_REQUIRE_EQ(0,
	    fd_replace_file(dirfd, VM_RECORD_NAME, before, sizeof(before) - 1,
		false, &err));
	if (!is_good) {
		ATF_CHECK_EQ_MSG(-1, vm_write(vm, dirfd, false, &now, &err),
		    "%s: one more is written", what);
		ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s: %s", what, err.msg);
		ATF_CHECK_EQ_MSG(0, strncmp(err.msg, "vm.json: ", 9), "%s",
		    err.msg);
		ATF_CHECK_MSG(atf_utils_compare_file(VM_RECORD_NAME, before),
		    "%s", what);
	} else {
		ATF_REQUIRE_EQ_MSG(0, vm_write(vm, dirfd, false, &now, &err),
		    "%s: %s", what, err.msg);
		ATF_REQUIRE_EQ_MSG(0, vm_read(&back, dirfd, &err), "%s: %s",
		    what, err.msg);
		vm_fini(&back);
	}
	close(dirfd);
}

ATF_TC_WITHOUT_HEAD(record__numbers_and_texts);
ATF_TC_BODY(record__numbers_and_texts, tc)
{
	struct vm vm;
	size_t more;

	for (more = 0; more < 2; more++) {
		begin(&vm);
		vm.machine.cpu = VM_CPU_MAX + more;
		check(&vm, "cpu", more == 0);
		vm_fini(&vm);
		begin(&vm);
		vm.machine.memory_bytes = VM_MEMORY_MAX + more;
		check(&vm, "memory", more == 0);
		vm_fini(&vm);
		begin(&vm);
		vm.machine.storage_bytes = ENVELOPE_FILE_BYTES_MAX + more;
		check(&vm, "storage", more == 0);
		vm_fini(&vm);
		begin(&vm);
		vm.machine.console_max_bytes = MACHINE_CONSOLE_MAX + more;
		check(&vm, "console_max", more == 0);
		vm_fini(&vm);
		/* What a snapshot of others has is one's own from a clone on.
		 */
		begin(&vm);
		vm.machine.cmdline = letters(SIDECAR_CMDLINE_MAX + more);
		check(&vm, "cmdline", more == 0);
		vm_fini(&vm);
		begin(&vm);
		vm.machine.image = letters(ENVELOPE_IMAGE_MAX + more);
		check(&vm, "image", more == 0);
		vm_fini(&vm);
		begin(&vm);
		vm.error = letters(ERROR_MSG_MAX + more);
		check(&vm, "error", more == 0);
		vm_fini(&vm);
	}
}

static void
add_layer(struct vm *vm, size_t name_bytes, size_t path_bytes, char byte)
{
	struct layer layer = { .name = letters(name_bytes),
		.path = letters(path_bytes) };

	memset(layer.path, byte, path_bytes);
	ATF_REQUIRE_EQ(0, layer_list_add(&vm->machine.layers, &layer, NULL));
	free(layer.name);
	free(layer.path);
}

ATF_TC_WITHOUT_HEAD(record__layers);
ATF_TC_BODY(record__layers, tc)
{
	struct vm vm;
	size_t i, more;

	for (more = 0; more < 2; more++) {
		begin(&vm);
		for (i = 0; i < VM_LAYERS_MAX + more; i++)
			add_layer(&vm, 1, 1, '/');
		check(&vm, "layers", more == 0);
		vm_fini(&vm);
		begin(&vm);
		add_layer(&vm, VM_FILE_MAX + more, 1, '/');
		check(&vm, "layer's name", more == 0);
		vm_fini(&vm);
		begin(&vm);
		add_layer(&vm, 1, PATH_MAX_BYTES + more, '/');
		check(&vm, "layer's path", more == 0);
		vm_fini(&vm);
	}
}

ATF_TC_WITHOUT_HEAD(record__disks_and_nics);
ATF_TC_BODY(record__disks_and_nics, tc)
{
	char path[32];
	struct storage disk = { .role = STORAGE_DATA,
		.path = path,
		.fstype = "none" };
	struct nic nic = { .kind = NIC_USER };
	struct error err = { 0 };
	struct vm vm;
	size_t i, more;

	begin(&vm);
	for (i = 0; i <= STORAGE_MAX; i++) {
		snprintf(path, sizeof(path), "data-d%zu.raw", i);
		snprintf(disk.serial, sizeof(disk.serial), "d%u", (unsigned)i);
		ATF_CHECK_EQ(i < STORAGE_MAX ? 0 : -1,
		    storage_list_add(&vm.machine.disks, &disk, &err));
	}
	for (i = 0; i <= NIC_MAX; i++) {
		snprintf(nic.mac, sizeof(nic.mac), "52:54:00:00:00:%02x",
		    (unsigned char)i);
		ATF_CHECK_EQ(i < NIC_MAX ? 0 : -1,
		    nic_list_add(&vm.machine.nics, &nic, &err));
	}
	check(&vm, "disks and NICs", true);
	vm_fini(&vm);
	for (more = 0; more < 2; more++) {
		begin(&vm);
		ATF_REQUIRE_EQ(0,
		    storage_list_add(&vm.machine.disks, &disk, &err));
		free(vm.machine.disks.v[0].path);
		vm.machine.disks.v[0].path = strdup("data-d0.9.qcow2");
		for (i = 1; i < STORAGE_CHAIN_MAX + more; i++)
			ATF_REQUIRE_EQ(0,
			    strv_add(&vm.machine.disks.v[0].backing, &err,
				"data-d0.%zu.qcow2", i + 10));
		check(&vm, "chain", more == 0);
		vm_fini(&vm);
	}
}

static size_t
record_bytes(void)
{
	struct stat st;

	ATF_REQUIRE_EQ(0, stat(VM_RECORD_NAME, &st));
	return (size_t)st.st_size;
}

/* Quotes have two bytes each. */
ATF_TC_WITHOUT_HEAD(record__bytes);
ATF_TC_BODY(record__bytes, tc)
{
	struct error err = { 0 };
	int dirfd = here();
	struct vm vm;
	size_t left, want;

	begin(&vm);
	vm.machine.cmdline = letters(1);
	for (;;) {
		ATF_REQUIRE_EQ_MSG(0, vm_write(&vm, dirfd, false, &now, &err),
		    "%s", err.msg);
		left = VM_RECORD_BYTES_MAX - record_bytes();
		if (left < 2000)
			break;
		/* Some 200 bytes are about the path. */
		want = left > 2 * PATH_MAX_BYTES + 1000 ? PATH_MAX_BYTES
							: (left - 1000) / 2;
		add_layer(&vm, 1, want, '"');
	}
	free(vm.machine.cmdline);
	vm.machine.cmdline = letters(1 + left);
	check(&vm, "bytes", true);
	ATF_CHECK_EQ(VM_RECORD_BYTES_MAX, record_bytes());
	free(vm.machine.cmdline);
	vm.machine.cmdline = letters(2 + left);
	check(&vm, "bytes", false);
	vm_fini(&vm);
	close(dirfd);
}

/* What is no text is refused, and nothing of it is left out in silence. */
ATF_TC_WITHOUT_HEAD(record__not_utf8);
ATF_TC_BODY(record__not_utf8, tc)
{
	struct error err = { 0 };
	int dirfd = here();
	struct vm vm;

	begin(&vm);
	add_layer(&vm, 1, 4, '/');
	check(&vm, "as it was", true);
	memcpy(vm.machine.layers.v[0].path, "/l/\xe4", 4);
	ATF_CHECK_EQ(-1, vm_write(&vm, dirfd, false, &now, &err));
	ATF_CHECK_EQ(EX_OSERR, err.code);
	ATF_CHECK_STREQ(
	    "layers[0]: member \"path\": out of memory, or not UTF-8", err.msg);
	vm_fini(&vm);
	ATF_REQUIRE_EQ(0, vm_read(&vm, dirfd, &err));
	ATF_REQUIRE_EQ(1, vm.machine.layers.n);
	ATF_CHECK_STREQ("////", vm.machine.layers.v[0].path);
	vm_fini(&vm);
	close(dirfd);
}

static void
id_of(char id[ID_LEN + 1], size_t i)
{
	size_t k;

	memset(id, 'a', ID_LEN);
	id[ID_LEN] = '\0';
	for (k = 0; k < 8; k++, i /= 26)
		id[k] = (char)('a' + i % 26);
}

/* A save costs what the one before cost. */
ATF_TC_WITHOUT_HEAD(lineage__many_saves);
ATF_TC_BODY(lineage__many_saves, tc)
{
	struct error err = { 0 };
	char id[ID_LEN + 1], other[ID_LEN + 1];
	int dirfd = here();
	size_t i, bytes = 0;
	struct vm vm;

	begin(&vm);
	id_of(vm.cloned_from, 1000000);
	for (i = 0; i < 1000; i++) {
		id_of(id, i);
		ATF_REQUIRE_EQ(0, vm_add_snapshot(&vm, id, &err));
		ATF_REQUIRE_EQ(0, vm_add_snapshot(&vm, id, &err));
		ATF_REQUIRE_EQ(0, vm_write(&vm, dirfd, false, &now, &err));
		vm_fini(&vm);
		ATF_REQUIRE_EQ_MSG(0, vm_read(&vm, dirfd, &err), "%s", err.msg);
		if (i == 100)
			bytes = record_bytes();
	}
	ATF_CHECK_EQ(bytes, record_bytes());
	ATF_CHECK_EQ(VM_SNAPSHOTS_KEPT, vm.snapshot_ids.n);
	ATF_CHECK(vm_owns_snapshot(&vm, id, ""));
	ATF_CHECK(vm_has_snapshots(&vm));
	/* An old one says itself whose it is. */
	id_of(id, 3);
	ATF_CHECK(!vm_owns_snapshot(&vm, id, ""));
	ATF_CHECK(vm_owns_snapshot(&vm, id, ID));
	id_of(other, 2000000);
	ATF_CHECK(!vm_owns_snapshot(&vm, id, other));
	id_of(id, 1000000);
	ATF_CHECK_STREQ(id, vm.cloned_from);
	ATF_CHECK(vm_owns_snapshot(&vm, id, other));
	vm_fini(&vm);
	close(dirfd);
}

/* The record of an earlier version, which had the ids of all saves. */
ATF_TC_WITHOUT_HEAD(lineage__earlier_record);
ATF_TC_BODY(lineage__earlier_record, tc)
{
	struct error err = { 0 };
	json_t *record, *ids;
	char id[ID_LEN + 1], *text;
	int dirfd = here();
	struct vm vm;
	size_t i, len;

	begin(&vm);
	ATF_REQUIRE_EQ(0, vm_write(&vm, dirfd, false, &now, &err));
	vm_fini(&vm);
	ATF_REQUIRE_EQ(0,
	    json_parse_file(&record, dirfd, VM_RECORD_NAME, VM_RECORD_BYTES_MAX,
		&err));
	ids = json_array();
	for (i = 0; i < 36000; i++) {
		id_of(id, i);
		json_array_append_new(ids, json_string(id));
	}
	ATF_REQUIRE_EQ(0, json_put(record, "snapshot_ids", ids, &err));
	ATF_REQUIRE_EQ(0, json_text(&text, &len, record, 0, &err));
	ATF_REQUIRE_EQ(0,
	    fd_replace_file(dirfd, VM_RECORD_NAME, text, len, false, &err));
	free(text);
	json_decref(record);

	ATF_REQUIRE_EQ_MSG(0, vm_read(&vm, dirfd, &err), "%s", err.msg);
	ATF_CHECK_EQ(36000, vm.snapshot_ids.n);
	id_of(id, 17);
	ATF_CHECK(vm_owns_snapshot(&vm, id, ""));
	id_of(id, 36000);
	ATF_REQUIRE_EQ(0, vm_add_snapshot(&vm, id, &err));
	ATF_REQUIRE_EQ(0, vm_write(&vm, dirfd, false, &now, &err));
	vm_fini(&vm);
	ATF_CHECK(record_bytes() < 8192);
	ATF_REQUIRE_EQ_MSG(0, vm_read(&vm, dirfd, &err), "%s", err.msg);
	ATF_CHECK_EQ(VM_SNAPSHOTS_KEPT, vm.snapshot_ids.n);
	ATF_CHECK(vm_owns_snapshot(&vm, id, ""));
	/* The first may be what it was cloned from: nothing else says so. */
	id_of(id, 0);
	ATF_CHECK(vm_owns_snapshot(&vm, id, ""));
	id_of(id, 1);
	ATF_CHECK(!vm_owns_snapshot(&vm, id, ""));
	vm_fini(&vm);
	close(dirfd);
}

/* As where disks cannot be reflinked: each save freezes a file. */
ATF_TC_WITHOUT_HEAD(frozen__many_saves);
ATF_TC_BODY(frozen__many_saves, tc)
{
	char path[] = "cow.raw", *top;
	struct storage disk = { .role = STORAGE_COW,
		.path = path,
		.serial = STORAGE_COW_SERIAL };
	struct digest digest = { 0 };
	struct error err = { 0 };
	int dirfd = here();
	struct storage *d;
	struct vm vm;
	size_t i;

	begin(&vm);
	ATF_REQUIRE_EQ(0, storage_list_add(&vm.machine.disks, &disk, &err));
	for (i = 0; i < 300; i++) {
		d = &vm.machine.disks.v[0];
		ATF_REQUIRE_EQ(0,
		    vm_add_frozen(&vm, d->path, 4096, &digest, &err));
		ATF_REQUIRE_EQ(0,
		    chain_next_name(&top, d->path, chain_overlay(), &err));
		/* Merged onto the first, but for the last one. */
		strv_fini(&d->backing);
		ATF_REQUIRE_EQ(0, strv_add(&d->backing, &err, "%s", d->path));
		if (i > 0)
			ATF_REQUIRE_EQ(0,
			    strv_add(&d->backing, &err, "cow.raw"));
		free(d->path);
		d->path = top;
		ATF_REQUIRE_EQ_MSG(0, vm_write(&vm, dirfd, false, &now, &err),
		    "%s", err.msg);
		vm_fini(&vm);
		ATF_REQUIRE_EQ_MSG(0, vm_read(&vm, dirfd, &err), "save %zu: %s",
		    i, err.msg);
	}
	ATF_CHECK_EQ(2, vm.frozen_n);
	ATF_CHECK(
	    vm_find_frozen(&vm, vm.machine.disks.v[0].backing.v[0]) != NULL);
	vm_fini(&vm);
	close(dirfd);
}

static void
check_seed(const struct vm_seed *seed, const char *what, bool is_good)
{
	struct error err = { 0 };
	int dirfd = here();
	struct stat st;
	json_t *obj;

	unlink(VM_SEED_NAME);
	if (!is_good) {
		ATF_CHECK_EQ_MSG(-1, vm_seed_write(seed, dirfd, &err),
		    "%s: one more is written", what);
		ATF_CHECK_EQ_MSG(EX_DATAERR, err.code, "%s: %s", what, err.msg);
		ATF_CHECK_EQ(-1, stat(VM_SEED_NAME, &st));
	} else {
		ATF_CHECK_EQ_MSG(0, vm_seed_write(seed, dirfd, &err), "%s: %s",
		    what, err.msg);
		ATF_REQUIRE_EQ_MSG(0,
		    json_parse_file(&obj, dirfd, VM_SEED_NAME,
			VM_SEED_BYTES_MAX, &err),
		    "%s: %s", what, err.msg);
		json_decref(obj);
	}
	close(dirfd);
}

static void
add_key(struct vm_seed *seed, size_t bytes)
{
	char *key = letters(bytes);

	memcpy(key, "ssh-rsa AAAA", 12);
	ATF_REQUIRE_EQ(0, strv_add(&seed->ssh_keys, NULL, "%s", key));
	free(key);
}

ATF_TC_WITHOUT_HEAD(seed__table);
ATF_TC_BODY(seed__table, tc)
{
	struct vm_seed seed = { 0 };
	size_t i, more;

	for (more = 0; more < 2; more++) {
		for (i = 0; i < KEYS_MAX + more; i++)
			add_key(&seed, 20);
		check_seed(&seed, "keys", more == 0);
		vm_seed_fini(&seed);
		add_key(&seed, KEY_MAX + more);
		check_seed(&seed, "key", more == 0);
		vm_seed_fini(&seed);
		seed.user = letters(32 + more);
		check_seed(&seed, "user", more == 0);
		vm_seed_fini(&seed);
		/* The worst that text can be. */
		seed.user_data = letters(CIDATA_TEXT_MAX + more);
		memset(seed.user_data, '\001', CIDATA_TEXT_MAX + more);
		check_seed(&seed, "user-data", more == 0);
		vm_seed_fini(&seed);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, record__numbers_and_texts);
	ATF_TP_ADD_TC(tp, record__layers);
	ATF_TP_ADD_TC(tp, record__disks_and_nics);
	ATF_TP_ADD_TC(tp, record__bytes);
	ATF_TP_ADD_TC(tp, record__not_utf8);
	ATF_TP_ADD_TC(tp, lineage__many_saves);
	ATF_TP_ADD_TC(tp, lineage__earlier_record);
	ATF_TP_ADD_TC(tp, frozen__many_saves);
	ATF_TP_ADD_TC(tp, seed__table);
	return atf_no_error();
}
