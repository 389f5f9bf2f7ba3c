#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What has gone wrong in other programs, tried here with inputs that harm
# nobody: instar-hostile(7), each row of which names a test.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# The page's sources, tests and cases are there.
atf_test_case page__names_what_is_there
page__names_what_is_there_body()
{
	page=$top/share/instar-hostile.7
	grep -oE '(tests|common|snap-[a-z]+|vm-[a-z]+)/[a-zA-Z0-9_./-]+\.(sh|c|pl)(:[a-z0-9_]+)?' \
	    "$page" | sort -u >named
	[ "$(wc -l <named)" -ge 40 ] || atf_fail "$(wc -l <named) are named"
	while IFS=: read -r file case; do
		[ -e "$top/$file" ] || atf_fail "$file is not there"
		[ -z "$case" ] ||
		    grep -qE "(atf_test_case|ATF_TC_WITHOUT_HEAD\(|_case) ?$case" \
		    "$top/$file" || atf_fail "$file has no case $case"
	done <named
	# Functions stand in the file before them: FILE, NAME().
	grep -oE 'common/[a-z0-9_/]+\.c : [a-z0-9_]+' "$page" |
	    while read -r file _ name; do
		grep -q "^$name(" "$top/$file" || echo "$file: no $name()"
	done >missing
	atf_check cat missing
}

# What lies outside, and must stay as it is.
outside()
{
	mkdir outside
	echo precious >outside/file
	(cd outside && find . -exec stat -c '%n %a %s %h %Y' {} + | sort) >was
}

outside_is_as_it_was()
{
	(cd outside && find . -exec stat -c '%n %a %s %h %Y' {} + | sort) >is
	cmp -s was is && [ "$(cat outside/file)" = precious ] ||
	    atf_fail "$1: $(diff was is)"
}

# envelope FILE...: an envelope of others that names them.
envelope()
{
	files=
	for f in "$@"; do
		files="$files${files:+,}\"$f\""
	done
	printf '{"version":1,"config":{"name":""},"files":[%s]}' "$files" \
	    >snapshot.json
}

# Links that only together lead outside, in one archive and in two.
atf_test_case archive__links_in_steps
archive__links_in_steps_body()
{
	outside
	mkdir -p t/a/b/c
	cd t || exit
	envelope x
	# A link, and a file through it.
	ln -s ../outside x
	tar -cf ../1-link.tar snapshot.json x
	rm x
	mkdir x
	echo new >x/file
	tar -cf ../2-through.tar snapshot.json x/file
	cat ../1-link.tar ../2-through.tar >../3-both.tar
	tar --delete -f ../3-both.tar snapshot.json 2>../err || :
	rm -r x
	# Two links that undo each other's steps, and a hard link over both.
	ln -s ../.. a/b/c/up
	ln -s c/up/../.. a/b/escape
	tar -cf ../4-chain.tar snapshot.json a/b/c/up a/b/escape
	cp ../4-chain.tar ../5-hard.tar
	ln ../outside/file x
	ln x y
	tar -rf ../5-hard.tar --transform 's,^y$,a/b/escape/outside/file,' y x
	rm x y
	# A hard link to a path that is absolute, and one that climbs.
	echo one >one
	ln one x
	for to in /etc/hostname ../outside/file; do
		tar -P --transform "flags=h;s,^one\$,$to," \
		    -cf "../6-${#to}.tar" snapshot.json one x
	done
	cd .. || exit
	touch -r outside/file outside
	(cd outside && find . -exec stat -c '%n %a %s %h %Y' {} + | sort) >was
	for f in [1-6]-*.tar; do
		atf_check -s exit:65 -o empty \
		    -e match:'^snap-import: standard input: .*of the tar: ' \
		    snap-import <"$f"
		outside_is_as_it_was "$f"
		atf_check ls -A root/snap
	done
}

# A size in PAX that is not the header's: all of us read the same entries.
atf_test_case archive__smuggled_entry
archive__smuggled_entry_body()
{
	mkdir t
	cd t || exit
	envelope m
	echo secret >smuggled
	tar --format=ustar -b1 -cf inner smuggled
	head -c 1024 inner >m
	tar --format=ustar -b1 -cf ../plain.tar snapshot.json m
	cd .. || exit
	# m's header says 0, and PAX says 1024.
	perl - plain.tar >pax.tar <<-'END'
		local $/;
		my $t = <>;
		my $at = 1024;
		my $h = substr($t, $at, 512);
		sub sum {
			substr($_[0], 148, 8) = ' ' x 8;
			substr($_[0], 148, 8) =
			    sprintf("%06o\0 ", unpack('%32C*', $_[0]));
		}
		my $x = $h;
		my $rec = "13 size=1024\n";
		substr($x, 124, 12) = sprintf("%011o\0", length $rec);
		substr($x, 156, 1) = 'x';
		sum($x);
		substr($h, 124, 12) = sprintf("%011o\0", 0);
		sum($h);
		binmode STDOUT;
		print substr($t, 0, $at), $x,
		    $rec . "\0" x (512 - length $rec), $h, substr($t, $at + 512);
	END
	atf_check -o inline:"snapshot.json\nm\n" tar -tf pax.tar
	atf_check -o save:id snap-import -p id <pax.tar
	atf_check -o inline:"m\nsnapshot.json\n" \
	    sh -c "ls root/snap/$(cat id)"
	atf_check cmp t/m "root/snap/$(cat id)/m"
}

