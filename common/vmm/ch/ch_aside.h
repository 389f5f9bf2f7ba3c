/* SPDX-License-Identifier: ISC */
/*
 * config.json and state.json read, and changed, in a process of its own that
 * can open nothing but what stands beside them: somebody made them, and jdoc,
 * which takes them apart, is our largest parser.  A clone asks while its VMM
 * starts, which takes longer: what its memory is (0.5 ms), how the pair of files
 * reads for it (0.6 ms), and whether it fits (0.6 ms).  Of these 1.7 ms a clone
 * took 0.3 longer at the least and 0.6 at the median, on two busy cores and
 * with a VMM that needs 20 ms to start.
 */
#ifndef VMM_CH_ASIDE_H
#define VMM_CH_ASIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snapshot/nic.h"
#include "vmm/ch/ch_config.h"
#include "vmm/ch/ch_state.h"

/* The two files, each by itself and against the other. */
int ch_read_pair(struct ch_config *c, struct ch_state *s, int dirfd,
    struct error *err);

/* The NICs are appended, as a record has them.  EX_DATAERR, EX_CONFIG. */
int ch_aside_nics(struct nic_list *nics, int dirfd, struct error *err);

/* Of both: whether the memory can be mapped, and whether there is a balloon. */
int ch_aside_memory(bool *can_map, bool *has_balloon, int dirfd,
    struct error *err);

/* What a start must know of the devices in config.json. */
struct ch_plan {
	uint32_t nets_n;
	bool is_replaced[NIC_MAX]; /* it gets another NIC in its place */
	char ids[NIC_MAX][CH_ID_MAX + 1]; /* of the NICs that were saved */
	bool has_seed; /* the seed is one of the saved disks */
};

/* New texts: the caller frees `answer`, in which the others are. */
struct ch_texts {
	void *answer;
	const char *config, *state; /* NULL: there is none */
	size_t config_len, state_len;
	struct ch_plan plan;
};

/* How they are made, in the process: those of *out are on its heap. */
typedef int ch_make(struct ch_texts *out, void *arg, struct error *err);

/* Has `make` make them, which may read beneath `dirfd` alone. */
int ch_aside_texts(struct ch_texts *out, ch_make *make, void *arg, int dirfd,
    struct error *err);

/* Runs what answers nothing but whether it went well, beneath `dirfd`. */
int ch_aside_check(int (*check)(void *arg, struct error *err), void *arg,
    int dirfd, struct error *err);

#endif
