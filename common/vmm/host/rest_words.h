/* SPDX-License-Identifier: ISC */
/* What a VMM says in the body of an HTTP error. */
#ifndef VMM_REST_WORDS_H
#define VMM_REST_WORDS_H

#include <stddef.h>

/*
 * Makes one line of the `len` bytes at `text`, into out[cap]: the strings of an
 * array (outermost first) joined by ": ", the member "fault_message" or "error"
 * (of the HTTP library that VMMs share, whose JSON has raw newlines) of an
 * object, else the text as it is.  Control characters become blanks; "" when
 * there are no words.
 */
void rest_words(char *out, size_t cap, const char *text, size_t len);

#endif
