/* SPDX-License-Identifier: ISC */
/* The page: the files of page/, which the program carries. */
#ifndef ASSET_H
#define ASSET_H

#include "web.h"

/* GET of a file, or of the page itself. */
enum MHD_Result asset_run(struct request *r);

#endif
