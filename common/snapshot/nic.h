/* SPDX-License-Identifier: ISC */
/* The network interfaces of a VM: the --nic grammar, and their JSON. */
#ifndef SNAPSHOT_NIC_H
#define SNAPSHOT_NIC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define NIC_MAX 8 /* functions of one PCI slot */
#define NIC_FORWARD_MAX 64 /* of one NIC */
#define NIC_IFNAME_MAX 15 /* bytes, IFNAMSIZ less one */

enum nic_kind { NIC_USER, NIC_TAP, NIC_BRIDGE };

struct nic_forward {
	char addr[16]; /* IPv4, dotted */
	uint16_t port; /* as asked for; 0: any free one */
	uint16_t guest_port;
	uint16_t host_port; /* in effect while it runs, else 0 */
	bool any; /* while it is taken: another port will do; not JSON */
};

/* What a SPEC says of the MAC; a random one is there in any case. */
enum nic_mac { NIC_MAC_UNSAID, NIC_MAC_GIVEN, NIC_MAC_NEW };

struct nic {
	enum nic_kind kind;
	char mac[18]; /* lower-case hex, colons */
	char ifname[NIC_IFNAME_MAX +
	    1]; /* tap: its name; bridge: the bridge's */
	bool restricted; /* user: nothing but the forwards */
	char ip[20], gw[16]; /* for the guest, or "" */
	struct nic_forward *forwards;
	size_t forwards_n;
	bool link_down; /* until the guest has a MAC of its own */
	bool mac_pending; /* the guest has another one until it boots */
	enum nic_mac said_mac; /* not JSON */
	bool is_new; /* the VMM put it in the place of a saved one; not JSON */
};

struct nic_list {
	struct nic *v;
	size_t n;
};

/*
 * Decodes a --nic SPEC: user[,restrict=on|off][,forward=[ADDR:]PORT:GUEST]... |
 * tap=IF | bridge=IF [,mac=MAC|new][,ip=ADDR/PREFIX][,gw=ADDR].  It gets
 * a random MAC where it gives none.  On success *out is the caller's (nic_fini).  EX_USAGE
 * names the item.
 */
int nic_parse(struct nic *out, const char *spec, struct error *err);
void nic_fini(struct nic *nic);

/*
 * The same, appended to the list.  EX_USAGE, too: more than NIC_MAX; a MAC, or
 * a port of the host for a forward, that an earlier NIC or forward has.
 */
int nic_list_parse(struct nic_list *list, const char *spec, struct error *err);

/*
 * Whether what is in it could have come from nic_parse(): addresses, names,
 * and no forwards but for user.  EX_DATAERR.
 */
int nic_check(const struct nic *nic, struct error *err);

/* A random unicast MAC in the virtual machines' range 52:54:00 in out[18].  EX_OSERR. */
int nic_new_mac(char *out, struct error *err);

const char *nic_kind_name(enum nic_kind kind);

void nic_list_fini(struct nic_list *list);

/* Appends a deep copy.  EX_USAGE: more than NIC_MAX. */
int nic_list_add(struct nic_list *list, const struct nic *nic,
    struct error *err);

/* Appends deep copies of all of `from`.  EX_USAGE: more than NIC_MAX. */
int nic_list_copy(struct nic_list *to, const struct nic_list *from,
    struct error *err);

/* Sets mac_pending of each by the NIC in its place in the state to be loaded. */
void nic_list_compare(struct nic_list *list, const struct nic_list *saved);

/* The JSON form, both ways.  EX_DATAERR names the entry and the member. */
int nic_list_decode(struct nic_list *out, const json_t *array,
    struct error *err);
int nic_list_encode(json_t **out, const struct nic_list *list,
    struct error *err);

#endif
