#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Cloud Hypervisor's driver against recorded answers: runs anywhere.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"

atf_test_case start__plays cleanup
start__plays_body()
{
	ch_vm
	ch_plays ping create boot running running running running
	atf_check -o inline:"web\tcloud-hypervisor\tfile\tkvm\n" \
	    vm-start -p name,hypervisor,memory_backing,accel web
	atf_check -o inline:"running\n" vm-ls -p state web
	dir=$(member web dir)
	atf_check -o inline:"$dir/api.sock\n" vm-ls -p api_socket web
	atf_check_equal 16777216 "$(stat -c %s "$dir/memory.raw")"
}
start__plays_cleanup()
{
	vms_end
}

atf_test_case start__refused cleanup
start__refused_body()
{
	ch_vm
	ch_plays ping create 'boot refused'
	picture >before
	atf_check -s exit:69 -e inline:"vm-start: web: PUT /api/v1/vm.boot: \
Error from API: The VM could not boot: Cannot load the kernel into memory: \
Invalid Elf magic number\n" vm-start web
	# No memory, no state, no socket is left; the record says no process.
	dir=$(member web dir)
	for f in memory.raw config.json state.json api.sock console.sock; do
		atf_check -s exit:1 test -e "$dir/$f"
	done
	atf_check -o inline:"stopped\t\n" vm-ls -p state,pid web
}
start__refused_cleanup()
{
	vms_end
}

atf_test_case pause__twice cleanup
pause__twice_body()
{
	ch_vm
	ch_plays ping create boot \
	    running pause paused 'pause again' paused paused \
	    paused resume running 'resume again' running running
	atf_check -o ignore vm-start web
	atf_check -o inline:"paused\n" vm-pause -p state web
	atf_check -o inline:"paused\n" vm-pause -p state web
	atf_check -o inline:"running\n" vm-resume -p state web
	atf_check -o inline:"running\n" vm-resume -p state web
}
pause__twice_cleanup()
{
	vms_end
}

# has_golden DIR: the config.json of the recorded snapshot's clone, with disks
# of its own.
has_golden()
{
	sed 's/"cow.1.qcow2"/"cow.raw"/
	    s/"backing_files":true/"backing_files":false/
	    s/"image_type":"Qcow2"/"image_type":"Raw"/
	    s/"direct":true/"direct":false/' "$here/data/good/ch/clone.json" >want
	atf_check cmp want "$1/config.json"
}

atf_test_case clone__plays cleanup
clone__plays_body()
{
	ch_import
	ch_plays ping restore resume running
	atf_check -o inline:"c\ttemplate\tlinked\n" \
	    vm-clone -n c --disk-mode copy -p name,memory_backing,memory_from bare
	dir=$(member c dir)
	# Exactly this was changed, and nothing else.
	has_golden "$dir"
	sed 's/{\\"gpa\\":0,\\"length\\":16777216}//' bare/state.json >want
	atf_check cmp want "$dir/state.json"
	atf_check cmp bare/memory-ranges "$dir/template.raw"
	atf_check_equal 2 "$(stat -c %h "$dir/template.raw")"
	atf_check -o inline:"none\n" vm-ls -p identity.vmgenid c
}
clone__plays_cleanup()
{
	vms_end
}

atf_test_case clone__refused cleanup
clone__refused_body()
{
	ch_import
	ch_plays ping 'restore refused'
	picture >before
	atf_check -s exit:69 -e inline:"vm-clone: PUT /api/v1/vm.restore: \
Error from API: The VM could not be restored: Failed to get Write lock for \
disk image: cow.raw\n" vm-clone -n c bare
	picture >after
	atf_check cmp before after
	for fault in cut half garbage; do
		ch_plays -f "$fault@restore" ping restore
		atf_check -s exit:69 -e save:said vm-clone -n c bare
		atf_check_equal 1 "$(wc -l <said)"
	done
	atf_check -o empty find root/vm -mindepth 1
}
clone__refused_cleanup()
{
	vms_end
}

