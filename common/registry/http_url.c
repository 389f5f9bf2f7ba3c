/* SPDX-License-Identifier: ISC */
#include "registry/http_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <curl/curl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Scheme, host and port of a URL. */
struct origin {
	char *scheme, *host, *port;
};

static void
origin_fini(struct origin *o)
{
	curl_free(o->scheme);
	curl_free(o->host);
	curl_free(o->port);
}

static bool
origin_get(struct origin *o, CURLU *u)
{
	memset(o, 0, sizeof(*o));
	return curl_url_get(u, CURLUPART_SCHEME, &o->scheme, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &o->host, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PORT, &o->port, CURLU_DEFAULT_PORT) ==
	    CURLUE_OK;
}

/* What is wrong with going there, or NULL; *u may become https. */
static const char *
refusal(CURLU *u, const struct origin *from)
{
	const char *why = NULL;
	struct origin to;
	char *user = NULL;

	if (!origin_get(&to, u) ||
	    (strcasecmp(to.scheme, "http") != 0 &&
		strcasecmp(to.scheme, "https") != 0))
		why = "is neither http nor https";
	else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		why = "names a user";
	else if (strcasecmp(from->scheme, "https") == 0 &&
	    strcasecmp(to.scheme, "http") == 0) {
		if (strcasecmp(from->host, to.host) != 0)
			why = "leads from https to http";
		else {
			curl_url_set(u, CURLUPART_SCHEME, "https", 0);
			curl_url_set(u, CURLUPART_PORT, from->port, 0);
		}
	}
	curl_free(user);
	origin_fini(&to);
	return why;
}

int
http_url_join(char **out, const char *base, const char *location,
    struct error *err)
{
	const char *why = "is no URL";
	struct origin from = { 0 };
	CURLU *u = curl_url();
	char *text = NULL;

	if (u != NULL && strlen(location) < HTTP_URL_MAX &&
	    curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    origin_get(&from, u) &&
	    curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK) {
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		why = refusal(u, &from);
		if (why == NULL &&
		    curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK)
			why = "is no URL";
	}
	origin_fini(&from);
	curl_url_cleanup(u);
	if (why != NULL)
		return error_set(err, EX_UNAVAILABLE,
		    "where it leads, \"%.200s\", %s", location, why);
	*out = strdup(text);
	curl_free(text);
	return *out == NULL ? error_nomem(err, "URL") : 0;
}

bool
http_url_same_origin(const char *a, const char *b)
{
	struct origin x = { 0 }, y = { 0 };
	CURLU *u = curl_url(), *v = curl_url();
	bool same = false;

	if (u != NULL && v != NULL &&
	    curl_url_set(u, CURLUPART_URL, a, 0) == CURLUE_OK &&
	    curl_url_set(v, CURLUPART_URL, b, 0) == CURLUE_OK &&
	    origin_get(&x, u) && origin_get(&y, v))
		same = strcasecmp(x.scheme, y.scheme) == 0 &&
		    strcasecmp(x.host, y.host) == 0 &&
		    strcmp(x.port, y.port) == 0;
	origin_fini(&x);
	origin_fini(&y);
	curl_url_cleanup(u);
	curl_url_cleanup(v);
	return same;
}

bool
http_host_is_loopback(const char *host)
{
	size_t len = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");
	struct in_addr address;
	char name[INET_ADDRSTRLEN];

	if (host[0] == '[')
		return len == 4 && strncmp(host, "[::1]", 5) == 0;
	if (len == 9 && strncasecmp(host, "localhost", len) == 0)
		return true;
	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return inet_pton(AF_INET, name, &address) == 1 &&
	    ntohl(address.s_addr) >> 24 == 127;
}

/* Special-purpose addresses (RFC 6890), and those of no single host. */
static const struct {
	uint32_t net;
	int bits;
} inner4[] = {
	{ 0x00000000, 8 },
	{ 0x0a000000, 8 },
	{ 0x64400000, 10 },
	{ 0x7f000000, 8 },
	{ 0xa9fe0000, 16 },
	{ 0xac100000, 12 },
	{ 0xc0a80000, 16 },
	{ 0xe0000000, 3 },
};

static bool
is_inner4(uint32_t address)
{
	size_t i;

	for (i = 0; i < sizeof(inner4) / sizeof(inner4[0]); i++)
		if ((address ^ inner4[i].net) >> (32 - inner4[i].bits) == 0)
			return true;
	return false;
}

static uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static bool
is_inner6(const unsigned char a[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const unsigned char nat64[12] = { 0, 0x64, 0xff, 0x9b };
	static const unsigned char none[12];

	/* IPv4 in one of its disguises; the unspecified and ::1 among them. */
	if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0 ||
	    memcmp(a, none, 12) == 0)
		return is_inner4(be32(a + 12));
	return (a[0] & 0xfe) == 0xfc || a[0] == 0xff ||
	    (a[0] == 0xfe && (a[1] & 0xc0) >= 0x80);
}

bool
http_address_is_inner(const struct sockaddr *address)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&in4, address, sizeof(in4));
		return is_inner4(ntohl(in4.sin_addr.s_addr));
	case AF_INET6:
		memcpy(&in6, address, sizeof(in6));
		return is_inner6(in6.sin6_addr.s6_addr);
	default:
		return true;
	}
}
