#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The tool, with an agent of the tests' own in place of a guest's.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"

# A running VM "web" with the fake.
faked()
{
	tiny_run web --agent
	fake_agent web
	there=$PWD/guest
}

# copy_case NAME: the body is NAME_body.
copy_case()
{
	eval "
	atf_test_case $1 cleanup
	$1_cleanup() { agents_end; }"
}

# A tree of every kind, as $1.
make_tree()
{
	mkdir -p "$1/sub/closed"
	echo one >"$1/a"
	chmod 640 "$1/a"
	touch -d '2020-01-02 03:04:05' "$1/a"
	head -c 200000 /dev/urandom >"$1/sub/b c"
	chmod 755 "$1/sub/b c"
	ln -s ../nowhere "$1/sub/link"
	: >"$1/empty"
	truncate -s 5M "$1/hole"
	printf x | dd of="$1/hole" bs=1 seek=3000000 conv=notrunc 2>/dev/null
	name=$1/$(printf 'n%.0s' $(seq 150))
	echo long >"$name"
	echo 'caf\303\251' >"$1/$(printf 'caf\303\251')"
	chmod 500 "$1/sub/closed"
}

# What is in the directory $1.
picture_of()
{
	(cd "$1" && find . ! -name . -printf '%p %y %m %s %l %T@\n' |
	    sed -e '/ [dl] /s/[^ ]*$//' -e 's/\.[0-9]*$//' | sort &&
	    find . -type f -exec sha256sum {} + | sort -k 2)
}

# Nothing that it made on the way is left.
nothing_left()
{
	find . "$there" /var/tmp /tmp -maxdepth 2 -user "$(id -u)" \
	    -name '.instar-copy.*' -newer fakes 2>/dev/null >left
	atf_check -o empty cat left
}

copy_case copy__there_and_back
copy__there_and_back_body()
{
	faked
	make_tree src
	atf_check vm-copy src web:"$there/"
	picture_of src >want
	picture_of guest/src >got
	atf_check diff want got
	atf_check test "$(du -k guest/src/hole | cut -f 1)" -lt 1000
	atf_check vm-copy web:"$there/src//" back
	picture_of back >got
	atf_check diff want got
	atf_check test "$(du -k back/hole | cut -f 1)" -lt 1000
	# Into a directory, and under another name.
	mkdir into
	atf_check vm-copy web:"$there/src/a" into
	atf_check cmp src/a into/a
	atf_check vm-copy web:"$there/src/a" other
	atf_check cmp src/a other
	atf_check vm-copy src/a web:"$there/other"
	atf_check cmp src/a guest/other
	nothing_left
}

# A file in the place of a file, nothing in that of a directory.
copy_case copy__in_place
copy__in_place_body()
{
	faked
	echo new >file
	echo old >guest/file
	mkdir -p guest/dir/file tree here/file here/x
	: >here/file/y
	: >guest/x
	atf_check vm-copy file web:"$there/file"
	atf_check -o inline:"new\n" cat guest/file
	atf_check -s exit:73 -e inline:"vm-copy: web:$there/dir: there is \
something of that name already\n" vm-copy file web:"$there/dir"
	atf_check -o inline:"file\n" ls guest/dir
	atf_check -s exit:73 -e inline:"vm-copy: here/file: there is \
something of that name already\n" vm-copy web:"$there/file" here
	echo mine >mine
	atf_check vm-copy web:"$there/file" mine
	atf_check -o inline:"new\n" cat mine
	# A tree twice.
	atf_check vm-copy tree web:"$there"
	atf_check -s exit:73 -e match:"something of that name" \
	    vm-copy tree web:"$there"
	# A tree in the place of a file.
	atf_check -s exit:73 -e inline:"vm-copy: web:$there/file: there is \
something of that name already\n" vm-copy tree web:"$there/file"
	atf_check -o inline:"new\n" cat guest/file
	nothing_left
}

# Directories that their owner may not write to, moved and removed all the same.
copy_case copy__closed
copy__closed_body()
{
	faked
	mkdir -p guest/tree/sub
	echo x | tee guest/tree/file >guest/tree/sub/file
	chmod 555 guest/tree guest/tree/sub
	as_user=
	[ "$(id -u)" -ne 0 ] ||
	    as_user="setpriv --bounding-set=-dac_override,-dac_read_search"
	atf_check $as_user vm-copy web:"$there/tree" tree
	atf_check -o inline:"555 tree\n555 tree/sub\n" \
	    stat -c '%a %n' tree tree/sub
	atf_check -o inline:"x\n" cat tree/sub/file
	mkdir here
	echo mine >here/tree
	atf_check -s exit:73 -e inline:"vm-copy: here/tree: there is \
something of that name already\n" $as_user vm-copy web:"$there/tree" here
	atf_check -o inline:"mine\n" cat here/tree
	nothing_left
	chmod -R u+w tree guest/tree
}

