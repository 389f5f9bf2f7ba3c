/* SPDX-License-Identifier: ISC */
/* A snapshot of Cloud Hypervisor's, checked, and made a VM's own. */
#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "disk/chain.h"
#include "disk/copy.h"
#include "vmm/ch/ch.h"

/*
 * A balloon makes holes in whatever file the memory is in, mapped privately or
 * not: it gets a memory that is nobody else's and on no disk.
 */
static int
put_into_memfd(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	/* Until it is started its directory only names what is to be read. */
	if (load_put_template(vm, dirfd, load, COPY_MAY_LINK | COPY_MAY_REFLINK,
		err) == -1)
		return -1;
	vm->memory = VM_MEMORY_MEMFD;
	snprintf(vm->memory_from, sizeof(vm->memory_from), "copied");
	return 0;
}

/*
 * Whether the text speaks of a balloon.  Words are looked for, and nothing taken
 * apart: the question is on a clone's way, and a process that answers it would
 * cost half a millisecond there.  Whoever spells the word otherwise gets a VMM
 * that has started without the memory that its balloon needs, and fails.
 */
static bool
has_balloon(const char *text, size_t len)
{
	static const char word[] = "\"balloon\"", none[] = "null";
	const char *end = text + len, *p = text;

	while ((p = memmem(p, (size_t)(end - p), word, sizeof(word) - 1)) !=
	    NULL) {
		p += sizeof(word) - 1;
		/* A NUL stands behind the text. */
		p += strspn(p, " \t\r\n:");
		if (strncmp(p, none, sizeof(none) - 1) != 0)
			return true;
	}
	return false;
}

bool
ch_starts_bare(const struct load *load)
{
	bool balloon;
	size_t len;
	char *text;

	if (load->copy_memory ||
	    fd_slurp(&text, &len, load->from_dirfd, CH_CONFIG_NAME,
		CH_CONFIG_BYTES_MAX, NULL) == -1)
		return false;
	/* A memfd is filled first, and handed down. */
	balloon = has_balloon(text, len);
	free(text);
	return !balloon;
}

int
ch_put_memory(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	bool map, balloon;

	if (ch_aside_memory(&map, &balloon, load->from_dirfd, err) == -1)
		return -1;
	if (map && balloon)
		return put_into_memfd(vm, dirfd, load, err);
	if (map)
		return load_put_memory(vm, dirfd, load, err);
	if (load->copy_memory)
		return error_set(err, EX_UNAVAILABLE,
		    "--memory-mode copy: " CH_RANGES_NAME
		    " is more than one zone's memory");
	vm->memory = VM_MEMORY_PRIVATE;
	return load_put(load, dirfd, CH_RANGES_NAME, CH_RANGES_NAME,
	    COPY_MAY_LINK | COPY_MAY_REFLINK, err);
}

void
ch_spare_tap(char *out, const struct vm *vm, size_t i)
{
	snprintf(out, NIC_IFNAME_MAX + 1, "ic%.9s.%zu", vm->id, i % NIC_MAX);
}

/* The disk of the recorded configuration is now the VM's disk. */
static int
patch_disk(struct ch_config *c, const char *recorded,
    const struct storage *disk, struct error *err)
{
	const struct ch_disk *found = ch_config_find_disk(c, recorded);
	const struct chain_format *format = chain_format(disk->path);
	struct ch_disk_patch to = { .path = disk->path,
		.backing_files = disk->backing.n > 0,
		.image_type = ch_image_type(format) };

	if (found == NULL)
		return error_set(err, EX_DATAERR, CH_CONFIG_NAME ": no disk %s",
		    recorded);
	if (disk->direct_io == STORAGE_DIRECT_AUTO)
		to.direct = found->direct && format->is_flat;
	else
		to.direct = disk->direct_io == STORAGE_DIRECT_ON;
	return ch_config_set_disk(c, found, &to, err);
}

/*
 * Serial port and console are in the state or not, whatever is behind them:
 * the one that the guest was told to use gets the terminal.
 */
static int
patch_lines(struct ch_config *c, struct error *err)
{
	bool serial = strcmp(c->serial_mode, "Off") != 0;
	bool console = strcmp(c->console_mode, "Off") != 0;
	bool wants_console = console &&
	    (!serial ||
		(c->cmdline != NULL &&
		    strstr(c->cmdline, "console=hvc0") != NULL));

	return ch_config_set_lines(c,
	    !serial             ? "Off"
		: wants_console ? "Null"
				: "Tty",
	    !console            ? "Off"
		: wants_console ? "Tty"
				: "Null",
	    err);
}