# The directory that is taken in changes meanwhile: files become links, and back.
atf_test_case directory__swapped
directory__swapped_body()
{
	mkdir d
	echo 'SECRET of somebody else' >secret
	perl -e 'print "memory" x 4000' >d/m
	cp d/m keep
	(cd d && envelope m)
	perl -e '
		open(my $f, ">", "ready"); close($f);
		until (-e "stop") {
			symlink("../secret", "l"); rename("l", "d/m");
			link("keep", "f"); rename("f", "d/m");
			unlink("l", "f");
		}' &
	swapper=$!
	eventually 60 test -e ready
	n=0
	while [ $n -lt 30 ]; do
		rc=0
		snap-import --from-dir d -p id >id 2>err || rc=$?
		echo "$rc" >>statuses
		n=$((n + 1))
	done
	touch stop
	wait "$swapper"
	atf_check -s exit:1 grep -vE '^(0|65|66)$' statuses
	atf_check -s exit:1 grep -rl SECRET root
	[ "$(find root -type l ! -path '*/name/*' | wc -l)" -eq 0 ] ||
	    atf_fail "a link was taken in"
}

# What is removed is what lies there, not what links lead to.
atf_test_case removal__stays_inside
removal__stays_inside_body()
{
	outside
	snap_plant b web
	new=root/snap/.new-$(id_of c) gone=root/snap/.gone-$(id_of d)
	vm=root/vm/.new-$(id_of e)
	for dir in "$new" "$gone" "$vm" "root/snap/$(id_of b)"; do
		mkdir -p -m 700 "$dir"
		ln -s "$PWD/outside" "$dir/dir"
		ln -s "$PWD/outside/file" "$dir/file"
	done
	ln -s "$PWD/outside" "root/snap/.new-$(id_of f)"
	ln -s "$PWD/outside" "root/vm/.gone-$(id_of f)"
	snap-rm web >out 2>&1 || :
	outside_is_as_it_was snap-rm
	state-gc >out 2>&1 || :
	outside_is_as_it_was state-gc
	for dir in "$new" "$gone" "$vm"; do
		[ ! -e "$dir" ] || atf_fail "$dir is still there: $(cat out)"
	done
}

# Nobody else reads or writes it, whatever the umask.
atf_test_case modes__any_umask
modes__any_umask_body()
{
	need_tiny
	snap_plant b web
	(cd root && chmod -R go= .)
	atf_check -o save:good.tar snap-export --no-compress web
	umask 0
	mkdir -m 700 own
	atf_check -o save:id snap-import -R own/root -p id <good.tar
	atf_check -o ignore vm-create -R own/root -n v --kernel "$tiny" \
	    --user u --password p --storage 1M
	atf_check -o ignore snap-export -R own/root -o own/e.tar "$(cat id)"
	atf_check -o ignore snap-export -R own/root --to-dir own/d "$(cat id)"
	atf_check -o ignore cidata-gen --user u --password p -o own/seed
	atf_check find own -mindepth 1 ! -type l -perm /077
}

# Whatever a VM's start makes has been made before, as a link that leads outside.
atf_test_case start__planted_links cleanup
start__planted_links_body()
{
	need_tiny
	outside
	tiny_vm a --memory-backing file
	atf_check -o ignore vm-start a
	ls -A root/name/vm/a/ >names
	atf_check -o ignore vm-stop --force a
	dir=root/name/vm/a
	rm "$dir/console.log" "$dir/vmm.log"
	n=0
	while read -r name; do
		[ ! -e "$dir/$name" ] || continue
		# A file that is there would be written, one that is not made.
		case $name in
		*.sock) to=new ;;
		*) to=file ;;
		esac
		ln -s "$PWD/outside/$to" "$dir/$name"
		vm-start a >out 2>&1 || :
		outside_is_as_it_was "$name: $(cat out)"
		vm-stop -q --force a >out 2>&1 || :
		rm -f "$dir/$name"
		n=$((n + 1))
	done <names
	[ $n -ge 6 ] || atf_fail "$n links: $(cat names)"
}
start__planted_links_cleanup()
{
	vms_end
}

# A raw disk that a guest has given the head of another format stays raw.
atf_test_case disk__head_of_another_format
disk__head_of_another_format_body()
{
	need_tiny
	outside
	atf_check -o ignore vm-create -n v --kernel "$tiny" --storage 1M
	disk=root/name/vm/v/cow.raw
	# Version 3; its backing file, at byte 512, would be outside/file.
	perl -e 'my $n = "$ENV{PWD}/outside/file";
	    print pack("a4 N Q> N N Q> N", "QFI\xfb", 3, 512, length $n, 16,
	    1 << 40, 0), "\0" x (512 - 36), $n' >head
	dd if=head of="$disk" conv=notrunc status=none
	atf_check -o inline:"2097152\n" -e ignore \
	    vm-set --storage 2M -p config.storage v
	atf_check -o inline:"2097152\n" stat -c %s "$disk"
	atf_check cmp -n "$(stat -c %s head)" head "$disk"
	# Where nobody says what it is, neither is taken for granted.
	atf_check -s exit:65 -e match:"a qcow2 image: --format qcow2, or --format raw" \
	    disk-backup -o b.mirn "$disk"
	atf_check -o ignore disk-backup --format raw -o b.mirn "$disk"
	atf_check -o ignore disk-restore b.mirn back
	atf_check cmp "$disk" back
	outside_is_as_it_was vm-set
}

atf_init_test_cases()
{
	atf_add_test_case page__names_what_is_there
	atf_add_test_case archive__links_in_steps
	atf_add_test_case archive__smuggled_entry
	atf_add_test_case directory__swapped
	atf_add_test_case removal__stays_inside
	atf_add_test_case modes__any_umask
	atf_add_test_case start__planted_links
	atf_add_test_case disk__head_of_another_format
}
