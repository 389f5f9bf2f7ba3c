/* SPDX-License-Identifier: ISC */
/*
 * One running VMM behind one small interface; a driver for each hypervisor is
 * a table of these functions (vmm/driver.h).  Whoever changes a VM holds the
 * exclusive lock of its directory; `dirfd` is that directory everywhere, and
 * the VMM runs in it.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "snapshot/envelope.h"
#include "snapshot/sidecar.h"
#include "state/vm.h"

#define VMM_START_MS 60000 /* deadline of a start or load, on a busy machine */
#define VMM_CALL_MS 20000 /* of one ordinary exchange */
#define VMM_ASK_MS 500 /* of a question that may be left unanswered */

struct vmm;

enum vmm_state {
	VMM_RUNNING,
	VMM_PAUSED,
	VMM_UNREADY, /* its start was not finished: nothing is loaded yet */
	VMM_NO_SPACE, /* halted: a disk write found no room */
	VMM_BROKEN /* the guest ended or crashed, the process remains */
};

/* Two sockets: one for whoever holds the lock, one for questions. */
enum vmm_line { VMM_CONTROL, VMM_QUESTIONS };

/*
 * What differs from one hypervisor to the next for whoever handles a VM's
 * files and options.
 */
struct vmm_traits {
	const char *api_socket; /* its name in the VM's directory */
	const char *agent_socket; /* the same of a guest agent's channel */
	bool has_vsock; /* that channel is a port of the guest's vsock */
	const char *const *state_files; /* of a saved guest; NULL ends them */
	const char *memory_file; /* a saved guest's memory, byte by byte */
	const char *memory_dump; /* the same as the VMM wrote it, or NULL */
	size_t disks_max; /* of one VM */
	bool has_tcg; /* runs guests without KVM */
	bool has_firmware;
	bool has_flash; /* firmware may have variables in a file of its own */
	bool has_user_nics;
	bool has_links; /* a NIC's link can be pulled */
	bool has_vmgenid;
	bool has_memfd; /* can have a guest's memory in one */
	bool can_overlay; /* reads qcow2 */
	bool can_switch; /* lets a guest's disk go on in an overlay */
	bool can_resize; /* makes the disk of a running guest larger */
	bool needs_elf; /* boots no kernel but an uncompressed one */
	bool needs_host; /* an envelope must say which host saved it */
	bool adds_seed; /* gives a loaded guest a seed that was not saved */
	/*
	 * What is loaded is compared with the machine, and its files' digests
	 * with the envelope's, at the latest before vmm_ready() loads it.
	 */
	bool matches_loaded, hashes_loaded;
	bool starts_bare; /* opens no file of a VM's before it is to load */
	bool names_disks; /* a state names the disks by their paths of then */
	bool in_wrenn; /* a wrenn directory holds what it saved */
};

/*
 * Whether a VM's recorded VMM, which does not live, was killed or broke down:
 * false where nobody can tell.  Until somebody starts or stops the VM.
 */
bool vmm_broke_down(const struct vm *vm, int dirfd);

/*
 * Notes that the VM's VMM has ended, as vmm_clear() does; a seed that the guest
 * has read, which has `shut_down`, goes.  Where there is no room for that it is
 * told: whoever asks sees that the process is gone.
 */
int vmm_note_end(struct vm *vm, int dirfd, bool shut_down,
    const struct timespec *now, struct error *err);

/* Never NULL: of one that nobody knows there is little to say. */
const struct vmm_traits *vmm_traits(const char *hypervisor);

/* The name of driver `i`, NULL behind the last; 0 is for who does not say. */
const char *vmm_hypervisor(size_t i);

#define VMM_LIST_MAX 256 /* bytes, with the NUL */

/* All names, with `separator` between them. */
void vmm_list_hypervisors(char text[VMM_LIST_MAX], const char *separator);

/* The one whose snapshots a wrenn directory holds. */
const char *vmm_of_wrenn(void);

/*
 * Whether a VM or a snapshot, of whichever hypervisor, has a file of this name
 * that is no disk: it is deleted or written over.
 */
bool vmm_is_reserved(const char *name);

/*
 * The disks' files have no such name (layers have theirs from the envelope),
 * nor that of an overlay to come.  Of disks from outside that keep their files'
 * names, beside storage_list_check().  EX_DATAERR.
 */
