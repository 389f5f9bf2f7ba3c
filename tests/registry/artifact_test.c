/* SPDX-License-Identifier: ISC */
#include "registry/artifact.h"

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BLOB(type, size)                                                       \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX                 \
	"\",\"size\":" size "}"
#define OURS "application/vnd.instar.snapshot."
#define HEAD(type) "{\"schemaVersion\":2,\"artifactType\":\"" type "\","
#define CONFIG "\"config\":" BLOB(OURS "v1+json", "5")
#define INDEX BLOB(OURS "index.v1", "32")
#define PACK(size) BLOB(OURS "pack.v1+zstd", size)
#define GOOD(layers) HEAD(OURS "v1") CONFIG ",\"layers\":[" layers "]}"

ATF_TC_WITHOUT_HEAD(artifact__round_trip);
ATF_TC_BODY(artifact__round_trip, tc)
{
	static const char want[] =
	    "{\"schemaVersion\":2,\"mediaType\":\"application/"
	    "vnd.oci.image.manifest.v1+json\",\"artifactType\":\"" OURS
	    "v1\"," CONFIG ",\"layers\":[{\"mediaType\":\"" OURS
	    "index.v1\",\"digest\":\"sha256:" HEX
	    "\",\"size\":32,\"annotations\":{\"org.opencontainers.image.title\":"
	    "\"index\"}},{\"mediaType\":\"" OURS
	    "tree.v1\",\"digest\":\"sha256:" HEX
	    "\",\"size\":74,\"annotations\":{\"org.opencontainers.image.title\":"
	    "\"tree-0000\"}},{\"mediaType\":\"" OURS
	    "pack.v1+zstd\",\"digest\":\"sha256:" HEX
	    "\",\"size\":1099511627776,\"annotations\":"
	    "{\"org.opencontainers.image.title\":\"pack-0001.zst\"}}],"
	    "\"annotations\":{\"org.opencontainers.image.created\":"
	    "\"2026-11-21T08:00:00Z\"}}\n";
	struct artifact a = { 0 }, back = { 0 };
	struct error err = { 0 };
	struct part part = { 0 };
	char *text, *again;
	size_t len, number;

	ATF_REQUIRE_EQ(0, digest_parse(&part.blob.digest, "sha256:" HEX, NULL));
	a.envelope = (struct blob){ part.blob.digest, 5 };
	a.index = (struct blob){ part.blob.digest, 32 };
	part.kind = PART_TREE;
	part.blob.bytes = 74;
	ATF_REQUIRE_EQ(0, artifact_add_part(&a, &number, &part, NULL));
	ATF_CHECK_EQ(0, number);
	part.kind = PART_PACK;
	part.blob.bytes = PART_BYTES_MAX;
	ATF_REQUIRE_EQ(0, artifact_add_part(&a, &number, &part, NULL));
	ATF_CHECK_EQ(1, number);
	ATF_REQUIRE_EQ(0,
	    artifact_encode(&text, &len, &a, "2026-11-21T08:00:00Z", NULL));
	ATF_CHECK_STREQ(want, text);
	ATF_REQUIRE_EQ_MSG(0, artifact_decode(&back, text, len, &err), "%s",
	    err.msg);
	ATF_CHECK_EQ(2, back.parts_n);
	ATF_CHECK_EQ(PART_PACK, back.parts[1].kind);
	ATF_REQUIRE_EQ(0,
	    artifact_encode(&again, &len, &back, "2026-11-21T08:00:00Z", NULL));
	ATF_CHECK_STREQ(want, again);
	free(text);
	free(again);
	artifact_fini(&a);
	artifact_fini(&back);
}

/* As many parts as there may be are a manifest that registries take. */
ATF_TC_WITHOUT_HEAD(artifact__most);
ATF_TC_BODY(artifact__most, tc)
{
	struct part part = { .kind = PART_PACK, .blob = { .bytes = 1 } };
	struct artifact a = { .envelope = { .bytes = 1 },
		.index = { .bytes = 1 } };
	struct artifact back = { 0 };
	struct error err = { 0 };
	size_t i, len, number;
	char *text;

	for (i = 0; i < PART_MAX; i++)
		ATF_REQUIRE_EQ(0, artifact_add_part(&a, &number, &part, &err));
	ATF_CHECK_EQ(-1, artifact_add_part(&a, &number, &part, &err));
	ATF_CHECK_EQ(EX_DATAERR, err.code);
	ATF_REQUIRE_EQ(0, artifact_encode(&text, &len, &a, "", &err));
	ATF_CHECK(len <= ARTIFACT_MANIFEST_MAX);
	ATF_REQUIRE_EQ(0, artifact_decode(&back, text, len, &err));
	ATF_CHECK_EQ(PART_MAX, back.parts_n);
	free(text);
	artifact_fini(&a);
	artifact_fini(&back);
}

