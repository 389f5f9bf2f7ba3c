/* SPDX-License-Identifier: ISC */
/*
 * A saved state loaded, and looked at before the guest runs: the state was
 * made by somebody, and Firecracker opens whatever files it names.
 */
#include "vmm/fc/fc.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"
#include "vmm/fc/fc_space.h"

#define DRIVES_MAX 256
#define VSOCK_OVERRIDE_SINCE 16 /* 1.16.0 */

void
fc_nic_id(char out[FC_ID_MAX], size_t i)
{
	snprintf(out, FC_ID_MAX, "eth%zu", i);
}

int
fc_look_ahead(struct vmm *vmm, struct error *err)
{
	struct fc *fc = vmm->own;

	if (fc_look(&fc->look, vmm->dirfd, FC_STATE, &vmm->vm->machine.disks,
		err) == -1 ||
	    fc_check_arch(&fc->look, err) == -1)
		return -1;
	if (vmm->vm->machine.nics.n != 1)
		fc->look.nic_id[0] = '\0';
	return 0;
}

/* The file's form, for this version: Firecracker's own words are few. */
static int
check_form(const struct fc *fc, struct error *err)
{
	if (fc_state_check_version(&fc->look.state, fc->minor, err) == -1)
		return error_wrap(err, FC_STATE);
	/* Loaded, it would make its socket wherever the state says. */
	if (fc->look.has_vsock && fc->minor < VSOCK_OVERRIDE_SINCE)
		return error_set(err, EX_CONFIG,
		    FC_STATE ": has a vsock, which Firecracker 1.%u cannot put "
			     "elsewhere",
		    fc->minor);
	return 0;
}

static void
nic_id(char out[FC_ID_MAX], const struct vmm *vmm, size_t i)
{
	const struct fc *fc = vmm->own;

	if (fc->look.nic_id[0] != '\0')
		snprintf(out, FC_ID_MAX, "%s", fc->look.nic_id);
	else
		fc_nic_id(out, i);
}

static int
put_load(struct vmm *vmm, const struct taps *taps, int64_t deadline_ms,
    struct error *err)
{
	const struct fc *fc = vmm->own;
	json_t *body, *overrides = json_array();
	char id[FC_ID_MAX];
	size_t i;

	for (i = 0; i < taps->n; i++) {
		nic_id(id, vmm, i);
		if (json_append(overrides, "network_overrides",
			json_pack("{s:s, s:s}", "iface_id", id, "host_dev_name",
			    taps->names[i]),
			err) == -1) {
			json_decref(overrides);
			return -1;
		}
	}
	body = json_pack("{s:s, s:{s:s, s:s}, s:b, s:b, s:o}", "snapshot_path",
	    FC_STATE, "mem_backend", "backend_type", "File", "backend_path",
	    VM_TEMPLATE, "track_dirty_pages", 1, "resume_vm", 0,
	    "network_overrides", overrides);
	if (fc->look.has_vsock &&
	    json_put(body, "vsock_override",
		json_pack("{s:s}", "uds_path", FC_VSOCK), err) == -1) {
		json_decref(body);
		return -1;
	}
	return fc_call(vmm, "PUT", "/snapshot/load", body, NULL, deadline_ms,
	    err);
}

/* How many processors it has, others do not always say. */
static int
check_machine(struct vm *vm, const struct jdoc *config, struct error *err)
{
	uint64_t cpu, mib;
	uint32_t machine;

	if (jdoc_get_object(config, JDOC_ROOT, "machine-config", &machine,
		JSON_REQUIRED, err) == -1 ||
	    jdoc_get_u64(config, machine, "vcpu_count", &cpu, 0, INT64_MAX,
		JSON_REQUIRED, err) == -1 ||
	    jdoc_get_u64(config, machine, "mem_size_mib", &mib, 0,
		INT64_MAX / NUM_MIB, JSON_REQUIRED, err) == -1)
		return -1;
	if (vm->machine.cpu == 0 && cpu <= FC_CPU_MAX)
		vm->machine.cpu = cpu;
	if (cpu != vm->machine.cpu)
		return error_set(err, EX_DATAERR,
		    "%" PRIu64 " processors, the envelope says %" PRIu64, cpu,
		    vm->machine.cpu);
	if (mib * NUM_MIB != vm->machine.memory_bytes)
		return error_set(err, EX_DATAERR,
		    "%" PRIu64 " bytes of memory, the envelope says %" PRIu64,
		    mib * NUM_MIB, vm->machine.memory_bytes);
	return 0;
}

