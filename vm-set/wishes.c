/* SPDX-License-Identifier: ISC */
#include "wishes.h"

void
wishes_fini(struct wishes *w)
{
	strv_fini(&w->nics);
	strv_fini(&w->data_disks);
	strv_fini(&w->grow);
	strv_fini(&w->remove);
}

bool
wishes_machine(const struct wishes *w)
{
	size_t i;

	for (i = 0; i < MACHINE_BOOT_FILES; i++)
		if (w->boot[i] != NULL)
			return true;
	return w->cpu != NULL || w->memory != NULL || w->storage != NULL ||
	    w->cmdline != NULL || w->no_nics || w->nics.n > 0 ||
	    w->data_disks.n > 0 || w->grow.n > 0 || w->remove.n > 0;
}