copy_case copy__refused
copy__refused_body()
{
	faked
	atf_check -s exit:66 -e inline:"vm-copy: nosuch: No such file or \
directory\n" vm-copy nosuch web:/tmp
	atf_check -s exit:66 -e inline:"vm-copy: web:/nosuch/x/y: no such \
file\n" vm-copy "$top/README.md" web:/nosuch/x/y
	atf_check -s exit:66 -e inline:"vm-copy: web:$there/nosuch: no such \
file\n" vm-copy web:"$there/nosuch" x
	mkfifo tree.fifo
	atf_check -s exit:65 -e inline:"vm-copy: tree.fifo: neither a \
file, a directory nor a symbolic link\n" vm-copy tree.fifo web:"$there/x"
	atf_check test ! -e guest/x
	mkdir tree.socket
	atf_check perl -MIO::Socket::UNIX -e \
	    'IO::Socket::UNIX->new(Local => "tree.socket/s", Listen => 1) or die'
	atf_check -s exit:65 -e inline:"vm-copy: tree.socket/s: neither a \
file, a directory nor a symbolic link\n" vm-copy tree.socket web:"$there/x"
	mkfifo guest/fifo
	atf_check -s exit:65 -e match:"neither a file, a directory nor a link$" \
	    vm-copy web:"$there/fifo" x
	atf_check test ! -e x
	# Set-id bits stay in the guest.
	echo x >guest/set
	chmod 6755 guest/set
	atf_check vm-copy web:"$there/set" set
	atf_check -o inline:"755\n" stat -c %a set
	nothing_left
}

copy_case copy__usage
copy__usage_body()
{
	need="a source and a target are needed, one of them vm:path"
	one="exactly one of them is to be vm:path (\"./\" before a name with a colon)"
	atf_check -s exit:64 -e inline:"vm-copy: $need\n" vm-copy
	atf_check -s exit:64 -e inline:"vm-copy: $need\n" vm-copy a web:/b c
	atf_check -s exit:64 -e inline:"vm-copy: a, b: $one\n" vm-copy a b
	atf_check -s exit:64 -e inline:"vm-copy: web:/a, web:/b: $one\n" \
	    vm-copy web:/a web:/b
	atf_check -s exit:64 -e inline:"vm-copy: ./web:/a, b: $one\n" \
	    vm-copy ./web:/a b
	atf_check -s exit:64 -e inline:"vm-copy: web:a: the guest's path is to \
begin with a slash\n" vm-copy x web:a
	atf_check -s exit:64 -e inline:"vm-copy: web:/a?b: a control character \
in the guest's path\n" vm-copy x "web:/a
b"
	atf_check -s exit:64 -e inline:"vm-copy: an empty name\n" \
	    vm-copy '' web:/a
	tiny_vm web --agent
	atf_check -s exit:77 -e inline:"vm-copy: web: not running\n" \
	    vm-copy "$top/README.md" web:/tmp
	atf_check -s exit:66 -e inline:"vm-copy: no: no such VM in \
$INSTAR_ROOT\n" vm-copy "$top/README.md" no:/tmp
}

copy_case copy__none
copy__none_body()
{
	tiny_run web --agent
	tiny_run bare
	atf_check -s exit:69 -e inline:"vm-copy: bare: has no channel for a \
guest agent: vm-create --agent makes a VM with one\n" \
	    vm-copy "$top/README.md" bare:/tmp
	# The tiny guest has none.
	atf_check -s exit:69 -e inline:"vm-copy: web: guest agent: no answer \
from the guest\n" vm-copy "$top/README.md" web:/tmp
	atf_check -s exit:69 -e inline:"vm-copy: web: guest agent: no answer \
from the guest\n" vm-copy web:/tmp/x x
	atf_check test ! -e x
}

