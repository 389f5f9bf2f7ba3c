/* SPDX-License-Identifier: ISC */
/*
 * Text of others' that is shown to people: what a terminal would obey is no part
 * of it.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

/*
 * Bytes of the control character that the text begins with; 0: it begins with
 * none.  Besides U+0001 to U+001F and U+007F these are U+0080 to U+009F, two
 * bytes each in UTF-8, which terminals take for ESC and a letter (ECMA-48, 8-bit
 * C1 controls; xterm and others obey them in UTF-8, too).
 */
size_t text_control(const char *text);

/* Puts a "?" in the place of each, in place. */
void text_clean(char *text);

#endif
