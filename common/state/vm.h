/* SPDX-License-Identifier: ISC */
/*
 * The record of one VM: what it is made of, and which process runs it.  It is
 * the file vm.json in the VM's directory; instar-state(5).  Whether the VM runs
 * is never stored.
 */
#ifndef STATE_VM_H
#define STATE_VM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/id.h"
#include "base/proc.h"
#include "base/rfc3339.h"
#include "base/strv.h"
#include "seed/cidata.h"
#include "snapshot/envelope.h"
#include "snapshot/machine.h"
#include "snapshot/sidecar.h"

#define VM_RECORD_NAME "vm.json"
#define VM_RECORD_VERSION 1
#define VM_RECORD_BYTES_MAX (1u << 20)
#define VM_CPU_MAX 255 /* vCPUs: q35 without interrupt remapping */
#define VM_MEMORY_MIN (UINT64_C(1) << 20) /* bytes; also the granule */
#define VM_MEMORY_MAX (UINT64_C(1) << 40)
#define VM_SNAPSHOTS_MAX 100000 /* earlier records had all that ever were */
#define VM_SNAPSHOTS_KEPT 64 /* the newest; the snapshots tell of the others */
#define VM_LAYERS_MAX (STORAGE_MAX * STORAGE_CHAIN_MAX)
#define VM_FROZEN_MAX 8192 /* earlier records had files that were merged away */
#define VM_CMDLINE_MAX                                                         \
	2047 /* bytes to give, COMMAND_LINE_SIZE of x86 less one */
#define VM_CGROUP_MAX 4095 /* bytes of what is asked for, and of a path */
#define VM_FILE_MAX 63 /* bytes of a disk file's name: data-<20>.<n>.qcow2 */

/* Names in a VM's directory. */
#define VM_KERNEL "kernel"
#define VM_INITRD "initrd"
#define VM_FIRMWARE "firmware"
#define VM_VARS "firmware_vars"
#define VM_MEMORY "memory.raw"
#define VM_TEMPLATE "template.raw"
#define VM_SAVE_STATE "save.state" /* while a save writes it */
/* A directory: what a VMM that runs opens or makes; vmm/host/handover.h. */
#define VM_HANDOVER "handover"
#define VM_CONSOLE_LOG "console.log"
#define VM_CONSOLE_OLD "console.log.1" /* what was rotated away last */
#define VM_CONSOLE_NEW "console.log.new" /* while it is rotated */
#define VM_CONSOLE_LOCK "console.lock"
#define VM_CONSOLE_SOCKET "console.sock"
#define VM_AGENT_SOCKET "agent.sock" /* of a VMM that has a port for one */
#define VM_AGENT_LOCK "agent.lock" /* of who talks with the guest's agent */
#define VM_API_SOCKET "qmp.sock"
#define VM_WATCH_SOCKET "watch.sock"
#define VM_VMM_LOG "vmm.log" /* the VMM's standard error: see vm_read() */
#define VM_KNOWN_HOSTS "known_hosts" /* the guest's host keys; sshd(8) */

/* The boot files, by enum machine_boot. */
extern const char *const vm_boot_names[MACHINE_BOOT_FILES];

/*
 * What copy_file() may do with a boot file: one that the guest writes is never
 * shared by a link.
 */
unsigned vm_boot_may(const char *name);

enum vm_memory {
	VM_MEMORY_AUTO,
	VM_MEMORY_FILE,
	VM_MEMORY_MEMFD,
	VM_MEMORY_TEMPLATE,
	VM_MEMORY_PRIVATE
};

enum vm_accel { VM_ACCEL_AUTO, VM_ACCEL_KVM, VM_ACCEL_TCG };

/* A disk file that no one writes any more, with the digest made then. */
struct vm_frozen {
	char name[VM_FILE_MAX + 1];
	uint64_t size_bytes;
	struct digest digest;
};

/* What a guest that goes on from a snapshot was asked to do, by its agent. */
enum vm_refresh {
	VM_REFRESH_THAW, /* its filesystems, which stood still when it was saved */
	VM_REFRESH_CLOCK,
	VM_REFRESH_RANDOM,
	VM_REFRESH_HOSTNAME,
	VM_REFRESH_MACHINE_ID,
	VM_REFRESH_SSH_KEYS,
	VM_REFRESH_NETWORK
};
#define VM_REFRESHES 7

