/* SPDX-License-Identifier: ISC */
/* Our part of user-data: a cloud-config. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seed/cidata_impl.h"
#include "seed/yaml.h"

/* Whether there is anything for a disk in the guest's fstab. */
static bool
is_mounted(const struct storage *disk)
{
	return disk->role == STORAGE_DATA && disk->mount_point != NULL &&
	    disk->mount_point[0] != '\0' && strcmp(disk->fstype, "none") != 0;
}

/*
 * The mount point as fstab(5) wants it: cloud-init writes its values there as
 * they are, so that a blank would begin the next field.  The caller frees it.
 */
static char *
escape_mount(const char *mount_point)
{
	const char *escaped;
	char *out, *p;

	out = p = malloc(4 * strlen(mount_point) + 1);
	if (out == NULL)
		return NULL;
	for (; *mount_point != '\0'; mount_point++) {
		escaped = *mount_point == ' ' ? "\\040"
		    : *mount_point == '\t'    ? "\\011"
		    : *mount_point == '\\'    ? "\\134"
					      : NULL;
		if (escaped == NULL) {
			*p++ = *mount_point;
			continue;
		}
		memcpy(p, escaped, 4);
		p += 4;
	}
	*p = '\0';
	return out;
}

static int
put_mounts(FILE *to, const struct storage_list *disks, struct error *err)
{
	char device[STORAGE_SERIAL_MAX + sizeof("/dev/disk/by-id/virtio-")];
	const struct storage *disk;
	char *where;
	size_t i;
	bool first = true;
	int rc = 0;

	for (i = 0; rc == 0 && i < disks->n; i++) {
		disk = &disks->v[i];
		if (!is_mounted(disk))
			continue;
		where = escape_mount(disk->mount_point);
		if (where == NULL)
			return error_nomem(err, NULL);
		snprintf(device, sizeof(device), "/dev/disk/by-id/virtio-%s",
		    disk->serial);
		fputs(first ? "mounts:\n  - [" : "  - [", to);
		yaml_put(to, device);
		fputs(", ", to);
		rc = yaml_put(to, where);
		/* The directory that cloud-init makes has the escapes in it. */
		fprintf(to, ", '%s', 'defaults,nofail%s', '0', '2']\n",
		    disk->fstype,
		    strcmp(where, disk->mount_point) == 0 ? ""
							  : ",x-mount.mkdir");
		free(where);
		first = false;
	}
	return rc == 0
	    ? 0
	    : error_set(err, EX_USAGE, "a mount point is not valid UTF-8");
}

static int
put_keys(FILE *to, const char *indent, const struct strv *keys,
    struct error *err)
{
	size_t i;

	if (keys == NULL || keys->n == 0)
		return 0;
	fprintf(to, "%sssh_authorized_keys:\n", indent);
	for (i = 0; i < keys->n; i++) {
		fprintf(to, "%s  - ", indent);
		if (yaml_put(to, keys->v[i]) == -1)
			return error_set(err, EX_USAGE,
			    "an ssh key is not valid UTF-8");
		putc('\n', to);
	}
	return 0;
}

/* A user by name: made, or given this password and these keys. */
static int
put_user(FILE *to, const struct cidata *s, struct error *err)
{
	bool root = strcmp(s->user, "root") == 0;

	fputs("users:\n  - name: ", to);
	yaml_put(to, s->user);
	putc('\n', to);
	if (s->password_hash != NULL) {
		fputs("    lock_passwd: false\n    hashed_passwd: ", to);
		yaml_put(to, s->password_hash);
		putc('\n', to);
	}
	if (!root)
		fputs("    sudo: 'ALL=(ALL) NOPASSWD:ALL'\n", to);
	if (put_keys(to, "    ", s->ssh_keys, err) == -1)
		return -1;
	if (root)
		fputs("disable_root: false\n", to);
	return 0;
}

/* The same for the user that the image has by itself. */
static int
put_default_user(FILE *to, const struct cidata *s, struct error *err)
{
	if (s->password_hash != NULL) {
		/* Any other kind of hash it would take for a clear text. */
		if (strncmp(s->password_hash, "$6$", 3) != 0)
			return error_set(err, EX_USAGE,
			    "a hash other than SHA-512 needs a user's name");
		fputs("password: ", to);
		yaml_put(to, s->password_hash);
		fputs("\nchpasswd:\n  expire: false\n", to);
	}
	return put_keys(to, "", s->ssh_keys, err);
}

int
cidata_config(struct cidata_file *out, bool *empty, const struct cidata *s,
    struct error *err)
{
	static const char head[] = "#cloud-config\n";
	char *text = NULL;
	size_t len;
	FILE *to;
	int rc;

	to = open_memstream(&text, &len);
	if (to == NULL)
		return error_sys(err, EX_OSERR, "user-data");
	fputs(head, to);
	rc = s->user != NULL ? put_user(to, s, err)
			     : put_default_user(to, s, err);
	if (s->password_hash != NULL)
		fputs("ssh_pwauth: true\n", to);
	if (rc == 0 && s->disks != NULL)
		rc = put_mounts(to, s->disks, err);
	fflush(to);
	*empty = len == sizeof(head) - 1;
	if (*empty)
		fputs("{}\n", to);
	if (rc == 0 && ferror(to))
		rc = error_nomem(err, "user-data");
	if (fclose(to) != 0 && rc == 0)
		rc = error_sys(err, EX_OSERR, "user-data");
	if (rc == -1) {
		free(text);
		return -1;
	}
	out->text = text;
	out->len = len;
	return 0;
}
