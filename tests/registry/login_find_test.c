/* SPDX-License-Identifier: ISC */
/* Which files have logins, in which order, and the programs that keep some. */
#include "registry/login.h"

#include <sys/stat.h>

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sig.h"

#define HOST "r.example"
#define DEADLINE_MS 60000

static void
write_file(const char *path, mode_t mode, const char *text)
{
	FILE *f = fopen(path, "w");

	ATF_REQUIRE(f != NULL);
	fputs(text, f);
	ATF_REQUIRE_EQ(0, fclose(f));
	ATF_REQUIRE_EQ(0, chmod(path, mode));
}

/* A login of that name for HOST. */
static void
write_login(const char *path, const char *user)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "{\"auths\":{\"" HOST
	    "\":{\"username\":\"%s\",\"password\":\"pw\"}}}",
	    user);
	write_file(path, 0600, text);
}

static void
make_dirs(const char *const *dirs)
{
	for (; *dirs != NULL; dirs++)
		ATF_REQUIRE_EQ(0, mkdir(*dirs, 0700));
}

/* Directories, and the environment that leads there. */
static void
set_up(void)
{
	static const char *const dirs[] = { "bin", "home", "home/.docker",
		"home/.config", "home/.config/containers", "run",
		"run/containers", "config", "config/containers", "docker",
		NULL };
	char cwd[4096], path[8192];

	/* As in tools: a program may end without having read what it is given. */
	sig_setup();
	ATF_REQUIRE(getcwd(cwd, sizeof(cwd)) != NULL);
	make_dirs(dirs);
	ATF_REQUIRE_EQ(0, setenv("HOME", "home", 1));
	ATF_REQUIRE_EQ(0, setenv("XDG_RUNTIME_DIR", "run", 1));
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("DOCKER_CONFIG");
	unsetenv("REGISTRY_AUTH_FILE");
	snprintf(path, sizeof(path), "%s/bin:%s", cwd, getenv("PATH"));
	ATF_REQUIRE_EQ(0, setenv("PATH", path, 1));
}

/* Whose login is found, and where; "": none is. */
static void
check_found(const char *user, const char *from)
{
	struct login login = { 0 };
	struct error err = { 0 };

	ATF_REQUIRE_EQ_MSG(0,
	    login_find(&login, HOST, "n", clock_ms() + DEADLINE_MS, &err), "%s",
	    err.msg);
	ATF_CHECK_STREQ(user, login.user == NULL ? "" : login.user);
	ATF_CHECK_STREQ(from, login.from == NULL ? "" : login.from);
	ATF_CHECK_EQ(user[0] == '\0', login.kind == LOGIN_NONE);
	login_fini(&login);
}

static void
check_refused(int code, const char *message, int64_t ms)
{
	struct login login = { 0 };
	struct error err = { 0 };

	ATF_CHECK_EQ(-1, login_find(&login, HOST, "n", clock_ms() + ms, &err));
	ATF_CHECK_EQ(code, err.code);
	ATF_CHECK_STREQ(message, err.msg);
	ATF_CHECK(login.kind == LOGIN_NONE && login.secret == NULL);
}

ATF_TC_WITHOUT_HEAD(find__order);
ATF_TC_BODY(find__order, tc)
{
	set_up();
	check_found("", "");
	write_login("home/.docker/config.json", "docker");
	check_found("docker", "home/.docker/config.json");
	write_login("home/.config/containers/auth.json", "config");
	check_found("config", "home/.config/containers/auth.json");
	write_login("run/containers/auth.json", "run");
	check_found("run", "run/containers/auth.json");
	write_login("own", "own");
	ATF_REQUIRE_EQ(0, setenv("REGISTRY_AUTH_FILE", "own", 1));
	check_found("own", "own");
	/* Then no other is read, whatever is in it. */
	write_file("own", 0600, "{}");
	check_found("", "");
	unlink("own");
	check_found("", "");
	ATF_REQUIRE_EQ(0, setenv("REGISTRY_AUTH_FILE", "", 1));
	check_found("run", "run/containers/auth.json");
	/* One without a login for this host does not end the search. */
	write_file("run/containers/auth.json", 0600,
	    "{\"auths\":{\"other\":{\"auth\":\"am9lOnB3\"}}}");
	write_file("home/.config/containers/auth.json", 0600, "");
	check_found("docker", "home/.docker/config.json");
	unlink("home/.docker/config.json");
	check_found("", "");
}