static const struct {
	const char *text, *message;
} bad[] = {
	{ "", "not JSON" },
	{ "[]", "not an object" },
	{ "{}", "no member \"schemaVersion\"" },
	{ "{\"schemaVersion\":1}", "\"schemaVersion\"" },
	{ "{\"schemaVersion\":2}", "no snapshot: its artifactType is \"\"" },
	{ HEAD("application/x") CONFIG ",\"layers\":[]}",
	    "no snapshot: its artifactType is \"application/x\"" },
	{ HEAD(OURS "v2") CONFIG ",\"layers\":[" INDEX "]}",
	    "no snapshot: its artifactType is \"" OURS "v2\"" },
	{ HEAD(OURS "v1") "\"layers\":[" INDEX "]}", "no member \"config\"" },
	{ HEAD(OURS "v1") "\"config\":" INDEX ",\"layers\":[" INDEX "]}",
	    "config: is " OURS "index.v1, not " OURS "v1+json" },
	{ HEAD(OURS "v1") "\"config\":" BLOB(OURS "v1+json",
	      "1048577") ",\"layers\":[" INDEX "]}",
	    "config: \"size\"" },
	{ HEAD(OURS "v1") "\"config\":" BLOB(OURS "v1+json",
	      "0") ",\"layers\":[" INDEX "]}",
	    "config: \"size\"" },
	{ HEAD(OURS "v1") CONFIG "}", "no member \"layers\"" },
	{ HEAD(OURS "v1") CONFIG ",\"layers\":{}}", "\"layers\"" },
	{ GOOD(""), "\"layers\" has no index" },
	{ GOOD("1"), "layer 0: not an object" },
	{ GOOD(PACK("1")),
	    "layer 0: is " OURS "pack.v1+zstd, not " OURS "index.v1" },
	{ GOOD(INDEX "," INDEX), "layer 1: is " OURS "index.v1, no part" },
	{ GOOD(INDEX "," BLOB("text/plain", "1")),
	    "layer 1: is text/plain, no part" },
	{ GOOD(INDEX "," PACK("0")), "layer 1: \"size\"" },
	{ GOOD(INDEX "," PACK("-1")), "layer 1: \"size\"" },
	{ GOOD(INDEX "," PACK("1.5")), "layer 1: \"size\"" },
	{ GOOD(INDEX "," PACK("1099511627777")), "layer 1: \"size\"" },
	{ GOOD(INDEX "," PACK("99999999999999999999")), "not JSON" },
	{ GOOD(INDEX ",{\"mediaType\":\"" OURS
		     "tree.v1\",\"digest\":\"sha512:00\",\"size\":1}"),
	    "layer 1: sha512:00: not a digest" },
	{ GOOD(INDEX ",{\"mediaType\":\"" OURS
		     "tree.v1\",\"digest\":\"sha256:../../x\",\"size\":1}"),
	    "layer 1: sha256:../../x: not a digest" },
	{ GOOD(INDEX ",{\"digest\":\"sha256:" HEX "\",\"size\":1}"),
	    "layer 1: no member \"mediaType\"" },
	{ GOOD(INDEX) "x", "not JSON" },
};

ATF_TC_WITHOUT_HEAD(artifact__bad);
ATF_TC_BODY(artifact__bad, tc)
{
	struct artifact a = { 0 };
	struct error err;
	size_t i;
	char *want;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		ATF_CHECK_EQ_MSG(-1,
		    artifact_decode(&a, bad[i].text, strlen(bad[i].text), &err),
		    "%s", bad[i].text);
		ATF_CHECK_EQ(EX_DATAERR, err.code);
		want = path_format("manifest: %s", bad[i].message);
		ATF_REQUIRE(want != NULL);
		ATF_CHECK_MSG(strncmp(want, err.msg, strlen(want)) == 0,
		    "%s: %s", bad[i].text, err.msg);
		free(want);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, artifact__round_trip);
	ATF_TP_ADD_TC(tp, artifact__most);
	ATF_TP_ADD_TC(tp, artifact__bad);
	return atf_no_error();
}
