#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: floors.sh [tree]
# Whether each floor of common/ uses only those above it in FLOORS, each driver
# (a folder of common/vmm/ but host) keeps to itself, and no name of a
# hypervisor stands outside its driver but in its line of vmm.c's table, nor what
# is so for one processor alone outside the files named for it.  A line for each
# that does not; the drivers and their names are found, not listed.
set -u

FLOORS="base disk snapshot archive seed foreign registry state vmm"

# What stands in *_x86.c alone: machines, devices, forms of kernels.
X86='q35|ttyS[0-9]|i8042|bzImage|CtrlAltDel|"(vmx|svm)"'

cd "${1:-.}" || exit

# The name that the driver in folder $1 goes by: a string or a constant of it.
name_of()
{
	name=$(cat common/vmm/"$1"/*.c |
	    sed -n 's/^	\.name = \([^,]*\),.*/\1/p' | head -n 1)
	case $name in
	'"'*) printf '%s\n' "$name" ;;
	?*) cat common/vmm/"$1"/*.[ch] | sed -n "s/^#define $name //p" ;;
	esac | tr -d '"'
}

drivers='' names=''
for d in common/vmm/*/; do
	d=${d%/}
	d=${d##*/}
	[ "$d" != host ] || continue
	name=$(name_of "$d")
	[ -n "$name" ] || {
		echo "common/vmm/$d: a driver without a name"
		exit 1
	}
	drivers="$drivers $d" names="$names $name"
done

# What is built: common and the tools.
sources()
{
	for d in common */; do
		d=${d%/}
		[ "$d" = common ] || [ -e "$d/$d.c" ] || continue
		find "$d" -name '*.[ch]' -o -name Makefile
	done | sort -u
}

# shellcheck disable=SC2016
sources | xargs awk -v floors="$FLOORS" -v drivers="$drivers" \
    -v names="$names" -v x86="$X86" '
BEGIN {
	n = split(floors, list, " ")
	for (i = 1; i <= n; i++)
		rank[list[i]] = i
	n = split(drivers, list, " ")
	for (i = 1; i <= n; i++) {
		is_driver[list[i]] = 1
		either = either (i > 1 ? "|" : "") list[i]
	}
	# As text and as part of an identifier, in any case of letters.
	words = "(^|[^a-z0-9_])(" either ")_|vmm_(" either ")([^a-z0-9_]|$)"
	words = words "|vmm/(" either ")/"
	n = split(names, list, " ")
	for (i = 1; i <= n; i++) {
		gsub(/-/, "[-_ ]?", list[i])
		words = words "|" list[i]
	}
	row = "^\tline\\((" either ")\\)[ \t]*\\\\?$"
}

function tell(what) {
	print FILENAME ":" FNR ": " what
}

# The driver of the path p in common/, or "".
function driver_of(p, part) {
	split(p, part, "/")
	return part[1] == "vmm" && (part[2] in is_driver) ? part[2] : ""
}

# The line without its comments.
function without_comments(text, out, at) {
	out = ""
	while (text != "") {
		at = index(text, in_comment ? "*/" : "/*")
		if (!in_comment)
			out = out (at == 0 ? text : substr(text, 1, at - 1))
		text = at == 0 ? "" : substr(text, at + 2)
		if (at != 0)
			in_comment = !in_comment
	}
	return out
}

FNR == 1 {
	in_comment = 0
	own = FILENAME
	common = sub(/^common\//, "", own)
	own_driver = common ? driver_of(own) : ""
	split(own, part, "/")
	floor = common && (part[1] in rank) ? part[1] : ""
	if (common && floor == "" && own ~ /\//)
		tell("on no floor")
}

{
	plain = without_comments($0)
}

common && own !~ /_x86\.c$/ && match(plain, x86) {
	tell("is of one processor: " substr(plain, RSTART, RLENGTH))
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	path = $0
	sub(/^[^"]*"/, "", path)
	sub(/".*/, "", path)
	split(path, part, "/")
	if (path ~ /\.\./ || (path ~ /\// && !(part[1] in rank)))
		tell("\"" path "\" is on no floor")
	else if (path !~ /\// && common)
		tell("\"" path "\" does not name its floor")
	else if (path ~ /\// && floor != "" && rank[part[1]] > rank[floor])
		tell("\"" path "\" is above " floor)
	else if (path ~ /\// && driver_of(path) != "" &&
	    driver_of(path) != own_driver)
		tell("\"" path "\" is the driver\047s own")
}

# A hypervisor has no name here.  What it calls its formats may be cited, in the
# comments of disk/; qemu-img, and qemu_img of disk/, is a program of its own.
own_driver == "" {
	text = own ~ /^disk\// ? plain : $0
	if (common && own == "vmm/vmm.c" && text ~ row) {
		sub(/[ \t]*\\?$/, "", text)
		if (!(text in seen)) {
			seen[text] = 1
			next
		}
	}
	text = tolower(text)
	gsub(/qemu[-_]img/, "", text)
	if (!/^[ \t]*#[ \t]*include/ && match(text, words)) {
		text = substr(text, RSTART, RLENGTH)
		gsub(/^[^a-z]|[^a-z_\/]$/, "", text)
		tell("names a hypervisor: " text)
	}
}' | {
	! grep .
}
