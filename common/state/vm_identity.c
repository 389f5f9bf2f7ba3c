/* SPDX-License-Identifier: ISC */
/* What vm.json and the printed record say of what a guest was given anew. */
#include "state/vm.h"

#include <string.h>

#include "base/json.h"
#include "state/vm_impl.h"

#define MS_MAX 1e9 /* what a guest takes to answer: eleven days */

static const char *const refresh_names[VM_REFRESHES] = { "thaw", "clock",
	"random", "hostname", "machine_id", "ssh_keys", "network" };

static const char *const thaw_names[] = { "done", "due", "unsure" };

const char *
vm_refresh_name(enum vm_refresh what)
{
	return refresh_names[what];
}

void
vm_refreshed_why(struct vm_refreshed *r, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(r->why) - 1 && text[i] != '\0'; i++)
		r->why[i] = text[i];
	/* What a guest's shell says ends in a newline. */
	while (i > 0 && (r->why[i - 1] == '\n' || r->why[i - 1] == ' '))
		i--;
	r->why[i] = '\0';
	while (i-- > 0)
		if (r->why[i] < ' ' || r->why[i] > '~')
			r->why[i] = '?';
}

static int
put_refreshed(json_t *all, const char *name, const struct vm_refreshed *r,
    struct error *err)
{
	json_t *obj;

	if (r->result[0] == '\0')
		return 0;
	obj = json_pack("{s:s, s:f}", "result", r->result, "ms",
	    (double)r->us / 1000);
	if (obj == NULL || json_put_text(obj, "why", r->why, err) == -1) {
		json_decref(obj);
		return error_nomem(err, "identity");
	}
	return json_put(all, name, obj, err);
}

static int
put_refresh(json_t *identity, const struct vm_identity *id, struct error *err)
{
	json_t *all = json_object();
	size_t i;

	for (i = 0; i < VM_REFRESHES; i++)
		if (put_refreshed(all, refresh_names[i], &id->refreshed[i],
			err) == -1) {
			json_decref(all);
			return -1;
		}
	if (json_object_size(all) > 0)
		return json_put(identity, "refresh", all, err);
	json_decref(all);
	return 0;
}

int
vm_put_identity(json_t *record, const struct vm_identity *id, struct error *err)
{
	json_t *obj;

	if (!id->present)
		return 0;
	obj = json_pack("{s:s}", "vmgenid",
	    id->vmgenid_offered ? "offered" : "none");
	if (obj == NULL || json_put_text(obj, "mac", id->mac, err) == -1 ||
	    json_put_text(obj, "instance_id", id->instance_id, err) == -1 ||
	    json_put_text(obj, "hostname", id->hostname, err) == -1 ||
	    json_put(obj, "clock",
		json_pack("{s:I}", "behind_s", (json_int_t)id->clock_behind_s),
		err) == -1 ||
	    put_refresh(obj, id, err) == -1) {
		json_decref(obj);
		return -1;
	}
	return json_put(record, "identity", obj, err);
}

int
vm_report_identity(json_t *record, const struct vm *vm, struct error *err)
{
	return vm_put_identity(record, &vm->identity, err);
}

static int
get_refreshed(struct vm_refreshed *r, const json_t *all, const char *name,
    struct error *err)
{
	const json_t *obj, *ms;

	if (json_get_object(all, name, &obj, JSON_OPTIONAL, err) == -1)
		return -1;
	if (obj == NULL)
		return 0;
	ms = json_object_get(obj, "ms");
	if (!json_is_number(ms) || json_number_value(ms) < 0 ||
	    json_number_value(ms) > MS_MAX)
		return error_set(err, EX_DATAERR, "%s: \"ms\"", name);
	r->us = (uint64_t)(json_number_value(ms) * 1000 + 0.5);
	if (json_get_str(obj, "result", r->result, sizeof(r->result),
		JSON_REQUIRED, err) == -1)
		return -1;
	return json_get_str(obj, "why", r->why, sizeof(r->why), JSON_OPTIONAL,
	    err);
}

static int
get_refresh(struct vm_identity *id, const json_t *identity, struct error *err)
{
	const json_t *all;
	size_t i;

	if (json_get_object(identity, "refresh", &all, JSON_OPTIONAL, err) ==
	    -1)
		return -1;
	for (i = 0; all != NULL && i < VM_REFRESHES; i++)
		if (get_refreshed(&id->refreshed[i], all, refresh_names[i],
			err) == -1)
			return -1;
	return 0;
}

int
vm_get_identity(struct vm_identity *id, const json_t *record, struct error *err)
{
	char vmgenid[16] = "";
	const json_t *obj, *clock;

	if (json_get_object(record, "identity", &obj, JSON_OPTIONAL, err) == -1)
		return -1;
	if (obj == NULL)
		return 0;
	id->present = true;
	if (json_get_str(obj, "vmgenid", vmgenid, sizeof(vmgenid),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_str(obj, "mac", id->mac, sizeof(id->mac), JSON_OPTIONAL,
		err) == -1 ||
	    json_get_str(obj, "instance_id", id->instance_id,
		sizeof(id->instance_id), JSON_OPTIONAL, err) == -1 ||
	    json_get_str(obj, "hostname", id->hostname, sizeof(id->hostname),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_object(obj, "clock", &clock, JSON_OPTIONAL, err) == -1 ||
	    get_refresh(id, obj, err) == -1)
		return error_wrap(err, "identity");
	id->vmgenid_offered = strcmp(vmgenid, "offered") == 0;
	if (clock != NULL)
		return json_get_u64(clock, "behind_s", &id->clock_behind_s, 0,
		    INT64_MAX, JSON_OPTIONAL, err);
	return 0;
}

int
vm_put_thaw(json_t *record, enum vm_thaw thaw, struct error *err)
{
	return thaw == VM_THAW_DONE
	    ? 0
	    : json_put_str(record, "thaw", thaw_names[thaw], err);
}

int
vm_get_thaw(enum vm_thaw *out, const json_t *record, struct error *err)
{
	char text[16] = "done";
	size_t i;

	if (json_get_str(record, "thaw", text, sizeof(text), JSON_OPTIONAL,
		err) == -1)
		return -1;
	for (i = 0; i < sizeof(thaw_names) / sizeof(thaw_names[0]); i++)
		if (strcmp(text, thaw_names[i]) == 0) {
			*out = (enum vm_thaw)i;
			return 0;
		}
	return error_set(err, EX_DATAERR, "\"thaw\" is %s", text);
}
