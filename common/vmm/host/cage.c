/* SPDX-License-Identifier: ISC */
#include "vmm/host/cage.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/callfilter.h"
#include "base/fd.h"
#include "vmm/host/handover.h"

#define READ (RULE_READ_FILE | RULE_READ_DIR)
#define WRITE (RULE_READ_FILE | RULE_WRITE_FILE | RULE_TRUNCATE)
#define DEVICE (RULE_READ_FILE | RULE_WRITE_FILE | RULE_IOCTL_DEV)

#define CAPABILITIES_MAX 64 /* bits of a set; the kernel knows fewer */

static bool
is_link(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode);
}

/* What is only read: its directory's rule is enough but for a link elsewhere. */
static int
allow_read(struct ruleset *r, int dirfd, const char *name, bool always,
    struct error *err)
{
	return name == NULL || (!always && !is_link(dirfd, name))
	    ? 0
	    : ruleset_allow_at(r, dirfd, name, RULE_READ_FILE, err);
}

static int
allow_disks(struct ruleset *r, const struct vm *vm, int dirfd,
    const struct cage_needs *needs, struct error *err)
{
	const struct storage *disk;
	size_t i, k;

	for (i = 0; i < vm->machine.disks.n; i++) {
		disk = &vm->machine.disks.v[i];
		if ((disk->ro ? allow_read(r, dirfd, disk->path,
				    needs->finds_disks, err)
			      : ruleset_allow_at(r, dirfd, disk->path, WRITE,
				    err)) == -1)
			return -1;
		for (k = 0; k < disk->backing.n; k++)
			if (allow_read(r, dirfd, disk->backing.v[k], false,
				err) == -1)
				return -1;
	}
	return 0;
}

static int
allow_memory(struct ruleset *r, const struct vm *vm, int dirfd,
    const struct cage_needs *needs, struct error *err)
{
	bool is_known = vm->memory != VM_MEMORY_AUTO;

	/* What starts ahead of its files has the one that it will have. */
	if ((vm->memory == VM_MEMORY_FILE || !is_known) &&
	    ruleset_allow_at(r, dirfd, VM_MEMORY, WRITE, err) == -1)
		return -1;
	if (vm->memory != VM_MEMORY_TEMPLATE && is_known)
		return 0;
	return needs->writes_template
	    ? ruleset_allow_at(r, dirfd, VM_TEMPLATE, WRITE, err)
	    : allow_read(r, dirfd, VM_TEMPLATE, false, err);
}

/* Each of the VM's files as it is used. */
static int
allow_files(struct ruleset *r, const struct vm *vm, int dirfd,
    const struct cage_needs *needs, struct error *err)
{
	const uint64_t in_dir = READ | RULE_REMOVE_FILE |
	    (needs->makes_sockets ? RULE_MAKE_SOCK : 0);
	size_t i;

	if (ruleset_allow(r, dirfd, in_dir, err) == -1 ||
	    ruleset_allow_at(r, dirfd, VM_HANDOVER,
		WRITE | READ | RULE_MAKE_REG | RULE_REMOVE_FILE, err) == -1 ||
	    allow_disks(r, vm, dirfd, needs, err) == -1 ||
	    allow_memory(r, vm, dirfd, needs, err) == -1)
		return -1;
	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (vm->machine.boot[i] != NULL &&
		    (i == MACHINE_VARS
			    ? ruleset_allow_at(r, dirfd, vm->machine.boot[i],
				  WRITE, err)
			    : allow_read(r, dirfd, vm->machine.boot[i], false,
				  err)) == -1)
			return -1;
	if (needs->writes_console &&
	    ruleset_allow_at(r, dirfd, VM_CONSOLE_LOG, WRITE, err) == -1)
		return -1;
	return needs->log == NULL
	    ? 0
	    : ruleset_allow_at(r, dirfd, needs->log, WRITE, err);
}

static int
allow_devices(struct ruleset *r, const struct vm *vm,
    const struct cage_needs *needs, struct error *err)
{
	if (vm->accel == VM_ACCEL_KVM &&
	    ruleset_allow_at(r, AT_FDCWD, "/dev/kvm", DEVICE, err) == -1)
		return -1;
	if (!needs->opens_taps)
		return 0;
	/* Of a tap that is there they ask how it was made. */
	return ruleset_allow_at(r, AT_FDCWD, "/dev/net/tun", DEVICE, err) ==
		    -1 ||
		ruleset_allow_at(r, AT_FDCWD, "/sys/class/net", READ, err) == -1
	    ? -1
	    : ruleset_allow_at(r, AT_FDCWD, "/sys/devices/virtual/net", READ,
		  err);
}

/* What of the network the VM's NICs have the VMM itself do. */
struct nets {
	bool user, connects; /* by a NIC that is not restricted */
	const struct nic_list *nics; /* whose forwards it has, or will have */
};

static struct nets
nets_of(const struct vm *vm)
{
	struct nets nets = { .nics = vm->forwards_of == NULL
		    ? &vm->machine.nics
		    : vm->forwards_of };
	size_t i;

	for (i = 0; i < vm->machine.nics.n; i++) {
		if (vm->machine.nics.v[i].kind != NIC_USER)
			continue;
		nets.user = true;
		nets.connects |= !vm->machine.nics.v[i].restricted;
	}
	return nets;
}