static int
patch(struct ch_config *c, const struct vm *vm, const struct load *load,
    struct error *err)
{
	size_t i;

	for (i = 0; i < vm->disks.n; i++)
		if (patch_disk(c, load->sidecar->disks.v[i].path,
			&vm->disks.v[i], err) == -1)
			return -1;
	/* Where it is the VMM's own no file that others named is it, either. */
	if (ch_config_set_memory(c, ch_memory_path(vm->memory),
		vm->memory != VM_MEMORY_TEMPLATE, err) == -1)
		return -1;
	if (patch_lines(c, err) == -1 ||
	    ch_config_set_vsock(c, CH_VSOCK, err) == -1 ||
	    ch_config_set_boot(c,
		vm->has_kernel || !vm->has_firmware ? VM_KERNEL : NULL,
		vm->has_initrd ? VM_INITRD : NULL,
		vm->has_firmware ? VM_FIRMWARE : NULL, err) == -1)
		return -1;
	return ch_config_set_host(c, err);
}

int
ch_write_config(int dirfd, const struct ch_texts *texts, struct error *err)
{
	return fd_replace_file(dirfd, CH_CONFIG_NAME, texts->config,
	    texts->config_len, false, err);
}

int
ch_strip_state(struct ch_texts *out, int dirfd, struct error *err)
{
	char *text, *changed;
	int rc;

	if (fd_slurp(&text, &out->state_len, dirfd, CH_STATE_NAME,
		CH_STATE_BYTES_MAX, err) == -1)
		return -1;
	rc = ch_state_without_memory(&changed, &out->state_len, text,
	    out->state_len, err);
	free(text);
	if (rc == 0)
		out->state = changed;
	return rc;
}

int
ch_take_config(struct ch_texts *out, const struct ch_config *c,
    struct error *err)
{
	char *text;

	if (ch_config_text(&text, &out->config_len, c, err) == -1)
		return -1;
	out->config = text;
	return 0;
}

/* A VM, and what it is made from. */
struct making {
	const struct vm *vm;
	const struct load *load;
};

/* In the process: the pair as it is to be in the VM's directory. */
static int
make_pair(struct ch_texts *out, void *arg, struct error *err)
{
	const struct making *m = arg;
	struct ch_state *s = malloc(sizeof(*s));
	struct ch_config c;

	if (s == NULL)
		return error_nomem(err, NULL);
	if (ch_read_pair(&c, s, m->load->from_dirfd, err) == -1 ||
	    patch(&c, m->vm, m->load, err) == -1 ||
	    ch_take_config(out, &c, err) == -1)
		return -1;
	return s->saved_bytes != 0 && m->vm->memory != VM_MEMORY_PRIVATE
	    ? ch_strip_state(out, m->load->from_dirfd, err)
	    : 0;
}

int
ch_put_state(struct vm *vm, int dirfd, const struct load *load,
    struct error *err)
{
	struct making making = { vm, load };
	struct ch_texts texts;
	int rc;

	if (ch_aside_texts(&texts, make_pair, &making, load->from_dirfd, err) ==
	    -1)
		return -1;
	rc = ch_write_config(dirfd, &texts, err);
	if (rc == 0)
		rc = texts.state != NULL
		    ? fd_replace_file(dirfd, CH_STATE_NAME, texts.state,
			  texts.state_len, false, err)
		    : load_put(load, dirfd, CH_STATE_NAME, CH_STATE_NAME,
			  COPY_MAY_LINK | COPY_MAY_REFLINK, err);
	free(texts.answer);
	return rc;
}

/* That it is all there, and its length, is what nobody else looks at. */
static int
check_memory(const struct ch_state *s, const struct ch_config *c, int dirfd,
    struct error *err)
{
	uint64_t size;
	int fd;

	if (s->saved_bytes == 0) {
		if (fd_exists(dirfd, CH_RANGES_NAME))
			return error_set(err, EX_DATAERR,
			    CH_RANGES_NAME ": %s has no memory in it",
			    CH_STATE_NAME);
		return c->zones_n <= 1
		    ? 0
		    : error_set(err, EX_CONFIG,
			  CH_CONFIG_NAME ": memory in %zu zones' files: "
					 "not supported",
			  c->zones_n);
	}
	/* The rest would be in files of the saving host. */
	if (s->saved_bytes != s->ram_bytes)
		return error_set(err, EX_DATAERR,
		    CH_STATE_NAME ": memory-manager: %" PRIu64
				  " bytes were saved, the guest has %" PRIu64,
		    s->saved_bytes, s->ram_bytes);
	if (fd_open_file(&fd, &size, dirfd, CH_RANGES_NAME, O_RDONLY, err) ==
	    -1)
		return -1;
	fd_drop(&fd);
	if (size == s->saved_bytes)
		return 0;
	return error_set(err, EX_DATAERR,
	    CH_RANGES_NAME ": %" PRIu64 " bytes, %s has %" PRIu64, size,
	    CH_STATE_NAME, s->saved_bytes);
}

