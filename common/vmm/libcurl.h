/* SPDX-License-Identifier: ISC */
/*
 * libcurl, opened on first use: loading it takes a process 3 ms, which a tool
 * that speaks no REST does not pay.  Constants and types are <curl/curl.h>'s,
 * and so are the meanings of the functions, by their names there.
 */
#ifndef VMM_LIBCURL_H
#define VMM_LIBCURL_H

#include <curl/curl.h>

#include "base/error.h"

struct libcurl {
	CURLcode (*global_init)(long);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	const char *(*easy_strerror)(CURLcode);
	void (*easy_reset)(CURL *);
	void (*easy_cleanup)(CURL *);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_add_handle)(CURLM *, CURL *);
	CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
	CURLMcode (*multi_perform)(CURLM *, int *);
	CURLMcode (*multi_poll)(CURLM *, struct curl_waitfd[], unsigned int,
	    int, int *);
	CURLMsg *(*multi_info_read)(CURLM *, int *);
	CURLMcode (*multi_cleanup)(CURLM *);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
};

/*
 * Fills *out; the library stays loaded until the process ends.  It is told
 * that no TLS is wanted.  EX_UNAVAILABLE: it is not installed, or lacks a
 * function.  Before any thread is started.
 */
int libcurl_load(struct libcurl *out, struct error *err);

#endif
