/* SPDX-License-Identifier: ISC */
/*
 * snapshot.sig: who has signed a snapshot; instar-snapshot(5), Signatures.  One
 * or more signatures as ssh-keygen(1) writes them, one behind the other, each in
 * the armour of OpenSSH's PROTOCOL.sshsig.  What is read here is what they say
 * of themselves: whether they are right is snapshot/signers's to find out.
 */
#ifndef SNAPSHOT_SIGNATURE_H
#define SNAPSHOT_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SIGNATURE_NAME "snapshot.sig"
#define SIGNATURE_NAMESPACE "instar-snapshot@v1"
/* RSA with 16384 bits, the largest that OpenSSH has, needs 6 KiB. */
#define SIGNATURE_BYTES_MAX (64u << 10) /* of the file */
#define SIGNATURES_MAX 16
#define SIGNATURE_KEY_MAX 64 /* "SHA256:", 43 characters, NUL */
#define SIGNATURE_TYPE_MAX 64 /* the longest of OpenSSH's has 42 */
#define SIGNATURE_NAMESPACE_MAX 64 /* what is longer is not ours */

struct signature {
	char *text; /* with its armour and final newline */
	size_t len;
	char key[SIGNATURE_KEY_MAX]; /* fingerprint, as ssh-keygen -l has it */
	char type[SIGNATURE_TYPE_MAX]; /* of the key: "ssh-ed25519" */
	char space[SIGNATURE_NAMESPACE_MAX]; /* what it was made for, cut */
};

struct signature_list { /* { 0 } is none */
	struct signature v[SIGNATURES_MAX];
	size_t n;
};

void signature_list_fini(struct signature_list *list);

/*
 * Reads the `len` bytes at `text`, at least one signature and nothing else.  On
 * success *out is the caller's (signature_list_fini).  EX_DATAERR.
 */
int signature_list_decode(struct signature_list *out, const char *text,
    size_t len, struct error *err);

/* The file of a directory.  EX_NOINPUT: there is none.  EX_DATAERR. */
int signature_list_read(struct signature_list *out, int dirfd,
    struct error *err);

/* The same of one that is open, from its beginning, of `size` bytes. */
int signature_list_read_open(struct signature_list *out, int fd, uint64_t size,
    struct error *err);

/*
 * Takes the signatures of `from`, which is empty afterwards, each in the place of
 * one by the same key, or behind the last.  EX_DATAERR: that were too many.
 */
int signature_list_join(struct signature_list *to, struct signature_list *from,
    struct error *err);

/* Takes away what the key has signed; how many it were. */
size_t signature_list_drop(struct signature_list *list, const char *key);

/* The file of a directory, atomically, synced; it goes where there is none. */
int signature_list_write(int dirfd, const struct signature_list *list,
    struct error *err);

#endif
