#!/bin/sh
# SPDX-License-Identifier: ISC
# A process that encloses itself by Landlock with LANDLOCK_SCOPE_SIGNAL takes the
# parent-death signal away from children that it had before: the kernel sends
# PR_SET_PDEATHSIG's signal in the dying parent's name, and the parent may not
# signal outside of its domain any more, where its older children are.
#
# Seen with Linux 6.12.118 (Debian 13, linux-image-6.12.118+deb13-amd64, the first
# line with that scope), under QEMU's emulation; and with 6.18.  A child asks for
# SIGKILL at its parent's end, then the parent encloses itself, then it ends:
#
#	parent not enclosed			child killed
#	enclosed, files alone			child killed
#	enclosed, signals too			child lives on
#
# prctl(2) and landlock(7) say nothing of it.  The fast answer is wrong: a parent
# makes a helper with more rights before it encloses itself, the helper guards
# against being left behind with PR_SET_PDEATHSIG, a test on an older kernel shows
# that it works, and on a newer one helpers with sockets and passwords pile up,
# for only the sandbox got better.  What helps: a pipe or socket between both,
# whose end the helper sees; or a pidfd of the parent.
#
# usage: landlock-scope-voids-pdeathsig.sh, as root; takes mmdebstrap, gcc with a
# static libc, cpio, qemu-system-x86_64 and 800 MiB of /tmp.
# Exit status 0: all as told here; 1: something is different now.
set -eu

image=linux-image-6.12.118+deb13-amd64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

differs()
{
	echo "DIFFERENT: $*"
	exit 1
}

mmdebstrap --quiet --variant=extract \
    --aptopt='Acquire::Check-Valid-Until "false"' --include="$image" \
    trixie "$work/root" >"$work/log" 2>&1 ||
    differs "no root: $(tail -n 1 "$work/log")"

cat >"$work/init.c" <<'END'
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT_MS 15000

/* linux/landlock.h: what is handled; one right of files, one scope. */
struct attr {
	uint64_t fs, net, scoped;
};

#define FS_EXECUTE 1
#define SCOPE_SIGNAL 2

static int
enclose(uint64_t fs, uint64_t scoped)
{
	const struct attr a = { fs, 0, scoped };
	int fd = (int)syscall(444, &a, sizeof(a), 0);

	return fd == -1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1
	    ? -1
	    : (int)syscall(446, fd, 0);
}

static void
child(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(ready, "r", 1) == 1)
		sleep(3 * WAIT_MS / 1000);
	_exit(0);
}

/* The child has the other end of `life` as long as it lives. */
static void
show(const char *what, uint64_t fs, uint64_t scoped)
{
	int ready[2], life[2], status = -1;
	struct pollfd p = { .events = POLLIN };
	char c;

	if (pipe(ready) == -1 || pipe(life) == -1)
		return;
	if (fork() == 0) {
		if (fork() == 0) {
			close(life[0]);
			child(ready[1]);
		}
		if (read(ready[0], &c, 1) != 1 ||
		    (fs + scoped != 0 && enclose(fs, scoped) == -1))
			_exit(9);
		_exit(0);
	}
	close(life[1]);
	wait(&status);
	p.fd = life[0];
	printf("%s: status %d, child %s\n", what, WEXITSTATUS(status),
	    poll(&p, 1, WAIT_MS) == 1 ? "killed" : "lives on");
	fflush(stdout);
}

int
main(void)
{
	int fd = open("/dev/console", O_RDWR);

	dup2(fd, 1);
	show("not enclosed", 0, 0);
	show("files alone", FS_EXECUTE, 0);
	show("signals too", 0, SCOPE_SIGNAL);
	reboot(RB_POWER_OFF);
	return 0;
}
END
mkdir -p "$work/initrd/dev"
gcc -static -O1 -o "$work/initrd/init" "$work/init.c"
mknod "$work/initrd/dev/console" c 5 1
(cd "$work/initrd" && find . | cpio --quiet -o -H newc) >"$work/initrd.img"
timeout 300 qemu-system-x86_64 -nodefaults -no-user-config -display none \
    -accel tcg -m 256 -no-reboot -serial stdio \
    -kernel "$work/root/boot/vmlinuz-${image#linux-image-}" \
    -initrd "$work/initrd.img" -append "console=ttyS0 quiet panic=-1" \
    </dev/null >"$work/console" 2>&1 || differs "QEMU: status $?"
tr -d '\r' <"$work/console" | grep ': status' >"$work/got" || :
cat "$work/got"
cat >"$work/want" <<'END'
not enclosed: status 0, child killed
files alone: status 0, child killed
signals too: status 0, child lives on
END
cmp -s "$work/got" "$work/want" || differs "$(tail -n 3 "$work/console")"
echo "as told: $image"
