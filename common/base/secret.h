/* SPDX-License-Identifier: ISC */
/* Texts of which nothing is to stay in memory. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

/* Overwrites the text, and frees it; takes NULL. */
void secret_free(char *text);

#endif
