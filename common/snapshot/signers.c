/* SPDX-License-Identifier: ISC */
#include "snapshot/signers.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/sig.h"
#include "snapshot/keygen.h"
#include "snapshot/signature.h"
#include "snapshot/signed_part.h"

#define TEXT_MAX (2 * ENVELOPE_BYTES_MAX) /* of what is signed */
#define TOLD_MAX 3 /* signatures of which a message says why */

struct signers {
	int fd;
	pid_t pid;
};

/* One question: bytes that follow, the signature first. */
struct question {
	uint32_t sig_len, text_len;
};

struct answer {
	struct error err; /* code 0: there is a verdict */
	struct keygen_verdict verdict;
};

int
signers_fd(const struct signers *s)
{
	return s == NULL ? -1 : s->fd;
}

/* All of it, or false: the other end is closed, or a signal ends us. */
static bool
get(int fd, void *buf, size_t len)
{
	size_t got;

	return fd_read(&got, fd, buf, len, "signers", NULL) == 0 && got == len;
}

/* So many bytes of the line as a file. */
static int
get_file(int *out, int fd, size_t len, struct error *err)
{
	char *bytes = malloc(len + 1);
	int rc = -1;

	if (bytes == NULL)
		return error_nomem(err, NULL);
	if (!get(fd, bytes, len))
		error_set(err, EX_SOFTWARE, "half a question");
	else
		rc = keygen_file(out, bytes, len, err);
	free(bytes);
	return rc;
}

/* -1: nobody asks any more. */
static int
answer_one(const struct keygen_rule *rule, int fd)
{
	struct question q;
	struct answer a;
	int sig = -1, text = -1;

	memset(&a, 0, sizeof(a));
	if (!get(fd, &q, sizeof(q)) || q.sig_len > SIGNATURE_BYTES_MAX ||
	    q.text_len > TEXT_MAX)
		return -1;
	if (get_file(&sig, fd, q.sig_len, &a.err) == 0 &&
	    get_file(&text, fd, q.text_len, &a.err) == 0 &&
	    keygen_verify(&a.verdict, rule, sig, text, &a.err) == 0)
		a.err.code = 0;
	fd_drop(&text);
	fd_drop(&sig);
	return fd_write(fd, &a, sizeof(a), "signers", NULL);
}

/* Holds nothing of its maker's: no lock, no end of a pipe. */
static void
serve(struct keygen_rule *rule, int fd, pid_t parent)
{
	int keep[] = { fd, rule->allowed, rule->revoked };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent ||
	    proc_silence(STDOUT_FILENO) == -1 ||
	    fd_close_others(STDERR_FILENO + 1, keep,
		rule->revoked == -1 ? 2 : 3) == -1)
		_exit(EX_OSERR);
	while (answer_one(rule, fd) == 0)
		continue;
	_exit(EX_OK);
}

static int
start(struct signers *s, struct keygen_rule *rule, struct error *err)
{
	pid_t self = getpid();
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return error_sys(err, EX_OSERR, "socketpair");
	s->pid = fork();
	if (s->pid == 0) {
		close(sv[0]);
		serve(rule, sv[1], self);
	}
	fd_drop(&sv[1]);
	s->fd = sv[0];
	return s->pid == -1 ? error_sys(err, EX_OSERR, "fork") : 0;
}

/* Read once: a pipe has it once, and the file may change meanwhile. */
static int
take_file(int *out, const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc = -1;
	char *bytes;
	size_t len;

	if (fd == -1)
		return error_sys(err, error_code_of(errno), "%s", path);
	if (fd_read_all(&bytes, &len, fd, SIGNERS_FILE_MAX, path, err) == 0) {
		rc = keygen_file(out, bytes, len, err);
		free(bytes);
	}
	fd_drop(&fd);
	return rc;
}

int
signers_begin(struct signers **out, const struct signers_how *how,
    struct error *err)
{
	struct keygen_rule rule = { .allowed = -1,
		.revoked = -1,
		.allowed_name = how->allowed,
		.revoked_name = how->revoked,
		.principal = how->principal };
	struct signers *s;
	int rc = -1;

	*out = NULL;
	if (!signers_are_asked(how))
		return 0;
	if (rule.allowed_name == NULL)
		rule.allowed_name = getenv(SIGNERS_ENV);
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return error_nomem(err, NULL);
	s->fd = -1;
	if (take_file(&rule.allowed, rule.allowed_name, err) == 0 &&
	    (how->revoked == NULL ||
		take_file(&rule.revoked, how->revoked, err) == 0))
		rc = start(s, &rule, err);
	fd_drop(&rule.allowed);
	fd_drop(&rule.revoked);
	if (rc == 0)
		*out = s;
	else
		signers_end(s);
	return rc;
}

