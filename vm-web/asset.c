/* SPDX-License-Identifier: ISC */
#include "asset.h"

#include <string.h>

#include "reply.h"

/* The bytes of a file between two symbols, as the assembler reads it. */
#define ASSET(name, path)                                                      \
	__asm__(".section .rodata\n"                                           \
		".global asset_" #name "\n"                                    \
		".global asset_" #name "_end\n"                                \
		"asset_" #name ":\n"                                           \
		".incbin \"" path "\"\n"                                       \
		"asset_" #name "_end:\n"                                       \
		".byte 0\n"                                                    \
		".previous\n");                                                \
	extern const char asset_##name[], asset_##name##_end[]

ASSET(index, "page/index.html");
ASSET(style, "page/style.css");
ASSET(start, "page/main.js");
ASSET(api, "page/api.js");
ASSET(dom, "page/dom.js");
ASSET(vms, "page/vms.js");
ASSET(snaps, "page/snaps.js");
ASSET(list, "page/list.js");
ASSET(dialog, "page/dialog.js");
ASSET(pictures, "page/pictures.js");
ASSET(console, "page/console.js");
ASSET(log, "page/log.js");
ASSET(term, "page/term.js");
ASSET(store, "page/store.js");
ASSET(icon, "page/icon.svg");

#define JS "text/javascript; charset=utf-8"
#define CSS "text/css; charset=utf-8"

static const struct {
	const char *name, *type, *data, *end;
} assets[] = {
	{ "", "text/html; charset=utf-8", asset_index, asset_index_end },
	{ "style.css", CSS, asset_style, asset_style_end },
	{ "main.js", JS, asset_start, asset_start_end },
	{ "api.js", JS, asset_api, asset_api_end },
	{ "dom.js", JS, asset_dom, asset_dom_end },
	{ "vms.js", JS, asset_vms, asset_vms_end },
	{ "snaps.js", JS, asset_snaps, asset_snaps_end },
	{ "list.js", JS, asset_list, asset_list_end },
	{ "dialog.js", JS, asset_dialog, asset_dialog_end },
	{ "pictures.js", JS, asset_pictures, asset_pictures_end },
	{ "console.js", JS, asset_console, asset_console_end },
	{ "log.js", JS, asset_log, asset_log_end },
	{ "store.js", JS, asset_store, asset_store_end },
	{ "icon.svg", "image/svg+xml", asset_icon, asset_icon_end },
	{ "term.js", JS, asset_term, asset_term_end },
};

enum MHD_Result
asset_run(struct request *r)
{
	const char *name = r->url.part[r->url.n - 1];
	size_t i;

	for (i = 0; i < sizeof(assets) / sizeof(assets[0]); i++)
		if (r->url.n == 1 && strcmp(assets[i].name, name) == 0)
			return reply_send(r, 200, assets[i].type,
			    MHD_create_response_from_buffer((size_t)(assets[i]
									 .end -
								assets[i].data),
				(void *)(uintptr_t)assets[i].data,
				MHD_RESPMEM_PERSISTENT));
	return reply_error(r, 404, "no such page");
}
