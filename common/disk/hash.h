/* SPDX-License-Identifier: ISC */
/* The plain SHA-256 of a stream, as sha256sum(1) has it. */
#ifndef DISK_HASH_H
#define DISK_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/relay.h"

#define HASH_TEXT_LEN 64 /* hex digits, without the NUL */

struct hash;

/* Returns owned (hash_free); EX_OSERR. */
int hash_new(struct hash **out, struct error *err);
void hash_free(struct hash *hash);

void hash_data(struct hash *hash, const void *buf, size_t len);

/* A relay_take; `arg` is the hash. */
int hash_take(const struct relay_piece *piece, void *arg, struct error *err);

/* Lower-case hex digits; the hash is used up. */
void hash_final(char out[HASH_TEXT_LEN + 1], struct hash *hash);

#endif
