/* SPDX-License-Identifier: ISC */
/*
 * References to what lies in a registry:
 *
 *	HOST[:PORT]/NAME[:TAG][@sha256:HEX]
 *	oci-layout:DIR[:TAG][@sha256:HEX]
 *
 * HOST is always said: no registry is meant where none is named.  NAME and TAG
 * are those of the OCI Distribution Specification 1.1, "Pulling manifests".
 * What stands behind the last colon of DIR is a tag where it can be one; a
 * directory with such a name is given with a slash at its end.
 */
#ifndef REGISTRY_REF_H
#define REGISTRY_REF_H

#include <stdbool.h>

#include "base/error.h"
#include "disk/digest.h"

#define REF_TAG_MAX 128 /* characters; OCI Distribution 1.1 */
#define REF_NAME_MAX 255 /* of HOST and NAME each; what registries take */
#define REF_DIR_MAX 4095 /* PATH_MAX of Linux, without the NUL */
#define REF_TAG_DEFAULT "latest"

enum ref_kind { REF_LAYOUT, REF_HOST };

struct ref { /* { 0 } is none */
	enum ref_kind kind;
	char *place; /* the directory, or HOST[:PORT] */
	char *name; /* NAME; NULL of a layout */
	char tag[REF_TAG_MAX + 1]; /* "": none was given */
	bool has_digest;
	struct digest digest;
};

/* On success *out is the caller's (ref_fini).  EX_USAGE: not a reference. */
int ref_parse(struct ref *out, const char *text, struct error *err);
void ref_fini(struct ref *ref);

/* Its tag, or the one that is meant where none is given; borrowed. */
const char *ref_tag(const struct ref *ref);

/* Whether it can be a tag: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}. */
bool ref_is_tag(const char *text);

#endif
