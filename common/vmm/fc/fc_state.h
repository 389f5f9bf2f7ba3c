/* SPDX-License-Identifier: ISC */
/*
 * Firecracker's device state (vmstate): the frame around it.  What is inside
 * is packed differently by each version and is never taken apart here; that
 * Firecracker wrote it, all of it and for which of its versions, can be told
 * without.  Sources: Firecracker, docs/snapshotting/versioning.md, and files
 * of 1.14.4 and 1.16.1.
 */
#ifndef VMM_FC_STATE_H
#define VMM_FC_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Firecracker reads no more: src/vmm/src/persist.rs. */
#define FC_STATE_BYTES_MAX 10000000
#define FC_STATE_VERSION_MAX 16 /* bytes, with the NUL: "10.0.0" */

/* The oldest and newest Firecracker that we run: 1.13 to 1.16. */
#define FC_MAJOR 1
#define FC_MINOR_MIN 13
#define FC_MINOR_MAX 16

enum fc_state_form {
	FC_STATE_BINCODE, /* up to 1.14 */
	FC_STATE_BITCODE /* from 1.15 */
};

struct fc_state {
	enum fc_state_form form;
	const char *arch; /* "x86_64", "aarch64": as uname(2) has it */
	unsigned major, minor, patch; /* of the form, not of Firecracker */
};

/* CRC-64/Jones going on from `crc`, which begins as 0. */
uint64_t fc_state_crc(uint64_t crc, const void *buf, size_t len);

/*
 * What the frame says.  EX_DATAERR: no such file, none that is whole, longer
 * than Firecracker reads.
 */
int fc_state_decode(struct fc_state *out, const unsigned char *raw, size_t len,
    struct error *err);

/*
 * Reads and decodes the file `name`.  *raw is the caller's to free when not
 * NULL, *len its length.  EX_NOINPUT, EX_DATAERR; messages begin with `name`.
 */
int fc_state_read(struct fc_state *out, char **raw, size_t *len, int dirfd,
    const char *name, struct error *err);

/*
 * Whether `text` stands somewhere in the state.  Drive paths, interface names
 * and the like do, each kind without separators; so a text may be found that
 * was never one string, but one that was is always found.
 */
bool fc_state_has(const char *raw, size_t len, const char *text);

#define FC_STATE_MAC 18 /* bytes of a MAC's text, with the NUL */

/*
 * Looks for texts of the form 52:54:00:12:34:56 from *at on: true with the
 * next one, in lower case, and *at behind it.  The state has one for each NIC
 * whose MAC was given; so this counts NICs as long as no other text of it, a
 * command line for example, has one.
 */
bool fc_state_next_mac(char mac[FC_STATE_MAC], size_t *at, const char *raw,
    size_t len);

#define FC_STATE_ID 32 /* bytes of a device's id, with the NUL */

/*
 * The id of the state's only NIC, which is written twice and before the name of
 * its tap.  False: it has several, none with a MAC, or the form of 1.14.
 */
bool fc_state_nic_id(char id[FC_STATE_ID], const char *raw, size_t len);

/* Whether it has a vsock: there is one at most, and "vsock" is its id. */
bool fc_state_has_vsock(const char *raw, size_t len);

/*
 * Reads "1.16.1", or with a letter v before it, into its first two numbers.
 * EX_UNAVAILABLE: no version, or not one of those that we run; it is named.
 */
int fc_version_check(unsigned *minor, const char *version, struct error *err);

/*
 * Whether Firecracker 1.`minor` loads the state.  EX_CONFIG: another form, a
 * newer one, or memory laid out otherwise.
 */
int fc_state_check_version(const struct fc_state *state, unsigned minor,
    struct error *err);

#endif