void
signers_end(struct signers *s)
{
	if (s == NULL)
		return;
	fd_drop(&s->fd);
	while (s->pid > 0 && waitpid(s->pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	free(s);
}

static int
ask(struct keygen_verdict *out, struct signers *s, const struct signature *sig,
    const char *text, size_t len, struct error *err)
{
	const struct question q = { (uint32_t)sig->len, (uint32_t)len };
	struct answer a;
	bool is_told;

	if (fd_write(s->fd, &q, sizeof(q), "signers", err) == -1 ||
	    fd_write(s->fd, sig->text, sig->len, "signers", err) == -1 ||
	    fd_write(s->fd, text, len, "signers", err) == -1)
		return -1;
	is_told = get(s->fd, &a, sizeof(a));
	/* What ends us has ended the process, too, or ssh-keygen. */
	if (sig_check(err) == -1)
		return -1;
	if (!is_told)
		return error_set(err, EX_OSERR,
		    "who looks at signatures has ended");
	if (a.err.code == 0) {
		*out = a.verdict;
		out->why[sizeof(out->why) - 1] = '\0';
		return 0;
	}
	if (err != NULL)
		*err = a.err;
	return -1;
}

/* What it was made for says itself; all else ssh-keygen. */
static int
judge(struct keygen_verdict *out, struct signers *s,
    const struct signature *sig, const char *text, size_t len,
    struct error *err)
{
	if (strcmp(sig->space, SIGNATURE_NAMESPACE) == 0)
		return ask(out, s, sig, text, len, err);
	out->counts = false;
	snprintf(out->why, sizeof(out->why),
	    "signed it as \"%s\", not as \"" SIGNATURE_NAMESPACE "\"",
	    sig->space);
	return 0;
}

/* 1: one of them counts; 0: none does, and `told` says why. */
static int
judge_all(char told[ERROR_MSG_MAX], struct signers *s,
    const struct signature_list *list, const char *text, size_t len,
    struct error *err)
{
	struct keygen_verdict v;
	size_t i, used = 0;

	told[0] = '\0';
	for (i = 0; i < list->n; i++) {
		if (judge(&v, s, &list->v[i], text, len, err) == -1)
			return -1;
		if (v.counts)
			return 1;
		if (i < TOLD_MAX && used < ERROR_MSG_MAX)
			used += (size_t)snprintf(told + used,
			    ERROR_MSG_MAX - used, "%s%s (%s) %s",
			    i == 0 ? "" : "; ", list->v[i].key, list->v[i].type,
			    v.why);
		else if (i == TOLD_MAX && used < ERROR_MSG_MAX)
			used += (size_t)snprintf(told + used,
			    ERROR_MSG_MAX - used, "; and %zu more do not count",
			    list->n - i);
	}
	return 0;
}

int
signers_refuse_order(const char *name, struct error *err)
{
	return error_set(err, EX_NOPERM,
	    "refused: not signed, or packed in another order: %s stands where "
	    "%s is to be, right behind %s",
	    name, SIGNATURE_NAME, ENVELOPE_NAME);
}

int
signers_check(struct signers *s, const struct envelope *e, const char *text,
    size_t len, struct error *err)
{
	struct signature_list list = { .n = 0 };
	char told[ERROR_MSG_MAX], *part = NULL;
	struct error why = { 0 };
	size_t part_len;
	int rc = -1;

	if (s == NULL)
		return 0;
	if (text == NULL)
		return error_set(err, EX_NOPERM, "refused: not signed");
	if (signature_list_decode(&list, text, len, &why) == -1)
		return why.code != EX_DATAERR
		    ? error_set(err, why.code, "%s", why.msg)
		    : error_set(err, EX_NOPERM,
			  "refused: " SIGNATURE_NAME ": %s", why.msg);
	if (signed_part(&part, &part_len, e, &why) == -1)
		error_set(err, why.code == EX_DATAERR ? EX_NOPERM : why.code,
		    "refused: cannot have been signed: %s", why.msg);
	else
		rc = judge_all(told, s, &list, part, part_len, err);
	free(part);
	signature_list_fini(&list);
	if (rc == 0)
		return error_set(err, EX_NOPERM, "refused: %s", told);
	return rc == 1 ? 0 : -1;
}

int
signers_check_dir(struct signers *s, int dirfd, const struct envelope *e,
    struct error *err)
{
	struct error why = { 0 };
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (s == NULL)
		return 0;
	if (fd_slurp(&text, &len, dirfd, SIGNATURE_NAME, SIGNATURE_BYTES_MAX,
		&why) == -1 &&
	    why.code != EX_NOINPUT)
		return error_set(err,
		    why.code == EX_DATAERR ? EX_NOPERM : why.code,
		    "refused: %s", why.msg);
	rc = signers_check(s, e, text, len, err);
	free(text);
	return rc;
}
