/* SPDX-License-Identifier: ISC */
/* RFC 2046 multipart, as cloud-init's user-data takes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/path.h"
#include "seed/cidata_impl.h"

#define MIME_LOOK 4096 /* bytes in which cloud-init looks for a MIME header */
#define MIME_LINE 57 /* bytes in a line of base64, which has 76 characters */
#define MIME_BOUNDARY_HEX 32

static const unsigned char gzip_magic[] = { 0x1f, 0x8b };

bool
cidata_is_gzip(const struct cidata_text *own)
{
	return own->len >= sizeof(gzip_magic) &&
	    memcmp(own->text, gzip_magic, sizeof(gzip_magic)) == 0;
}

bool
cidata_is_mime(const struct cidata_text *own)
{
	static const char header[] = "mime-version:";
	size_t len = sizeof(header) - 1, i;

	for (i = 0; i + len <= own->len && i + len <= MIME_LOOK; i++)
		if (strncasecmp(own->text + i, header, len) == 0)
			return true;
	return false;
}

static void
put_base64(FILE *to, const struct cidata_text *own)
{
	char line[BASE64_ROOM(MIME_LINE)];
	size_t off, n;

	for (off = 0; off < own->len; off += n) {
		n = own->len - off < MIME_LINE ? own->len - off : MIME_LINE;
		base64_put(line, (const unsigned char *)own->text + off, n);
		fprintf(to, "%s\n", line);
	}
}

/* cloud-init tells by its first line what a text/plain part is. */
static void
put_own(FILE *to, const struct cidata_text *own)
{
	if (cidata_is_mime(own) && !cidata_is_gzip(own)) {
		/* Its own headers come first in it: a part within a part. */
		fwrite(own->text, 1, own->len, to);
		putc('\n', to);
		return;
	}
	fprintf(to,
	    "Content-Type: %s\n"
	    "MIME-Version: 1.0\n"
	    "Content-Transfer-Encoding: base64\n"
	    "Content-Disposition: attachment; filename=\"user-data\"\n\n",
	    cidata_is_gzip(own) ? "application/gzip" : "text/plain");
	put_base64(to, own);
}

int
cidata_join(struct cidata_file *out, const struct cidata_text *own,
    const struct cidata_file *ours, struct error *err)
{
	char boundary[CIDATA_DIGEST_HEX + 1], *text = NULL;
	size_t len;
	FILE *to;
	int rc;

	if (cidata_is_mime(own) && !cidata_is_gzip(own) &&
	    !path_is_utf8(own->text, own->len))
		return error_set(err, EX_USAGE,
		    "user-data: a MIME message that is not UTF-8");
	/* What is in the text cannot know the digest of the text. */
	cidata_digest(boundary, own, 1);
	boundary[MIME_BOUNDARY_HEX] = '\0';
	to = open_memstream(&text, &len);
	if (to == NULL)
		return error_sys(err, EX_OSERR, "user-data");
	fprintf(to,
	    "Content-Type: multipart/mixed; boundary=\"%s\"\n"
	    "MIME-Version: 1.0\n\n--%s\n",
	    boundary, boundary);
	put_own(to, own);
	fprintf(to,
	    "--%s\n"
	    "Content-Type: text/cloud-config\n"
	    "MIME-Version: 1.0\n"
	    "Content-Disposition: attachment; filename=\"instar.cfg\"\n"
	    "Merge-Type: list(append)+dict(no_replace,recurse_list)+str()\n\n",
	    boundary);
	fwrite(ours->text, 1, ours->len, to);
	fprintf(to, "--%s--\n", boundary);
	rc = ferror(to);
	if (fclose(to) != 0 || rc != 0) {
		free(text);
		return error_nomem(err, "user-data");
	}
	out->text = text;
	out->len = len;
	return 0;
}
