/* SPDX-License-Identifier: ISC */
#include "snapshot/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"

void
machine_fini(struct machine *m)
{
	size_t i;

	free(m->image);
	layer_list_fini(&m->layers);
	storage_list_fini(&m->disks);
	nic_list_fini(&m->nics);
	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		free(m->boot[i]);
	free(m->cmdline);
	memset(m, 0, sizeof(*m));
}

static void
fill_number(uint64_t *to, uint64_t from)
{
	if (*to == 0)
		*to = from;
}

/* Both are arrays of `size` bytes. */
static void
fill_array(char *to, const char *from, size_t size)
{
	if (to[0] == '\0')
		memcpy(to, from, size);
}

static int
fill_text(char **to, const char *from, struct error *err)
{
	if (*to != NULL || from == NULL)
		return 0;
	*to = strdup(from);
	return *to == NULL ? error_nomem(err, "machine") : 0;
}

static int
fill_lists(struct machine *to, const struct machine *from, struct error *err)
{
	if (to->layers.n == 0 &&
	    layer_list_copy(&to->layers, &from->layers, err) == -1)
		return -1;
	if (to->disks.n == 0 &&
	    storage_list_copy(&to->disks, &from->disks, err) == -1)
		return -1;
	return to->nics.n == 0 ? nic_list_copy(&to->nics, &from->nics, err) : 0;
}

int
machine_fill(struct machine *to, const struct machine *from, struct error *err)
{
	size_t i;

	fill_array(to->hypervisor, from->hypervisor, sizeof(to->hypervisor));
	fill_array(to->type, from->type, sizeof(to->type));
	fill_array(to->cpu_model, from->cpu_model, sizeof(to->cpu_model));
	fill_number(&to->cpu, from->cpu);
	fill_number(&to->memory_bytes, from->memory_bytes);
	fill_number(&to->storage_bytes, from->storage_bytes);
	fill_number(&to->console_max_bytes, from->console_max_bytes);
	to->agent = to->agent || from->agent;
	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (fill_text(&to->boot[i], from->boot[i], err) == -1)
			return -1;
	if (fill_text(&to->image, from->image, err) == -1 ||
	    fill_text(&to->cmdline, from->cmdline, err) == -1)
		return -1;
	return fill_lists(to, from, err);
}

int
machine_set_boot(struct machine *m, enum machine_boot file, const char *name,
    struct error *err)
{
	char *copy = NULL;

	if (name != NULL) {
		copy = strdup(name);
		if (copy == NULL)
			return error_nomem(err, "machine");
	}
	free(m->boot[file]);
	m->boot[file] = copy;
	return 0;
}

int
machine_parse_console_max(uint64_t *out_bytes, const char *text,
    struct error *err)
{
	if (strcmp(text, "0") != 0)
		return num_size(out_bytes, text, MACHINE_CONSOLE_MIN,
		    MACHINE_CONSOLE_MAX, err);
	*out_bytes = 0;
	return 0;
}

int
machine_put_sizes(json_t *obj, const struct machine *m, struct error *err)
{
	const struct {
		const char *key;
		uint64_t n;
	} sizes[] = {
		{ "cpu", m->cpu },
		{ "memory", m->memory_bytes },
		{ "storage", m->storage_bytes },
		{ "console_max", m->console_max_bytes },
	};
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i].n != 0 &&
		    json_put_u64(obj, sizes[i].key, sizes[i].n, err) == -1)
			return -1;
	return 0;
}
