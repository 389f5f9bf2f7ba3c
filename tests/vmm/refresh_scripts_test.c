/* SPDX-License-Identifier: ISC */
/* What a shell makes of the scripts that guests are given. */
#include "vmm/refresh_scripts.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"

#define LONG_MS 60000 /* more than any of it takes */

/* A shell's, by its arguments; what it prints is in out[cap]. */
static int
shell(const char *text, char *out, size_t cap)
{
	char sh[] = "sh", c[] = "-c", *copy = strdup(text);
	char *argv[] = { sh, c, copy, NULL };
	const struct proc_run how = { .argv = argv,
		.dirfd = -1,
		.stdin_fd = -1,
		.out = out,
		.out_cap = cap,
		.deadline_ms = clock_ms() + LONG_MS };
	int rc;

	ATF_REQUIRE(copy != NULL);
	rc = proc_run(&how, NULL);
	free(copy);
	return rc;
}

static void
put_file(const char *name, const char *text)
{
	FILE *to = fopen(name, "w");

	ATF_REQUIRE(to != NULL);
	fputs(text, to);
	ATF_REQUIRE_EQ(0, fclose(to));
}

/* Each step is told apart, whatever it prints. */
ATF_TC_WITHOUT_HEAD(group__by_a_shell);
ATF_TC_BODY(group__by_a_shell, tc)
{
	static const char steps[] =
	    "a() { echo 1st; echo \"<$1>\"; }\n"
	    "b() { echo 'n%so' >&2; echo 2nd; exit 7; }\n"
	    "c() { cat >/dev/null || exit 1; }\n"
	    "one a \"x  y\"\none b\none c\n";
	char got[256];
	FILE *to = fopen("script", "w");

	ATF_REQUIRE(to != NULL);
	fputs(refresh_one_of, to);
	fputs(steps, to);
	ATF_REQUIRE_EQ(0, fclose(to));
	ATF_CHECK_EQ(0, shell("sh -c \"$(cat script)\"", got, sizeof(got)));
	ATF_CHECK_STREQ("a 0 <x  y>\nb 7 n%so\nc 0 \n", got);
}

/* The old ones go when the new ones are there, and not before. */
ATF_TC_WITHOUT_HEAD(ssh_keys__by_a_shell);
ATF_TC_BODY(ssh_keys__by_a_shell, tc)
{
	static const char run[] =
	    "sed 's, /etc/ssh, etc/ssh,g;s, /run, run,g' script >here; "
	    "PATH=$PWD/bin:$PATH sh here";

	static const char look[] = "LC_ALL=C ls etc/ssh; cat etc/ssh/ssh_host*";
	char got[256];

	ATF_REQUIRE_EQ(0,
	    shell("mkdir -p bin etc/ssh && cd etc/ssh && for t in rsa dsa; do "
		  "echo old >ssh_host_${t}_key && cp ssh_host_${t}_key "
		  "ssh_host_${t}_key.pub; done && cp ssh_host_rsa_key "
		  "ssh_host_rsa_key-cert.pub && echo x >sshd_config",
		NULL, 0));
	put_file("script", refresh_ssh_keys);
	put_file("bin/ssh-keygen",
	    "#!/bin/sh\n[ ! -e fails ] || exit 1\ncd \"$3/etc/ssh\" || exit 1\n"
	    "for t in rsa ed25519; do\n"
	    "echo new >ssh_host_${t}_key; echo new >ssh_host_${t}_key.pub\n"
	    "done\n");
	put_file("fails", "");
	ATF_REQUIRE_EQ(0, chmod("bin/ssh-keygen", 0700));
	ATF_CHECK_EQ(-1, shell(run, NULL, 0));
	ATF_REQUIRE_EQ(0, shell(look, got, sizeof(got)));
	ATF_CHECK_STREQ("ssh_host_dsa_key\nssh_host_dsa_key.pub\n"
			"ssh_host_rsa_key\nssh_host_rsa_key-cert.pub\n"
			"ssh_host_rsa_key.pub\nsshd_config\n"
			"old\nold\nold\nold\nold\n",
	    got);
	ATF_REQUIRE_EQ(0, unlink("fails"));
	ATF_CHECK_EQ(0, shell(run, NULL, 0));
	ATF_REQUIRE_EQ(0, shell(look, got, sizeof(got)));
	ATF_CHECK_STREQ("ssh_host_ed25519_key\nssh_host_ed25519_key.pub\n"
			"ssh_host_rsa_key\nssh_host_rsa_key.pub\nsshd_config\n"
			"new\nnew\nnew\nnew\n",
	    got);
}

/* A program that is to end is ended, and not its shell alone. */
ATF_TC_WITHOUT_HEAD(run__ended);
ATF_TC_BODY(run__ended, tc)
{
	static const char *const programs[] = {
		"#!/bin/sh\necho $$ >pid.new; mv pid.new pid\n"
		"while :; do sleep 1; done\n",
		"#!/bin/sh\ntrap '' TERM\n"
		"echo $$ >pid.new; mv pid.new pid\nwhile :; do sleep 1; done\n",
	};
	int64_t deadline_ms = clock_ms() + LONG_MS;
	size_t i;
	FILE *from;
	pid_t child;
	int pid, status;

	setenv("TMPDIR", ".", 1);
	/* Orphans are collected here, wherever the first process does not. */
	ATF_REQUIRE_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (i = 0; i < 2; i++) {
		unlink("pid");
		put_file("in", programs[i]);
		child = fork();
		ATF_REQUIRE(child != -1);
		if (child == 0) {
			if (freopen("in", "r", stdin) != NULL)
				execl("/bin/sh", "sh", "-c", refresh_run, "sh",
				    (char *)NULL);
			_exit(127);
		}
		while ((from = fopen("pid", "r")) == NULL) {
			ATF_REQUIRE(clock_left(deadline_ms) > 0);
			clock_nap(10);
		}
		ATF_REQUIRE_EQ(1, fscanf(from, "%d", &pid));
		fclose(from);
		ATF_REQUIRE_EQ(0, kill(child, SIGTERM));
		ATF_REQUIRE_EQ(child, waitpid(child, &status, 0));
		ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 143);
		while (
		    kill(pid, 0) == 0 && waitpid(pid, NULL, WNOHANG) != pid) {
			ATF_REQUIRE_MSG(clock_left(deadline_ms) > 0,
			    "%zu: it runs on", i);
			clock_nap(10);
		}
		ATF_CHECK_EQ(-1, shell("ls -d tmp.*", NULL, 0));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, group__by_a_shell);
	ATF_TP_ADD_TC(tp, ssh_keys__by_a_shell);
	ATF_TP_ADD_TC(tp, run__ended);
	return atf_no_error();
}
