/* SPDX-License-Identifier: ISC */
#include "vmm/libcurl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* Debian's names of it, with OpenSSL and with GnuTLS. */
static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };

#define SLOT(symbol, member)                                                   \
	{                                                                      \
		symbol, offsetof(struct libcurl, member)                       \
	}

static const struct {
	const char *symbol;
	size_t offset;
} slots[] = {
	SLOT("curl_global_init", global_init),
	SLOT("curl_easy_init", easy_init),
	SLOT("curl_easy_setopt", easy_setopt),
	SLOT("curl_easy_getinfo", easy_getinfo),
	SLOT("curl_easy_strerror", easy_strerror),
	SLOT("curl_easy_reset", easy_reset),
	SLOT("curl_easy_cleanup", easy_cleanup),
	SLOT("curl_multi_init", multi_init),
	SLOT("curl_multi_add_handle", multi_add_handle),
	SLOT("curl_multi_remove_handle", multi_remove_handle),
	SLOT("curl_multi_perform", multi_perform),
	SLOT("curl_multi_poll", multi_poll),
	SLOT("curl_multi_info_read", multi_info_read),
	SLOT("curl_multi_cleanup", multi_cleanup),
	SLOT("curl_slist_append", slist_append),
	SLOT("curl_slist_free_all", slist_free_all),
};

int
libcurl_load(struct libcurl *out, struct error *err)
{
	void *lib = NULL, *function;
	struct libcurl curl;
	size_t i;

	for (i = 0; lib == NULL && i < sizeof(names) / sizeof(names[0]); i++)
		lib = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
	if (lib == NULL)
		return error_set(err, EX_UNAVAILABLE,
		    "libcurl.so.4: not installed, or cannot be loaded");
	for (i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		function = dlsym(lib, slots[i].symbol);
		if (function == NULL)
			return error_set(err, EX_UNAVAILABLE,
			    "libcurl.so.4: has no %s", slots[i].symbol);
		/* POSIX: such a pointer has the form of one to a function. */
		memcpy((char *)&curl + slots[i].offset, &function,
		    sizeof(function));
	}
	if (curl.global_init(CURL_GLOBAL_NOTHING) != CURLE_OK)
		return error_set(err, EX_UNAVAILABLE,
		    "libcurl.so.4: cannot be initialized");
	*out = curl;
	return 0;
}
