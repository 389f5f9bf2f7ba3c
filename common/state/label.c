/* SPDX-License-Identifier: ISC */
#include "state/label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/path.h"

bool
label_takes(int ch)
{
	return ch == 'n' || ch == 'd' || ch == LABEL_REPLACE;
}

static int
replace_option(enum replace *out, const char *value)
{
	if (*out != REPLACE_NOT)
		return opt_wrong("--replace: given twice");
	if (value != NULL && strcmp(value, "rm") != 0)
		return opt_wrong("--replace=%s: only rm can be asked for",
		    value);
	*out = value == NULL ? REPLACE_KEEP : REPLACE_RM;
	return 0;
}

int
label_option(struct label *label, int ch, const char *value)
{
	switch (ch) {
	case 'n':
		return opt_once(&label->name, value, "--name");
	case 'd':
		return opt_once(&label->description, value, "--description");
	default:
		return replace_option(&label->replace, value);
	}
}

int
label_check_description(const char *text, struct error *err)
{
	size_t len = strlen(text);

	if (len > ENVELOPE_DESCRIPTION_MAX || !path_is_utf8(text, len))
		return error_set(err, EX_USAGE,
		    "--description: not UTF-8, or above 64 KiB");
	return 0;
}

int
label_check(const struct label *label, bool may_clear)
{
	const char *name = label->name, *text = label->description;
	bool clears = may_clear && name != NULL && name[0] == '\0';
	struct error err = { 0 };

	if (name != NULL && !clears && !envelope_is_name(name))
		return opt_wrong("--name: %s: not a name: %s", name,
		    ENVELOPE_NAME_RULE);
	if (text != NULL && label_check_description(text, &err) == -1)
		return opt_wrong("%s", err.msg);
	if (label->replace != REPLACE_NOT && (name == NULL || clears))
		return opt_wrong("--replace goes with -n");
	return 0;
}

int
label_put(struct envelope_config *config, const struct label *label,
    struct error *err)
{
	if (label->name != NULL)
		snprintf(config->name, sizeof(config->name), "%s", label->name);
	if (label->description == NULL)
		return 0;
	free(config->description);
	config->description = NULL;
	if (label->description[0] == '\0')
		return 0;
	config->description = strdup(label->description);
	return config->description == NULL ? error_nomem(err, "description")
					   : 0;
}

int
label_begin(struct root_new *out, const struct root *root,
    const struct label *label, struct error *err)
{
	const char *name = label->name == NULL ? "" : label->name;

	return label->replace == REPLACE_NOT
	    ? root_new_begin(out, root, ROOT_SNAP, name, err)
	    : root_new_begin_over(out, root, ROOT_SNAP, name, err);
}

int
label_finish(const struct root *root, const char *old_id,
    const struct label *label, struct error *err)
{
	struct error why = { 0 };
	int fd, rc;

	if (label->replace != REPLACE_RM || old_id[0] == '\0')
		return 0;
	if (root_lock(&fd, root, ROOT_SNAP, old_id, true,
		clock_ms() + LABEL_WAIT_MS, &why) == -1) {
		if (why.code == EX_NOINPUT)
			return 0; /* somebody else has removed it */
		if (err != NULL)
			*err = why;
		return error_wrap(err, "%s, which had the name, stays", old_id);
	}
	rc = root_remove(root, ROOT_SNAP, old_id, "", err);
	fd_drop(&fd);
	return rc;
}

int
label_report(json_t *report, const char *old_id, struct error *err)
{
	return json_put_text(report, "replaced", old_id, err);
}
