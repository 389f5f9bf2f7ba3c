/* SPDX-License-Identifier: ISC */
/* The grammar of --nic. */
#include "snapshot/nic.h"

#include <arpa/inet.h>
#include <sys/random.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

/*
 * SPEC  = KIND *( "," ITEM )
 * KIND  = "user" / "tap=" IF / "bridge=" IF
 * ITEM  = "restrict=" ( "on" / "off" )          user only
 *       / "forward=" [ADDR ":"] PORT ":" PORT   user only, may come again
 *       / "mac=" MAC / "ip=" ADDR "/" PREFIX / "gw=" ADDR
 * Every other item comes once.
 */

static bool
is_ipv4(const char *text)
{
	struct in_addr addr;

	return inet_pton(AF_INET, text, &addr) == 1;
}

static int
parse_mac(char *out, const char *text, struct error *err)
{
	size_t i;

	if (strlen(text) != 17)
		goto bad;
	for (i = 0; i < 17; i++) {
		out[i] = text[i];
		if (text[i] >= 'A' && text[i] <= 'F')
			out[i] = (char)(text[i] - 'A' + 'a');
		if (i % 3 == 2 ? text[i] != ':'
			       : strchr("0123456789abcdef", out[i]) == NULL)
			goto bad;
	}
	out[17] = '\0';
	/* The lowest bit of the first byte says multicast. */
	if (strchr("13579bdf", out[1]) != NULL ||
	    strcmp(out, "00:00:00:00:00:00") == 0)
		goto bad;
	return 0;
bad:
	return error_set(err, EX_USAGE, "mac=%s: not a unicast MAC", text);
}

static int
parse_ip(struct nic *nic, const char *text, struct error *err)
{
	const char *slash = strchr(text, '/');
	uint64_t prefix;
	char addr[16];

	if (slash == NULL || (size_t)(slash - text) >= sizeof(addr))
		return error_set(err, EX_USAGE, "ip=%s: not ADDR/PREFIX", text);
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	if (!is_ipv4(addr) || num_u64(&prefix, slash + 1, 0, 32, NULL) == -1)
		return error_set(err, EX_USAGE, "ip=%s: not ADDR/PREFIX", text);
	snprintf(nic->ip, sizeof(nic->ip), "%s/%u", addr, (unsigned)prefix);
	return 0;
}

static int
parse_forward(struct nic *nic, char *text, struct error *err)
{
	struct nic_forward fwd = { .addr = "127.0.0.1" };
	struct nic_forward *grown;
	char *parts[3], *p = text;
	uint64_t port, guest_port;
	size_t n = 0;

	if (nic->forwards_n == NIC_FORWARD_MAX)
		return error_set(err, EX_USAGE, "more than %d forwards",
		    NIC_FORWARD_MAX);
	while (p != NULL && n < 3)
		parts[n++] = strsep(&p, ":");
	if (p != NULL || n < 2 || (n == 3 && !is_ipv4(parts[0])) ||
	    num_u64(&port, parts[n - 2], 0, 65535, NULL) == -1 ||
	    num_u64(&guest_port, parts[n - 1], 1, 65535, NULL) == -1) {
		if (p != NULL)
			p[-1] = ':';
		while (n > 1)
			parts[--n][-1] = ':';
		return error_set(err, EX_USAGE,
		    "forward=%s: not [ADDR:]PORT:GUESTPORT", text);
	}
	if (n == 3)
		snprintf(fwd.addr, sizeof(fwd.addr), "%s", parts[0]);
	fwd.port = (uint16_t)port;
	fwd.guest_port = (uint16_t)guest_port;
	grown = realloc(nic->forwards, (nic->forwards_n + 1) * sizeof(*grown));
	if (grown == NULL)
		return error_nomem(err, NULL);
	grown[nic->forwards_n++] = fwd;
	nic->forwards = grown;
	return 0;
}

static bool
is_ifname(const char *name)
{
	const unsigned char *p = (const unsigned char *)name;

	if (name[0] == '\0' || strlen(name) > NIC_IFNAME_MAX || name[0] == '.')
		return false;
	for (; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("/%:", *p) != NULL)
			return false;
	return true;
}

