/* SPDX-License-Identifier: ISC */
#include "route.h"

#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "asset.h"
#include "console.h"
#include "events.h"
#include "login.h"
#include "reply.h"
#include "tables.h"
#include "transfer.h"

static enum MHD_Result
journal_run(struct request *r)
{
	char *text = journal_text(&r->web->journal);
	enum MHD_Result rc = MHD_NO;

	if (text != NULL)
		rc = reply_bytes(r, 200, REPLY_LINES, text, strlen(text));
	free(text);
	return rc;
}

/* What is read, and what is no tool's. */
#define GET_(path, ...)                                                        \
	{                                                                      \
		"GET", path, __VA_ARGS__                                       \
	}
#define DO_(path, table)                                                       \
	{                                                                      \
		"POST", path, ROUTE_CHANGES, action_run, NULL, NULL, &table    \
	}

static const struct route routes[] = {
	GET_("api/about", 0, login_about, NULL, NULL, NULL),
	GET_("api/events", 0, events_run, NULL, NULL, NULL),
	GET_("api/log", 0, journal_run, NULL, NULL, NULL),
	GET_("api/vms", 0, action_list, NULL, NULL, &table_vms),
	GET_("api/vms/*", 0, action_list, NULL, NULL, &table_vms),
	GET_("api/vms/*/output", 0, console_output, NULL, NULL, NULL),
	GET_("api/snaps", 0, action_list, NULL, NULL, &table_snaps),
	GET_("api/snaps/*", 0, action_list, NULL, NULL, &table_snaps),
	GET_("api/snaps/*/export", 0, transfer_export, NULL, NULL, NULL),
	GET_("api/snaps/*/files/*", 0, transfer_file, NULL, NULL, NULL),
	GET_("link/*", ROUTE_LINK, transfer_by_link, NULL, NULL, NULL),
	GET_("*", ROUTE_OPEN, asset_run, NULL, NULL, NULL),
	{ "POST", "api/login", ROUTE_OPEN, login_run, NULL, NULL, NULL },
	{ "POST", "api/logout", 0, login_end, NULL, NULL, NULL },
	{ "POST", "api/snaps/*/link", 0, transfer_make_link, NULL, NULL, NULL },
	{ "POST", "api/snaps/*/verify", 0, action_run, NULL, NULL,
	    &table_verify },
	DO_("api/vms", table_create),
	DO_("api/vms/*/start", table_start),
	DO_("api/vms/*/stop", table_stop),
	DO_("api/vms/*/pause", table_pause),
	DO_("api/vms/*/resume", table_resume),
	DO_("api/vms/*/save", table_save),
	DO_("api/vms/*/restore", table_restore),
	DO_("api/vms/*/remove", table_vm_remove),
	DO_("api/vms/*/set", table_vm_set),
	DO_("api/vms/*/exec", table_exec),
	{ "POST", "api/vms/*/keys", ROUTE_CHANGES | ROUTE_RAW, console_keys,
	    NULL, NULL, NULL },
	{ "POST", "api/vms/*/release", ROUTE_CHANGES, console_release, NULL,
	    NULL, NULL },
	DO_("api/snaps/pull", table_pull),
	{ "POST", "api/snaps/import", ROUTE_CHANGES | ROUTE_RAW | ROUTE_LONG,
	    transfer_import, transfer_import_first, transfer_import_data,
	    NULL },
	DO_("api/snaps/*/clone", table_clone),
	DO_("api/snaps/*/set", table_snap_set),
	DO_("api/snaps/*/remove", table_snap_remove),
	DO_("api/snaps/*/push", table_push),
	DO_("api/snaps/*/sign", table_sign),
};

/* Whether the next component of `path` is that; *path goes behind it. */
static bool
fits_part(const char **path, const char *part)
{
	size_t n = strcspn(*path, "/");
	bool fits = (n == 1 && (*path)[0] == '*') ||
	    (strlen(part) == n && memcmp(*path, part, n) == 0);

	*path += n;
	if ((*path)[0] == '/')
		(*path)++;
	return fits;
}

static bool
fits(const struct route *route, const struct url *url)
{
	const char *path = route->path;
	size_t i;

	for (i = 0; i < url->n; i++)
		if (path[0] == '\0' || !fits_part(&path, url->part[i]))
			return false;
	return path[0] == '\0';
}

const struct route *
route_find(const struct url *url, const char *method, const char **allowed)
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
	size_t i;

	*allowed = NULL;
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!fits(&routes[i], url))
			continue;
		if (strcmp(routes[i].method, wanted) == 0 &&
		    (wanted == method || routes[i].run == asset_run))
			return &routes[i];
		*allowed = routes[i].method;
	}
	return NULL;
}