/* What it said. */
struct vm_refreshed {
	char result[16]; /* "": it was not asked */
	uint64_t us; /* that it took */
	char why[128]; /* it did not, or "": printable */
};

/* What a clone or restore gave the guest anew, and what it must do itself. */
struct vm_identity {
	bool present;
	bool vmgenid_offered;
	/* Each: inherited, offered, next-boot. */
	char mac[16], instance_id[16], hostname[16];
	uint64_t clock_behind_s;
	struct vm_refreshed refreshed[VM_REFRESHES];
};

/* What keeps the VMM to its own: what was in force when it was started. */
struct vm_confined {
	bool present; /* false: an earlier version started it, or none did */
	bool unconfined; /* it was asked for: the rest says so, too */
	unsigned landlock; /* version of the kernel's interface, 0: none */
	/* own, template-writable, open; of earlier versions directory-writable */
	char filesystem[24];
	char tcp[12]; /* none, forwards, outgoing, open */
	bool scoped; /* signals and abstract sockets */
	bool calls; /* system calls are filtered */
	char capabilities[12]; /* none, net_admin, kept */
};

/* Whether the guest's filesystems stand still, because they did when it was saved. */
enum vm_thaw {
	VM_THAW_DONE, /* no */
	VM_THAW_DUE, /* they do: it has not run since */
	VM_THAW_UNSURE /* it has not said that they do not */
};

struct vm {
	char id[ID_LEN + 1];
	char name[ENVELOPE_NAME_MAX + 1]; /* or "" */
	char *description; /* people's text, or NULL */
	char user[CIDATA_USER_MAX + 1]; /* that its seed has asked for, or "" */

	/* cpu is 0 until a state is loaded that others saved and do not tell. */
	struct machine machine;
	enum vm_memory memory_choice; /* AUTO, FILE or MEMFD */
	enum vm_accel accel_choice;
	/* Of the state that is to be loaded: its VMM's version, and its time. */
	char saved_version[32], saved_at[RFC3339_MAX];

	struct vm_frozen *frozen;
	size_t frozen_n;
	char cloned_from[ID_LEN + 1]; /* the snapshot, or "" */
	/* state/inplace.h: the absolute directory of its files, or NULL. */
	char *depends_on;
	struct strv snapshot_ids; /* saved from it; not all of them */

	struct proc_id proc; /* the VMM last started; pid 0: none */
	/* It lives in another PID namespace, and is not for us to end.  In no record. */
	bool elsewhere;
	/* When it has ended it is of no use to anybody: vm-clone --rm. */
	bool auto_remove;
	bool tidies; /* that one, of a proper end, leaves no API socket */
	enum vm_memory memory; /* what that one has; AUTO: never started */
	char memory_from[12]; /* linked, reflinked, copied; "" from power-on */
	enum vm_accel accel; /* what that one uses */
	bool to_load; /* the next start loads the state in the directory */
	enum vm_thaw thaw;
	/*
	 * What its driver has found in that state while it put it there, in one
	 * piece of the heap; NULL: nothing.  In no record.
	 */
	void *of_state;
	/*
	 * The guest may end its VMM with a number, where it has a device for
	 * that.  In no record.
	 */
	bool says_end;
	/* What the VMM has written last is in no snapshot. */
	bool diff_base_lost;
	/* Bytes of console.log before this start, and its mark: vm_log.h. */
	uint64_t console_from;
	bool console_marked;
	struct vm_identity identity;
	char *cgroup_choice; /* as --cgroup says it (vmm/cgroup.h), or NULL */
	char *cgroup; /* the VMM's own, absolute, or NULL */
	struct vm_confined confined;
	bool unconfined; /* how it is to be started; in no record */
	/*
	 * Whose forwards the VMM gets while it runs, borrowed; NULL: those that it
	 * is started with.  In no record.
	 */
	const struct nic_list *forwards_of;
	char restored_from[ID_LEN + 1], restored_at[RFC3339_MAX];
	char *error; /* why it is not as it should be, or NULL */
	char created_at[RFC3339_MAX], updated_at[RFC3339_MAX],
	    started_at[RFC3339_MAX], stopped_at[RFC3339_MAX];
};