# The process is there before the files are: whoever ends the tool between the
# two, or lets the files fail, leaves none behind.
atf_test_case clone__ends_early cleanup
clone__ends_early_body()
{
	ch_import
	ch_plays ping
	atf_check -s signal:9 -e ignore env INSTAR_HOOK=populated=kill \
	    vm-clone -n c bare
	pid=$(jq '[.. | .pid? | numbers][0]' root/vm/.new-*/vm.json)
	kill -0 "$pid" || atf_fail "it has not been started"
	atf_check -o ignore state-gc
	eventually 20 is_gone "$pid" || atf_fail "it runs on"
	atf_check -o empty find root/vm -mindepth 1
	picture >before
	# Files of a megabyte, where the disk has sixteen.
	atf_check -s exit:74 -o empty \
	    -e inline:"vm-clone: cow.raw: File too large\n" \
	    sh -c 'ulimit -f 2048; exec vm-clone -n c --disk-mode copy bare'
	picture >after
	atf_check cmp before after
}
clone__ends_early_cleanup()
{
	vms_end
}

# vm-clone refuses a program before it makes anything of another version.
atf_test_case clone__no_start cleanup
clone__no_start_body()
{
	ch_import
	atf_check -o inline:"created\n" \
	    vm-clone --no-start -n c --disk-mode copy -p state bare
	# What is loaded later is there, as the machine will find it.
	dir=$(member c dir)
	has_golden "$dir"
	atf_check cmp bare/cow.raw "$dir/cow.raw"
	ch_plays ping restore resume running
	atf_check -o inline:"running\n" vm-start -p state c
}
clone__no_start_cleanup()
{
	vms_end
}

atf_test_case import__bare cleanup
import__bare_body()
{
	ch_import
	atf_check -o inline:"cloud-hypervisor\t1\t16777216\t16777216\n" \
	    snap-ls -p hypervisor,cpu,memory,storage bare
	dir=$(snap-ls -p dir bare)
	atf_check -o inline:'{"storage_configs":[{"path":"layer0","ro":true,'\
'"serial":"layer0","role":"layer"},{"path":"cow.raw","ro":false,'\
'"serial":"cocoon-cow","role":"cow"},{"path":"data-data1.raw","ro":false,'\
'"serial":"data1","role":"data","fstype":"none"}]}\n' cat "$dir/cocoon.json"
	for f in state.json memory-ranges cow.raw data-data1.raw; do
		atf_check cmp "bare/$f" "$dir/$f"
	done
	atf_check -o ignore snap-verify bare
	atf_check -o ignore -e match:'layer layer0 .* is not in the archive' \
	    snap-export -o bare.tar --no-compress bare
	atf_check -o ignore snap-import -n again bare.tar
	atf_check cmp "$dir/config.json" \
	    "$(snap-ls -p dir again)/config.json"
}
import__bare_cleanup()
{
	vms_end
}

# Without its layer it is taken in, and a clone says what is missing.
atf_test_case import__layer_elsewhere cleanup
import__layer_elsewhere_body()
{
	ch_bare
	atf_check -o ignore -e match:"warning: its layers were not followed" \
	    snap-import -n bare --from-dir bare
	atf_check -s exit:78 -e inline:"vm-clone: bare: disk 0: layer layer0 is \
not here: snap-import --trust-paths takes it in\n" vm-clone bare
	# Where the user trusts the path, what lies there.
	truncate -s 1M "$PWD/layer0.raw"
	echo kernel >ticker-1.elf
	ln -s ticker-1.elf ticker.elf
	sed "s,/srv/image/,$PWD/,g" bare/config.json >new
	mv new bare/config.json
	atf_check -o ignore snap-import -n trusted --trust-paths --from-dir bare
	atf_check cmp ticker-1.elf "$(snap-ls -p dir trusted)/kernel"
	ch_plays ping restore resume running
	atf_check -o ignore vm-clone -n c trusted
	atf_check -s exit:64 -e match:"--trust-paths goes with --from-dir" \
	    snap-import --trust-paths bare.tar
}
import__layer_elsewhere_cleanup()
{
	vms_end
}

