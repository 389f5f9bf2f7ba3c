/* SPDX-License-Identifier: ISC */
#include "vmm/fc/fc_look.h"

#include <stdlib.h>
#include <string.h>

#include "base/aside.h"
#include "base/fd.h"

/* The answer: numbers and text, and nothing that points anywhere. */
struct word {
	unsigned is_bitcode, is_aarch64, has_vsock;
	unsigned major, minor, patch;
	char nic_id[FC_STATE_ID];
	char macs[NIC_MAX + 1][FC_STATE_MAC];
	size_t macs_n;
};

struct job {
	const char *raw;
	size_t len;
	const struct storage_list *disks;
	struct word word;
};

/* The state has a drive for each disk. */
static int
check_disks(const struct job *job, struct error *err)
{
	const struct storage *disk;
	const char *name;
	size_t i;

	for (i = 0; job->disks != NULL && i < job->disks->n; i++) {
		disk = &job->disks->v[i];
		name = disk->origin == NULL ? disk->path : disk->origin;
		if (!fc_state_has(job->raw, job->len, name))
			return error_set(err, EX_DATAERR, "has no disk \"%s\"",
			    name);
	}
	return 0;
}

static int
look(void *arg, struct aside_answer *answer, struct error *err)
{
	struct job *job = arg;
	struct word *w = &job->word;
	struct fc_state state;
	size_t at = 0;

	if (fc_state_decode(&state, (const unsigned char *)job->raw, job->len,
		err) == -1 ||
	    check_disks(job, err) == -1)
		return -1;
	w->is_bitcode = state.form == FC_STATE_BITCODE;
	w->is_aarch64 = strcmp(state.arch, "aarch64") == 0;
	w->major = state.major;
	w->minor = state.minor;
	w->patch = state.patch;
	w->has_vsock = fc_state_has_vsock(job->raw, job->len);
	if (!fc_state_nic_id(w->nic_id, job->raw, job->len))
		w->nic_id[0] = '\0';
	while (w->macs_n <= NIC_MAX &&
	    fc_state_next_mac(w->macs[w->macs_n], &at, job->raw, job->len))
		w->macs_n++;
	answer->data = w;
	answer->len = sizeof(*w);
	return 0;
}

/* Letters, digits and underscores, as an id is found. */
static bool
is_id(const char *id)
{
	return id[strspn(id,
		   "abcdefghijklmnopqrstuvwxyz"
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

/* What it says, where it is what it may be. */
static int
take_look(struct fc_look *out, struct word *w, struct error *err)
{
	struct fc_look l = { .has_vsock = w->has_vsock != 0 };
	size_t i, at;

	l.state.form = w->is_bitcode != 0 ? FC_STATE_BITCODE : FC_STATE_BINCODE;
	l.state.arch = w->is_aarch64 != 0 ? "aarch64" : "x86_64";
	l.state.major = w->major;
	l.state.minor = w->minor;
	l.state.patch = w->patch;
	w->nic_id[sizeof(w->nic_id) - 1] = '\0';
	if (w->macs_n > NIC_MAX + 1 || !is_id(w->nic_id))
		return error_set(err, EX_DATAERR, "read as nonsense");
	memcpy(l.nic_id, w->nic_id, sizeof(l.nic_id));
	for (i = 0; i < w->macs_n; i++) {
		at = 0;
		if (!fc_state_next_mac(l.macs[i], &at, w->macs[i],
			FC_STATE_MAC - 1))
			return error_set(err, EX_DATAERR, "read as nonsense");
	}
	l.macs_n = w->macs_n;
	*out = l;
	return 0;
}

int
fc_look(struct fc_look *out, int dirfd, const char *name,
    const struct storage_list *disks, struct error *err)
{
	struct job job = { .disks = disks };
	const struct aside aside = { .what = "a look at it",
		.run = look,
		.arg = &job };
	struct word word;
	char *raw;
	int rc;

	if (fd_slurp(&raw, &job.len, dirfd, name, FC_STATE_BYTES_MAX, err) ==
	    -1)
		return -1;
	job.raw = raw;
	rc = aside_ask(&aside, &word, sizeof(word), err);
	free(raw);
	if (rc == 0)
		rc = take_look(out, &word, err);
	return rc == -1 ? error_wrap(err, "%s", name) : 0;
}