/* The disk of the sidecar against those of the machine and its state. */
static int
check_disk(const struct ch_config *c, const struct ch_state *s,
    const struct vm *vm, const struct storage *disk, int dirfd,
    struct error *err)
{
	const struct ch_disk *found = ch_config_find_disk(c, disk->path);
	const char *name = path_base(disk->path);
	const struct ch_state_device *device;
	const struct chain_format *format = chain_format(name);
	bool known = false;
	uint64_t bytes = 0;
	size_t i;

	if (found == NULL)
		return error_set(err, EX_DATAERR, CH_CONFIG_NAME ": no disk %s",
		    disk->path);
	if (found->readonly != disk->ro)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %s: \"readonly\" is %s, the sidecar's "
				   "\"ro\" %s",
		    found->id, found->readonly ? "true" : "false",
		    disk->ro ? "true" : "false");
	if (strcmp(found->serial == NULL ? "" : found->serial, disk->serial) !=
	    0)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %s: serial \"%s\", the sidecar has "
				   "\"%s\"",
		    found->id, found->serial == NULL ? "" : found->serial,
		    disk->serial);
	if (ch_disk_format(found) != format)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %s: \"image_type\" is \"%s\", the "
				   "sidecar has %s",
		    found->id, found->image_type, name);
	for (i = 0; i < vm->layers_n; i++)
		if (strcmp(vm->layers[i].name, name) == 0) {
			bytes = vm->layers[i].size_bytes;
			known = true;
		}
	if (!known && disk->role != STORAGE_LAYER) {
		if (chain_disk_bytes(&bytes, format, dirfd, name, err) == -1)
			return -1;
		known = true;
	}
	device = ch_state_find(s, found->id);
	if (!known || device == NULL || device->sectors == bytes / 512)
		return 0;
	return error_set(err, EX_DATAERR,
	    "%s: %" PRIu64 " bytes, %s has %" PRIu64 " for %s", name, bytes,
	    CH_STATE_NAME, device->sectors * 512, found->id);
}

static int
check_parts(const struct ch_config *c, const struct ch_state *s,
    const struct vm *vm, int dirfd, struct error *err)
{
	size_t i;

	if (vm->cpu != c->vcpus)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %" PRIu64
				   " processors, the envelope has %" PRIu64,
		    c->vcpus, vm->cpu);
	if (vm->memory_bytes != c->memory_bytes)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %" PRIu64
				   " bytes of memory, the envelope has "
				   "%" PRIu64,
		    c->memory_bytes, vm->memory_bytes);
	if (vm->disks.n != c->disks_n)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %zu disks, the sidecar has %zu",
		    c->disks_n, vm->disks.n);
	if (vm->nics.n != c->nets_n)
		return error_set(err, EX_DATAERR,
		    CH_CONFIG_NAME ": %zu NICs, the sidecar has %zu", c->nets_n,
		    vm->nics.n);
	if (check_memory(s, c, dirfd, err) == -1)
		return -1;
	for (i = 0; i < vm->disks.n; i++)
		if (check_disk(c, s, vm, &vm->disks.v[i], dirfd, err) == -1)
			return -1;
	return 0;
}

/* A snapshot's pair, and the machine that it is said to be of. */
struct checked {
	const struct vm *vm;
	int dirfd;
};

static int
check_pair(void *arg, struct error *err)
{
	const struct checked *checked = arg;
	struct ch_state *s = malloc(sizeof(*s));
	struct ch_config c;

	if (s == NULL)
		return error_nomem(err, NULL);
	if (ch_read_pair(&c, s, checked->dirfd, err) == -1)
		return -1;
	return check_parts(&c, s, checked->vm, checked->dirfd, err);
}

int
ch_check_state(const struct vm *vm, int dirfd, struct error *err)
{
	struct checked checked = { vm, dirfd };

	return ch_aside_check(check_pair, &checked, dirfd, err);
}

int
ch_complete(int dirfd, struct sidecar *sidecar, struct error *err)
{
	if (!fd_exists(dirfd, CH_CONFIG_NAME))
		return error_set(err, EX_DATAERR, CH_CONFIG_NAME ": missing");
	return ch_aside_nics(&sidecar->nics, dirfd, err);
}