# A fifo in the place of what an overlay lies on does not hold it up.
atf_test_case import__base_is_a_fifo cleanup
import__base_is_a_fifo_body()
{
	ch_bare
	bytes=$(stat -c %s bare/cow.raw)
	qemu-img create -q -f qcow2 -b /srv/image/base.raw -F raw -u \
	    bare/cow.qcow2 "$bytes" || atf_fail "no overlay"
	sed 's,/cow.raw",/cow.qcow2",; s,"image_type":"Raw","image_type":"Unknown",g' \
	    bare/config.json >new
	mv new bare/config.json
	mkfifo bare/base.raw
	mkdir -p root
	atf_check -s exit:65 -o empty -e match:"base.raw: not a regular file" \
	    timeout 60 snap-import --from-dir bare
	atf_check -o empty snap-ls
}
import__base_is_a_fifo_cleanup()
{
	vms_end
}

# damaged MESSAGE FILE SED: refused with this line, nothing comes of it.
damaged()
{
	cp -r bare bad
	sed "$3" "bare/$2" >"bad/$2"
	cmp -s "bad/$2" "bare/$2" && atf_fail "$3 changes nothing"
	atf_check -s exit:"${4:-65}" -e inline:"snap-import: bad: $1\n" \
	    snap-import --from-dir bad
	atf_check -o empty find root/snap -mindepth 1
	rm -r bad
}

atf_test_case import__damaged cleanup
import__damaged_body()
{
	ch_bare
	mkdir -p root/snap
	damaged 'config.json: not JSON: text behind the value at byte 1531' \
	    config.json 's/$/}/'
	damaged 'config.json: no member "cpus"' config.json 's/"cpus"/"cpu"/'
	damaged 'config.json: two devices with the id "_disk0"' config.json \
	    's/_disk1/_disk0/'
	damaged 'config.json: disks[1]: no member "id"' config.json \
	    's/"id":"_disk1",//'
	damaged 'config.json: disks[1]: no member "path"' config.json \
	    's,"path":"/srv/vm/web/cow.raw"\,,,'
	damaged "config.json: \"fs\": a device that is not the VM's alone: not \
supported" config.json 's/"rng"/"fs":[{"tag":"x"}],"rng"/' 78
	damaged "cow.rab: missing: the disk /srv/vm/web/cow.rab, as it was \
when this was saved" config.json 's/cow.raw/cow.rab/'
	damaged 'state.json: cpu-manager: 1 processors, config.json has 2' \
	    config.json 's/_vcpus":1/_vcpus":2/g'
	damaged "state.json: memory-manager: 16777216 bytes of memory, \
config.json has 33554432" config.json 's/"size":16777216/"size":33554432/'
	damaged 'state.json: no member "snapshots"' state.json \
	    's/{"snapshots":{"cpu/{"snapshot":{"cpu/'
	damaged 'state.json: _disk1 of config.json is not in it' state.json \
	    's/_disk1/_disk7/g'
	damaged 'memory-ranges: 16777216 bytes, state.json has 16773120' \
	    state.json 's/length\\":16777216/length\\":16773120/'
	truncate -s 16773120 bare/memory-ranges
	atf_check -s exit:65 -e inline:"snap-import: bare: memory-ranges: \
16773120 bytes, state.json has 16777216\n" snap-import --from-dir bare
	rm bare/memory-ranges
	atf_check -s exit:66 -e match:"bare: memory-ranges: No such file" \
	    snap-import --from-dir bare
	rm bare/state.json
	atf_check -s exit:66 -e match:"bare: state.json: No such file" \
	    snap-import --from-dir bare
}
import__damaged_cleanup()
{
	vms_end
}

# The VM "web", which runs, and what its program writes when it is saved.
ch_runs()
{
	ch_vm
	ch_plays -c "$1=$here/data/good/ch/config.json:handover/save.state/config.json" \
	    -c "$1=$here/data/good/ch/state.json:handover/save.state/state.json" \
	    ping create boot running running ping pause "$@" resume running
	atf_check -o ignore vm-start web
}

