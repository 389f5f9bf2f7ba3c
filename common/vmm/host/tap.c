/* SPDX-License-Identifier: ISC */
#include "vmm/host/tap.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

/*
 * An ordinary user, or root in the place of one, makes no tap, and opens those
 * that were made for this user or for nobody in particular (Linux
 * drivers/net/tun.c, tun_not_capable()).
 */
static int
refuse(const char *name, const char *bridge, struct error *err)
{
	unsigned uid = (unsigned)geteuid();
	int sys = errno;
	bool is_there;

	if (errno != EPERM || uid == 0)
		return error_sys(err, errno == EBUSY ? EX_TEMPFAIL : EX_NOPERM,
		    "tap %s", name);
	is_there = bridge == NULL && if_nametoindex(name) != 0;
	errno = sys;
	if (bridge != NULL)
		return error_sys(err, EX_NOPERM,
		    "bridge %s: user %u cannot make a tap on it; one made by "
		    "root is given as tap=NAME "
		    "(ip tuntap add NAME mode tap user %u)",
		    bridge, uid, uid);
	return error_sys(err, EX_NOPERM,
	    "tap %s: %s (ip tuntap add %s mode tap user %u)", name,
	    is_there ? "another user's" : "not there", name, uid);
}

/*
 * Opens a tap, one for `bridge` unless that is NULL; `ifr` comes back with the
 * name it has got.
 */
static int
open_tap(int *out, struct ifreq *ifr, const char *bridge, struct error *err)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd == -1 && errno == EACCES)
		return error_sys(err, EX_NOPERM,
		    "/dev/net/tun: closed to user %u (chmod 666)",
		    (unsigned)geteuid());
	if (fd == -1)
		return error_sys(err, error_code_of(errno), "/dev/net/tun");
	ifr->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, ifr) == -1) {
		refuse(ifr->ifr_name, bridge, err);
		fd_drop(&fd);
		return -1;
	}
	*out = fd;
	return 0;
}

int
tap_open(int *out, const char *name, struct error *err)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return open_tap(out, &ifr, NULL, err);
}

int
tap_set_up(const char *name, bool up, struct error *err)
{
	struct ifreq ifr;
	int sock, rc = 0;

	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock == -1)
		return error_sys(err, EX_OSERR, "socket");
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr) == -1)
		rc = error_sys(err, EX_NOINPUT, "tap %s", name);
	else if (((ifr.ifr_flags & IFF_UP) != 0) != up) {
		ifr.ifr_flags = (short)(ifr.ifr_flags ^ IFF_UP);
		if (ioctl(sock, SIOCSIFFLAGS, &ifr) == -1)
			rc = error_sys(err, EX_NOPERM, "tap %s", name);
	}
	fd_drop(&sock);
	return rc;
}

static int
put_on_bridge(const struct ifreq *tap, const char *bridge, struct error *err)
{
	struct ifreq ifr;
	int sock, rc = -1;

	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock == -1)
		return error_sys(err, EX_OSERR, "socket");
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", bridge);
	ifr.ifr_ifindex = (int)if_nametoindex(tap->ifr_name);
	if (ioctl(sock, SIOCBRADDIF, &ifr) == -1) {
		error_sys(err, errno == ENODEV ? EX_NOINPUT : EX_NOPERM,
		    "bridge %s", bridge);
		goto out;
	}
	rc = 0;
out:
	fd_drop(&sock);
	return rc == -1 ? -1 : tap_set_up(tap->ifr_name, true, err);
}

int
tap_open_on_bridge(int *out, const char *bridge, struct error *err)
{
	struct ifreq ifr;
	int fd;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "instar%%d");
	if (open_tap(&fd, &ifr, bridge, err) == -1)
		return -1;
	if (put_on_bridge(&ifr, bridge, err) == -1) {
		fd_drop(&fd);
		return -1;
	}
	*out = fd;
	return 0;
}

int
tap_keep_on_bridge(char name[16], const char *bridge, struct error *err)
{
	struct ifreq ifr;
	int fd, rc = 0;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "instar%%d");
	if (open_tap(&fd, &ifr, bridge, err) == -1)
		return -1;
	if (put_on_bridge(&ifr, bridge, err) == -1)
		rc = -1;
	else if (ioctl(fd, TUNSETPERSIST, 1) == -1)
		rc = error_sys(err, EX_NOPERM, "tap %s", ifr.ifr_name);
	else
		memcpy(name, ifr.ifr_name, 16);
	fd_drop(&fd);
	return rc;
}

void
tap_remove(const char *name)
{
	int fd;

	if (tap_open(&fd, name, NULL) == -1)
		return;
	ioctl(fd, TUNSETPERSIST, 0);
	fd_drop(&fd);
}
