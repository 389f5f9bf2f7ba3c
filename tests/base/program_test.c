/* SPDX-License-Identifier: ISC */
#include "base/program.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <stdlib.h>
#include <unistd.h>

static void
check(const char *name, const char *found)
{
	char *path = program_find(name);

	if (found == NULL)
		ATF_CHECK_MSG(path == NULL, "%s found", path);
	else {
		ATF_REQUIRE_MSG(path != NULL, "%s not found", name);
		ATF_CHECK_STREQ(found, path);
	}
	free(path);
}

ATF_TC_WITHOUT_HEAD(find__table);
ATF_TC_BODY(find__table, tc)
{
	atf_utils_create_file("prog", "#!/bin/sh\n");
	ATF_REQUIRE_EQ(0, mkdir("a", 0755));
	ATF_REQUIRE_EQ(0, mkdir("b", 0755));
	atf_utils_create_file("a/prog", "cannot be run");
	atf_utils_create_file("b/prog", "#!/bin/sh\n");
	ATF_REQUIRE_EQ(0, chmod("a/prog", 0644));
	ATF_REQUIRE_EQ(0, chmod("b/prog", 0755));
	ATF_REQUIRE_EQ(0, chmod("prog", 0755));

	setenv("PATH", "none:a:b", 1);
	check("prog", "b/prog");
	check("other", NULL);
	check("./prog", "./prog");
	check("a/prog", NULL);
	check("/no/prog", NULL);
	/* An empty part is the working directory, at either end, too. */
	setenv("PATH", "a::b", 1);
	check("prog", "./prog");
	setenv("PATH", ":b", 1);
	check("prog", "./prog");
	setenv("PATH", "b:", 1);
	check("prog", "b/prog");
	setenv("PATH", "a:", 1);
	check("prog", "./prog");
	setenv("PATH", "a", 1);
	check("prog", NULL);
	unsetenv("PATH");
	check("prog", NULL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, find__table);
	return atf_no_error();
}
