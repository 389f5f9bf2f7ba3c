#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

atf_test_case rm__frees_the_name
rm__frees_the_name_body()
{
	tiny_vm web
	tiny_vm db
	dir=$(member web dir)
	atf_check vm-rm web
	atf_check test ! -e "$dir"
	atf_check -o inline:"db\n" vm-ls -p name
	atf_check -o inline:"db\n" ls root/name/vm
	tiny_vm web
	atf_check sh -c 'vm-ls | vm-rm -'
	atf_check -o empty find root/vm root/name/vm root/layer -mindepth 1
}

atf_test_case rm__running cleanup
rm__running_body()
{
	tiny_run web
	pid=$(member web pid)
	dir=$(member web dir)
	n=$(count_of web)
	atf_check -s exit:77 \
	    -e inline:"vm-rm: web: running; stop it, or use --force\n" \
	    vm-rm web
	eventually 60 has_counted web $((n + 3)) ||
	    atf_fail "it does not go on"
	atf_check -o ignore vm-pause web
	atf_check -s exit:77 \
	    -e inline:"vm-rm: web: running; stop it, or use --force\n" \
	    vm-rm web
	atf_check vm-rm --force web
	is_gone "$pid" || atf_fail "process $pid is still there"
	atf_check test ! -e "$dir"
	atf_check -o empty ls -A root/vm
}
rm__running_cleanup()
{
	vms_end
}

atf_test_case rm__refusals
rm__refusals_body()
{
	tiny_vm web
	refused 64 "no VM is named" vm-rm
	refused 64 "-p: unknown option: see vm-rm -h" vm-rm -p id web
	refused 66 "none: no such VM in $INSTAR_ROOT" vm-rm none
	refused 64 '".." is neither an id nor a name' vm-rm ..
	atf_check -s exit:75 \
	    -e inline:"vm-rm: web: busy: another program changes it\n" \
	    flock "$(member web dir)" vm-rm --force web
	atf_check -s exit:66 -e inline:"vm-rm: none: no such VM in $INSTAR_ROOT\n" \
	    vm-rm none web
	atf_check -o empty ls -A root/vm
}

atf_test_case rm__of_a_name_that_points_elsewhere
rm__of_a_name_that_points_elsewhere_body()
{
	tiny_vm web
	tiny_vm db
	dir=$(member web dir)
	# A record that claims another's name does not take it away.
	sed 's/"name":"web"/"name":"db"/' "$dir/vm.json" >new
	cp new "$dir/vm.json"
	atf_check vm-rm web
	atf_check -o inline:"db\n" vm-ls -p name db
}

atf_test_case rm__damaged cleanup
rm__damaged_body()
{
	tiny_run web
	tiny_vm db
	pid=$(member web pid)
	for vm in web db; do
		dir=$(member $vm dir)
		echo '{"record":' >new
		cp new "$dir/vm.json"
		atf_check -s exit:65 \
		    -e match:"^vm-rm: $vm: vm.json: .*: --force removes it$" \
		    vm-rm $vm
		atf_check test -e "$dir/cow.raw" -o -e "$dir/kernel"
	done
	# Nobody can tell whether it is the VMM that works there.
	atf_check -s exit:77 -e inline:"vm-rm: web: its record is damaged, and \
process $pid works in its directory: end that first\n" vm-rm --force web db
	atf_check -o empty find root/vm root/name/vm -name '*db*'
	atf_check_equal 1 "$(ls root/vm | wc -l)"
	kill -9 "$pid"
	eventually 10 is_gone "$pid"
	id=$(ls root/vm)
	rm "root/vm/$id/vm.json"
	atf_check -s exit:65 -e match:"^vm-rm: $id: " vm-rm "$id"
	atf_check vm-rm --force "$id"
	# Its name is gone with it, though nothing said which it was.
	atf_check -o empty find root/vm root/name/vm -mindepth 1
	tiny_vm web
	# Another's record in it is none.
	tiny_vm db
	cp "$(member db dir)/vm.json" "$(member web dir)/vm.json"
	atf_check -s exit:65 -e match:"of another VM" vm-rm web
	atf_check vm-rm --force web
	atf_check -o inline:"db\n" vm-ls -p name
	atf_check -o inline:"db\n" ls root/name/vm
}
rm__damaged_cleanup()
{
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd" 2>/dev/null) in
		"$PWD/root/vm/"*) kill -9 "${p#/proc/}" ;;
		esac
	done
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case rm__frees_the_name
	atf_add_test_case rm__running
	atf_add_test_case rm__refusals
	atf_add_test_case rm__damaged
	atf_add_test_case rm__of_a_name_that_points_elsewhere
}
