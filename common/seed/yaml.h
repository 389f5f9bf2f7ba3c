/* SPDX-License-Identifier: ISC */
/* Values in YAML that no reader can take for anything but a string. */
#ifndef SEED_YAML_H
#define SEED_YAML_H

#include <stdio.h>

/*
 * Writes `value` as a quoted scalar on one line.  Printable ASCII stands in
 * single quotes, where '' is the only escape; whatever else there is in it is
 * escaped between double quotes, so that the output is always ASCII.  -1:
 * value is not UTF-8, and nothing was written.  Whether writing went well,
 * `to` knows (ferror).
 */
int yaml_put(FILE *to, const char *value);

#endif