static int
parse_kind(struct nic *nic, const char *item, struct error *err)
{
	const char *name;

	if (strcmp(item, "user") == 0) {
		nic->kind = NIC_USER;
		return 0;
	}
	if (strncmp(item, "tap=", 4) == 0) {
		nic->kind = NIC_TAP;
		name = item + 4;
	} else if (strncmp(item, "bridge=", 7) == 0) {
		nic->kind = NIC_BRIDGE;
		name = item + 7;
	} else
		return error_set(err, EX_USAGE,
		    "%s: not user, tap=IF or bridge=IF", item);
	if (!is_ifname(name))
		return error_set(err, EX_USAGE, "%s: not an interface's name",
		    item);
	snprintf(nic->ifname, sizeof(nic->ifname), "%s", name);
	return 0;
}

/* Whether an item that may come once has come before; *seen remembers. */
static bool
is_again(unsigned *seen, const char *item)
{
	static const char *const once[] = { "restrict=", "mac=", "ip=", "gw=" };
	unsigned before = *seen;
	size_t i;

	for (i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (strncmp(item, once[i], strlen(once[i])) == 0) {
			*seen |= 1u << i;
			return *seen == before;
		}
	return false;
}

static int
parse_item(struct nic *nic, char *item, struct error *err)
{
	bool user = nic->kind == NIC_USER;

	if (user && strcmp(item, "restrict=on") == 0) {
		nic->restricted = true;
		return 0;
	}
	if (user && strcmp(item, "restrict=off") == 0) {
		nic->restricted = false;
		return 0;
	}
	if (user && strncmp(item, "forward=", 8) == 0)
		return parse_forward(nic, item + 8, err);
	if (strcmp(item, "mac=new") == 0) {
		nic->said_mac = NIC_MAC_NEW;
		return 0;
	}
	if (strncmp(item, "mac=", 4) == 0) {
		nic->said_mac = NIC_MAC_GIVEN;
		return parse_mac(nic->mac, item + 4, err);
	}
	if (strncmp(item, "ip=", 3) == 0)
		return parse_ip(nic, item + 3, err);
	if (strncmp(item, "gw=", 3) == 0 && is_ipv4(item + 3)) {
		snprintf(nic->gw, sizeof(nic->gw), "%s", item + 3);
		return 0;
	}
	return error_set(err, EX_USAGE, "%s: not an item of a %s NIC", item,
	    nic_kind_name(nic->kind));
}

int
nic_new_mac(char *out, struct error *err)
{
	unsigned char raw[3];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return error_sys(err, EX_OSERR, "random numbers");
	snprintf(out, 18, "52:54:00:%02x:%02x:%02x", raw[0], raw[1], raw[2]);
	return 0;
}

static int
blame_spec(const char *spec, struct error *err)
{
	return error_wrap(err, "--nic %.128s", spec);
}

int
nic_parse(struct nic *out, const char *spec, struct error *err)
{
	struct nic nic = { 0 };
	char *copy, *rest, *item;
	unsigned seen = 0;
	bool first = true;

	copy = rest = strdup(spec);
	if (copy == NULL)
		return error_nomem(err, NULL);
	while ((item = strsep(&rest, ",")) != NULL) {
		if (!first && is_again(&seen, item)) {
			error_set(err, EX_USAGE, "%s: given twice", item);
			goto fail;
		}
		if ((first ? parse_kind(&nic, item, err)
			   : parse_item(&nic, item, err)) == -1)
			goto fail;
		first = false;
	}
	if (nic.mac[0] == '\0' && nic_new_mac(nic.mac, err) == -1)
		goto fail;
	free(copy);
	*out = nic;
	return 0;
fail:
	free(copy);
	nic_fini(&nic);
	return blame_spec(spec, err);
}

void
nic_fini(struct nic *nic)
{
	free(nic->forwards);
	memset(nic, 0, sizeof(*nic));
}

void
nic_list_fini(struct nic_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		nic_fini(&list->v[i]);
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

int
nic_list_add(struct nic_list *list, const struct nic *nic, struct error *err)
{
	struct nic_forward *forwards = NULL;
	struct nic *grown;

	if (list->n == NIC_MAX)
		return error_set(err, EX_USAGE, "more than %d NICs", NIC_MAX);
	grown = realloc(list->v, (list->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return error_nomem(err, NULL);
	list->v = grown;
	if (nic->forwards_n > 0) {
		forwards = calloc(nic->forwards_n, sizeof(*forwards));
		if (forwards == NULL)
			return error_nomem(err, NULL);
		memcpy(forwards, nic->forwards,
		    nic->forwards_n * sizeof(*forwards));
	}
	grown[list->n] = *nic;
	grown[list->n++].forwards = forwards;
	return 0;
}

int
nic_list_copy(struct nic_list *to, const struct nic_list *from,
    struct error *err)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		if (nic_list_add(to, &from->v[i], err) == -1)
			return -1;
	return 0;
}

/* Whether both cannot listen at the same time. */
static bool
forwards_clash(const struct nic_forward *a, const struct nic_forward *b)
{
	return a->port != 0 && a->port == b->port &&
	    (strcmp(a->addr, b->addr) == 0 || strcmp(a->addr, "0.0.0.0") == 0 ||
		strcmp(b->addr, "0.0.0.0") == 0);
}

/* The first of `n` forwards of `nic` that clashes with this one, or NULL. */
static const struct nic_forward *
find_clash(const struct nic *nic, size_t n, const struct nic_forward *fwd)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (forwards_clash(&nic->forwards[i], fwd))
			return &nic->forwards[i];
	return NULL;
}

/* What may be but once in a VM: `nic` against the list, and in itself. */
static int
check_among(const struct nic_list *list, const struct nic *nic,
    struct error *err)
{
	const struct nic_forward *fwd, *other;
	size_t i, k;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->v[i].mac, nic->mac) == 0)
			return error_set(err, EX_USAGE,
			    "mac=%s: is that of an earlier NIC", nic->mac);
	for (k = 0; k < nic->forwards_n; k++) {
		fwd = &nic->forwards[k];
		other = find_clash(nic, k, fwd);
		for (i = 0; i < list->n && other == NULL; i++)
			other = find_clash(&list->v[i], list->v[i].forwards_n,
			    fwd);
		if (other != NULL)
			return error_set(err, EX_USAGE,
			    "forward=%s:%u:%u: port %u of the host is that of "
			    "forward=%s:%u:%u",
			    fwd->addr, fwd->port, fwd->guest_port, fwd->port,
			    other->addr, other->port, other->guest_port);
	}
	return 0;
}

