/* SPDX-License-Identifier: ISC */
/*
 * The files are read as they are: tools are linked without the C library's
 * loadable name services.
 */
#include "base/user.h"

#include <sys/prctl.h>

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536 /* a group may have many members */
#define GROUPS_MAX 1024 /* those beyond are left out */
#define NO_GROUP 65534 /* Linux fs.overflowgid; Debian's nogroup */

struct user {
	uid_t uid;
	gid_t gid;
	char name[256], home[4096]; /* "": no entry */
	gid_t groups[GROUPS_MAX];
	size_t groups_n;
};

static void
read_passwd(struct user *u, char *line)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd pw, *found;

	if (f == NULL)
		return;
	while (fgetpwent_r(f, &pw, line, LINE_MAX_BYTES, &found) == 0)
		if (pw.pw_uid == u->uid) {
			u->gid = pw.pw_gid;
			snprintf(u->name, sizeof(u->name), "%s", pw.pw_name);
			snprintf(u->home, sizeof(u->home), "%s", pw.pw_dir);
			break;
		}
	fclose(f);
}

static void
read_groups(struct user *u, char *line)
{
	FILE *f = fopen("/etc/group", "re");
	struct group gr, *found;
	char **member;

	u->groups[u->groups_n++] = u->gid;
	while (f != NULL && u->name[0] != '\0' && u->groups_n < GROUPS_MAX &&
	    fgetgrent_r(f, &gr, line, LINE_MAX_BYTES, &found) == 0)
		for (member = gr.gr_mem; *member != NULL; member++)
			if (strcmp(*member, u->name) == 0) {
				u->groups[u->groups_n++] = gr.gr_gid;
				break;
			}
	if (f != NULL)
		fclose(f);
}

/* What root's environment says of directories is not this user's. */
static int
set_home(const struct user *u)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp != NULL && access(tmp, W_OK | X_OK) == -1)
		unsetenv("TMPDIR");
	unsetenv("XDG_CACHE_HOME");
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	return u->home[0] == '\0' ? unsetenv("HOME")
				  : setenv("HOME", u->home, 1);
}

/*
 * Groups before the user, who may not change them; where the user cannot be
 * had, they are as before.
 */
static int
assume(const struct user *u, struct error *err)
{
	gid_t real, effective, saved, *old = NULL;
	int n = getgroups(0, NULL), rc = -1;

	if (n >= 0)
		old = calloc((size_t)n + 1, sizeof(*old));
	if (old == NULL || getgroups(n, old) != n ||
	    getresgid(&real, &effective, &saved) == -1) {
		error_sys(err, EX_OSERR, "groups");
		goto out;
	}
	if (setgroups(u->groups_n, u->groups) == -1) {
		error_sys(err, EX_NOPERM, "becoming user %u", (unsigned)u->uid);
		goto out;
	}
	if (setresgid(u->gid, u->gid, u->gid) == 0 &&
	    setresuid(u->uid, u->uid, u->uid) == 0)
		rc = 0;
	else
		error_sys(err, EX_NOPERM, "becoming user %u", (unsigned)u->uid);
	if (rc == -1 &&
	    (setresgid(real, effective, saved) == -1 ||
		setgroups((size_t)n, old) == -1))
		error_sys(err, EX_OSERR, "groups");
	/* Else /proc/self, by which files get their names, is root's. */
	prctl(PR_SET_DUMPABLE, 1);
out:
	free(old);
	return rc;
}

int
user_become(uid_t uid, gid_t gid, struct error *err)
{
	char *line = malloc(LINE_MAX_BYTES);
	struct user *u = calloc(1, sizeof(*u));
	int rc = -1;

	if (line == NULL || u == NULL) {
		error_nomem(err, "user");
		goto out;
	}
	u->uid = uid;
	u->gid = gid;
	read_passwd(u, line);
	/* Nobody has chosen it: it is what root's files are of. */
	if (u->name[0] == '\0' && u->gid == 0)
		u->gid = NO_GROUP;
	read_groups(u, line);
	rc = assume(u, err);
	if (rc == 0 && set_home(u) == -1)
		rc = error_sys(err, EX_OSERR, "environment");
out:
	free(u);
	free(line);
	return rc;
}
