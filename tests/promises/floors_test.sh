#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# mk/floors.sh and mk/circles.sh on trees that are as they must be but for one
# thing.

. "$(atf_get_srcdir)/../lib/lib.sh"

# A floor of each kind, two drivers, a tool; nothing is wrong with it.
tree_make()
{
	rm -rf tree
	for d in base disk snapshot archive seed foreign registry state vmm vmm/host \
	    vmm/qemu vmm/ch; do
		mkdir -p "tree/common/$d"
	done
	mkdir tree/vm-x tree/tests tree/bench
	echo '#include "base/le.h"' >tree/common/disk/map.c
	echo '#include "state/vm.h"' >tree/common/vmm/host/tap.c
	echo '#include "vmm/host/tap.h"' >tree/common/vmm/vmm.c
	printf '#define LIST \\\n\tline(qemu) \\\n\tline(ch)\n' \
	    >>tree/common/vmm/vmm.c
	printf '\t.name = "qemu",\n' >tree/common/vmm/qemu/qemu.c
	echo '#include "vmm/qemu/qmp.h"' >>tree/common/vmm/qemu/qemu.c
	echo '#define CH_NAME "cloud-hypervisor"' >tree/common/vmm/ch/ch.h
	printf '\t.name = CH_NAME,\n' >tree/common/vmm/ch/ch.c
	printf '#include "vmm/vmm.h"\n#include "x.h"\n' >tree/vm-x/vm-x.c
	echo 'run("qemu-img", "--"); qemu_img_run();' >>tree/vm-x/vm-x.c
	printf '/*\n * QEMU block/qcow2.c\n */ int n; /* QEMU */\n' \
	    >tree/common/disk/qcow2.c
	echo 'qemu, Cloud Hypervisor' >tree/vm-x/vm-x.1
	echo '#include "vmm/qemu/qmp.h"' >tree/tests/qmp_test.c
	echo '#include "vmm/qemu/qmp.h"' >tree/bench/qmp_bench.c
}

# Every line "FILE|TEXT|COMPLAINT": TEXT stands in line 2 of the file then.
each()
{
	while IFS='|' read -r file text complaint; do
		tree_make
		[ -e "tree/$file" ] || : >"tree/$file"
		sed -n 1p "tree/$file" >first
		[ -s first ] || echo >first
		{
			cat first
			printf '%b\n' "$text"
			sed 1d "tree/$file"
		} >new
		mv new "tree/$file"
		atf_check -s exit:1 -o inline:"$file:2: $complaint\n" \
		    sh "$top/mk/floors.sh" tree
	done
}

atf_test_case tree__as_it_must_be
tree__as_it_must_be_body()
{
	tree_make
	atf_check sh "$top/mk/floors.sh" tree
}

atf_test_case include__out_of_order
include__out_of_order_body()
{
	each <<-'END'
		common/base/le.c|#include "disk/map.h"|"disk/map.h" is above base
		common/snapshot/nic.c|#include "archive/tar.h"|"archive/tar.h" is above snapshot
		common/foreign/cow.c|#include "state/vm.h"|"state/vm.h" is above foreign
		common/state/vm.c|# include "vmm/vmm.h"|"vmm/vmm.h" is above state
		common/state/vm.c|#include "format/tar.h"|"format/tar.h" is on no floor
		common/state/vm.c|#include "../base/fd.h"|"../base/fd.h" is on no floor
		common/state/vm.c|#include "vm.h"|"vm.h" does not name its floor
		vm-x/vm-x.c|#include "../vm-y/y.h"|"../vm-y/y.h" is on no floor
	END
}

atf_test_case include__of_a_driver
include__of_a_driver_body()
{
	each <<-'END'
		common/vmm/host/tap.c|#include "vmm/qemu/qmp.h"|"vmm/qemu/qmp.h" is the driver's own
		common/vmm/vmm.c|#include "vmm/ch/ch.h"|"vmm/ch/ch.h" is the driver's own
		common/vmm/ch/ch.c|#include "vmm/qemu/qmp.h"|"vmm/qemu/qmp.h" is the driver's own
		vm-x/vm-x.c|#include "vmm/qemu/qmp.h"|"vmm/qemu/qmp.h" is the driver's own
	END
}

atf_test_case name__outside_its_driver
name__outside_its_driver_body()
{
	each <<-'END'
		common/state/vm.h|#define VM_STATE "state.qemu"|names a hypervisor: qemu
		common/state/vm.h|/* QEMU takes others. */|names a hypervisor: qemu
		common/disk/map.c|int qemu;|names a hypervisor: qemu
		common/disk/map.c|const char *s = "qemu"; /* QEMU */|names a hypervisor: qemu
		common/vmm/vmm.c|find("cloud-hypervisor");|names a hypervisor: cloud-hypervisor
		common/vmm/host/tap.c|/* Cloud Hypervisor's */|names a hypervisor: cloud hypervisor
		vm-x/vm-x.c|CLOUD_HYPERVISOR|names a hypervisor: cloud_hypervisor
		vm-x/vm-x.c|ch_config_read(&c);|names a hypervisor: ch_
		vm-x/vm-x.c|x = &vmm_ch;|names a hypervisor: vmm_ch
		vm-x/Makefile|SRCS = vm-x.c ch_disks.c|names a hypervisor: ch_
	END
}