int vmm_check_names(const struct storage_list *disks, struct error *err);

/* Whether there is a driver of that name.  EX_USAGE. */
int vmm_check_hypervisor(const char *hypervisor, struct error *err);

/* Whether its program can be found.  EX_UNAVAILABLE names it. */
int vmm_check_program(const char *hypervisor, struct error *err);

/*
 * Whether it could run the VM, as far as the record says.  EX_USAGE names the
 * option of vm-create that it cannot follow.
 */
int vmm_check_vm(const struct vm *vm, struct error *err);

/*
 * Starts the VM's VMM in its directory: from power-on, or with vm->to_load
 * from the state and memory that lie there.  It comes in two halves, so that
 * several can start side by side: spawn returns as soon as the process exists
 * and vm.json names it, before anything is loaded; ready waits until the guest
 * can run (it stands still).  On success of spawn *out is the caller's
 * (vmm_detach); after ready vm->proc, memory, accel, machine, cpu_model,
 * forwards, console_from, identity and started_at are set, to_load is over,
 * and vm.json is the caller's to write.
 * EX_UNAVAILABLE: the VMM is missing, or ended (its last words are quoted).
 * EX_CONFIG: it does not know the machine, or is older than what saved it.
 * EX_IOERR: no room for the memory.  After a failure nothing runs.
 */
int vmm_spawn(struct vmm **out, struct vm *vm, int dirfd,
    const struct timespec *now, struct error *err);
int vmm_ready(struct vmm *vmm, const struct timespec *now, struct error *err);

/* Connects to the VMM that runs.  EX_UNAVAILABLE, EX_TEMPFAIL. */
int vmm_attach(struct vmm **out, struct vm *vm, int dirfd, enum vmm_line line,
    int64_t deadline_ms, struct error *err);

/* Closes the connection; the VMM goes on.  Takes NULL. */
void vmm_detach(struct vmm *vmm);

/* What the VMM says of its guest. */
int vmm_query(struct vmm *vmm, enum vmm_state *out, struct error *err);

/* Stop and go of the guest's processors; doing it twice is no error. */
int vmm_pause(struct vmm *vmm, struct error *err);
int vmm_resume(struct vmm *vmm, struct error *err);

/*
 * The same in two steps, for who has many: all are asked before the first is
 * waited for, and those that run do not hold up the others.  Nothing else is said
 * to the VMM between them.
 */
int vmm_resume_ask(struct vmm *vmm, struct error *err);
int vmm_resume_end(struct vmm *vmm, struct error *err);

/* Raises or lowers the links of the NICs that are on a tap or bridge. */
int vmm_set_links(struct vmm *vmm, bool up, struct error *err);

/*
 * Gives up the forwards of the VM's user NICs, or takes them: all that can be,
 * also after one failed.
 */
int vmm_set_forwards(struct vmm *vmm, bool held, struct error *err);

/* Takes them with the host ports that the record says they had until now. */
int vmm_take_forwards(struct vmm *vmm, struct error *err);

/*
 * Makes disk `i` of the record larger under the running guest, which is told;
 * only with can_resize.  EX_UNAVAILABLE: the VMM refused.
 */
int vmm_resize_disk(struct vmm *vmm, size_t i, uint64_t bytes,
    struct error *err);

/* Presses the power button. */
int vmm_power_button(struct vmm *vmm, struct error *err);

/* Whether no client has the console just now. */
int vmm_console_is_free(struct vmm *vmm, bool *is_free, struct error *err);

/*
 * Whether somebody in the guest, which runs, has the agent's end of its channel open.
 * Where the VMM cannot tell, who connects there finds out at once, and it is
 * true.
 */
int vmm_agent_is_there(struct vmm *vmm, bool *is_there, struct error *err);

/* Asks the process to end at once; proc_wait() and signals are vmm_kill()'s. */
int vmm_quit(struct vmm *vmm, struct error *err);

/*
 * Waits until `deadline_ms` for the recorded process to end, then SIGTERM,
 * then SIGKILL; one that is gone already is fine.
 */
int vmm_kill(const struct vm *vm, int64_t deadline_ms, struct error *err);