void vm_init(struct vm *vm);
void vm_fini(struct vm *vm);

/* Its name, else its id: how messages call it. */
const char *vm_label(const struct vm *vm);

/*
 * Reads vm.json of the directory.  Of a process in another PID namespace a lock
 * on its log tells that it lives.  EX_NOINPUT, EX_DATAERR.
 */
int vm_read(struct vm *out, int dirfd, struct error *err);

/*
 * Puts vm.json in place, synced when `sync`, with `now` as updated_at.
 * EX_DATAERR: vm_read() would refuse it, and what was there stays.
 */
int vm_write(struct vm *vm, int dirfd, bool sync, const struct timespec *now,
    struct error *err);

/*
 * The record that tools print (json_decref): `dir` is the VM's absolute
 * directory, `state` one of created, running, paused, stopped, error, and
 * api_socket the name of the VMM's.
 */
int vm_report(json_t **out, const struct vm *vm, const char *dir,
    const char *state, const char *api_socket, struct error *err);

/* Puts the member identity of such a record anew.  EX_OSERR. */
int vm_report_identity(json_t *record, const struct vm *vm, struct error *err);

/*
 * Brings to the disk what was written to the VM's disks so far, so that a
 * pause soon afterwards has little left to wait for.  EX_IOERR.
 */
int vm_flush_disks(const struct vm *vm, int dirfd, struct error *err);

/* Whether the recorded VMM process lives, here or elsewhere. */
bool vm_is_alive(const struct vm *vm);

/*
 * Notes a frozen file and its digest; one of that name that was noted before is
 * forgotten.  Dropping takes a name that nobody noted.
 */
int vm_add_frozen(struct vm *vm, const char *name, uint64_t size_bytes,
    const struct digest *digest, struct error *err);
void vm_drop_frozen(struct vm *vm, const char *name);
const struct vm_frozen *vm_find_frozen(const struct vm *vm, const char *name);

/*
 * Lineage: each snapshot says which VM it was saved from, and the record which
 * one the VM was cloned from.  The record has the newest ids only, so that a
 * save costs what the one before cost.
 */

/* Notes a save.  Of more than VM_SNAPSHOTS_KEPT ids the older ones go. */
int vm_add_snapshot(struct vm *vm, const char *id, struct error *err);

/* Gives `vm` the lineage of `from`. */
int vm_copy_lineage(struct vm *vm, const struct vm *from, struct error *err);

/*
 * Whether the VM can be put back to the snapshot `id` ("": it has none), which
 * says that it was saved from the VM `vm_id` ("": it does not say).
 */
bool vm_owns_snapshot(const struct vm *vm, const char *id, const char *vm_id);

/* Whether it was ever cloned from one, or saved. */
bool vm_has_snapshots(const struct vm *vm);

/* Sets vm->error to a copy of `text`, NULL: none. */
int vm_set_error(struct vm *vm, const char *text, struct error *err);

/* The same of vm->cgroup_choice. */
int vm_set_cgroup_choice(struct vm *vm, const char *text, struct error *err);

/* The same of vm->depends_on. */
int vm_set_depends_on(struct vm *vm, const char *dir, struct error *err);

/* The same of vm->description, which label_check_description() has seen. */
int vm_set_description(struct vm *vm, const char *text, struct error *err);

/* "thaw", "machine_id": as the record has it. */
const char *vm_refresh_name(enum vm_refresh what);

/* Sets r->why to what of `text`, which a guest may have said, is printable. */
void vm_refreshed_why(struct vm_refreshed *r, const char *text);

const char *vm_memory_name(enum vm_memory memory);
const char *vm_accel_name(enum vm_accel accel);

/* The other way round; false: there is no such name, and *out is as it was. */
bool vm_memory_parse(enum vm_memory *out, const char *name);
bool vm_accel_parse(enum vm_accel *out, const char *name);

#endif
