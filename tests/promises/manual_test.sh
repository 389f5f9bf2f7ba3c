#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The EXAMPLES of every tool's manual page are run as printed, in a store that
# has what they speak of: the running VM web, its snapshot golden, files.  So
# are the first steps of instar(7).

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"

# The commands of page $1's EXAMPLES, or of its part $2, which may be all:
# displayed lines and literal blocks, each example behind a line "# example N".
commands()
{
	awk -v part="${2-.Sh EXAMPLES}" '
	/^\.S[hs] / { on = (part == "all" || $0 == part); next }
	!on { next }
	/^\.Bd -literal/ { block = 1; print "# example " ++n; next }
	/^\.Ed/ { block = 0; next }
	block { print; next }
	/^\.Dl / {
		if (!line)
			print "# example " ++n
		line = 1
		print substr($0, 5)
		next
	}
	{ line = 0 }' "$1" | sed -e 's/\\e/\\/g' -e 's/\\-/-/g' \
	    -e 's/\\&//g' -e 's/\\(dq/"/g'
}

# Stands in for the machine build2: a directory of its own, named by FAR.
stub_ssh()
{
	mkdir -p bin
	cat >bin/ssh <<-'STUB'
	#!/bin/sh
	[ "$1" != -F ] || shift 2
	shift
	cd "$FAR" || exit
	INSTAR_ROOT=$PWD/root
	export INSTAR_ROOT
	exec sh -c "$*"
	STUB
	# No guest here answers: it is as if each did, and what is asked for runs
	# with the other machine's files.
	cat >bin/vm-ssh <<-STUB
	#!/bin/sh
	PATH=$PWD/bin/guest:\$PATH exec "$top/vm-ssh/vm-ssh" --timeout 0 "\$@"
	STUB
	mkdir bin/guest
	cat >bin/guest/ssh <<-'STUB'
	#!/bin/sh
	while [ "$1" != 127.0.0.1 ]; do shift; done
	shift
	cd "$FAR" && exec sh -c "$*"
	STUB
	# A terminal on which the console is left at once.
	cat >bin/vm-console <<-STUB
	#!/bin/sh
	(sleep 1; printf '\035') |
	    script -qec "$top/vm-console/vm-console \$*" /dev/null
	STUB
	chmod +x bin/ssh bin/vm-console bin/vm-ssh bin/guest/ssh
	FAR=$PWD/far
	export FAR
}

# The files that examples name.
make_files()
{
	cp "$tiny" vmlinuz
	head -c 4096 /dev/urandom >initrd.img
	head -c 1M /dev/urandom >base.img
	cp base.img disk.img
	printf 'written' | dd of=disk.img bs=64k seek=3 conv=notrunc 2>/dev/null
	disk-overlay -q --base base.img --changed disk.img -o cow.img
	disk-backup -q -n pgdata -o pgdata.mirn disk.img
	echo secret >password
	mkdir dir far site "$HOME/.ssh"
	echo page >site/index.html
	cp password secret
	echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA me" \
	    >"$HOME/.ssh/id_ed25519.pub"
	sandbox_make
	printf '#cloud-config\n{}\n' >user-data
	printf 'version: 2\nethernets: {}\n' >net.yaml
} >/dev/null

# make_store [VM-CREATE OPTION]...: the VM web, running, its snapshot golden, and
# archives of it.
make_store()
{
	vm-create -n web --kernel vmlinuz --initrd initrd.img --memory 64M \
	    --storage 64M "$@"
	vm-start web
	vm-wait --timeout 60 --console 'tick' web
	snap-save -n golden web
	snap-export -q -o golden.tar.zst golden
	snap-export -q --gzip -o web.tar.gz golden
} >/dev/null

# What Firecracker wrote, and what its disks are.
saved_make()
{
	mkdir saved
	zstd -qdc "$(atf_get_srcdir)/../data/fc-snapshot.tar.zst" |
	    tar -xf - -C saved
	truncate -s 1M saved/layer0.raw
	cat >api.disks <<-END
		{"path":"/srv/image/layer0.raw","ro":true,"serial":"layer0","role":"layer"}
		{"path":"/srv/vm/web/cow.raw","ro":false,"serial":"cocoon-cow","role":"cow"}
		{"path":"/srv/vm/web/data-data1.raw","ro":false,"serial":"data1","role":"data","fstype":"ext4"}
	END
}

