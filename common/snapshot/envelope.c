/* SPDX-License-Identifier: ISC */
#include "snapshot/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/envelope_keys.h"

const char *const envelope_top_keys[] = { "version", "config", "files",
	"digests", "layers", "host", "created_at", "consistent", "trailer",
	NULL };
const char *const envelope_config_keys[] = { "id", "name", "description",
	"hypervisor", "nics", "cpu", "memory", "storage", "console_max",
	"image", NULL };

void
envelope_init(struct envelope *e)
{
	memset(e, 0, sizeof(*e));
}

void
envelope_fini(struct envelope *e)
{
	size_t i;

	free(e->config.description);
	for (i = 0; i < e->files_n; i++)
		free(e->files[i].name);
	free(e->files);
	machine_fini(&e->machine);
	strv_fini(&e->host.cpu_flags);
	json_decref(e->unknown);
	envelope_init(e);
}

const char *
envelope_consistent_name(const struct envelope *e)
{
	static const char *const names[] = { NULL, "crash", "filesystem" };

	return names[e->consistent];
}

bool
envelope_is_name(const char *name)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	return len >= 1 && len <= ENVELOPE_NAME_MAX &&
	    strspn(name, set) == len && strchr("._-", name[0]) == NULL;
}

void
envelope_drop_file(struct envelope *e, size_t i)
{
	free(e->files[i].name);
	memmove(&e->files[i], &e->files[i + 1],
	    (e->files_n - i - 1) * sizeof(e->files[0]));
	e->files_n--;
}

struct envelope_file *
envelope_find_file(const struct envelope *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->files_n; i++)
		if (strcmp(e->files[i].name, name) == 0)
			return &e->files[i];
	return NULL;
}

struct envelope_file *
envelope_add_file(struct envelope *e, const char *name, struct error *err)
{
	struct envelope_file *files, *file;

	files = realloc(e->files, (e->files_n + 1) * sizeof(*files));
	if (files != NULL)
		e->files = files;
	file = files == NULL ? NULL : &files[e->files_n];
	if (file != NULL) {
		memset(file, 0, sizeof(*file));
		file->name = strdup(name);
	}
	if (file == NULL || file->name == NULL) {
		error_nomem(err, "envelope");
		return NULL;
	}
	e->has_files = true;
	e->files_n++;
	return file;
}
