/* SPDX-License-Identifier: ISC */
#include "snapshot/keygen.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/strv.h"

#define ANSWER_MS 20000 /* to verify: it takes a few */
#define SIGN_MS 60000 /* where nobody can be asked anything */
#define HOURS_MS 3600000 /* where somebody types, or touches a key */
#define PRINCIPALS_MAX (64u << 10) /* bytes: of a certificate they are many */
#define SAID_MAX 2048

/* The files have these numbers in ssh-keygen, and these names. */
#define AT_ALLOWED 10
#define AT_REVOKED 11
#define AT_SIG 12
#define NAME_ALLOWED "/proc/self/fd/10"
#define NAME_REVOKED "/proc/self/fd/11"
#define NAME_SIG "/proc/self/fd/12"

int
keygen_file(int *fd, const void *bytes, size_t len, struct error *err)
{
	*fd = memfd_create("signature", MFD_CLOEXEC);
	if (*fd == -1)
		return error_sys(err, EX_OSERR, "memfd");
	if (fd_pwrite(*fd, bytes, len, 0, "memfd", err) == 0)
		return 0;
	fd_drop(fd);
	return -1;
}

/* One call: its status, what it says on stdout and the first line of stderr. */
struct call {
	const struct keygen_rule *rule;
	int sig, text;
	int status;
	char *out;
	char said[SAID_MAX];
};

/* ssh-keygen and its words, up to the NULL. */
static int
add_words(struct strv *argv, const char *const *words, struct error *err)
{
	if (strv_add(argv, err, "ssh-keygen") == -1)
		return -1;
	for (; *words != NULL; words++)
		if (strv_add(argv, err, "%s", *words) == -1)
			return -1;
	return 0;
}

static int
run(struct call *c, char *out, const char *const *words, struct error *err)
{
	const int keep[] = { c->rule->allowed, AT_ALLOWED, c->sig, AT_SIG,
		c->rule->revoked, AT_REVOKED };
	struct strv argv = { 0 };
	struct proc_run how = { .dirfd = -1,
		.stdin_fd = c->text,
		.out = out,
		.out_cap = out == NULL ? 0 : PRINCIPALS_MAX,
		.deadline_ms = clock_ms() + ANSWER_MS,
		.keep = keep,
		.keep_n = c->rule->revoked == -1 ? 2 : 3,
		.status = &c->status,
		.said = c->said,
		.said_cap = sizeof(c->said) };
	int rc = -1;

	c->said[0] = '\0';
	if (lseek(c->text, 0, SEEK_SET) == -1)
		error_sys(err, EX_OSERR, "memfd");
	else if (add_words(&argv, words, err) == 0) {
		how.argv = argv.v;
		rc = proc_run(&how, err);
	}
	strv_fini(&argv);
	c->said[strcspn(c->said, "\r\n")] = '\0';
	return rc;
}

/*
 * What it said, with the names that its files have for the user.  A file of
 * public keys is taken for one of allowed signers by who has not seen one.
 */
