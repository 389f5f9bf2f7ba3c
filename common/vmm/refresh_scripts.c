/* SPDX-License-Identifier: ISC */
#include "vmm/refresh_scripts.h"

/* Not every date(1) knows fractions. */
const char refresh_clock[] =
    "date -u -s \"@$1.$2\" >/dev/null 2>&1 || date -u -s \"@$1\" >/dev/null";

/*
 * What is written is mixed into the kernel's pool, from which it takes anew
 * within a minute; at once by the ioctl RNDRESEEDCRNG (random(4)), for which a
 * shell has no word.
 */
const char refresh_random[] =
    "cat >/dev/urandom || exit 1\n"
    "if perl -e 'open(F, \"<\", \"/dev/urandom\") &&\n"
    "    ioctl(F, 0x5207, 0) or exit 1' 2>/dev/null ||\n"
    "    python3 -c 'import fcntl\n"
    "fcntl.ioctl(open(\"/dev/urandom\", \"rb\"), 0x5207)' 2>/dev/null\n"
    "then echo reseeded\n"
    "else echo mixed\n"
    "fi\n";

/* A name that stood in /etc/hosts would be looked for in the network. */
const char refresh_hostname[] =
    "read -r old </proc/sys/kernel/hostname\n"
    "echo \"$1\" >/proc/sys/kernel/hostname || exit 1\n"
    "[ ! -d /etc ] || echo \"$1\" >/etc/hostname || exit 1\n"
    "case $old in\n"
    "\"$1\" | *[!a-zA-Z0-9.-]* | localhost | '') ;;\n"
    "*)\n"
    "	word=$(echo \"$old\" | sed 's/\\./\\\\./g')\n"
    "	[ ! -w /etc/hosts ] || sed -i \\\n"
    "	    \"s/\\([[:space:]]\\)$word\\([[:space:]]\\|\\$\\)/\\1$1\\2/\" \\\n"
    "	    /etc/hosts || exit 1\n"
    "	;;\n"
    "esac\n"
    "cat /proc/sys/kernel/hostname\n";

/* machine-id(5); that of D-Bus is the same, or a link to it. */
const char refresh_machine_id[] =
    "f=/etc/machine-id d=/var/lib/dbus/machine-id\n"
    "[ -e $f ] || { echo \"it has no $f\" >&2; exit 1; }\n"
    "echo \"$1\" >$f || exit 1\n"
    "[ ! -f $d ] || [ -L $d ] || echo \"$1\" >$d || exit 1\n"
    "cat $f\n";

/*
 * The new ones are there, in the same filesystem, before they take the places of
 * the old ones; what is left of these goes last.
 */
const char refresh_ssh_keys[] =
    "command -v ssh-keygen >/dev/null ||\n"
    "    { echo 'it has no ssh-keygen' >&2; exit 1; }\n"
    "d=$(mktemp -d /etc/ssh/new.XXXXXX) || exit 1\n"
    "trap 'rm -rf \"$d\"' EXIT\n"
    "trap 'exit 143' HUP INT TERM\n"
    "mkdir -p \"$d/etc/ssh\" && ssh-keygen -A -f \"$d\" >/dev/null || exit 1\n"
    "new=\" $(cd \"$d/etc/ssh\" && echo ssh_host_*_key*) \"\n"
    "mv -f \"$d\"/etc/ssh/ssh_host_*_key* /etc/ssh/ || exit 1\n"
    "for f in /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub \\\n"
    "    /etc/ssh/ssh_host_*_key-cert.pub; do\n"
    "	case $new in\n"
    "	*\" ${f##*/} \"*) ;;\n"
    "	*) rm -f \"$f\" || exit 1 ;;\n"
    "	esac\n"
    "done\n"
    "[ ! -s /run/sshd.pid ] || kill -HUP \"$(cat /run/sshd.pid)\"\n";

/* Whoever looks after the interfaces asks for their leases anew. */
const char refresh_network[] =
    "active() { systemctl -q is-active \"$1\" 2>/dev/null; }\n"
    "each()\n"
    "{\n"
    "	for l in /sys/class/net/*; do\n"
    "		l=${l##*/}\n"
    "		[ \"$l\" = lo ] || \"$@\" \"$l\" || exit 1\n"
    "	done\n"
    "}\n"
    "again() { ifdown \"$1\"; ifup \"$1\"; }\n"
    "if active systemd-networkd; then each networkctl renew\n"
    "elif active NetworkManager; then each nmcli -w 60 device connect\n"
    "elif p=$(pidof udhcpc); then kill -USR1 $p\n"
    "elif pidof dhclient >/dev/null; then dhclient -r; each dhclient -1\n"
    "elif command -v ifup >/dev/null && [ -s /etc/network/interfaces ]; then\n"
    "	each again\n"
    "else\n"
    "	echo 'nothing in it renews a lease' >&2\n"
    "	exit 1\n"
    "fi >/dev/null\n";

const char refresh_one_of[] =
    "one()\n"
    "{\n"
    "	text=$(\"$@\" 2>&1)\n"
    "	status=$?\n"
    "	line='\n"
    "'\n"
    "	if [ $status -eq 0 ]\n"
    "	then text=${text##*\"$line\"}\n"
    "	else text=${text%%\"$line\"*}\n"
    "	fi\n"
    "	printf '%s %s %s\\n' \"$1\" $status \"$text\"\n"
    "}\n";

/*
 * Whoever ends the shell means the program.  One that does not end by SIGTERM has
 * a second: then the shell is ended by what nobody hears of.
 */
const char refresh_run[] =
    "f=$(mktemp) && cat >\"$f\" && chmod 700 \"$f\" || exit 126\n"
    "end()\n"
    "{\n"
    "	trap '' TERM\n"
    "	p=$!\n"
    "	kill \"$p\"\n"
    "	{ sleep 1; kill -KILL \"$p\"; } >/dev/null 2>&1 &\n"
    "	wait \"$p\"\n"
    "	kill -KILL $!\n"
    "	rm -f \"$f\"\n"
    "	exit 143\n"
    "}\n"
    "trap 'end 2>/dev/null' TERM\n"
    "\"$f\" </dev/null &\n"
    "wait $!\n"
    "status=$?\n"
    "rm -f \"$f\"\n"
    "exit $status\n";