int
nic_list_parse(struct nic_list *list, const char *spec, struct error *err)
{
	struct nic nic;
	int rc;

	if (nic_parse(&nic, spec, err) == -1)
		return -1;
	rc = check_among(list, &nic, err);
	if (rc == 0)
		rc = nic_list_add(list, &nic, err);
	nic_fini(&nic);
	return rc == 0 ? 0 : blame_spec(spec, err);
}

const char *
nic_kind_name(enum nic_kind kind)
{
	static const char *const names[] = { "user", "tap", "bridge" };

	return names[kind];
}

void
nic_list_compare(struct nic_list *list, const struct nic_list *saved)
{
	size_t i;

	for (i = 0; i < list->n && i < saved->n; i++)
		list->v[i].mac_pending = saved->v[i].mac_pending ||
		    strcmp(list->v[i].mac, saved->v[i].mac) != 0;
}

int
nic_check(const struct nic *nic, struct error *err)
{
	struct nic copy = { 0 };
	char mac[18];
	size_t i;

	if (parse_mac(mac, nic->mac, err) == -1)
		goto bad;
	if (nic->ip[0] != '\0' && parse_ip(&copy, nic->ip, err) == -1)
		goto bad;
	error_set(err, EX_DATAERR, "an address or name is malformed");
	if ((nic->gw[0] != '\0' && !is_ipv4(nic->gw)) ||
	    (nic->kind == NIC_USER) != (nic->ifname[0] == '\0') ||
	    (nic->kind != NIC_USER && !is_ifname(nic->ifname)) ||
	    (nic->kind != NIC_USER && nic->forwards_n > 0))
		return -1;
	for (i = 0; i < nic->forwards_n; i++)
		if (!is_ipv4(nic->forwards[i].addr))
			return -1;
	return 0;
bad:
	if (err != NULL)
		err->code = EX_DATAERR;
	return -1;
}