static int
allow_ports(struct ruleset *r, const struct nets *nets, struct error *err)
{
	const struct nic_forward *fwd;
	const struct nic *nic;
	size_t i, k;

	/* A free one: what the record asks for, or will when it is changed. */
	if (!nets->user)
		return 0;
	if (ruleset_allow_port(r, 0, RULE_BIND_TCP, err) == -1)
		return -1;
	for (i = 0; i < nets->nics->n; i++) {
		nic = &nets->nics->v[i];
		for (k = 0; k < nic->forwards_n; k++) {
			fwd = &nic->forwards[k];
			if ((fwd->port != 0 &&
				ruleset_allow_port(r, fwd->port, RULE_BIND_TCP,
				    err) == -1) ||
			    (fwd->host_port != 0 &&
				ruleset_allow_port(r, fwd->host_port,
				    RULE_BIND_TCP, err) == -1))
				return -1;
		}
	}
	return 0;
}

/* What starts ahead of its files has a template already, if it gets one. */
static bool
opens_template(const struct vm *vm, int dirfd, const struct cage_needs *needs)
{
	return needs->writes_template &&
	    (vm->memory == VM_MEMORY_TEMPLATE ||
		(vm->memory == VM_MEMORY_AUTO &&
		    fd_exists(dirfd, VM_TEMPLATE)));
}

static void
note(struct vm_confined *c, const struct cage *cage, bool writes_template,
    const struct nets *nets)
{
	const char *files = "own", *tcp = "none";

	*c = (struct vm_confined){ .present = true,
		.unconfined = cage->is_open,
		.landlock = (unsigned)cage->rules.abi,
		.scoped = cage->rules.abi >= 6,
		.calls = !cage->is_open && callfilter_is_there() };
	if (writes_template)
		files = "template-writable";
	if (nets->user)
		tcp = nets->connects ? "outgoing" : "forwards";
	snprintf(c->filesystem, sizeof(c->filesystem), "%s",
	    cage->rules.abi == 0 ? "open" : files);
	snprintf(c->tcp, sizeof(c->tcp), "%s",
	    cage->rules.abi < 4 ? "open" : tcp);
	snprintf(c->capabilities, sizeof(c->capabilities), "%s",
	    cage->is_open               ? "kept"
		: cage->keeps_net_admin ? "net_admin"
					: "none");
}

int
cage_prepare(struct cage *out, struct vm *vm, int dirfd,
    const struct cage_needs *needs, const char *program, struct error *err)
{
	struct nets nets = nets_of(vm);
	const struct ruleset_open left = { .connect = nets.connects };
	struct cage cage = { .rules = RULESET_NONE,
		.is_open = vm->unconfined,
		.makes_sockets = needs->makes_sockets,
		.has_user_nets = nets.user,
		/* What starts ahead of its files maps a template if anything. */
		.refuses_huge = vm->to_load &&
		    (vm->memory == VM_MEMORY_TEMPLATE ||
			vm->memory == VM_MEMORY_AUTO),
		.keeps_net_admin = needs->opens_taps && geteuid() == 0 };
	struct ruleset *r = &cage.rules;

	if (!cage.is_open && ruleset_begin(r, &left, err) == -1)
		return -1;
	if (handover_make(dirfd, err) == -1 ||
	    cage_allow_system(r, program, needs, nets.connects, err) == -1 ||
	    allow_files(r, vm, dirfd, needs, err) == -1 ||
	    allow_devices(r, vm, needs, err) == -1 ||
	    allow_ports(r, &nets, err) == -1) {
		ruleset_fini(r);
		return -1;
	}
	note(&vm->confined, &cage, opens_template(vm, dirfd, needs), &nets);
	*out = cage;
	return 0;
}

void
cage_fini(struct cage *cage)
{
	ruleset_fini(&cage->rules);
}

/*
 * What follows runs in the child.
 */

/*
 * No file and, by a limit of exactly 1, no program that takes one through a pipe
 * (Linux fs/coredump.c); and nothing of the memory, whoever writes it.
 */
static int
refuse_core(void)
{
	const struct rlimit none = { 1, 1 };
	int fd;

	fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
	if (fd != -1) {
		(void)!write(fd, "0", 1);
		close(fd);
	}
	/* Of a limit that is lower already nothing is taken back. */
	return setrlimit(RLIMIT_CORE, &none) == -1 && errno != EPERM ? -1 : 0;
}

/* From here on nothing is root's right but what `keep` says. */
static int
drop_capabilities(bool keep)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int cap;

	/* Those that it could have by an exec; who may not is no root. */
	for (cap = 0; cap < CAPABILITIES_MAX; cap++)
		if (!(keep && cap == CAP_NET_ADMIN) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			break;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (keep)
		data[0].effective = data[0].permitted = 1u << CAP_NET_ADMIN;
	return (int)syscall(SYS_capset, &head, data);
}

int
cage_enter(struct cage *cage)
{
	struct error err = { 0 };

	if (cage->is_open)
		return 0;
	if (cage->rules.abi == 0)
		dprintf(STDERR_FILENO,
		    "instar: this kernel has no Landlock: files, sockets and "
		    "ports are open to the VMM\n");
	if (refuse_core() == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    drop_capabilities(cage->keeps_net_admin) == -1)
		return -1;
	if (ruleset_allow_at(&cage->rules, AT_FDCWD, "/proc/self", READ,
		&err) == -1 ||
	    ruleset_enter(&cage->rules, &err) == -1) {
		errno = err.sys;
		return -1;
	}
	return cage_filter_calls(cage);
}