# saves_without_memory CALL: by what that one is answered.
saves_without_memory()
{
	ch_runs "$1"
	printf 'guest' | dd of="root/name/vm/web/memory.raw" bs=1 \
	    seek=1000000 conv=notrunc 2>/dev/null
	atf_check -o ignore snap-save -n golden web
	dir=$(snap-ls -p dir golden)
	# Whose memory is the snapshot's own, and nobody may write it.
	atf_check -o inline:'"zones":[{"id":"mem0","size":16777216,"file":'\
'"memory.raw","shared":false}]\n' grep -o '"zones":[^]]*]' "$dir/config.json"
	atf_check -o ignore grep -F '"data\":[]}' "$dir/state.json"
	atf_check cmp "root/name/vm/web/memory.raw" "$dir/memory.raw"
	for f in memory-ranges save.state; do
		atf_check -s exit:1 test -e "$dir/$f"
	done
	atf_check -s exit:1 test -e "root/name/vm/web/save.state"
	atf_check -o inline:"running\n" vm-ls -p state web
}

atf_test_case save__without_memory cleanup
save__without_memory_body()
{
	saves_without_memory 'snapshot without memory'
}
save__without_memory_cleanup()
{
	vms_end
}

# It does not say which file there is already.
atf_test_case save__without_memory_v51 cleanup
save__without_memory_v51_body()
{
	saves_without_memory 'snapshot without memory, v51'
}
save__without_memory_v51_cleanup()
{
	vms_end
}

# A balloon would empty what is mapped: the clone has a memory of its own.
atf_test_case clone__with_a_balloon cleanup
clone__with_a_balloon_body()
{
	ch_bare
	truncate -s 1M bare/layer0.raw
	sed 's/"rng"/"balloon":{"size":0,"free_page_reporting":true},"rng"/' \
	    bare/config.json >new
	mv new bare/config.json
	atf_check -o ignore snap-import -n bare --from-dir bare
	for mode in mmap copy; do
		ch_plays ping restore resume running
		atf_check -o inline:"memfd\tcopied\n" vm-clone -n "$mode" \
		    --memory-mode "$mode" -p memory_backing,memory_from bare
		dir=$(member "$mode" dir)
		atf_check -o inline:'"file":"/proc/self/fd/11","shared":true\n' \
		    grep -o '"file":"/proc[^}]*' "$dir/config.json"
		# Nothing of the snapshot is left in its reach.
		atf_check -s exit:1 test -e "$dir/template.raw"
	done
}
clone__with_a_balloon_cleanup()
{
	vms_end
}

# Some other refusal is none of ours: the guest goes on, nothing is left.
atf_test_case save__refused cleanup
save__refused_body()
{
	ch_runs 'snapshot refused'
	atf_check -s exit:69 -e match:"No space left on device" \
	    snap-save -n golden web
	atf_check -o empty snap-ls
	atf_check -s exit:1 test -e "root/name/vm/web/save.state"
	atf_check -o inline:"running\n" vm-ls -p state web
}
save__refused_cleanup()
{
	vms_end
}

# Half a file, though its program said that all was written.
atf_test_case save__half_a_state cleanup
save__half_a_state_body()
{
	ch_vm
	# In the VM's directory, which its program may read.
	head -c 2000 "$here/data/good/ch/state.json" >root/name/vm/web/half
	ch_plays -c "snapshot=$here/data/good/ch/config.json:handover/save.state/config.json" \
	    -c "snapshot=half:handover/save.state/state.json" \
	    ping create boot running running ping pause snapshot resume running
	atf_check -o ignore vm-start web
	atf_check -s exit:65 -e match:"state.json: not JSON: string without end" \
	    snap-save -n golden web
	atf_check -o empty snap-ls
	atf_check -o inline:"running\n" vm-ls -p state web
}
save__half_a_state_cleanup()
{
	vms_end
}