/* What the state calls the disk. */
static const char *
name_of(const struct storage *disk)
{
	return disk->origin == NULL ? disk->path : disk->origin;
}

/* The disk of the record that the drive is, by its path. */
static int
check_drive(bool found[STORAGE_MAX], const struct vm *vm,
    const struct jdoc *config, uint32_t drive, struct error *err)
{
	char path[STORAGE_PATH_MAX + 1] = "";
	bool ro;
	size_t i;

	if (jdoc_get_str(config, drive, "path_on_host", path, sizeof(path),
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (path[0] == '\0' || jdoc_member(config, drive, "socket") != 0)
		return error_set(err, EX_DATAERR,
		    "a drive that is no file is not for us");
	if (jdoc_get_bool(config, drive, "is_read_only", &ro, JSON_REQUIRED,
		err) == -1)
		return -1;
	for (i = 0; i < vm->machine.disks.n; i++)
		if (!found[i] &&
		    strcmp(name_of(&vm->machine.disks.v[i]), path) == 0)
			break;
	if (i == vm->machine.disks.n)
		return error_set(err, EX_DATAERR,
		    "drive %s is none of the sidecar's disks", path);
	if (ro != vm->machine.disks.v[i].ro)
		return error_set(err, EX_DATAERR,
		    "drive %s is %s, the sidecar says otherwise", path,
		    ro ? "read-only" : "writable");
	found[i] = true;
	return 0;
}

static int
check_drives(const struct vm *vm, const struct jdoc *config, struct error *err)
{
	bool found[STORAGE_MAX] = { false };
	uint32_t drives, drive;
	size_t i;

	if (jdoc_get_array(config, JDOC_ROOT, "drives", &drives, DRIVES_MAX,
		JSON_REQUIRED, err) == -1)
		return -1;
	drive = jdoc_first(config, drives);
	for (; drive != 0; drive = jdoc_next(config, drive))
		if (check_drive(found, vm, config, drive, err) == -1)
			return -1;
	for (i = 0; i < vm->machine.disks.n; i++)
		if (!found[i])
			return error_set(err, EX_DATAERR,
			    "has no drive %s, which the sidecar has",
			    name_of(&vm->machine.disks.v[i]));
	return 0;
}

/* One of the record's; the record takes the MAC over. */
static int
check_nic(struct vmm *vmm, const struct jdoc *config, uint32_t nic,
    const struct taps *taps, struct error *err)
{
	char id[FC_ID_MAX] = "", tap[NIC_IFNAME_MAX + 1] = "", want[FC_ID_MAX];
	struct vm *vm = vmm->vm;
	size_t i;

	if (jdoc_get_str(config, nic, "iface_id", id, sizeof(id), JSON_REQUIRED,
		err) == -1 ||
	    jdoc_get_str(config, nic, "host_dev_name", tap, sizeof(tap),
		JSON_REQUIRED, err) == -1)
		return -1;
	for (i = 0; i < taps->n; i++) {
		nic_id(want, vmm, i);
		if (strcmp(id, want) == 0 && strcmp(tap, taps->names[i]) == 0)
			break;
	}
	if (i == taps->n)
		return error_set(err, EX_DATAERR,
		    "NIC %s is none of the sidecar's", id);
	vm->machine.nics.v[i].mac_pending = false;
	return jdoc_get_str(config, nic, "guest_mac", vm->machine.nics.v[i].mac,
	    sizeof(vm->machine.nics.v[i].mac), JSON_OPTIONAL, err);
}

/* Those of the record, and nothing else; the guest keeps the MACs it has. */
static int
check_nics(struct vmm *vmm, const struct jdoc *config, const struct taps *taps,
    struct error *err)
{
	struct vm *vm = vmm->vm;
	uint32_t nics, nic;
	size_t n = 0;

	if (jdoc_get_array(config, JDOC_ROOT, "network-interfaces", &nics,
		NIC_MAX + 1, JSON_REQUIRED, err) == -1)
		return -1;
	nic = jdoc_first(config, nics);
	for (; nic != 0; nic = jdoc_next(config, nic))
		n++;
	if (n != vm->machine.nics.n)
		return error_set(err, EX_DATAERR,
		    "%zu NICs, the sidecar has %zu", n, vm->machine.nics.n);
	nic = jdoc_first(config, nics);
	for (; nic != 0; nic = jdoc_next(config, nic))
		if (check_nic(vmm, config, nic, taps, err) == -1)
			return -1;
	return 0;
}

/* Its socket is in the VM's directory: anywhere else is nobody's to give. */
static int
check_vsock(const struct jdoc *config, struct error *err)
{
	char path[STORAGE_PATH_MAX + 1] = "";
	uint32_t vsock;

	if (jdoc_get_object(config, JDOC_ROOT, "vsock", &vsock, JSON_OPTIONAL,
		err) == -1)
		return -1;
	if (vsock == 0)
		return 0;
	if (jdoc_get_str(config, vsock, "uds_path", path, sizeof(path),
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (strcmp(path, FC_VSOCK) == 0)
		return 0;
	return error_set(err, EX_DATAERR, "has a vsock at %s, not " FC_VSOCK,
	    path);
}

/* The files that this VM may have open. */
struct own_files {
	struct stat v[STORAGE_MAX + 4];
	size_t n;
};

static void
find_own(struct own_files *own, const struct vmm *vmm)
{
	static const char *const files[] = { VM_TEMPLATE, VM_VMM_LOG, FC_LOG,
		VM_CONSOLE_LOG };
	const struct storage_list *disks = &vmm->vm->machine.disks;
	const char *name;
	size_t i;

	own->n = 0;
	for (i = 0; i < disks->n + sizeof(files) / sizeof(files[0]); i++) {
		name = i < disks->n ? disks->v[i].path : files[i - disks->n];
		/* A layer may be a symbolic link. */
		if (fstatat(vmm->dirfd, name, &own->v[own->n], 0) == 0)
			own->n++;
	}
}

static bool
is_own(const struct own_files *own, const struct stat *st)
{
	size_t i;

	for (i = 0; i < own->n; i++)
		if (own->v[i].st_dev == st->st_dev &&
		    own->v[i].st_ino == st->st_ino)
			return true;
	return false;
}

/* By device and inode: names may mean anything by now. */
static int
check_descriptor(const struct own_files *own, int dirfd, const char *number,
    struct error *err)
{
	char target[256];
	struct stat st;
	ssize_t n;

	if (fstatat(dirfd, number, &st, 0) == -1 ||
	    (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) || is_own(own, &st))
		return 0;
	n = readlinkat(dirfd, number, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	return error_set(err, EX_DATAERR,
	    "made Firecracker open %s, which is none of the VM's files",
	    target);
}

static int
check_descriptors(const struct vmm *vmm, struct error *err)
{
	struct strv numbers = { 0 };
	struct own_files own;
	char path[64];
	size_t i;
	int fd, rc;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)vmm->vm->proc.pid);
	if (fd_open_dir(&fd, AT_FDCWD, path, false, err) == -1)
		return -1;
	find_own(&own, vmm);
	rc = dir_list(&numbers, fd, path, err);
	for (i = 0; rc == 0 && i < numbers.n; i++)
		rc = check_descriptor(&own, fd, numbers.v[i], err);
	strv_fini(&numbers);
	fd_drop(&fd);
	return rc;
}

/* EX_DATAERR: it is not the machine that envelope and sidecar tell of. */
static int
check_loaded(struct vmm *vmm, const struct taps *taps, int64_t deadline_ms,
    struct error *err)
{
	struct jdoc *config;
	int rc = -1;

	if (fc_call(vmm, "GET", "/vm/config", NULL, &config, deadline_ms,
		err) == -1)
		return -1;
	if (check_machine(vmm->vm, config, err) == 0 &&
	    check_drives(vmm->vm, config, err) == 0 &&
	    check_nics(vmm, config, taps, err) == 0 &&
	    check_vsock(config, err) == 0)
		rc = check_descriptors(vmm, err);
	jdoc_free(config);
	return rc == -1 ? error_wrap(err, FC_STATE) : 0;
}

int
fc_load(struct vmm *vmm, int64_t deadline_ms, struct error *err)
{
	struct taps taps;

	if (check_form(vmm->own, err) == -1 ||
	    taps_make(&taps, vmm->vm, err) == -1)
		return -1;
	if (put_load(vmm, &taps, deadline_ms, err) == 0 &&
	    check_loaded(vmm, &taps, deadline_ms, err) == 0 &&
	    fc_space_leave(vmm, deadline_ms, err) == 0 &&
	    taps_give(&taps, vmm->vm, err) == 0)
		return 0;
	taps_drop(&taps, vmm->vm);
	return -1;
}
