/* SPDX-License-Identifier: ISC */
/*
 * How a layer's file looked when its digest was last computed, kept beside it:
 * a symbolic link .seen-HEX whose text (state/looks.h) is read in one step.
 */
#ifndef STATE_LAYER_SEEN_H
#define STATE_LAYER_SEEN_H

#include <sys/stat.h>

#include <stdbool.h>

/*
 * What is remembered of the layer `name` beneath layerfd is that it looks like
 * *st.  Where it cannot be written down the layer is only read once more.
 */
void layer_seen_set(int layerfd, const char *name, const struct stat *st);

/* Whether *st is how it looked (looks_same); nothing remembered: no. */
bool layer_seen_is(int layerfd, const char *name, const struct stat *st);

/* Forgets it; the layer goes next. */
void layer_seen_drop(int layerfd, const char *name);

#endif
