/* SPDX-License-Identifier: ISC */
/*
 * What is large: an archive in either direction, through a tool's pipe, as fast
 * as the slower of both; a file of a snapshot; and links to these, for a
 * browser's own downloads, which carry no key.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "web.h"

/* Links, which are good for a while.  Returned owned; NULL: no memory. */
struct tickets *tickets_new(void);
void tickets_free(struct tickets *t);

enum MHD_Result transfer_export(struct request *r); /* GET */
enum MHD_Result transfer_file(struct request *r); /* GET */
enum MHD_Result transfer_make_link(struct request *r); /* POST */
enum MHD_Result transfer_by_link(struct request *r); /* GET */

/* POST of an archive: before it, while it comes, behind it. */
enum MHD_Result transfer_import_first(struct request *r);
enum MHD_Result transfer_import_data(struct request *r, const char *data,
    size_t *len);
enum MHD_Result transfer_import(struct request *r);

#endif
