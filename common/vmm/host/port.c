/* SPDX-License-Identifier: ISC */
#include "vmm/host/port.h"

#include <arpa/inet.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/fd.h"

#define LISTENS 0x0a /* TCP_LISTEN, Linux include/net/tcp_states.h */

/*
 * The socket's inode of one line of /proc/net/tcp (proc(5)), which gives the
 * local address in hex, in the byte order of the network read as the host's; 0:
 * it is not one that listens there.  In tcp6 one that listens at all addresses,
 * "::", may do so at those of IPv4, too.
 */
static unsigned long
inode_of(const char *line, in_addr_t addr, unsigned port)
{
	char local[33];
	unsigned long inode;
	unsigned at_port, state, at;

	if (sscanf(line,
		" %*u: %32[0-9A-F]:%4x %*[0-9A-F]:%*4x %2x %*x:%*x %*x:%*x "
		"%*x %*u %*u %lu",
		local, &at_port, &state, &inode) != 4 ||
	    state != LISTENS || at_port != port)
		return 0;
	if (strspn(local, "0") == strlen(local) || addr == 0)
		return inode;
	return strlen(local) == 8 && sscanf(local, "%x", &at) == 1 && at == addr
	    ? inode
	    : 0;
}

static unsigned long
find_inode(const char *addr, unsigned port)
{
	static const char *const tables[] = { "/proc/net/tcp",
		"/proc/net/tcp6" };
	unsigned long inode = 0;
	struct in_addr in;
	char *line = NULL;
	size_t cap = 0, i;
	FILE *f;

	if (inet_pton(AF_INET, addr, &in) != 1)
		return 0;
	for (i = 0; i < 2 && inode == 0; i++) {
		f = fopen(tables[i], "re");
		if (f == NULL)
			continue;
		while (inode == 0 && getline(&line, &cap, f) != -1)
			inode = inode_of(line, in.s_addr, port);
		fclose(f);
	}
	free(line);
	return inode;
}

/* Whether the process has the socket `wanted`, "socket:[INODE]". */
static bool
has_socket(int procfd, const char *pid, const char *wanted)
{
	struct strv names = { 0 };
	char path[64], target[64];
	bool has = false;
	ssize_t len;
	size_t i;
	int fd;

	snprintf(path, sizeof(path), "%.20s/fd", pid);
	if (fd_open_dir(&fd, procfd, path, false, NULL) == -1)
		return false;
	if (dir_list(&names, fd, path, NULL) == 0)
		for (i = 0; i < names.n && !has; i++) {
			len = readlinkat(fd, names.v[i], target,
			    sizeof(target) - 1);
			target[len > 0 ? len : 0] = '\0';
			has = strcmp(target, wanted) == 0;
		}
	strv_fini(&names);
	fd_drop(&fd);
	return has;
}

/* " by PROGRAM (process PID)"; "": it is nobody whom we may look at. */
static void
name_holder(char *text, size_t cap, unsigned long inode)
{
	struct strv names = { 0 };
	char wanted[64], comm[64], path[64];
	size_t i, len;
	int procfd;
	FILE *f;

	text[0] = '\0';
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	if (fd_open_dir(&procfd, AT_FDCWD, "/proc", false, NULL) == -1)
		return;
	if (dir_list(&names, procfd, "/proc", NULL) == -1)
		names.n = 0;
	for (i = 0; i < names.n && text[0] == '\0'; i++) {
		if (strspn(names.v[i], "0123456789") != strlen(names.v[i]) ||
		    !has_socket(procfd, names.v[i], wanted))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/comm", names.v[i]);
		f = fopen(path, "re");
		len = f == NULL ? 0 : fread(comm, 1, sizeof(comm) - 1, f);
		if (f != NULL)
			fclose(f);
		comm[len] = '\0';
		comm[strcspn(comm, "\n")] = '\0';
		snprintf(text, cap, " by %s (process %.20s)", comm, names.v[i]);
	}
	strv_fini(&names);
	fd_drop(&procfd);
}

int
port_taken(const char *addr, unsigned port, struct error *err)
{
	unsigned long inode = find_inode(addr, port);
	char holder[128];

	if (inode == 0)
		return 0;
	name_holder(holder, sizeof(holder), inode);
	return error_set(err, EX_UNAVAILABLE, "port %s:%u is taken%s", addr,
	    port, holder);
}