static void
put_said(struct keygen_verdict *v, const struct call *c)
{
	const char *said = c->said, *name = "", *hint = "";
	char *p;

	if (strncmp(said, NAME_ALLOWED, strlen(NAME_ALLOWED)) == 0) {
		name = c->rule->allowed_name;
		said += strlen(NAME_ALLOWED);
		if (strstr(said, "invalid key") != NULL)
			hint = " (a line is: name, type of key, key)";
	}
	snprintf(v->why, sizeof(v->why), "does not count: %.80s%.120s%s", name,
	    said, hint);
	for (p = v->why; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

/* Whose key it is, a line for each; "": nobody's, and *v says so. */
static int
find_principals(struct keygen_verdict *v, struct call *c, struct error *err)
{
	static const char *const words[] = { "-Y", "find-principals", "-s",
		NAME_SIG, "-f", NAME_ALLOWED, NULL };

	c->out[0] = '\0';
	if (run(c, c->out, words, err) == -1)
		return -1;
	if (c->status == 0 && c->out[0] != '\0')
		return 0;
	c->out[0] = '\0';
	if (c->said[0] == '\0' ||
	    strncmp(c->said, "No principal", strlen("No principal")) == 0)
		snprintf(v->why, sizeof(v->why), "is not in %.150s",
		    c->rule->allowed_name);
	else
		put_said(v, c);
	return 0;
}

static int
verify_as(struct call *c, const char *principal, bool heeds_revoked,
    struct error *err)
{
	const char *const words[] = { "-Y", "verify", "-n", SIGNATURE_NAMESPACE,
		"-s", NAME_SIG, "-f", NAME_ALLOWED, "-I", principal,
		heeds_revoked ? "-r" : NULL, NAME_REVOKED, NULL };

	return run(c, NULL, words, err);
}

/* Of one to whom the key belongs; it says nothing of what is revoked. */
static int
judge(struct keygen_verdict *v, struct call *c, const char *principal,
    struct error *err)
{
	bool revokes = c->rule->revoked != -1;

	if (verify_as(c, principal, revokes, err) == -1)
		return -1;
	v->counts = c->status == 0;
	if (v->counts)
		return 0;
	if (c->said[0] != '\0') {
		put_said(v, c);
		return 0;
	}
	if (revokes) {
		if (verify_as(c, principal, false, err) == -1)
			return -1;
		if (c->status == 0) {
			snprintf(v->why, sizeof(v->why), "is revoked by %.150s",
			    c->rule->revoked_name);
			return 0;
		}
	}
	snprintf(v->why, sizeof(v->why), "is not %.60s's by %.100s", principal,
	    c->rule->allowed_name);
	return 0;
}

/* Each of them, until one counts; *v says why where it is nobody's. */
static int
judge_all(struct keygen_verdict *v, struct call *c, struct error *err)
{
	char *line, *rest = c->out;
	int rc = 0;

	if (c->rule->principal != NULL && rest[0] != '\0')
		return judge(v, c, c->rule->principal, err);
	while (rc == 0 && !v->counts && (line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			rc = judge(v, c, line, err);
	return rc;
}

int
keygen_verify(struct keygen_verdict *out, const struct keygen_rule *rule,
    int sig, int text, struct error *err)
{
	struct call c = { .rule = rule, .sig = sig, .text = text };
	struct keygen_verdict v = { .counts = false };
	int rc = -1;

	c.out = malloc(PRINCIPALS_MAX);
	if (c.out == NULL)
		return error_nomem(err, NULL);
	if (find_principals(&v, &c, err) == 0)
		rc = judge_all(&v, &c, err);
	free(c.out);
	if (rc == 0)
		*out = v;
	return rc;
}

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	bool has = fd != -1;

	fd_drop(&fd);
	return has;
}

/* By its stdin and stdout: it leaves a file that is there as it was. */
static int
run_sign(struct signature_list *out, const char *key, int text, char *made,
    struct error *err)
{
	const char *const words[] = { "-Y", "sign", "-q", "-n",
		SIGNATURE_NAMESPACE, "-f", key, NULL };
	bool tty = has_terminal();
	struct strv argv = { 0 };
	struct proc_run how = { .dirfd = -1,
		.stdin_fd = text,
		.out = made,
		.out_cap = SIGNATURE_BYTES_MAX + 1,
		.deadline_ms = clock_ms() + (tty ? HOURS_MS : SIGN_MS),
		.is_heard = tty };
	int rc = -1;

	if (add_words(&argv, words, err) == 0) {
		how.argv = argv.v;
		rc = proc_run(&how, err);
	}
	if (rc == 0) {
		rc = signature_list_decode(out, made, strlen(made), err);
		if (rc == -1)
			error_wrap(err, "%s", argv.v[0]);
	}
	strv_fini(&argv);
	return rc;
}

int
keygen_sign(struct signature_list *out, const char *key, const char *text,
    size_t len, struct error *err)
{
	char *made;
	int fd, rc = -1;

	if (access(key, R_OK) == -1)
		return error_sys(err, error_code_of(errno), "%s", key);
	made = malloc(SIGNATURE_BYTES_MAX + 1);
	if (made == NULL)
		return error_nomem(err, NULL);
	if (keygen_file(&fd, text, len, err) == 0) {
		rc = run_sign(out, key, fd, made, err);
		fd_drop(&fd);
	}
	free(made);
	return rc;
}
