/* SPDX-License-Identifier: ISC */
/*
 * What every import does, whoever carried the bytes: a hidden directory of the
 * store, files with their digests, shared disks in layer/, the envelope, and a
 * snapshot that all see.  Here, and not below, for what must hold of its form
 * is the preflight's to say.
 */
#ifndef VMM_INTAKE_H
#define VMM_INTAKE_H

#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/sha256.h"
#include "snapshot/envelope.h"
#include "snapshot/machine.h"
#include "snapshot/signers.h"
#include "state/label.h"
#include "state/root.h"
#include "state/snap.h"

#define INTAKE_CONFIGS_MAX (1u << 20) /* of a file of storage configs */

/* What the user wants, or tells of what is taken in. */
struct intake_how {
	struct label label; /* -n, -d, --replace; without -d the envelope's */
	const char *base; /* --base, or NULL */
	const char *configs; /* --storage-config, or NULL */
	struct layer_list layers; /* --layer, in the store, named by path */
	/* Of what is not as it was signed, nothing is put up with either. */
	bool need_digests; /* --require-digests, and where signers are asked */
	struct signers_how signers; /* --signed-by */
	bool trust_paths; /* --trust-paths */
};

struct intake { /* { 0 } is none */
	struct root *root;
	struct signers *signers; /* NULL: nobody asks; the caller's to begin */
	/* What of the envelope was signed as it came, where that can be. */
	unsigned char signed_hash[SHA256_BYTES];
	bool has_signed;
	struct root_new made; /* its files go there */
	struct envelope envelope;
	struct progress progress; /* the caller's to begin */
	char warning[ERROR_MSG_MAX]; /* "", or what was put up with */
	pid_t errand_pid; /* intake_enclose()'s; 0: none */
	int errand_fd;
};

/* What `--layer` number `i` is called beneath made.dirfd. */
#define INTAKE_GIVEN ".given-%zu"

/* Opens the root and claims the name. */
int intake_begin(struct intake *in, const char *root,
    const struct intake_how *how, struct error *err);

/*
 * Notes what the envelope was as it came: where that is not what is published,
 * signatures are of no use, and are left out with a warning.
 */
void intake_note_signed(struct intake *in, const struct envelope *came);

/* Form, names and sizes, as all who use a snapshot have them checked. */
int intake_check_form(int dirfd, const struct envelope *envelope,
    struct error *err);

/*
 * Syncs the file beneath `dirfd` and holds its digest and size against those
 * that *file has, or sets them where it has none.  EX_DATAERR: they differ.
 */
int intake_seal_file(struct envelope_file *file, int dirfd, struct error *err);

/* The files become those of the envelope, sealed. */
int intake_seal_all(struct intake *in, const char *const *names, size_t n,
    struct error *err);

/* The same for what it boots from and the disks that travel, named plainly. */
int intake_seal_machine(struct intake *in, const struct machine *machine,
    struct error *err);

/*
 * Files that are layers which the snapshot has brought along, sealed, move into
 * layer/ and out of the envelope's list.  EX_DATAERR: one is not what its name
 * says.
 */
int intake_move_layers(struct intake *in, struct error *err);

/*
 * With all files and in->envelope there: moves layers, checks the form, writes the envelope
 * as the store's own, made `now`, publishes.
 */
int intake_publish(struct intake *in, const struct intake_how *how,
    const struct timespec *now, struct error *err);

/*
 * Ends what --replace has left to do; in->warning says what stays, or "".  Then
 * *snap (snap_close) and *record (json_decref) are the caller's: what was
 * published, which nobody has locked any longer.
 */
int intake_end(struct snap **snap, json_t **record, struct intake *in,
    const struct label *label, struct error *err);

/* Removes what was not published. */
void intake_fini(struct intake *in);

/*
 * Of snapshots that others made (intake_others.c).
 */

/* Whether the directory has an envelope that says nothing of its host. */
bool intake_is_others(int dirfd);

/*
 * in->envelope becomes what the directory has as one, where it does, without
 * its files, which become new, and as saved by `hypervisor`.
 */
int intake_read_others(struct intake *in, int dirfd, const char *hypervisor,
    struct error *err);

/*
 * The storage configs that how->configs names.  On success *out is the
 * caller's.  EX_NOINPUT, EX_DATAERR.
 */
int intake_read_configs(struct storage_list *out, const char *path,
    struct error *err);

/*
 * Where the file of the recorded `path` is: in the directory by its last
 * component; at the path itself only where the user trusts it.  Returns the
 * directory to open *file from, which is borrowed; NULL: nowhere.
 */
int intake_find_layer(const char **file, int dirfd, bool trust_paths,
    const char *path);

/* Opens what intake_find_layer() has found; EX_DATAERR: no regular file. */
int intake_open_layer(int *fd, uint64_t *size_bytes, int dirfd,
    const char *file, struct error *err);

/*
 * The file becomes a layer of the snapshot under `name`.  EX_DATAERR: it is not
 * of the format that the name tells.
 */
int intake_take_layer(struct intake *in, int dirfd, const char *file,
    const char *name, struct error *err);

/* Warns where `disks` has layers, and none was taken. */
void intake_note_layers(struct intake *in, const struct storage_list *disks);

/*
 * Of an import that encloses itself (intake_errand.c).
 */

/*
 * From here on the directory that is taken in is only read (with how->trust_paths
 * all that there is), and the root written: base/sandbox.h.  To be called before
 * a byte of it is looked at.  EX_NOINPUT: no file of storage configs.
 */
int intake_enclose(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err);

/* root_layer_add() and qemu_img_rebase(), which an enclosed one has done. */
int intake_add_layer(struct intake *in, struct digest *digest,
    uint64_t *size_bytes, int dirfd, const char *file, struct error *err);
int intake_rebase(struct intake *in, const char *name, const char *base,
    struct error *err);

/* intake_publish() and intake_fini() do it. */
void intake_end_errands(struct intake *in);

/*
 * Of what a VMM itself wrote (vmm_import.c).
 */

/* Whether one of the drivers knows the directory as its VMM's. */
bool vmm_can_import(int dirfd, const struct intake_how *how);

/*
 * Has that driver take all of it in; the directory is only read.  What comes
 * next is intake_publish().  EX_DATAERR: a file is missing or damaged, or they
 * do not agree.  EX_CONFIG: a VM that cannot be run here.  EX_USAGE: an option
 * that is for others.
 */
int vmm_import(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err);

/*
 * A NIC on a tap for each that the bytes of a device state speak of, appended:
 * where it goes, each clone says.  EX_DATAERR: more than a VM may have.
 */
int vmm_find_nics(const char *hypervisor, struct nic_list *out, const char *raw,
    size_t len, struct error *err);

#endif
