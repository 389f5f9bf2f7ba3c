/* SPDX-License-Identifier: ISC */
/* What the VMs that run have in the host's memory. */
#ifndef USAGE_H
#define USAGE_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/members.h"
#include "state/vm.h"

#define USAGE_MEMBER "memory_use"

/* Bytes of the VMM's process; proc_pid_smaps(5). */
struct usage {
	uint64_t private_bytes; /* that no other process has mapped */
	uint64_t shared_bytes; /* that others have, too */
	uint64_t swapped_bytes;
};

struct usage_sum {
	uint64_t vms;
	struct usage usage;
};

/* vm_members, and what is added here. */
extern const struct members usage_members;

/* Into the record of a VM that runs; of another, or another user's, nothing. */
int usage_put(json_t *record, const struct vm *vm, struct error *err);

/* What a record says; zeros where it says nothing. */
void usage_of(struct usage *out, const json_t *record);

/* Adds a record, and the record of the sum (json_decref). */
void usage_count(const json_t *record, struct usage_sum *sum);
int usage_report(json_t **out, const struct usage_sum *sum, struct error *err);

#endif
