/* SPDX-License-Identifier: ISC */
/* NICs in records and sidecars. */
#include "snapshot/nic.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static int
decode_forward(struct nic_forward *out, const json_t *obj, struct error *err)
{
	uint64_t port = 0, guest_port = 0, host_port = 0;

	if (json_get_str(obj, "addr", out->addr, sizeof(out->addr),
		JSON_REQUIRED, err) == -1 ||
	    json_get_u64(obj, "port", &port, 0, 65535, JSON_REQUIRED, err) ==
		-1 ||
	    json_get_u64(obj, "guest_port", &guest_port, 1, 65535,
		JSON_REQUIRED, err) == -1 ||
	    json_get_u64(obj, "host_port", &host_port, 0, 65535, JSON_OPTIONAL,
		err) == -1)
		return -1;
	out->port = (uint16_t)port;
	out->guest_port = (uint16_t)guest_port;
	out->host_port = (uint16_t)host_port;
	return 0;
}

static int
decode_forwards(struct nic *nic, const json_t *obj, struct error *err)
{
	const json_t *array, *entry;
	size_t i;

	if (json_get_array(obj, "forward", &array, NIC_FORWARD_MAX,
		JSON_OPTIONAL, err) == -1)
		return -1;
	if (array == NULL || json_array_size(array) == 0)
		return 0;
	nic->forwards = calloc(json_array_size(array), sizeof(*nic->forwards));
	if (nic->forwards == NULL)
		return error_nomem(err, NULL);
	json_array_foreach(array, i, entry)
	{
		if (decode_forward(&nic->forwards[i], entry, err) == -1)
			return error_wrap(err, "forward[%zu]", i);
		nic->forwards_n++;
	}
	return 0;
}

static int
decode_kind(struct nic *nic, const json_t *obj, struct error *err)
{
	static const enum nic_kind kinds[] = { NIC_USER, NIC_TAP, NIC_BRIDGE };
	char text[16] = "";
	size_t i;

	if (json_get_str(obj, "type", text, sizeof(text), JSON_REQUIRED, err) ==
	    -1)
		return -1;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(text, nic_kind_name(kinds[i])) == 0) {
			nic->kind = kinds[i];
			return 0;
		}
	return error_set(err, EX_DATAERR, "\"type\" is %s", text);
}

static int
decode_nic(struct nic *nic, const json_t *obj, struct error *err)
{
	if (decode_kind(nic, obj, err) == -1 ||
	    json_get_str(obj, "mac", nic->mac, sizeof(nic->mac), JSON_REQUIRED,
		err) == -1 ||
	    json_get_str(obj, "ifname", nic->ifname, sizeof(nic->ifname),
		JSON_OPTIONAL, err) == -1 ||
	    json_get_bool(obj, "restrict", &nic->restricted, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_bool(obj, "link_down", &nic->link_down, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_bool(obj, "mac_pending", &nic->mac_pending, JSON_OPTIONAL,
		err) == -1 ||
	    json_get_str(obj, "ip", nic->ip, sizeof(nic->ip), JSON_OPTIONAL,
		err) == -1 ||
	    json_get_str(obj, "gw", nic->gw, sizeof(nic->gw), JSON_OPTIONAL,
		err) == -1 ||
	    decode_forwards(nic, obj, err) == -1)
		return -1;
	return nic_check(nic, err);
}

int
nic_list_decode(struct nic_list *out, const json_t *array, struct error *err)
{
	struct nic_list list = { 0 };
	const json_t *entry;
	struct nic nic;
	size_t i;
	int rc = 0;

	if (json_array_size(array) > NIC_MAX)
		return error_set(err, EX_DATAERR, "more than %d NICs", NIC_MAX);
	json_array_foreach(array, i, entry)
	{
		memset(&nic, 0, sizeof(nic));
		rc = decode_nic(&nic, entry, err);
		if (rc == -1)
			error_wrap(err, "NIC %zu", i);
		else
			rc = nic_list_add(&list, &nic, err);
		nic_fini(&nic);
		if (rc == -1) {
			nic_list_fini(&list);
			return -1;
		}
	}
	*out = list;
	return 0;
}

static int
put_forwards(json_t *obj, const struct nic *nic, struct error *err)
{
	json_t *array = json_array();
	size_t i;

	if (json_put(obj, "forward", array, err) == -1)
		return -1;
	for (i = 0; i < nic->forwards_n; i++)
		if (json_append(array, "forward",
			json_pack("{s:s, s:i, s:i, s:i}", "addr",
			    nic->forwards[i].addr, "port",
			    (int)nic->forwards[i].port, "guest_port",
			    (int)nic->forwards[i].guest_port, "host_port",
			    (int)nic->forwards[i].host_port),
			err) == -1)
			return -1;
	return 0;
}

static int
put_text(json_t *obj, const char *key, const char *text, struct error *err)
{
	return text[0] == '\0' ? 0 : json_put_str(obj, key, text, err);
}

static int
encode_nic(json_t *obj, const struct nic *nic, struct error *err)
{
	if (json_put_str(obj, "type", nic_kind_name(nic->kind), err) == -1 ||
	    json_put_str(obj, "mac", nic->mac, err) == -1 ||
	    put_text(obj, "ifname", nic->ifname, err) == -1 ||
	    put_text(obj, "ip", nic->ip, err) == -1 ||
	    put_text(obj, "gw", nic->gw, err) == -1)
		return -1;
	if (nic->restricted && json_put_bool(obj, "restrict", true, err) == -1)
		return -1;
	if (nic->link_down && json_put_bool(obj, "link_down", true, err) == -1)
		return -1;
	if (nic->mac_pending &&
	    json_put_bool(obj, "mac_pending", true, err) == -1)
		return -1;
	return nic->forwards_n == 0 ? 0 : put_forwards(obj, nic, err);
}

int
nic_list_encode(json_t **out, const struct nic_list *list, struct error *err)
{
	json_t *array = json_array(), *obj;
	size_t i;

	for (i = 0; i < list->n; i++) {
		obj = json_object();
		if (json_append(array, "network_configs", obj, err) == -1 ||
		    encode_nic(obj, &list->v[i], err) == -1) {
			json_decref(array);
			return -1;
		}
	}
	*out = array;
	return 0;
}
