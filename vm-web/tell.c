/* SPDX-License-Identifier: ISC */
#include "tell.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/json.h"
#include "base/notify.h"
#include "base/path.h"

/* Where a browser finds it; the caller frees it.  NULL: no memory. */
static char *
url_of(const struct web *web)
{
	const struct opts *o = web->opts;

	if (web->listen.path[0] != '\0')
		return path_format("http://localhost%s/", o->base_path);
	return path_format("%s://%s:%u%s/", o->cert == NULL ? "http" : "https",
	    web->listen.host, (unsigned)web->listen.port, o->base_path);
}

static int
report(const struct web *web, const char *url, struct error *err)
{
	json_t *record = json_object();
	int rc = -1;

	if (json_put_str(record, "url", url, err) == 0 &&
	    json_put_text(record, "socket", web->listen.path, err) == 0 &&
	    json_put_u64(record, "pid", (uint64_t)getpid(), err) == 0 &&
	    json_report(record, web->opts->members, err) == 0)
		rc = json_report_end(err);
	json_decref(record);
	return rc;
}

/* The token goes behind '#', which a browser sends to nobody. */
static void
tell_link(const struct web *web, const char *url)
{
	if (!web->opts->common.quiet)
		diag("%s#token=%s", url, web->token.token);
}

int
tell_ready(const struct web *web, struct error *err)
{
	struct error why = { 0 };
	char *url = url_of(web);
	int rc;

	if (url == NULL)
		return error_nomem(err, "url");
	rc = report(web, url, err);
	if (rc == 0) {
		tell_link(web, url);
		if (notify_say(&web->notify, "READY=1\n", &why) == -1)
			diag("warning: %s", why.msg);
	}
	free(url);
	return rc;
}
