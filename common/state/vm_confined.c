/* SPDX-License-Identifier: ISC */
/* The member confined of vm.json and of the printed record. */
#include "state/vm.h"

#include "base/json.h"
#include "state/vm_impl.h"

#define LANDLOCK_MAX 1000 /* version of an interface; 7 with Linux 6.15 */

int
vm_put_confined(json_t *record, const struct vm_confined *c, struct error *err)
{
	json_t *obj;

	if (!c->present)
		return 0;
	obj = json_pack("{s:i, s:s, s:s, s:b, s:b, s:s}", "landlock",
	    (int)c->landlock, "filesystem", c->filesystem, "tcp", c->tcp,
	    "scoped", (int)c->scoped, "calls", (int)c->calls, "capabilities",
	    c->capabilities);
	if (obj != NULL && c->unconfined &&
	    json_put_bool(obj, "unconfined", true, err) == -1) {
		json_decref(obj);
		return -1;
	}
	return json_put(record, "confined", obj, err);
}

int
vm_get_confined(struct vm_confined *c, const json_t *record, struct error *err)
{
	const json_t *obj;
	uint64_t landlock = 0;

	if (json_get_object(record, "confined", &obj, JSON_OPTIONAL, err) == -1)
		return -1;
	if (obj == NULL)
		return 0;
	if (json_get_u64(obj, "landlock", &landlock, 0, LANDLOCK_MAX,
		JSON_REQUIRED, err) == -1 ||
	    json_get_str(obj, "filesystem", c->filesystem,
		sizeof(c->filesystem), JSON_REQUIRED, err) == -1 ||
	    json_get_str(obj, "tcp", c->tcp, sizeof(c->tcp), JSON_REQUIRED,
		err) == -1 ||
	    json_get_bool(obj, "scoped", &c->scoped, JSON_REQUIRED, err) ==
		-1 ||
	    json_get_bool(obj, "calls", &c->calls, JSON_REQUIRED, err) == -1 ||
	    json_get_str(obj, "capabilities", c->capabilities,
		sizeof(c->capabilities), JSON_REQUIRED, err) == -1 ||
	    json_get_bool(obj, "unconfined", &c->unconfined, JSON_OPTIONAL,
		err) == -1)
		return error_wrap(err, "confined");
	c->landlock = (unsigned)landlock;
	c->present = true;
	return 0;
}