ATF_TC_WITHOUT_HEAD(find__variables);
ATF_TC_BODY(find__variables, tc)
{
	set_up();
	write_login("home/.docker/config.json", "home");
	write_login("home/.config/containers/auth.json", "home");
	ATF_REQUIRE_EQ(0, setenv("DOCKER_CONFIG", "docker", 1));
	ATF_REQUIRE_EQ(0, setenv("XDG_CONFIG_HOME", "config", 1));
	check_found("", "");
	write_login("docker/config.json", "docker");
	check_found("docker", "docker/config.json");
	write_login("config/containers/auth.json", "config");
	check_found("config", "config/containers/auth.json");
	/* A file in a directory's place, as /dev/null is one. */
	ATF_REQUIRE_EQ(0, setenv("XDG_CONFIG_HOME", "/dev/null", 1));
	check_found("docker", "docker/config.json");
	unsetenv("HOME");
	unsetenv("DOCKER_CONFIG");
	check_found("", "");
}

ATF_TC_WITHOUT_HEAD(find__wrong_file);
ATF_TC_BODY(find__wrong_file, tc)
{
	char real[4096], want[8192];

	set_up();
	write_file("home/.docker/config.json", 0600, "{\"auths\":[]}");
	check_refused(EX_DATAERR,
	    "home/.docker/config.json: \"auths\" is not an object",
	    DEADLINE_MS);
	write_file("home/.docker/config.json", 0600, "joe:pw");
	check_refused(EX_DATAERR,
	    "home/.docker/config.json: not JSON: no value at byte 0",
	    DEADLINE_MS);
	/* What is found before is not hidden by it. */
	write_login("run/containers/auth.json", "run");
	check_found("run", "run/containers/auth.json");
	unlink("run/containers/auth.json");
	write_file("home/.docker/config.json", 0600, "");
	ATF_REQUIRE_EQ(0,
	    truncate("home/.docker/config.json", LOGIN_FILE_MAX + 1));
	check_refused(EX_DATAERR,
	    "home/.docker/config.json: 1048577 bytes, more than 1048576",
	    DEADLINE_MS);
	unlink("home/.docker/config.json");
	ATF_REQUIRE_EQ(0, mkdir("home/.docker/config.json", 0700));
	ATF_REQUIRE(realpath("home/.docker/config.json", real) != NULL);
	snprintf(want, sizeof(want), "%s: not a regular file", real);
	check_refused(EX_DATAERR, want, DEADLINE_MS);
}

/* A login that may not be read is told, where another cannot take its place. */
ATF_TC(find__not_ours);
ATF_TC_HEAD(find__not_ours, tc)
{
	atf_tc_set_md_var(tc, "require.user", "unprivileged");
}
ATF_TC_BODY(find__not_ours, tc)
{
	struct login login = { 0 };
	struct error err = { 0 };
	char real[4096], want[8192];

	set_up();
	write_login("run/containers/auth.json", "run");
	ATF_REQUIRE_EQ(0, chmod("run/containers/auth.json", 0));
	ATF_REQUIRE(realpath("run/containers/auth.json", real) != NULL);
	ATF_REQUIRE_EQ(0,
	    login_find(&login, HOST, "n", clock_ms() + DEADLINE_MS, &err));
	ATF_CHECK_EQ(LOGIN_NONE, login.kind);
	snprintf(want, sizeof(want), "%s: Permission denied", real);
	ATF_CHECK_STREQ(want, login.passed);
	login_fini(&login);
	ATF_REQUIRE_EQ(0,
	    setenv("REGISTRY_AUTH_FILE", "run/containers/auth.json", 1));
	check_refused(EX_NOPERM, want, DEADLINE_MS);
}

