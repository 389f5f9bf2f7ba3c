/* SPDX-License-Identifier: ISC */
/* The forwards of user NICs, which the human monitor alone tells and sets. */
#include "vmm/qemu/qemu.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "vmm/host/port.h"

/* Runs a command of the human monitor; *text is the caller's. */
static int
human(struct vmm *vmm, const char *line, char **text, struct error *err)
{
	struct jdoc *answer;
	uint32_t said;
	size_t len;

	if (qemu_call(vmm, "human-monitor-command",
		json_pack("{s:s}", "command-line", line), &answer, err) == -1)
		return -1;
	said = qmp_return(answer);
	*text = jdoc_type(answer, said) == JDOC_STRING
	    ? jdoc_string(answer, said, &len)
	    : strdup("");
	jdoc_free(answer);
	return *text == NULL ? error_nomem(err, NULL) : 0;
}

/*
 * One line of "info usernet" (QEMU net/slirp.c): protocol and state, a
 * descriptor, then source address and port, destination address and port.
 */
static void
take_usernet_line(struct nic *nic, const char *line)
{
	char addr[48], guest[48];
	unsigned port, guest_port;
	size_t i;

	if (sscanf(line, " TCP[HOST_FORWARD] %*d %47s %u %47s %u", addr, &port,
		guest, &guest_port) != 4)
		return;
	for (i = 0; i < nic->forwards_n; i++) {
		if (nic->forwards[i].guest_port != guest_port ||
		    strcmp(nic->forwards[i].addr, addr) != 0 ||
		    nic->forwards[i].host_port != 0)
			continue;
		if (nic->forwards[i].port != 0 && nic->forwards[i].port != port)
			continue;
		nic->forwards[i].host_port = (uint16_t)port;
		return;
	}
}

/* The NIC whose section of "info usernet" this line opens, or `nic`. */
static struct nic *
section_nic(struct vm *vm, struct nic *nic, const char *line)
{
	const char *p = strstr(line, "(net");
	unsigned i;

	if (strncmp(line, "Hub", 3) == 0 && p != NULL &&
	    sscanf(p, "(net%u)", &i) == 1 && i < vm->machine.nics.n)
		return &vm->machine.nics.v[i];
	if (sscanf(line, "net%u:", &i) == 1 && i < vm->machine.nics.n)
		return &vm->machine.nics.v[i];
	return nic;
}

int
qemu_read_forwards(struct vmm *vmm, struct error *err)
{
	struct nic *nic = NULL;
	char *text, *rest, *line;
	bool wanted = false;
	size_t i, k;

	for (i = 0; i < vmm->vm->machine.nics.n; i++)
		for (k = 0; k < vmm->vm->machine.nics.v[i].forwards_n; k++) {
			vmm->vm->machine.nics.v[i].forwards[k].host_port = 0;
			wanted = true;
		}
	if (!wanted)
		return 0;
	if (human(vmm, "info usernet", &text, err) == -1)
		return -1;
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL) {
		nic = section_nic(vmm->vm, nic, line);
		if (nic != NULL)
			take_usernet_line(nic, line);
	}
	free(text);
	return 0;
}

/*
 * A socket that does not listen holds its port for those alone who share
 * addresses, as QEMU does (libslirp, src/misc.c, slirp_socket_set_fast_reuse).
 */
static int
hold_port(struct nic_forward *fwd)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int on = 1, fd;

	if (inet_pton(AF_INET, fwd->addr, &in.sin_addr) != 1)
		return -1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (const struct sockaddr *)&in, sizeof(in)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) == -1) {
		fd_drop(&fd);
		return -1;
	}
	fwd->host_port = ntohs(in.sin_port);
	return fd;
}

void
qemu_hold_ports(struct qemu *q, struct vm *vm)
{
	struct nic *nic;
	size_t i, k;
	int fd;

	for (i = 0; i < vm->machine.nics.n; i++) {
		nic = &vm->machine.nics.v[i];
		for (k = 0; k < nic->forwards_n; k++) {
			nic->forwards[k].host_port = 0;
			if (nic->forwards[k].port != 0 ||
			    q->held_n == QEMU_HELD_MAX)
				continue;
			/* Who has none asks for any, and says what is wrong. */
			fd = hold_port(&nic->forwards[k]);
			if (fd != -1)
				q->held[q->held_n++] = fd;
		}
	}
}

void
qemu_release_ports(struct qemu *q)
{
	while (q->held_n > 0)
		fd_drop(&q->held[--q->held_n]);
}

static int
add_forward(struct vmm *vmm, size_t nic, const struct nic_forward *fwd,
    unsigned port, char **text, struct error *err)
{
	char line[128];

	snprintf(line, sizeof(line), "hostfwd_add net%zu tcp:%s:%u-:%u", nic,
	    fwd->addr, port, (unsigned)fwd->guest_port);
	return human(vmm, line, text, err);
}

/* The ports that a VMM may open are those it was started for, and free ones. */
static bool
is_confined(const struct vm *vm)
{
	return vm->confined.present && strcmp(vm->confined.tcp, "open") != 0;
}

static int
hold_forward(struct vmm *vmm, size_t nic, const struct nic_forward *fwd,
    struct error *err)
{
	char *text;
	int rc;

	if (add_forward(vmm, nic, fwd, fwd->port, &text, err) == -1)
		return -1;
	rc = text[0] == '\0' ? 1 : port_taken(fwd->addr, fwd->port, err);
	if (rc == 0 && fwd->any && is_confined(vmm->vm)) {
		free(text);
		if (add_forward(vmm, nic, fwd, 0, &text, err) == -1)
			return -1;
		rc = text[0] == '\0';
	}
	if (rc == 0 && fwd->port != 0 && is_confined(vmm->vm))
		rc = error_set(err, EX_NOPERM,
		    "port %u: the VMM that runs may open the ports it was "
		    "started with, or a free one (0); vm-stop first",
		    (unsigned)fwd->port);
	else if (rc == 0)
		rc = error_set(err, EX_UNAVAILABLE, "QEMU: %s", text);
	free(text);
	return rc == 1 ? 0 : -1;
}

static int
set_forward(struct vmm *vmm, size_t nic, const struct nic_forward *fwd,
    bool held, struct error *err)
{
	char line[128], *text;

	if (held)
		return hold_forward(vmm, nic, fwd, err);
	snprintf(line, sizeof(line), "hostfwd_remove net%zu tcp:%s:%u", nic,
	    fwd->addr, (unsigned)fwd->host_port);
	if (human(vmm, line, &text, err) == -1)
		return -1;
	free(text);
	return 0;
}

int
qemu_set_forwards(struct vmm *vmm, bool held, struct error *err)
{
	const struct nic *nic;
	size_t i, k;
	int rc = 0;

	/* All are tried: of some that were half given up the rest come back. */
	for (i = 0; i < vmm->vm->machine.nics.n; i++) {
		nic = &vmm->vm->machine.nics.v[i];
		for (k = 0; k < nic->forwards_n; k++)
			if (set_forward(vmm, i, &nic->forwards[k], held,
				rc == 0 ? err : NULL) == -1)
				rc = -1;
	}
	if (held && qemu_read_forwards(vmm, rc == 0 ? err : NULL) == -1)
		rc = -1;
	return rc;
}
