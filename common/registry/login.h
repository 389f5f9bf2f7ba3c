/* SPDX-License-Identifier: ISC */
/*
 * Whose name and password a registry gets, as other programs keep them: in the
 * files of containers-auth.json(5) and of Docker's config.json.  Read in this
 * order, until one has a login for the registry:
 *
 *	$REGISTRY_AUTH_FILE, and then no other
 *	$XDG_RUNTIME_DIR/containers/auth.json; without that variable
 *	    /run/containers/UID/auth.json
 *	$XDG_CONFIG_HOME/containers/auth.json, else ~/.config/…
 *	$DOCKER_CONFIG/config.json, else ~/.docker/config.json
 *
 * In a file, for HOST[:PORT]/NAME:
 *
 *	credHelpers {HOST: PROGRAM}  docker-credential-PROGRAM is asked, and
 *	    nothing else of the file; "": no program is, for that host
 *	auths {KEY: {auth | username, password, identitytoken}}  KEY is
 *	    HOST/NAME, less and less of NAME, HOST, or a URL of the host, as
 *	    https://HOST/v1/; one without a login is as if it were not there
 *	credsStore PROGRAM  is asked in the end
 *
 * A file that others can read is used as it is: those who write it make it 0600,
 * and to refuse it would not take back what has been read.  Nothing of what is
 * secret goes into a message.
 */
#ifndef REGISTRY_LOGIN_H
#define REGISTRY_LOGIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/path.h"

#define LOGIN_FILE_MAX (1u << 20) /* bytes of a file */
#define LOGIN_REPLY_MAX (64u << 10) /* bytes that a program prints */
#define LOGIN_USER_MAX 255 /* bytes */
/* Bytes of a password: some are tokens, keys or whole JSON documents. */
#define LOGIN_SECRET_MAX (16u << 10)
#define LOGIN_HELPER_MS 60000 /* it may ask the user for a passphrase */

enum login_kind {
	LOGIN_NONE,
	LOGIN_PASSWORD, /* user and secret: RFC 7617 */
	LOGIN_IDENTITY /* the secret gets access tokens; no user */
};

struct login { /* { 0 } is none */
	enum login_kind kind;
	char *user, *secret;
	char *from; /* the file that has it; NULL: none has */
	/* The last of the files that may not be read, and why; NULL: none. */
	char *passed;
};

/*
 * The login for NAME on `host`, which is HOST[:PORT].  None anywhere is success.
 * On success *out is the caller's (login_fini).  EX_DATAERR: a file is not what
 * it should be; EX_NOPERM: $REGISTRY_AUTH_FILE may not be read.  EX_UNAVAILABLE,
 * EX_TEMPFAIL: a program is missing, fails, or has not answered by the deadline.
 */
int login_find(struct login *out, const char *host, const char *name,
    int64_t deadline_ms, struct error *err);
void login_fini(struct login *login);

/*
 * What goes behind "Authorization: " for a password, for secret_free().
 * EX_OSERR.
 */
int login_basic(char **out, const struct login *login, struct error *err);

/*
 * What the text of a file says, in login_decode.c: *out, which has been { 0 },
 * or the PROGRAM to ask.  EX_DATAERR.
 */
int login_decode_file(struct login *out, char helper[PATH_NAME_MAX + 1],
    const char *text, size_t len, const char *host, const char *name,
    struct error *err);

/* What such a program answers to "get".  EX_DATAERR. */
int login_decode_reply(struct login *out, const char *text, size_t len,
    struct error *err);

#endif
