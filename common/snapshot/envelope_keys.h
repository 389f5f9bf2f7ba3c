/* SPDX-License-Identifier: ISC */
/* For the parts of snapshot/envelope alone: which members are known. */
#ifndef SNAPSHOT_ENVELOPE_KEYS_H
#define SNAPSHOT_ENVELOPE_KEYS_H

#define ENVELOPE_VERSION 1

/* Members of the object in which unknown members are kept. */
#define ENVELOPE_UNKNOWN_TOP "top"
#define ENVELOPE_UNKNOWN_CONFIG "config"

/* NULL behind the last. */
extern const char *const envelope_top_keys[];
extern const char *const envelope_config_keys[];

#endif