# Whatever a guest's tar makes of it.
copy_case copy__hostile
copy__hostile_body()
{
	mkdir bin tars out
	"$top/tests/lib/guest_tars.pl" tars
	# Stands in for the guest's tar: it writes what is in the file "send".
	cat >bin/tar <<-STUB
	#!/bin/sh
	[ "\$1" != --version ] || { echo GNU; exit; }
	cat "$PWD/send" >"\$4"
	STUB
	chmod +x bin/tar
	PATH=$PWD/bin:$PATH
	faked
	: >guest/x
	echo secret >secret
	for t in tars/*; do
		cp "$t" send
		rc=0
		vm-copy web:"$there/x" out/x 2>err || rc=$?
		[ $rc -eq 65 ] || [ "$t $rc" = "tars/twice 74" ] ||
		    [ "$t $rc" = "tars/empty 69" ] ||
		    atf_fail "$t: exit $rc: $(cat err)"
		atf_check_equal 1 "$(wc -l <err)"
		atf_check -o empty ls -A out
		atf_check test ! -e evil -a ! -e /tmp/evil
	done
	atf_check_equal 24 "$(ls tars | wc -l)"
	nothing_left
}

# Whoever else has something to ask gets through while it copies: at the latest
# when there is enough to copy.
copy_case copy__others_between
copy__others_between_body()
{
	. "$(atf_get_srcdir)/../lib/killing.sh"
	need
	faked
	# between DONE BEGUN COPY...: whether DONE is not there yet then.
	between()
	{
		copied=$1 begun=$2
		shift 2
		INSTAR_HOOK=copy-block=sleep:50 vm-copy "$@" &
		eventually 60 sh -c "test -s $begun" ||
		    atf_fail "it never began"
		atf_check -o inline:"between\n" vm-exec web echo between
		rc=0
		[ ! -e "$copied" ] || rc=1
		wait $! || atf_fail "exit $?"
		atf_check cmp large "$copied"
		rm "$copied"
		return $rc
	}
	for size in 2M 8M 32M; do
		head -c $size /dev/urandom >large
		between guest/large 'guest/.instar-copy.*/archive' \
		    large web:"$there/large" && break
	done || atf_fail "it let nobody in"
	for size in 2M 8M 32M; do
		head -c $size /dev/urandom >large
		cp large guest/large
		between back '/var/tmp/.instar-copy.*/archive' \
		    web:"$there/large" back && break
	done || atf_fail "it let nobody in"
	nothing_left
}

# Known before anything is read or sent.
copy_case copy__refused_at_once
copy__refused_at_once_body()
{
	. "$(atf_get_srcdir)/../lib/killing.sh"
	need
	faked
	mkdir -p guest/dir/file guest/tree tree here/file
	echo x | tee file guest/file >here/x
	export INSTAR_HOOK=copy-opened=kill
	atf_check -s exit:73 -e inline:"vm-copy: web:$there/dir: there is \
something of that name already\n" vm-copy file web:"$there/dir"
	atf_check -s exit:73 -e inline:"vm-copy: web:$there/file: there is \
something of that name already\n" vm-copy tree web:"$there/file"
	atf_check -s exit:66 -e inline:"vm-copy: web:$there/no/x: no such \
file\n" vm-copy file web:"$there/no/x"
	export INSTAR_HOOK=copy-begun=kill
	atf_check -s exit:73 -e inline:"vm-copy: here/file: there is something \
of that name already\n" vm-copy web:"$there/file" here
	atf_check -s exit:66 -e match:"^vm-copy: no/such/x: " \
	    vm-copy web:"$there/file" no/such/x
	# What it is in the guest only the guest can say.
	export INSTAR_HOOK=copy-block=kill
	atf_check -s exit:73 -e inline:"vm-copy: here/x: there is something of \
that name already\n" vm-copy web:"$there/tree" here/x
	unset INSTAR_HOOK
	nothing_left
}

# Killed anywhere: under the target's name there is nothing, or all of it.
copy_case copy__killed
copy__killed_body()
{
	. "$(atf_get_srcdir)/../lib/killing.sh"
	need
	faked
	head -c 100000 /dev/urandom >file
	for step in agent-locked agent-asked agent-held copy-begun \
	    copy-opened copy-block copy-sent copy-unpacked; do
		killed_at $step vm-copy file web:"$there/new"
		[ ! -e guest/new ] || atf_check cmp file guest/new
		rm -rf guest/new guest/.instar-copy.*
	done
	cp file guest/file
	for step in agent-held copy-begun copy-packed copy-block copy-fetched \
	    copy-staged copy-placed; do
		killed_at $step vm-copy web:"$there/file" new
		[ ! -e new ] || atf_check cmp file new
		rm -rf new .instar-copy.*
	done
	atf_check vm-copy web:"$there/file" new
	atf_check cmp file new
	rm -rf /var/tmp/.instar-copy.*
}

copy_case copy__signal
copy__signal_body()
{
	faked
	truncate -s 40M large
	head -c 40M /dev/urandom >large
	signalled vm-copy large web:"$there/large" 2>err &
	copying=$!
	eventually 60 sh -c 'ls -d guest/.instar-copy.*/archive' ||
	    atf_fail "it never began"
	kill -TERM $copying
	rc=0
	wait $copying || rc=$?
	atf_check_equal 143 $rc
	atf_check test ! -e guest/large
	nothing_left
}

atf_init_test_cases()
{
	atf_add_test_case copy__there_and_back
	atf_add_test_case copy__in_place
	atf_add_test_case copy__closed
	atf_add_test_case copy__refused
	atf_add_test_case copy__usage
	atf_add_test_case copy__none
	atf_add_test_case copy__hostile
	atf_add_test_case copy__others_between
	atf_add_test_case copy__refused_at_once
	atf_add_test_case copy__killed
	atf_add_test_case copy__signal
}
