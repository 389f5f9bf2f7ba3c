/* SPDX-License-Identifier: ISC */
#include "vmm/ch/ch_import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/path.h"
#include "disk/copy.h"
#include "state/vm.h"
#include "vmm/ch/ch.h"

bool
ch_can_import(int dirfd, const struct intake_how *how)
{
	if (!fd_exists(dirfd, CH_CONFIG_NAME) &&
	    !fd_exists(dirfd, CH_STATE_NAME))
		return false;
	return !fd_exists(dirfd, ENVELOPE_NAME) ||
	    (how->trust_paths && intake_is_others(dirfd));
}

/* What others say of it, corrected by what it is. */
static int
read_envelope(struct intake *in, const struct ch_dir *d, struct error *err)
{
	struct machine *m = &in->envelope.machine;

	if (intake_read_others(in, d->dirfd, CH_NAME, err) == -1)
		return -1;
	m->cpu = d->config.vcpus;
	m->memory_bytes = d->config.memory_bytes;
	in->envelope.config.nics = d->config.nets_n;
	return 0;
}

static int
read_files(struct ch_dir *d, struct error *err)
{
	struct error why = { 0 };

	d->state = malloc(sizeof(*d->state));
	if (d->state == NULL)
		return error_nomem(err, NULL);
	if (ch_config_read(&d->config, d->dirfd, err) == -1 ||
	    ch_state_read(d->state, d->dirfd, err) == -1 ||
	    ch_state_match(d->state, &d->config, err) == -1)
		return -1;
	d->has_old = sidecar_read(&d->old, d->dirfd, &why) == 0;
	if (d->has_old || why.code == EX_NOINPUT)
		return 0;
	if (err != NULL)
		*err = why;
	return -1;
}

/* The memory: what was written with the state, or the file of its zone. */
static int
take_memory(struct intake *in, const struct ch_dir *d, struct error *err)
{
	const char *name = CH_RANGES_NAME, *to = CH_RANGES_NAME;
	uint64_t size, want = d->state->saved_bytes;
	int fd;

	if (want == 0) {
		if (fd_exists(d->dirfd, CH_RANGES_NAME))
			return error_set(err, EX_DATAERR,
			    CH_RANGES_NAME ": %s has no memory in it",
			    CH_STATE_NAME);
		if (d->config.zones_n != 1 || d->config.zones[0].file == NULL)
			return error_set(err, EX_DATAERR,
			    CH_STATE_NAME ": no memory was saved");
		name = path_base(d->config.zones[0].file);
		if (!fd_exists(d->dirfd, name))
			return error_set(err, EX_DATAERR,
			    "%s: missing: the memory %s, as it was when this "
			    "was saved",
			    name, d->config.zones[0].file);
		want = d->state->ram_bytes;
		to = VM_MEMORY;
	}
	if (fd_open_file(&fd, &size, d->dirfd, name, O_RDONLY, err) == -1)
		return -1;
	fd_drop(&fd);
	if (size != want)
		return error_set(err, EX_DATAERR,
		    "%s: %" PRIu64 " bytes, %s has %" PRIu64, name, size,
		    CH_STATE_NAME, want);
	return copy_file(NULL, in->made.dirfd, to, d->dirfd, name,
	    COPY_MAY_REFLINK, err);
}

/* One file that a boot needs; the sidecar says it where it was taken. */
static int
take_boot_file(struct intake *in, struct ch_dir *d, enum machine_boot file,
    const char *path, struct error *err)
{
	const char *name = vm_boot_names[file];
	bool here = path != NULL && fd_exists(d->dirfd, path_base(path));
	char *real;
	int rc;

	if (path == NULL || (!here && !d->how->trust_paths))
		return 0;
	/* Kernels are often links to the newest. */
	real = here ? strdup(path_base(path)) : realpath(path, NULL);
	if (real == NULL)
		return error_sys(err, error_code_of(errno), "%s", path);
	rc = copy_file(NULL, in->made.dirfd, name, here ? d->dirfd : AT_FDCWD,
	    real, COPY_MAY_REFLINK, err);
	free(real);
	if (rc == -1)
		return -1;
	return machine_set_boot(&d->sidecar.machine, file, name, err);
}