# A machine's words stand in the file that is named for its processor; what a
# comment says of them, and what the tools do, is not asked.
atf_test_case processor__outside_its_file
processor__outside_its_file_body()
{
	each <<-'END'
		common/vmm/qemu/qemu.c|x = "pc-q35-7.2";|is of one processor: q35
		common/vmm/host/tap.c|strcmp(flag, "vmx");|is of one processor: "vmx"
		common/foreign/cow.c|BZ "bzImage" /* x */|is of one processor: bzImage
		common/vmm/ch/ch.c|x = "console=ttyS0";|is of one processor: ttyS0
	END
	tree_make
	echo 'x = "pc-q35-7.2";' >tree/common/vmm/qemu/qemu_x86.c
	echo '/* As q35 has it. */' >>tree/common/vmm/qemu/qemu.c
	atf_check sh "$top/mk/floors.sh" tree
}

# One line of the table is a driver's, and of vmm.c alone.
atf_test_case name__twice_in_the_table
name__twice_in_the_table_body()
{
	tree_make
	printf '\tline(qemu)\n' >>tree/common/vmm/vmm.c
	printf '\tline(qemu)\n' >tree/common/vmm/load.c
	atf_check -s exit:1 -o save:told sh "$top/mk/floors.sh" tree
	atf_check -o inline:"common/vmm/load.c:1: names a hypervisor: qemu
common/vmm/vmm.c:5: names a hypervisor: qemu\n" sort told
}

atf_test_case driver__without_a_name
driver__without_a_name_body()
{
	tree_make
	mkdir tree/common/vmm/new
	: >tree/common/vmm/new/new.c
	: >tree/common/vmm/new/new.h
	atf_check -s exit:1 \
	    -o inline:"common/vmm/new: a driver without a name\n" \
	    sh "$top/mk/floors.sh" tree
}

# module FILE: standard input as a file of tree/.
module()
{
	mkdir -p "tree/$(dirname "$1")"
	cat >"tree/$1"
}

# Two that use one another's function and table, over a third.
circle_make()
{
	rm -rf tree
	module common/seed/top.c <<-'END'
		static const char *
		own(void)
		{
		    return names[0];
		}

		int
		top(int n)
		{
		    return low(n);
		}
	END
	module common/seed/mid.c <<-'END'
		const char *const names[] = { "low(1)", "top(2)" };

		struct mid *
		mid(const char *a,
		    int n)
		{
		    return low(n) + top(n);
		}
	END
	module common/seed/low.c <<-'END'
		/* mid() and
		 * top() */
		int
		low(int n)
		{
		    return own(n) + '"' + s->top + s.mid; /* mid() */
		}
	END
}

atf_test_case circle__of_two
circle__of_two_body()
{
	circle_make
	atf_check -s exit:1 -o inline:"common/seed: mid -> top (top) -> mid \
(names)\n" sh "$top/mk/circles.sh" tree
	# Neither of another folder, nor by a name of its own.
	sed -i 's/^struct mid \*$/static int/; s/^const/static const/' \
	    tree/common/seed/mid.c
	atf_check sh "$top/mk/circles.sh" tree
	circle_make
	mkdir tree/vm-x
	mv tree/common/seed/mid.c tree/vm-x
	atf_check sh "$top/mk/circles.sh" tree
}

atf_test_case circle__of_three
circle__of_three_body()
{
	circle_make
	sed -i 's/+ top(n)//' tree/common/seed/mid.c
	atf_check sh "$top/mk/circles.sh" tree
	sed -i 's/own(n)/top(n)/' tree/common/seed/low.c
	sed -i 's/low(n)/mid("", n)/' tree/common/seed/top.c
	atf_check -s exit:1 -o inline:"common/seed: low -> top (top) -> mid (names) \
-> low (low)\n" sh "$top/mk/circles.sh" tree
}

atf_init_test_cases()
{
	atf_add_test_case tree__as_it_must_be
	atf_add_test_case include__out_of_order
	atf_add_test_case include__of_a_driver
	atf_add_test_case name__outside_its_driver
	atf_add_test_case processor__outside_its_file
	atf_add_test_case name__twice_in_the_table
	atf_add_test_case driver__without_a_name
	atf_add_test_case circle__of_two
	atf_add_test_case circle__of_three
}
