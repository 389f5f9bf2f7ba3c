/* SPDX-License-Identifier: ISC */
#include "base/program.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/path.h"

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

static void __attribute__((format(printf, 1, 2))) set_path(const char *fmt, ...)
{
	char *path;
	va_list ap;

	va_start(ap, fmt);
	ATF_REQUIRE(vasprintf(&path, fmt, ap) != -1);
	va_end(ap);
	setenv("PATH", path, 1);
	free(path);
}

ATF_TC_WITHOUT_HEAD(find__table);
ATF_TC_BODY(find__table, tc)
{
	static const char *const relative[] = { "", ".", ":", "::", "a::b", "b",
		"./b", "none:b:", "../x:b" };
	char *here = getcwd(NULL, 0), *b = path_format("%s/b/prog", here);
	size_t i;

	atf_utils_create_file("prog", "#!/bin/sh\n");
	ATF_REQUIRE_EQ(0, mkdir("a", 0755));
	ATF_REQUIRE_EQ(0, mkdir("b", 0755));
	atf_utils_create_file("a/prog", "cannot be run");
	atf_utils_create_file("b/prog", "#!/bin/sh\n");
	ATF_REQUIRE_EQ(0, chmod("a/prog", 0644));
	ATF_REQUIRE_EQ(0, chmod("b/prog", 0755));
	ATF_REQUIRE_EQ(0, chmod("prog", 0755));

	set_path("none:%s/a:%s/b", here, here);
	check("prog", b);
	check("other", NULL);
	check("./prog", "./prog");
	check("a/prog", NULL);
	check("/no/prog", NULL);
	set_path("%s/a:%s/b:", here, here);
	check("prog", b);
	set_path("%s/a:/none", here);
	check("prog", NULL);
	/* Directories that depend on where we stand: an empty part is one. */
	for (i = 0; i < sizeof(relative) / sizeof(relative[0]); i++) {
		setenv("PATH", relative[i], 1);
		check("prog", NULL);
		set_path("%s/a::b:.:%s/b", here, here);
		check("prog", b);
	}
	unsetenv("PATH");
	check("prog", NULL);
	free(here);
	free(b);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, find__table);
	return atf_no_error();
}