/* What a program is given, and what becomes of its answer. */
ATF_TC_WITHOUT_HEAD(find__helper);
ATF_TC_BODY(find__helper, tc)
{
	struct login login = { 0 };
	struct error err = { 0 };

	set_up();
	write_file("home/.docker/config.json", 0600,
	    "{\"credHelpers\":{\"" HOST "\":\"x\"}}");
	write_file("bin/docker-credential-x", 0700,
	    "#!/bin/sh\n"
	    "[ $# -eq 1 ] && [ \"$1\" = get ] && [ \"$(cat)\" = " HOST
	    " ] || exit 3\n"
	    "printf '{\"ServerURL\":\"s\",\"Username\":\"joe\","
	    "\"Secret\":\"pw\"}'\n");
	check_found("joe", "home/.docker/config.json");
	write_file("bin/docker-credential-x", 0700,
	    "#!/bin/sh\n"
	    "echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}'\n");
	ATF_REQUIRE_EQ(0,
	    login_find(&login, HOST, "n", clock_ms() + DEADLINE_MS, &err));
	ATF_CHECK_EQ(LOGIN_IDENTITY, login.kind);
	ATF_CHECK_STREQ("t", login.secret);
	login_fini(&login);
	/* It has none: the same file has no other, the next one may. */
	write_file("bin/docker-credential-x", 0700,
	    "#!/bin/sh\n"
	    "echo credentials not found in native keychain\nexit 1\n");
	check_found("", "");
	write_file("run/containers/auth.json", 0600,
	    "{\"credHelpers\":{\"" HOST "\":\"x\"},"
	    "\"auths\":{\"" HOST "\":{\"auth\":\"am9lOnB3\"}}}");
	write_login("home/.docker/config.json", "docker");
	check_found("docker", "home/.docker/config.json");
}

ATF_TC_WITHOUT_HEAD(find__helper_store);
ATF_TC_BODY(find__helper_store, tc)
{
	set_up();
	write_file("bin/docker-credential-x", 0700,
	    "#!/bin/sh\n"
	    "echo '{\"Username\":\"joe\",\"Secret\":\"pw\"}'\n");
	write_file("home/.docker/config.json", 0600,
	    "{\"auths\":{\"" HOST "\":{}},\"credsStore\":\"x\"}");
	check_found("joe", "home/.docker/config.json");
	write_file("home/.docker/config.json", 0600,
	    "{\"credHelpers\":{\"" HOST "\":\"\"},\"credsStore\":\"x\"}");
	check_found("", "");
}

static const struct {
	const char *script; /* NULL: there is none */
	int code;
	const char *message;
	int64_t ms;
} wrong[] = {
	{ NULL, EX_UNAVAILABLE, "docker-credential-x: program not found",
	    DEADLINE_MS },
	{ "echo hunter2; echo no keyring >&2; exit 1", EX_UNAVAILABLE,
	    "docker-credential-x: status 1: no keyring", DEADLINE_MS },
	{ "echo 'credentials not found in native keychain: hunter2'; exit 1",
	    EX_UNAVAILABLE, "docker-credential-x: status 1: ", DEADLINE_MS },
	{ "kill -9 $$", EX_UNAVAILABLE,
	    "docker-credential-x: ended by signal 9", DEADLINE_MS },
	{ "exit 0", EX_DATAERR,
	    "docker-credential-x: not JSON: no value at byte 0", DEADLINE_MS },
	{ "echo '\"hunter2\"'", EX_DATAERR,
	    "docker-credential-x: not an object", DEADLINE_MS },
	{ "echo '{\"Username\":\"a:b\",\"Secret\":\"hunter2\"}'", EX_DATAERR,
	    "docker-credential-x: \"Username\" is no name and password",
	    DEADLINE_MS },
	{ "head -c 70000 /dev/zero | tr '\\0' ' '", EX_UNAVAILABLE,
	    "docker-credential-x: printed too much", DEADLINE_MS },
	{ "exec sleep 600", EX_TEMPFAIL, "docker-credential-x: out of time",
	    1000 },
};

ATF_TC_WITHOUT_HEAD(find__helper_wrong);
ATF_TC_BODY(find__helper_wrong, tc)
{
	char text[256], message[256];
	size_t i;

	set_up();
	write_file("home/.docker/config.json", 0600,
	    "{\"credHelpers\":{\"" HOST "\":\"x\"}}");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (wrong[i].script != NULL) {
			snprintf(text, sizeof(text), "#!/bin/sh\n%s\n",
			    wrong[i].script);
			write_file("bin/docker-credential-x", 0700, text);
		}
		snprintf(message, sizeof(message),
		    "home/.docker/config.json: %s", wrong[i].message);
		check_refused(wrong[i].code, message, wrong[i].ms);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, find__order);
	ATF_TP_ADD_TC(tp, find__variables);
	ATF_TP_ADD_TC(tp, find__wrong_file);
	ATF_TP_ADD_TC(tp, find__not_ours);
	ATF_TP_ADD_TC(tp, find__helper);
	ATF_TP_ADD_TC(tp, find__helper_store);
	ATF_TP_ADD_TC(tp, find__helper_wrong);
	return atf_no_error();
}