# What example $3 of tool $1, in file $2, needs beyond that.
prepare()
{
	case $1 in
	disk-mkdata)
		rm -f data-*.raw
		;;
	disk-restore)
		rm -f disk.img
		;;
	snap-export)
		rmdir dir 2>/dev/null
		[ "$3" -gt 1 ] ||
		    snap-import -n box --from-dir sandbox --base base.img
		;;
	snap-import)
		! grep -q storage-config "$2" || saved_make
		;;
	snap-rm)
		snap-save -n web web
		snap-save -n db web
		# An id's beginning cannot be printed ahead.
		sed -i "s/k3q7/$(snap-save -p id web | cut -c 1-12)/" "$2"
		;;
	snap-push | snap-pull)
		# On a port that is free; the other machine's is this one's, too.
		if grep -q :5000 "$2"; then
			[ -e one.registry ] || registry_start one
			sed -i -e "s/localhost:5000/$registry/" \
			    -e "s/build1.lan:5000/0.0.0.0:${registry#*:}/" "$2"
		fi
		;;
	snap-sign)
		if grep -q ssh-add "$2"; then
			eval "$(ssh-agent -s)"
			echo "$SSH_AGENT_PID" >agent.pid
			ssh-add -q releases 2>/dev/null
		fi
		;;
	snap-verify)
		if grep -q signed-by "$2"; then
			ssh-keygen -q -t ed25519 -N '' -f ann
			snap-sign -k ann golden
		fi
		;;
	snap-set)
		snap-save -n candidate web
		;;
	snap-save)
		[ "$3" -gt 1 ] || snap-rm golden
		;;
	vm-exec)
		sed -i "s|/srv/site|$PWD/guest/site|" "$2"
		;;
	vm-copy)
		sed -i "s|:/srv|:$PWD/guest|" "$2"
		;;
	vm-restore)
		[ "$3" -gt 1 ] || vm-clone -n worker --count 1 golden
		;;
	vm-wait)
		# The tiny guest asks for no login, and ends when it is told to.
		sed -i 's/login: [$]/tick/' "$2"
		! grep -q stopped "$2" ||
		    (sleep 1; kill -9 "$(vm-ls -p pid web)") &
		;;
	esac >/dev/null
	# From the other machine comes what this one does not have.
	if grep -q '^ssh build2 snap-export golden' "$2"; then
		INSTAR_ROOT=$PWD/far/root snap-import -q -n golden \
		    golden.tar.zst >/dev/null
		snap-rm golden
	fi
}

# Runs the examples of tool $1 in a directory of its own.
run_page()
{
	if [ "$1" = vm-console ]; then
		need_terminal
	fi
	mkdir "$1" && cd "$1" || atf_fail "$1"
	INSTAR_ROOT=$PWD/root
	export INSTAR_ROOT
	make_files
	stub_ssh
	case $1 in
	vm-ssh) make_store --nic user,forward=0:22 ;;
	snap-save|vm-copy|vm-exec)
		make_store --agent
		fake_agent web
		;;
	disk-backup|snap-*|vm-*|state-*) make_store ;;
	esac
	commands "$top/$1/$1.1" >commands
	examples=$(grep -c '^# example' commands)
	test "$examples" -gt 0 || atf_fail "$1.1 has no examples"
	n=0
	while [ $n -lt "$examples" ]; do
		n=$((n + 1))
		awk -v n=$n '/^# example / { on = ($3 == n); next } on' \
		    commands >"example$n"
		# The device mapper is not ours to test.
		! grep -q dmsetup "example$n" || continue
		! grep -q :5000 "example$n" ||
		    command -v docker-registry >/dev/null || continue
		prepare "$1" "example$n" $n
		PATH=$PWD/bin:$PATH bash -e -o pipefail "./example$n" \
		    >out 2>&1 </dev/null || {
			cat "example$n" out
			atf_fail "$1.1: example $n fails"
		}
	done
	cd ..
}