/*
 * After the VMM has ended: takes away what only a running VM has (memory,
 * state, sockets), and writes the record of a stopped one.
 */
int vmm_clear(struct vm *vm, int dirfd, const struct timespec *now,
    struct error *err);

/*
 * After a start that failed: nothing runs, what it made is gone, and what was
 * to be loaded (`to_load` before the start) can be loaded again.
 */
int vmm_undo_start(struct vm *vm, bool to_load, int dirfd,
    const struct timespec *now, struct error *err);

/*
 * The device model as the VMM has it now, disks in its own order, and what
 * else a snapshot's sidecar says of the VM.  The caller's (sidecar_fini).
 */
int vmm_describe(struct vmm *vmm, struct sidecar *out, struct error *err);

/*
 * Opens the guest's memory for reading where it is a file of the VM's own:
 * backing file or memfd.  *fd is the caller's.
 */
int vmm_open_memory(struct vmm *vmm, int *fd, struct error *err);

/*
 * Adds to a sidecar that others wrote what it leaves to the device model: the
 * NICs.  EX_DATAERR.
 */
int vmm_complete(const struct envelope *envelope, int dirfd,
    struct sidecar *sidecar, struct error *err);

/*
 * Whether what `host` says of the VMM that saved a state can be met here:
 * kind, version, architecture, accelerator, processor, and the devices of the
 * sidecar.  EX_CONFIG says what is not.
 */
int vmm_check_host(const struct envelope_host *host,
    const struct sidecar *sidecar, struct error *err);

/* Who runs it, for the envelope. */
int vmm_host(struct vmm *vmm, struct envelope_host *out, struct error *err);

/*
 * Before a save: ends jobs that somebody left, asks which file each writable
 * disk has (the record's are corrected by it), and merges chains that one more
 * overlay would make longer than STORAGE_CHAIN_MAX.
 */
int vmm_settle_disks(struct vmm *vmm, const struct timespec *now,
    struct error *err);

/*
 * While the guest runs: lets the VMM open overlays[i], an empty overlay in the
 * VM's directory for writable disk i (NULL: none); all of them or none.  What
 * was not switched to is to be dropped again; after a kill the next call does.
 */
int vmm_add_overlays(struct vmm *vmm, const char *const *overlays,
    struct error *err);
void vmm_drop_overlays(struct vmm *vmm, const char *const *overlays);

/*
 * With the guest standing still: from here on disks are written to the
 * overlays that were added; all of them or none.
 */
int vmm_switch_disks(struct vmm *vmm, const char *const *overlays,
    struct error *err);

/*
 * With the guest standing still: the device state into the file `name` of the
 * VM's directory, in the VMM's own form; vmm_state_finish() makes of it the
 * file that a snapshot holds, in the directory to_dirfd, later.
 */
int vmm_state_save(struct vmm *vmm, const char *name, struct error *err);
int vmm_state_finish(const struct vm *vm, int dirfd, const char *name,
    int to_dirfd, struct error *err);

/* Takes away what vmm_state_save() made, if it is still there. */
void vmm_state_drop(int dirfd, const char *name);

/*
 * Whether vmm_state_save() and vmm_state_finish() write the guest's memory,
 * too; else it is for the caller to get it from where the VMM has it.
 */
bool vmm_writes_memory(const struct vm *vm);

/*
 * A snapshot in `snap_dirfd` with the last state is about to appear; the
 * record is written afterwards.
 */
int vmm_state_published(struct vm *vm, int dirfd, int snap_dirfd,
    struct error *err);

/*
 * Whether what the next state builds on is as expected.  EX_UNAVAILABLE: this
 * VM cannot be saved; no pause is worth trying.
 */
int vmm_state_check(const struct vm *vm, int dirfd, struct error *err);

/*
 * Whether the saved state in `dirfd` is of that machine: memory, processors,
 * disks and NICs.  EX_DATAERR, EX_NOINPUT.
 */
int vmm_state_match(const struct machine *machine, int dirfd,
    struct error *err);

/*
 * Whether the sidecar's devices are those that its machine's hypervisor would
 * be given; none listed is fine.  EX_DATAERR.
 */
int vmm_devices_match(const struct sidecar *sidecar, struct error *err);

#endif
