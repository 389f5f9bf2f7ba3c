/* SPDX-License-Identifier: ISC */
#include "vmm/flash.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "foreign/firmware.h"

static int
kind_of(enum firmware_kind *out, const char *path, struct error *err)
{
	uint64_t size;
	int fd, rc;

	*out = FIRMWARE_PLAIN;
	/* What is no file, or an empty one, is refused where it is copied. */
	if (fd_open_path(&fd, &size, path, O_RDONLY, err) == -1)
		return err->code == EX_DATAERR ? 0 : -1;
	if (size == 0) {
		fd_drop(&fd);
		return 0;
	}
	rc = firmware_kind(out, fd, size, path, err);
	fd_drop(&fd);
	return rc;
}

/* The file that is meant, which may be called by what it is. */
static int
find(const char **path, const char *wanted, struct error *err)
{
	int found = 1;

	*path = firmware_find(wanted, &found);
	if (*path == NULL)
		*path = wanted;
	return found ? 0
		     : error_set(err, EX_NOINPUT,
			   "%s is not installed: there is no %s, nor elsewhere",
			   wanted, *path);
}

/* Code needs variables: those that the user gives, or those beside it. */
static int
take_vars(struct flash *f, const char *vars, struct error *err)
{
	enum firmware_kind kind;

	f->vars = vars != NULL ? strdup(vars) : firmware_vars_beside(f->code);
	if (f->vars == NULL)
		return error_set(err, EX_NOINPUT,
		    "%s: no variables lie beside it: --firmware-vars names "
		    "them",
		    f->code);
	if (kind_of(&kind, f->vars, err) == -1)
		return -1;
	return kind == FIRMWARE_VARS
	    ? 0
	    : error_set(err, EX_DATAERR,
		  "%s: holds no variables of UEFI firmware alone", f->vars);
}

static int
sort_out(struct flash *f, const char *vars, struct error *err)
{
	enum firmware_kind kind;

	if (kind_of(&kind, f->code, err) == -1)
		return -1;
	if (kind == FIRMWARE_CODE)
		return take_vars(f, vars, err);
	if (vars != NULL)
		return error_set(err, EX_USAGE,
		    "--firmware-vars: %s takes none", f->code);
	if (kind == FIRMWARE_VARS)
		return error_set(err, EX_DATAERR,
		    "%s: variables of UEFI firmware alone: --firmware names "
		    "the code",
		    f->code);
	if (kind == FIRMWARE_PLAIN)
		return 0;
	f->vars = strdup(f->code);
	f->code = NULL;
	return f->vars == NULL ? error_nomem(err, NULL) : 0;
}

int
flash_plan(struct flash *out, const char *wanted, const char *vars,
    bool has_flash, struct error *err)
{
	struct flash f = { 0 };

	if (wanted == NULL && vars != NULL)
		return error_set(err, EX_USAGE,
		    "--firmware-vars needs --firmware");
	if (!has_flash && vars != NULL)
		return error_set(err, EX_USAGE,
		    "--firmware-vars: this hypervisor keeps no variables");
	f.code = wanted;
	if (wanted != NULL && has_flash &&
	    (find(&f.code, wanted, err) == -1 ||
		sort_out(&f, vars, err) == -1)) {
		flash_fini(&f);
		return -1;
	}
	*out = f;
	return 0;
}

void
flash_fini(struct flash *flash)
{
	free(flash->vars);
	flash->vars = NULL;
}