# What instar(7) begins with, in an empty root: its examples are one story.
atf_test_case instar__first_steps cleanup
instar__first_steps_head()
{
	atf_set require.progs qemu-system-x86_64
}
instar__first_steps_body()
{
	need_tiny
	INSTAR_ROOT=$PWD/root
	export INSTAR_ROOT
	make_files
	stub_ssh
	commands "$top/share/instar.7" ".Ss First steps" |
	    sed 's/login:/tick/' >story
	atf_check -o match:from-archive grep -e '--from-archive' story
	PATH=$PWD/bin:$PATH atf_check -o ignore -e ignore \
	    bash -e -o pipefail ./story
	atf_check -o inline:"web\trunning\n" vm-ls -p name,state
	atf_check -o empty snap-ls
	for vm in worker-1 worker-2 worker-3 visitor; do
		atf_check -o inline:"running\n" \
		    vm-ls -R far/root -p state $vm
	done
	atf_check -o inline:"golden\n" snap-ls -R far/root -p name
}
instar__first_steps_cleanup()
{
	vms_end "$PWD/root" "$PWD/far/root"
}

# One case a tool: page_case TOOL.
page_case()
{
	eval "
	atf_test_case $1__examples cleanup
	$1__examples_head() { atf_set require.progs \"qemu-system-x86_64 jq\"; }
	$1__examples_body() { need_tiny; run_page $2; }
	$1__examples_cleanup() {
		vms_end \$PWD/$2/root \$PWD/$2/far/root
		[ ! -e $2/agent.pid ] || kill \"\$(cat $2/agent.pid)\"
		[ ! -d $2 ] || (cd $2 && fakes_end; registries_end)
	}"
}

# A page speaks only of tools and pages that exist.
atf_test_case references__exist
references__exist_body()
{
	for page in "$top"/*/*.[1-9]; do
		sed -n 's/^\.Xr \([^ ]*\) \([1-9]\).*/\1.\2/p' "$page" |
		    sort -u | while read -r r; do
			case $r in
			vm-*|snap-*|disk-*|cidata-*|state-*|instar*) ;;
			*) continue ;;
			esac
			set -- "$top"/*/"$r"
			[ -e "$1" ] || echo "${page##*/} refers to $r"
		done
	done >wrong
	atf_check -o empty cat wrong
}

# What the text of a tool's page sends to of ours stands at its end, too.
atf_test_case references__listed
references__listed_body()
{
	for page in "$top"/*/*.1; do
		sed '/^\.Sh SEE ALSO/,/^\.Sh CAVEATS/d' "$page" | tr -s ' ' '\n' |
		    awk -v self="$(basename "$page" .1)" '
		    last ~ /^\.?Xr$/ && $1 ~ /^(vm|snap|disk|cidata|state|instar)(-|$)/ \
			{ name = $1; next }
		    name != "" && name != self { print name, $1 }
		    { last = $1; name = "" }' | sort -u >sent
		sed -n '/^\.Sh SEE ALSO/,/^\.Sh CAVEATS/s/^\.Xr \([^ ]* .\).*/\1/p' \
		    "$page" | sort -u >listed
		comm -23 sent listed | sed "s|^|${page##*/}: |"
	done >wrong
	atf_check -o empty cat wrong
}

# A word behind an option that is no option is marked as such: else it is drawn
# with a dash.
atf_test_case options__drawn_as_such
options__drawn_as_such_body()
{
	grep -nE '(^\.|[ (])Fl (-[a-z-]+|[A-Za-z]) ([;:,.] )?[a-z]' \
	    "$top"/*/*.[1-9] >wrong
	atf_check -o empty cat wrong
}

# What is displayed reaches the reader as it is written and run: no quote taken
# for mdoc's, no full stop drawn to a word, no line broken.
atf_test_case displays__read_as_written
displays__read_as_written_head()
{
	atf_set require.progs "mandoc col"
}
displays__read_as_written_body()
{
	for page in "$top"/*/*.[1-9]; do
		mandoc -T ascii -O width=78 "$page" | col -bx |
		    sed 's/^ *//' >read
		commands "$page" all | grep -v '^# example' |
		    sed 's/^[[:space:]]*//' | grep . >written || continue
		while IFS= read -r line; do
			grep -qxFe "$line" read ||
			    echo "${page##*/}: $line"
		done <written
	done >wrong
	atf_check -o empty cat wrong
}

atf_init_test_cases()
{
	for d in "$top"/*/; do
		t=$(basename "$d")
		[ -e "$d$t.c" ] || continue
		id=$(echo "$t" | tr - _)
		page_case "$id" "$t"
		atf_add_test_case "${id}__examples"
	done
	atf_add_test_case instar__first_steps
	atf_add_test_case displays__read_as_written
	atf_add_test_case references__exist
	atf_add_test_case references__listed
	atf_add_test_case options__drawn_as_such
}
