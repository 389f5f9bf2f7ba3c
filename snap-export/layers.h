/* SPDX-License-Identifier: ISC */
/* What is said of layers that stay behind. */
#ifndef LAYERS_H
#define LAYERS_H

#include "snapshot/envelope.h"

/* Warns of each layer that the files of the envelope do not bring along. */
void layers_warn(const struct envelope *e, bool is_cocoon);

#endif
