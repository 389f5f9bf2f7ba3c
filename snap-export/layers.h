/* SPDX-License-Identifier: ISC */
/* What is said of what stays behind. */
#ifndef LAYERS_H
#define LAYERS_H

#include "snapshot/envelope.h"
#include "state/layer_files.h"

/*
 * Warns of each layer that the files of the envelope do not bring along, and of
 * what else was left out.
 */
void layers_warn(const struct envelope *e, const struct layer_files *along,
    bool is_cocoon);

#endif
