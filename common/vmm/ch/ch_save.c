/* SPDX-License-Identifier: ISC */
/* The device state out of a guest that stands still, into a snapshot. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "disk/copy.h"
#include "vmm/ch/ch.h"
#include "vmm/host/handover.h"

#define SAVE_MS (10 * 60 * 1000) /* it may write all memory */
/* All that v51 says of a file in the way; later ones name it. */
#define FILE_EXISTS "File exists (os error 17)"

/* What is in the way of its memory file: it makes that one last. */
static int
put_in_the_way(int dirfd, const char *name, struct error *err)
{
	int dir, fd;

	if (fd_open_dir(&dir, dirfd, name, false, err) == -1)
		return -1;
	fd = openat(dir, CH_RANGES_NAME,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	fd_drop(&dir);
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", name);
	fd_drop(&fd);
	return 0;
}

/* Whether configuration and state were written, and nothing but memory not. */
static bool
is_all_but_memory(const struct vmm *vmm, const char *name,
    const struct error *why)
{
	struct ch *ch = vmm->own;
	bool is = false;
	int dir;

	if (rest_status(ch->rest) != 500 ||
	    (strstr(why->msg, CH_RANGES_NAME) == NULL &&
		strstr(why->msg, FILE_EXISTS) == NULL) ||
	    fd_open_dir(&dir, vmm->dirfd, name, false, NULL) == -1)
		return false;
	is = fd_exists(dir, CH_CONFIG_NAME) && fd_exists(dir, CH_STATE_NAME);
	fd_drop(&dir);
	return is;
}

/*
 * Memory that is in a file, or differs from one in some pages, is for us to
 * save: a millisecond in place of half a second for each GiB.
 */
int
ch_state_save(struct vmm *vmm, const char *name, struct error *err)
{
	bool with_memory = vmm->vm->memory == VM_MEMORY_PRIVATE;
	struct ch *ch = vmm->own;
	struct error why = { 0 };
	char dir[HANDOVER_PATH_MAX], url[128];

	vmm_state_drop(vmm->dirfd, name);
	handover_path(dir, vmm->dirfd, name);
	if (mkdirat(vmm->dirfd, dir, 0700) == -1)
		return error_sys(err, error_code_of(errno), "%s", dir);
	if (!with_memory && put_in_the_way(vmm->dirfd, dir, err) == -1)
		return -1;
	snprintf(url, sizeof(url), "file://%s", dir);
	ch->is_saved = ch_put(vmm, "vm.snapshot",
			   json_pack("{s:s}", "destination_url", url), NULL,
			   clock_ms() + SAVE_MS, &why) == 0 ||
	    (!with_memory && is_all_but_memory(vmm, dir, &why));
	if (ch->is_saved)
		return handover_take(vmm->dirfd, name, err);
	if (err != NULL)
		*err = why;
	return -1;
}

/* A VM, and the directory that its VMM has written. */
struct saved {
	const struct vm *vm;
	int dirfd;
};

static int
strip_state(struct ch_texts *out, int dirfd, struct error *err)
{
	char *text, *changed;
	size_t len;
	int rc;

	if (fd_slurp(&text, &len, dirfd, CH_STATE_NAME, CH_STATE_BYTES_MAX,
		err) == -1)
		return -1;
	rc = ch_state_without_memory(&changed, &out->state_len, text, len, err);
	free(text);
	if (rc == 0)
		out->state = changed;
	return rc;
}

/*
 * In a process of its own: the guest's memory is as the snapshot has it, which
 * no VM may write.
 */
static int
make_pair(struct ch_texts *out, void *arg, struct error *err)
{
	const struct saved *saved = arg;
	bool with_memory = saved->vm->memory == VM_MEMORY_PRIVATE;
	struct ch_config c;

	if (ch_config_read(&c, saved->dirfd, err) == -1)
		return -1;
	if (!with_memory &&
	    ch_config_set_memory(&c, VM_MEMORY, false, err) == -1)
		return -1;
	if (ch_take_config(out, &c, err) == -1)
		return -1;
	return with_memory ? 0 : strip_state(out, saved->dirfd, err);
}

static int
put_pair(const struct vm *vm, int from, int to_dirfd, struct error *err)
{
	struct saved saved = { vm, from };
	struct ch_texts texts;
	int rc;

	if (ch_aside_texts(&texts, make_pair, &saved, from, err) == -1)
		return -1;
	rc = ch_write_config(to_dirfd, &texts, err);
	if (rc == 0)
		rc = texts.state != NULL
		    ? fd_replace_file(to_dirfd, CH_STATE_NAME, texts.state,
			  texts.state_len, false, err)
		    : copy_file(NULL, to_dirfd, CH_STATE_NAME, from,
			  CH_STATE_NAME, COPY_MAY_REFLINK, err);
	free(texts.answer);
	return rc;
}

int
ch_state_finish(const struct vm *vm, int dirfd, const char *name, int to_dirfd,
    struct error *err)
{
	int from, rc;

	if (fd_open_dir(&from, dirfd, name, false, err) == -1)
		return -1;
	rc = put_pair(vm, from, to_dirfd, err);
	if (rc == 0 && vm->memory == VM_MEMORY_PRIVATE &&
	    renameat(from, CH_RANGES_NAME, to_dirfd, CH_RANGES_NAME) == -1)
		rc = error_sys(err, EX_IOERR, CH_RANGES_NAME);
	fd_drop(&from);
	return rc;
}
