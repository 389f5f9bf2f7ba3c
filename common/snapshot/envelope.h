/* SPDX-License-Identifier: ISC */
/*
 * snapshot.json: what a snapshot is, which files it has, who saved it; see
 * instar-snapshot(5).  Members that we do not know are kept and written back.
 */
#ifndef SNAPSHOT_ENVELOPE_H
#define SNAPSHOT_ENVELOPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/rfc3339.h"
#include "base/strv.h"
#include "disk/digest.h"
#include "snapshot/machine.h"

#define ENVELOPE_NAME "snapshot.json"
#define ENVELOPE_BYTES_MAX (1u << 20) /* ours have a few KiB; cocoon's less */
#define ENVELOPE_FILES_MAX 4096
#define ENVELOPE_FILE_BYTES_MAX (UINT64_C(8) << 40) /* 8 TiB a file */
#define ENVELOPE_LAYERS_MAX 64 /* twice the disks of a VM: bases, too */
#define ENVELOPE_NAME_MAX 63 /* bytes of a snapshot's or VM's name */
#define ENVELOPE_DESCRIPTION_MAX 65536 /* bytes: people's text */
#define ENVELOPE_IMAGE_MAX 4096 /* bytes of an image reference */
#define ENVELOPE_TRAILER "snapshot.digests"

struct envelope_config {
	char id[64]; /* at its origin */
	char name[ENVELOPE_NAME_MAX + 1]; /* may be empty */
	char *description; /* NULL: none */
	uint64_t nics; /* how many */
};

struct envelope_file {
	char *name; /* plain name */
	bool has_digest;
	uint64_t size_bytes; /* with has_digest */
	struct digest digest;
};

struct envelope_host {
	bool present;
	char vmm[32], version[32], binary[DIGEST_TEXT_MAX], accel[16],
	    kernel[128], arch[32];
	struct strv cpu_flags; /* host flags, where accel is kvm */
};

/* How the disks are without the memory, for who boots from them. */
enum envelope_consistent {
	ENVELOPE_CONSISTENT_UNSAID,
	ENVELOPE_CONSISTENT_CRASH, /* as after a crash */
	/*
	 * As after an orderly end: the guest's filesystems stood still.  In its
	 * memory they still do, and its agent is to thaw them.
	 */
	ENVELOPE_CONSISTENT_FILESYSTEM
};

struct envelope {
	struct envelope_config config;
	struct machine machine; /* the file has it up to the layers */
	bool has_files; /* a manifest was there, maybe an empty one */
	struct envelope_file *files; /* every file but the envelope */
	size_t files_n;
	struct envelope_host host;
	char created_at[RFC3339_MAX]; /* RFC 3339, or "" */
	enum envelope_consistent consistent;
	bool trailer; /* archives only: snapshot.digests is promised */
	json_t *unknown; /* members that we do not know, by place; or NULL */
};

void envelope_init(struct envelope *e);
void envelope_fini(struct envelope *e);

/* Parses at most ENVELOPE_BYTES_MAX bytes.  EX_DATAERR names the member. */
int envelope_decode(struct envelope *out, const char *text, size_t len,
    struct error *err);

/* EX_NOINPUT: "envelope missing"; else as envelope_decode(). */
int envelope_read(struct envelope *out, int dirfd, struct error *err);

/*
 * Two-space indentation, final newline; the caller frees *text.  EX_DATAERR:
 * envelope_decode() would refuse it.
 */
int envelope_encode(char **text, size_t *len, const struct envelope *e,
    struct error *err);

/* The object that is written (json_decref).  EX_OSERR. */
int envelope_json(json_t **out, const struct envelope *e, struct error *err);

/* Encodes and puts it into the directory atomically, synced. */
int envelope_write(int dirfd, const struct envelope *e, struct error *err);

/* Appends a file without digest and returns it, or NULL (EX_OSERR). */
struct envelope_file *envelope_add_file(struct envelope *e, const char *name,
    struct error *err);
/* Takes file number `i` off the list; no other one moves but behind it. */
void envelope_drop_file(struct envelope *e, size_t i);
struct envelope_file *envelope_find_file(const struct envelope *e,
    const char *name);

/* As the file has it; NULL: it says nothing. */
const char *envelope_consistent_name(const struct envelope *e);

/* Whether `name` may be a VM's or snapshot's: [a-zA-Z0-9][a-zA-Z0-9._-]{0,62} */
#define ENVELOPE_NAME_RULE                                                     \
	"1 to 63 letters, digits, \".\", \"_\" or \"-\", a letter or digit first"
bool envelope_is_name(const char *name);

#endif