# ch_cocoon DIR: the bare snapshot with what cocoon puts beside it.
ch_cocoon()
{
	ch_bare
	mv bare "$1"
	echo '{"storage_configs":[{"path":"/srv/image/layer0.raw","ro":true,'\
'"serial":"layer0","role":"layer"},{"path":"/srv/vm/web/cow.raw","ro":false,'\
'"serial":"cocoon-cow","role":"cow"},{"path":"/srv/vm/web/data-data1.raw",'\
'"ro":false,"serial":"data1","role":"data","mount_point":"/mnt/data1",'\
'"fstype":"ext4"}],"boot_config":{"kernel_path":"/srv/image/ticker.elf",'\
'"cmdline":"console=ttyS0"}}' >"$1/cocoon.json"
	echo '{"version":1,"config":{"id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ",'\
'"name":"gold","hypervisor":"cloud-hypervisor","nics":0,"cpu":1,'\
'"memory":16777216,"storage":16777216,"image":"ubuntu:24.04"}}' \
	    >"$1/snapshot.json"
}

atf_test_case import__of_cocoon cleanup
import__of_cocoon_body()
{
	ch_cocoon coc
	# Taken in as it is, and its layers are missing.
	tar cf coc.tar -C coc snapshot.json cocoon.json config.json cow.raw \
	    data-data1.raw memory-ranges state.json
	atf_check -o ignore snap-import -n plain coc.tar
	atf_check -s exit:78 -e match:"disk 0: layer layer0.raw is not here" \
	    vm-clone plain
	# With those that the user says are his.
	truncate -s 1M layer0.raw
	echo kernel >ticker.elf
	for f in cocoon.json config.json; do
		sed "s,/srv/image/,$PWD/,g" "coc/$f" >new
		mv new "coc/$f"
	done
	atf_check -o ignore snap-import -n gold --trust-paths --from-dir coc
	atf_check -o inline:"gold\tubuntu:24.04\t16777216\n" \
	    snap-ls -p name,image,storage gold
	ch_plays ping restore resume running
	atf_check -o ignore vm-clone -n c gold
	atf_check -o match:'"mount_point":"/mnt/data1"' \
	    vm-ls -p storage_configs c
	atf_check cmp ticker.elf "$(member c dir)/kernel"
}
import__of_cocoon_cleanup()
{
	vms_end
}

# Without layers there is nothing to trust: its own paths become the clone's.
atf_test_case clone__of_cocoon cleanup
clone__of_cocoon_body()
{
	ch_cocoon coc
	sed 's/{"path":"[^"]*layer0.raw"[^}]*},//' coc/cocoon.json >new
	mv new coc/cocoon.json
	sed 's/{"id":"_disk0"[^}]*},//' coc/config.json >new
	mv new coc/config.json
	# Nor does the state have a disk for it any more.
	sed 's/layer0.raw\\",\\"disk_nsectors/layer0.raw\\",\\"nsectors/' \
	    coc/state.json >new
	mv new coc/state.json
	atf_check -o ignore snap-import -n gold --from-dir coc
	atf_check cmp coc/config.json "$(snap-ls -p dir gold)/config.json"
	ch_plays ping restore resume running
	atf_check -o ignore vm-clone -n c --disk-mode copy gold
	atf_check -o inline:'"path":"cow.raw"\n"path":"data-data1.raw"\n' \
	    grep -o '"path":"[^"]*"' "$(member c dir)/config.json"
	atf_check -s exit:1 grep -q /srv "$(member c dir)/config.json"
	atf_check -o inline:"false\n" vm-ls -p config.kernel c
}
clone__of_cocoon_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case save__without_memory
	atf_add_test_case save__without_memory_v51
	atf_add_test_case save__refused
	atf_add_test_case save__half_a_state
	atf_add_test_case import__of_cocoon
	atf_add_test_case clone__of_cocoon
	atf_add_test_case start__plays
	atf_add_test_case start__refused
	atf_add_test_case pause__twice
	atf_add_test_case clone__plays
	atf_add_test_case clone__with_a_balloon
	atf_add_test_case clone__refused
	atf_add_test_case clone__ends_early
	atf_add_test_case clone__no_start
	atf_add_test_case import__bare
	atf_add_test_case import__layer_elsewhere
	atf_add_test_case import__base_is_a_fifo
	atf_add_test_case import__damaged
}
