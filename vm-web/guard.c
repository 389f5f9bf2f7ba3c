/* SPDX-License-Identifier: ISC */
#include "guard.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#include "base/clock.h"

#define UNKNOWN_MAX 400 /* a page is ten requests */
#define UNKNOWN_PER_SECOND 100
#define ACTIONS_MAX 400
#define ACTIONS_PER_SECOND 100 /* keys that are typed, too */

void
guard_init(struct guard *g, const struct listen *listen,
    const struct strv *origins)
{
	memset(g, 0, sizeof(*g));
	g->listen = listen;
	g->origins = origins;
	g->unknown = (struct guard_rate){ UNKNOWN_MAX, UNKNOWN_MAX,
		UNKNOWN_PER_SECOND, clock_ms() };
	g->actions = (struct guard_rate){ ACTIONS_MAX, ACTIONS_MAX,
		ACTIONS_PER_SECOND, clock_ms() };
}

bool
guard_take(struct guard_rate *rate)
{
	int64_t now = clock_ms(), ms = now - rate->at_ms, more;

	more = ms * rate->per_second / 1000;
	if (more >= rate->max - rate->left)
		rate->left = rate->max;
	else
		rate->left += (unsigned)more;
	if (more > 0)
		rate->at_ms = now;
	if (rate->left == 0)
		return false;
	rate->left--;
	return true;
}

/* The host without its port; false: it is none. */
static bool
cut_port(char *out, size_t cap, const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
	size_t n;

	if (host[0] == '[' && end == NULL)
		return false;
	end = end != NULL ? end + 1 : strchrnul(host, ':');
	n = (size_t)(end - host);
	if (n == 0 || n >= cap ||
	    (end[0] == ':' && end[1 + strspn(end + 1, "0123456789")] != '\0') ||
	    (end[0] != ':' && end[0] != '\0'))
		return false;
	memcpy(out, host, n);
	out[n] = '\0';
	return true;
}

static bool
is_own(const char *name)
{
	struct in_addr a;

	if (strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, name, &a) == 1 &&
	    ntohl(a.s_addr) >> 24 == 127;
}

bool
guard_host(const struct guard *g, const char *host)
{
	char name[256];
	size_t i;

	if (host == NULL || !cut_port(name, sizeof(name), host))
		return false;
	if (is_own(name) || strcasecmp(name, g->listen->host) == 0)
		return true;
	for (i = 0; i < g->origins->n; i++)
		if (strcasecmp(strstr(g->origins->v[i], "://") + 3, host) == 0)
			return true;
	return false;
}

bool
guard_origin(const struct guard *g, const char *origin, const char *host,
    const char *fetch_site)
{
	const char *site;

	if (fetch_site != NULL && strcmp(fetch_site, "same-origin") != 0 &&
	    strcmp(fetch_site, "none") != 0)
		return false;
	if (origin == NULL)
		return true;
	if (strv_has(g->origins, origin))
		return true;
	site = strstr(origin, "://");
	return site != NULL && host != NULL && strcasecmp(site + 3, host) == 0;
}
