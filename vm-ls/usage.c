/* SPDX-License-Identifier: ISC */
#include "usage.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "state/members.h"

const struct members usage_members = { USAGE_MEMBER
	".private " USAGE_MEMBER ".shared " USAGE_MEMBER ".swapped vms",
	&vm_members };

/* Lines of smaps_rollup, in KiB, and where they count. */
static bool
read_rollup(struct usage *out, pid_t pid)
{
	char path[64], line[256], key[32];
	uint64_t kib;
	bool any = false;
	FILE *f;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", (long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%31[^:]: %" SCNu64 " kB", key, &kib) != 2)
			continue;
		any = true;
		if (strncmp(key, "Private_", 8) == 0 &&
		    strcmp(key, "Private_Hugetlb") != 0)
			out->private_bytes += kib * 1024;
		else if (strcmp(key, "Shared_Clean") == 0 ||
		    strcmp(key, "Shared_Dirty") == 0)
			out->shared_bytes += kib * 1024;
		else if (strcmp(key, "Swap") == 0)
			out->swapped_bytes += kib * 1024;
	}
	fclose(f);
	return any;
}

static int
put(json_t *record, const struct usage *u, struct error *err)
{
	json_t *obj = json_object();

	if (json_put(record, USAGE_MEMBER, obj, err) == -1 ||
	    json_put_u64(obj, "private", u->private_bytes, err) == -1 ||
	    json_put_u64(obj, "shared", u->shared_bytes, err) == -1)
		return -1;
	return json_put_u64(obj, "swapped", u->swapped_bytes, err);
}

int
usage_put(json_t *record, const struct vm *vm, struct error *err)
{
	struct usage u;

	/* Asked afterwards: its number may be another's by now. */
	if (vm->elsewhere || vm->proc.pid <= 0 ||
	    !read_rollup(&u, vm->proc.pid) || !vm_is_alive(vm))
		return 0;
	return put(record, &u, err);
}

static uint64_t
number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 ? 0 : (uint64_t)n;
}

void
usage_of(struct usage *out, const json_t *record)
{
	const json_t *obj = json_object_get(record, USAGE_MEMBER);

	out->private_bytes = number_of(obj, "private");
	out->shared_bytes = number_of(obj, "shared");
	out->swapped_bytes = number_of(obj, "swapped");
}

void
usage_count(const json_t *record, struct usage_sum *sum)
{
	struct usage u;

	if (json_object_get(record, USAGE_MEMBER) == NULL)
		return;
	usage_of(&u, record);
	sum->vms++;
	sum->usage.private_bytes += u.private_bytes;
	sum->usage.shared_bytes += u.shared_bytes;
	sum->usage.swapped_bytes += u.swapped_bytes;
}

int
usage_report(json_t **out, const struct usage_sum *sum, struct error *err)
{
	json_t *record = json_object();

	if (json_put_u64(record, "vms", sum->vms, err) == -1 ||
	    put(record, &sum->usage, err) == -1) {
		json_decref(record);
		return -1;
	}
	*out = record;
	return 0;
}