static int
take_boot(struct intake *in, struct ch_dir *d, struct error *err)
{
	struct machine *m = &d->sidecar.machine;
	char *const *boot = m->boot;
	const struct ch_config *c = &d->config;

	if (take_boot_file(in, d, MACHINE_KERNEL, c->kernel, err) == -1 ||
	    (boot[MACHINE_KERNEL] != NULL &&
		take_boot_file(in, d, MACHINE_INITRD, c->initrd, err) == -1) ||
	    take_boot_file(in, d, MACHINE_FIRMWARE, c->firmware, err) == -1)
		return -1;
	if (boot[MACHINE_KERNEL] != NULL && c->cmdline != NULL &&
	    (m->cmdline = strdup(c->cmdline)) == NULL)
		return error_nomem(err, NULL);
	return ch_config_set_boot(&d->config,
	    boot[MACHINE_FIRMWARE] == NULL ? VM_KERNEL : boot[MACHINE_KERNEL],
	    boot[MACHINE_INITRD], boot[MACHINE_FIRMWARE], err);
}

/* The configuration as it is now, and the state as it was. */
static int
put_texts(struct intake *in, struct ch_dir *d, struct error *err)
{
	char *text;
	size_t len;
	int rc;

	if (d->state->saved_bytes == 0 &&
	    ch_config_set_memory(&d->config, VM_MEMORY, false, err) == -1)
		return -1;
	if (ch_config_text(&text, &len, &d->config, err) == -1)
		return -1;
	rc = fd_replace_file(in->made.dirfd, CH_CONFIG_NAME, text, len, false,
	    err);
	free(text);
	if (rc == -1 ||
	    copy_file(NULL, in->made.dirfd, CH_STATE_NAME, d->dirfd,
		CH_STATE_NAME, COPY_MAY_REFLINK, err) == -1)
		return -1;
	return sidecar_write(in->made.dirfd, &d->sidecar, err);
}

/* The cow disk's size, where it is one raw file. */
static int
tell_storage(struct intake *in, struct error *err)
{
	uint64_t size;
	int fd;

	in->envelope.machine.storage_bytes = 0;
	if (!fd_exists(in->made.dirfd, "cow.raw"))
		return 0;
	if (fd_open_file(&fd, &size, in->made.dirfd, "cow.raw", O_RDONLY,
		err) == -1)
		return -1;
	fd_drop(&fd);
	in->envelope.machine.storage_bytes = size;
	return 0;
}

/* Every file that was taken in, with its digest. */
static int
seal_all(struct intake *in, const struct ch_dir *d, struct error *err)
{
	const char *const names[] = { SIDECAR_NAME, CH_CONFIG_NAME,
		CH_STATE_NAME,
		d->state->saved_bytes == 0 ? VM_MEMORY : CH_RANGES_NAME };

	return intake_seal_all(in, names, sizeof(names) / sizeof(names[0]),
		   err) == -1
	    ? -1
	    : intake_seal_machine(in, &d->sidecar.machine, err);
}

static int
take_all(struct intake *in, struct ch_dir *d, struct error *err)
{
	if (d->how->need_digests)
		return error_set(err, EX_DATAERR,
		    "a directory of Cloud Hypervisor, which has no digests");
	if (d->how->base != NULL)
		return error_set(err, EX_USAGE,
		    "no wrenn directory, --base is not for it");
	if (read_files(d, err) == -1 || read_envelope(in, d, err) == -1 ||
	    take_memory(in, d, err) == -1 || take_boot(in, d, err) == -1 ||
	    ch_take_disks(in, d, err) == -1 ||
	    ch_config_nics(&d->sidecar.machine.nics, &d->config, err) == -1 ||
	    put_texts(in, d, err) == -1 || tell_storage(in, err) == -1)
		return -1;
	hook_step("import-copied");
	return seal_all(in, d, err);
}

int
ch_import(struct intake *in, int dirfd, const struct intake_how *how,
    struct error *err)
{
	struct ch_dir d = { .dirfd = dirfd, .how = how };
	int rc = take_all(in, &d, err);

	if (rc == 0)
		intake_note_layers(in, &d.sidecar.machine.disks);
	ch_config_fini(&d.config);
	free(d.state);
	sidecar_fini(&d.old);
	sidecar_fini(&d.sidecar);
	return rc;
}
