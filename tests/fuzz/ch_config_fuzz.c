/* SPDX-License-Identifier: ISC */
#include "vmm/ch/ch_config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct ch_config c, again;
	struct error err;
	char *text;
	size_t n;

	if (ch_config_decode(&c, (const char *)data, len, &err) == -1)
		return 0;
	/* What was changed is still one. */
	if (ch_config_set_host(&c, &err) == 0 &&
	    ch_config_set_lines(&c, "Tty", "Off", &err) == 0 &&
	    ch_config_set_memory(&c, "template.raw", false, &err) == 0 &&
	    ch_config_text(&text, &n, &c, &err) == 0) {
		if (ch_config_decode(&again, text, n, &err) == -1)
			abort();
		ch_config_fini(&again);
		free(text);
	}
	ch_config_fini(&c);
	return 0;
}
