/* SPDX-License-Identifier: ISC */
#include "listen.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"

#define BACKLOG 128
#define KEEP_IDLE_S 60
#define GIVEN_FD 3 /* SD_LISTEN_FDS_START, sd_listen_fds(3) */

static bool
is_loopback(const struct sockaddr_storage *a)
{
	const struct sockaddr_in
	    *v4 = (const struct sockaddr_in *)(const void *)a;
	const struct sockaddr_in6
	    *v6 = (const struct sockaddr_in6 *)(const void *)a;

	if (a->ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* The address and its length, 0 where `text` is none. */
static socklen_t
read_address(struct sockaddr_storage *a, struct listen *l, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)a;
	const char *colon = strrchr(text, ':');
	size_t n = colon == NULL ? 0 : (size_t)(colon - text);
	char host[LISTEN_HOST_MAX];
	uint64_t port;

	memset(a, 0, sizeof(*a));
	if (n == 0 || n >= sizeof(host) ||
	    num_u64(&port, colon + 1, 0, 65535, NULL) == -1)
		return 0;
	memcpy(l->host, text, n);
	l->host[n] = '\0';
	l->port = (uint16_t)port;
	if (text[0] == '[' && text[n - 1] == ']') {
		memcpy(host, text + 1, n - 2);
		host[n - 2] = '\0';
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(l->port);
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1
		    ? sizeof(*v6)
		    : 0;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(l->port);
	if (strcmp(l->host, "localhost") == 0)
		snprintf(l->host, sizeof(l->host), "127.0.0.1");
	return inet_pton(AF_INET, l->host, &v4->sin_addr) == 1 ? sizeof(*v4)
							       : 0;
}

/* The port that the kernel took. */
static void
learn_port(struct listen *l)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getsockname(l->fd, (struct sockaddr *)&a, &len) == -1)
		return;
	l->port = ntohs(a.ss_family == AF_INET
		? ((struct sockaddr_in *)(void *)&a)->sin_port
		: ((struct sockaddr_in6 *)(void *)&a)->sin6_port);
}

/* For those that are taken here: one whose host is gone. */
static void
set_keepalive(int fd)
{
	int on = 1, idle = KEEP_IDLE_S;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
}

static int
open_socket(struct listen *l, const void *a, socklen_t len, const char *what,
    struct error *err)
{
	const struct sockaddr *address = a;
	int on = 1, rc;
	mode_t mask;

	l->fd = socket(address->sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd == -1)
		return error_sys(err, EX_OSERR, "socket");
	if (address->sa_family != AF_UNIX) {
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		set_keepalive(l->fd);
	}
	mask = umask(0177);
	rc = bind(l->fd, address, len);
	umask(mask);
	if (rc == -1 || listen(l->fd, BACKLOG) == -1) {
		error_sys(err, EX_CANTCREAT, "%s", what);
		fd_drop(&l->fd);
		return -1;
	}
	return 0;
}

int
listen_tcp(struct listen *out, const char *text, bool tls, struct error *err)
{
	struct sockaddr_storage a;
	struct listen l = LISTEN_NONE;
	socklen_t len = read_address(&a, &l, text);

	if (len == 0)
		return error_set(err, EX_USAGE,
		    "--listen: %s: not one like 127.0.0.1:8006 or [::1]:8006",
		    text);
	if (!tls && !is_loopback(&a))
		return error_set(err, EX_USAGE,
		    "--listen: %s: not this host's own: --cert and --key are "
		    "needed",
		    text);
	if (open_socket(&l, &a, len, text, err) == -1)
		return -1;
	learn_port(&l);
	*out = l;
	return 0;
}

/* Whether it is the socket of one that has ended. */
static bool
is_stale(const struct sockaddr_un *a, const char *path)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(path, &st) == -1 || !S_ISSOCK(st.st_mode) ||
	    st.st_uid != geteuid())
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	stale = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == -1 &&
	    errno == ECONNREFUSED;
	fd_drop(&fd);
	return stale;
}

int
listen_unix(struct listen *out, const char *path, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct listen l = LISTEN_NONE;

	if (path[0] == '\0' || strlen(path) >= sizeof(a.sun_path))
		return error_set(err, EX_USAGE,
		    "--socket: %s: empty, or longer than %zu bytes", path,
		    sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path));
	if (is_stale(&a, path))
		unlink(path);
	if (open_socket(&l, &a, sizeof(a), path, err) == -1)
		return -1;
	snprintf(l.path, sizeof(l.path), "%s", path);
	l.is_ours = true;
	*out = l;
	return 0;
}

/* Whether there is one for us: 1, 0, or -1 where there are several. */
static int
is_given(struct error *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t who, n;
	int rc = 1;

	if (pid == NULL || fds == NULL ||
	    num_u64(&who, pid, 1, INT32_MAX, NULL) == -1 ||
	    who != (uint64_t)getpid())
		return 0;
	if (num_u64(&n, fds, 1, 1, NULL) == -1)
		rc = error_set(err, EX_USAGE,
		    "LISTEN_FDS: %s: one socket is served", fds);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return rc;
}

/* What the kernel says of it; false: nothing that can be served. */
static bool
learn(struct listen *l, struct sockaddr_storage *a)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)(void *)a;
	const void *ip = a->ss_family == AF_INET
	    ? (const void *)&((struct sockaddr_in *)(void *)a)->sin_addr
	    : &((struct sockaddr_in6 *)(void *)a)->sin6_addr;
	char host[INET6_ADDRSTRLEN];

	if (a->ss_family == AF_UNIX) {
		snprintf(l->path, sizeof(l->path), "%s", un->sun_path);
		return l->path[0] != '\0';
	}
	if ((a->ss_family != AF_INET && a->ss_family != AF_INET6) ||
	    inet_ntop(a->ss_family, ip, host, sizeof(host)) == NULL)
		return false;
	snprintf(l->host, sizeof(l->host),
	    a->ss_family == AF_INET ? "%s" : "[%s]", host);
	learn_port(l);
	set_keepalive(l->fd);
	return true;
}

int
listen_given(struct listen *out, bool tls, struct error *err)
{
	struct sockaddr_storage a = { 0 };
	struct listen l = { .fd = GIVEN_FD };
	socklen_t len = sizeof(a) - 1, on_len = sizeof(int);
	int on = 0, rc = is_given(err);

	if (rc != 1)
		return rc;
	if (getsockopt(l.fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &on_len) == -1 ||
	    on == 0 || getsockname(l.fd, (struct sockaddr *)&a, &len) == -1 ||
	    !learn(&l, &a))
		return error_set(err, EX_USAGE,
		    "LISTEN_FDS: no socket that listens, by TCP or at a path");
	if (a.ss_family != AF_UNIX && !tls && !is_loopback(&a))
		return error_set(err, EX_USAGE,
		    "LISTEN_FDS: %s: not this host's own: --cert and --key are "
		    "needed",
		    l.host);
	if (fcntl(l.fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(l.fd, F_SETFL, O_NONBLOCK) == -1)
		return error_sys(err, EX_OSERR, "LISTEN_FDS");
	*out = l;
	return 0;
}

void
listen_close(struct listen *l)
{
	if (l->is_ours)
		unlink(l->path);
	l->is_ours = false;
	fd_drop(&l->fd);
}
