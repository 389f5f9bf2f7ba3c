/* SPDX-License-Identifier: ISC */
#include "state/vm_seed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hook.h"
#include "base/json.h"
#include "seed/cidata.h"
#include "seed/password.h"
#include "state/vm_log.h"

#define KEY_MAX 16384 /* bytes of one ssh key */
#define KEYS_MAX 1024
#define HEAD_BYTES 512 /* a boot sector: never all zeroes */
#define CONSOLE_MAX (4u << 20) /* bytes of the log's end that are looked at */

void
vm_seed_fini(struct vm_seed *seed)
{
	free(seed->user);
	if (seed->password_hash != NULL)
		explicit_bzero(seed->password_hash,
		    strlen(seed->password_hash));
	free(seed->password_hash);
	free(seed->user_data);
	free(seed->hostname);
	free(seed->hostname_of);
	strv_fini(&seed->ssh_keys);
	memset(seed, 0, sizeof(*seed));
}

static int
put_some(json_t *obj, const char *key, const char *text, struct error *err)
{
	return text == NULL ? 0 : json_put_str(obj, key, text, err);
}

static int
decode(struct vm_seed *seed, const json_t *obj, struct error *err)
{
	const json_t *keys, *key;
	size_t i;

	if (json_get_strdup(obj, "user", &seed->user, CIDATA_USER_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(obj, "password_hash", &seed->password_hash,
		PASSWORD_HASH_MAX - 1, JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(obj, "user_data", &seed->user_data, CIDATA_TEXT_MAX,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(obj, "hostname", &seed->hostname,
		CIDATA_HOSTNAME_MAX, JSON_OPTIONAL, err) == -1 ||
	    json_get_strdup(obj, "hostname_of", &seed->hostname_of, ID_LEN,
		JSON_OPTIONAL, err) == -1 ||
	    json_get_array(obj, "ssh_keys", &keys, KEYS_MAX, JSON_OPTIONAL,
		err) == -1)
		return -1;
	json_array_foreach(keys, i, key)
	{
		if (!json_is_string(key) || json_string_length(key) > KEY_MAX)
			return error_set(err, EX_DATAERR,
			    "ssh_keys[%zu] is no key", i);
		if (cidata_add_keys(&seed->ssh_keys, json_string_value(key),
			json_string_length(key), "ssh_keys", err) == -1)
			return -1;
	}
	return 0;
}

static int
check_writable(const json_t *obj, size_t len, struct error *err)
{
	struct vm_seed seed = { 0 };
	int rc;

	if (len > VM_SEED_BYTES_MAX)
		return error_set(err, EX_DATAERR, "%s: %zu bytes, more than %u",
		    VM_SEED_NAME, len, VM_SEED_BYTES_MAX);
	rc = decode(&seed, obj, err);
	vm_seed_fini(&seed);
	return rc == -1 ? error_wrap(err, "%s", VM_SEED_NAME) : 0;
}

int
vm_seed_write(const struct vm_seed *seed, int dirfd, struct error *err)
{
	json_t *obj = json_object(), *keys = json_array();
	char *text = NULL;
	size_t i, len;
	int rc = -1;

	if (json_put(obj, "ssh_keys", keys, err) == -1)
		goto out;
	for (i = 0; i < seed->ssh_keys.n; i++)
		if (json_append(keys, "ssh_keys",
			json_string(seed->ssh_keys.v[i]), err) == -1)
			goto out;
	if (put_some(obj, "user", seed->user, err) == 0 &&
	    put_some(obj, "password_hash", seed->password_hash, err) == 0 &&
	    put_some(obj, "user_data", seed->user_data, err) == 0 &&
	    put_some(obj, "hostname", seed->hostname, err) == 0 &&
	    put_some(obj, "hostname_of", seed->hostname_of, err) == 0 &&
	    json_text(&text, &len, obj, 0, err) == 0 &&
	    check_writable(obj, len, err) == 0)
		rc = fd_replace_file(dirfd, VM_SEED_NAME, text, len, false,
		    err);
out:
	free(text);
	json_decref(obj);
	return rc;
}

int
vm_seed_read(struct vm_seed *out, int dirfd, struct error *err)
{
	struct vm_seed seed = { 0 };
	json_t *obj;
	int rc;

	if (json_parse_file(&obj, dirfd, VM_SEED_NAME, VM_SEED_BYTES_MAX,
		err) == -1)
		return -1;
	rc = decode(&seed, obj, err);
	json_decref(obj);
	if (rc == -1) {
		vm_seed_fini(&seed);
		return error_wrap(err, "%s", VM_SEED_NAME);
	}
	*out = seed;
	return 0;
}

/* What is no user's name is for who makes the disk to refuse. */
static void
note_user(struct vm *vm, const struct vm_seed *seed)
{
	if (seed->user != NULL && cidata_is_user(seed->user))
		snprintf(vm->user, sizeof(vm->user), "%s", seed->user);
}

int
vm_seed_tell_user(struct vm *vm, int dirfd, struct error *err)
{
	struct vm_seed seed = { 0 };

	if (vm_seed_read(&seed, dirfd, err) == -1)
		return -1;
	note_user(vm, &seed);
	vm_seed_fini(&seed);
	return 0;
}

/* The record's cidata disk, which is the last one, made where there is none. */
static int
need_disk(struct vm *vm, struct error *err)
{
	char path[] = VM_SEED_DISK;
	struct storage disk = { .role = STORAGE_CIDATA,
		.ro = true,
		.path = path };

	if (storage_find(&vm->machine.disks, STORAGE_CIDATA) != NULL)
		return 0;
	return storage_list_add(&vm->machine.disks, &disk, err);
}

/*
 * What was asked for this VM, else its name where a host can have it, else the
 * head of its id.
 */
static void
choose_hostname(char *out, size_t cap, const struct vm *vm,
    const struct vm_seed *seed)
{
	size_t len = strlen(vm->name);

	if (seed->hostname != NULL && seed->hostname_of != NULL &&
	    strcmp(seed->hostname_of, vm->id) == 0)
		snprintf(out, cap, "%s", seed->hostname);
	else if (len > 0 && vm->name[len - 1] != '-' &&
	    vm->name[len - 1] != '.' && strchr(vm->name, '_') == NULL &&
	    strstr(vm->name, "..") == NULL)
		snprintf(out, cap, "%s", vm->name);
	else
		snprintf(out, cap, "vm-%.12s", vm->id);
}

int
vm_seed_hostname(char *out, size_t cap, const struct vm *vm, int dirfd,
    struct error *err)
{
	struct vm_seed seed = { 0 };

	if (vm_seed_is_there(dirfd) && vm_seed_read(&seed, dirfd, err) == -1)
		return -1;
	choose_hostname(out, cap, vm, &seed);
	vm_seed_fini(&seed);
	return 0;
}

int
vm_seed_make(struct vm *vm, int dirfd, struct error *err)
{
	struct cidata_files files = { .n = 0 };
	struct vm_seed seed = { 0 };
	struct cidata cidata = { 0 };
	char hostname[CIDATA_HOSTNAME_MAX + 1];
	unsigned char *image = NULL;
	size_t len;
	int rc = -1;

	if (vm_seed_read(&seed, dirfd, err) == -1)
		return -1;
	note_user(vm, &seed);
	choose_hostname(hostname, sizeof(hostname), vm, &seed);
	cidata.instance_id = vm->id;
	cidata.hostname = hostname;
	cidata.user = seed.user;
	cidata.password_hash = seed.password_hash;
	cidata.ssh_keys = &seed.ssh_keys;
	cidata.nics = &vm->machine.nics;
	cidata.disks = &vm->machine.disks;
	if (seed.user_data != NULL) {
		cidata.user_data.text = seed.user_data;
		cidata.user_data.len = strlen(seed.user_data);
	}
	if (cidata_make(&files, &cidata, err) == 0 &&
	    cidata_vfat(&image, &len, &files, err) == 0 &&
	    need_disk(vm, err) == 0)
		rc = fd_replace_file(dirfd, VM_SEED_DISK, image, len, false,
		    err);
	free(image);
	cidata_files_fini(&files);
	vm_seed_fini(&seed);
	return rc;
}

bool
vm_seed_is_there(int dirfd)
{
	return faccessat(dirfd, VM_SEED_NAME, R_OK, AT_EACCESS) == 0;
}

bool
vm_seed_is_done(const struct vm *vm, int dirfd)
{
	static const char start[] = "Cloud-init v.", end[] = " finished at ";
	bool done = false;
	size_t len;
	char *text, *p;

	if (vm_log_tail(&text, &len, vm, dirfd, CONSOLE_MAX, NULL) == -1)
		return false;
	p = memmem(text, len, start, sizeof(start) - 1);
	if (p != NULL)
		done = memmem(p, len - (size_t)(p - text), end,
			   sizeof(end) - 1) != NULL;
	free(text);
	return done;
}

bool
vm_seed_was_read(const struct vm *vm, int dirfd)
{
	return !vm->identity.present || vm_seed_is_done(vm, dirfd);
}

bool
vm_seed_is_unread(const struct vm *vm, int dirfd)
{
	const struct storage *disk = storage_find(&vm->machine.disks,
	    STORAGE_CIDATA);
	unsigned char head[HEAD_BYTES] = { 0 };
	uint64_t size;
	size_t got, i;
	int fd;

	if (disk == NULL ||
	    fd_open_file(&fd, &size, dirfd, disk->path, O_RDONLY, NULL) == -1)
		return false;
	if (fd_read(&got, fd, head, sizeof(head), disk->path, NULL) == -1)
		head[0] = 1; /* as good as something */
	fd_drop(&fd);
	for (i = 0; i < sizeof(head) && head[i] == 0; i++)
		;
	return i < sizeof(head);
}

/* The seed's size stays, for a guest that is loaded takes it for granted. */
static int
wipe(const char *name, int dirfd, struct error *err)
{
	uint64_t size;
	void *zeroes;
	int fd, rc;

	if (fd_open_file(&fd, &size, dirfd, name, O_RDONLY, err) == -1)
		return -1;
	fd_drop(&fd);
	if (size > VM_SEED_BYTES_MAX)
		size = VM_SEED_BYTES_MAX;
	zeroes = calloc(1, size + 1);
	if (zeroes == NULL)
		return error_nomem(err, name);
	rc = fd_replace_file(dirfd, name, zeroes, (size_t)size, true, err);
	free(zeroes);
	return rc;
}

static int
detach(struct vm *vm, const char *name, int dirfd, const struct timespec *now,
    struct error *err)
{
	char *path = strdup(name);
	int rc;

	if (path == NULL)
		return error_nomem(err, NULL);
	storage_list_drop_last(&vm->machine.disks);
	/* A VM whose record has a disk that is not there cannot be started. */
	rc = vm_write(vm, dirfd, true, now, err);
	hook_step("seed-recorded");
	if (rc == 0)
		unlinkat(dirfd, path, 0);
	free(path);
	return rc;
}

int
vm_seed_let_go(struct vm *vm, int dirfd, bool keep_disk,
    const struct timespec *now, struct error *err)
{
	const struct storage *disk = storage_find(&vm->machine.disks,
	    STORAGE_CIDATA);

	if (disk == NULL)
		return 0;
	if (!keep_disk)
		return detach(vm, disk->path, dirfd, now, err);
	return vm_seed_is_unread(vm, dirfd) ? wipe(disk->path, dirfd, err) : 0;
}
