#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The tools' option tables: what -h, the manuals and completion have of them.

. "$(atf_get_srcdir)/../lib/lib.sh"

tools()
{
	for d in "$top"/*/; do
		t=$(basename "$d")
		[ -e "$d$t.c" ] && echo "$t"
	done
	return 0
}

# The words that the page of tool $1 explains as options.
explained()
{
	sed -n 's/^\.It \(Fl .*\)/\1/p' "$top/$1/$1.1" |
	    sed 's/ Ns Op = .*//; s/ , -/\
Fl -/g; s/ , Fl /\
Fl /g; s/ , \([a-z]\)/\
Fl \1/g' | sed 's/ | Fl /\
Fl /g' | sed -n 's/^Fl \([^ ]*\).*/-\1/p' |
	    awk '/^-[A-Za-z0-9][A-Za-z0-9]/ {
		for (i = 2; i <= length($0); i++)
			print "-" substr($0, i, 1)
		next
	    }
	    { print }' | sort -u
}

# Every option is in the synopsis and explained, by each of its names, and none
# is explained that there is not.
atf_test_case options__told_everywhere
options__told_everywhere_body()
{
	for t in $(tools); do
		"$t" --options >table || atf_fail "$t --options"
		awk -F '\t' '$1 != "-" { print "-" $1 }
		    $2 != "-" { print "--" $2 }' table | sort -u >names
		explained "$t" >manual
		comm -23 names manual | sed "s/^/$t.1 lacks /"
		# What another program is given is no option of ours.
		comm -13 names manual | grep -v '^-[^-]$' |
		    sed "s/^/$t has no /"
		# Of two names one will do; -h and -V are every tool's.
		"$t" -h | tr -s ' ][()|,\n' '\n' | sed 's/=.*//' |
		    awk -F '\t' -v t="$t" '
		NR == FNR { usage[$1] = 1; if ($1 ~ /^-[^-]/) short = short $1; next }
		$2 == "help" || $2 == "version" || ("--" $2) in usage { next }
		$1 == "-" || !index(short, $1) { print t " -h lacks " $0 }
		' - table
	done >wrong
	atf_check -o empty cat wrong
}

atf_test_case options__table
options__table_body()
{
	atf_check -o match:"^h	help	none$" -o match:"^R	root	required$" \
	    -o match:"^-	learn	optional$" -o match:"^p	-	required$" \
	    vm-clone --options
	atf_check -s exit:64 -e match:'--options: unknown' vm-clone --options x
	atf_check -s exit:74 -e match:'standard output' \
	    sh -c 'vm-ls --options >/dev/full'
}

# completes WORD...: what bash makes of the last word, sorted, into `got`.
completes()
{
	cat >ask <<-'END'
	shopt -u progcomp_alias
	. "$1"
	shift
	complete -p "$1" >/dev/null || exit 1
	# The words as bash cuts them, at "=" and ":" too.
	COMP_WORDS=()
	for w; do
		while [[ $w == *=* && $w == -* ]]; do
			COMP_WORDS+=("${w%%=*}" =)
			w=${w#*=}
			[[ -n $w ]] || continue 2
		done
		COMP_WORDS+=("$w")
	done
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMP_LINE=$* COMP_POINT=${#COMP_LINE}
	_instar
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
	END
	got=$(bash --norc ask "$top/share/completion/instar.bash" "$@")
}

# is_completed WANT WORD...
is_completed()
{
	want=$1
	shift
	completes "$@"
	[ "${got% }" = "$want" ] || atf_fail "$*: $got"
}

names()
{
	mkdir -p root/name/vm root/name/snap root/vm root/snap
	for n in web worker-1 worker-2; do
		ln -s "../../vm/$n" root/name/vm/$n
	done
	ln -s ../../snap/x root/name/snap/golden
	mkdir root/vm/k3q7aaaaaaaaaaaaaaaaaaaaaa
}

atf_test_case bash__words
bash__words_head()
{
	atf_set require.progs bash
}
bash__words_body()
{
	names
	is_completed "web worker-1 worker-2" vm-start ''
	is_completed "worker-1 worker-2" vm-start --ready ssh wo
	is_completed "k3q7aaaaaaaaaaaaaaaaaaaaaa" vm-stop k3q
	is_completed "golden" vm-clone -n x ''
	is_completed "golden web worker-1 worker-2" vm-restore ''
	is_completed "leave stop" vm-start --foreground --on-kill ''
	is_completed "leave" vm-start --on-kill=l
	is_completed "leave stop" vm-start --on-kill=
	is_completed "agent console= ssh" vm-clone --ready ''
	is_completed "--memory-mode" vm-clone --mem
	is_completed "512G 512K 512M 512T" vm-create --memory 512
	is_completed "10d 10h 10m 10s 10w" vm-start --wait=10
	is_completed "" vm-create --cpu ''
	is_completed "golden" vm-ls --from ''
	is_completed "total" vm-ls --memory=
	# An argument that may be left out is no word of its own.
	is_completed "web worker-1 worker-2" vm-ls --memory ''
	is_completed "" vm-exec web -- ''
	mkdir -p elsewhere/name/vm dir
	ln -s x elsewhere/name/vm/other
	is_completed "other" vm-start -R elsewhere ''
	is_completed "other" vm-start --root=elsewhere ''
	is_completed "dir" vm-clone --from-dir d
	touch disk.img
	is_completed "dir disk.img" disk-backup di
	is_completed "web:" vm-copy we
	is_completed "" vm-copy web:
}

# What a shell runs: it says what it was given.
says()
{
	for t in vm-start vm-create vm-clone disk-backup; do
		echo "$t() { printf given; printf '<%s>' \"\$@\"; printf end.; }"
	done
	# Not as it is shown when it is typed.
	echo "printf 'rea%s' dy."
}

# Names of files and roots that a shell does not take as they are, and "LINE|WHAT
# THE COMMAND IS GIVEN WHEN A TAB WAS TYPED BEHIND IT", in `table`.
special_names()
{
	names
	touch 'f1 space' "f2'quote" 'f3$dollar' 'f4(paren' 'f5;semi' 'f6"two' \
	    'f7\back' 'f8*star' 'f9[br]' 'g1#hash' 'g2:colon' 'g3=equal' \
	    'g4`tick' 'g5 two  spaces' 'g6<less' 'g7{b}'
	mkdir 'd1 dir'
	touch 'd1 dir/in ner'
	for r in 'my root' "it's" 'a$b' 'r[1]' 'eq=al' 'co:lon'; do
		mkdir -p "$r/name/vm"
		ln -s x "$r/name/vm/other"
	done
	cat >table <<-'END'
		vm-start --foreg|<--foreground>
		vm-start we|<web>
		disk-backup f1|<f1 space>
		disk-backup f2|<f2'quote>
		disk-backup f3|<f3$dollar>
		disk-backup f4|<f4(paren>
		disk-backup f5|<f5;semi>
		disk-backup f6|<f6"two>
		disk-backup f7|<f7\back>
		disk-backup f8|<f8*star>
		disk-backup f9|<f9[br]>
		disk-backup g1|<g1#hash>
		disk-backup g2|<g2:colon>
		disk-backup g2:c|<g2:colon>
		disk-backup g3=e|<g3=equal>
		disk-backup g4|<g4`tick>
		disk-backup g5|<g5 two  spaces>
		disk-backup g6|<g6<less>
		disk-backup g7|<g7{b}>
		disk-backup f1\ sp|<f1 space>
		disk-backup "f1 sp|<f1 space>
		disk-backup 'f1 sp|<f1 space>
		disk-backup f4\(pa|<f4(paren>
		disk-backup d1\ dir/|<d1 dir/in ner>
		disk-backup "d1 dir/i|<d1 dir/in ner>
		vm-create --kernel f1|<--kernel><f1 space>
		vm-create --kernel=f1|<--kernel=f1 space>
		vm-create --kernel="f1|<--kernel=f1 space>
		vm-create --kernel=g2:c|<--kernel=g2:colon>
		vm-create --kernel=g3=e|<--kernel=g3=equal>
		vm-start -R my\ root o|<-R><my root><other>
		vm-start -R 'my root' o|<-R><my root><other>
		vm-start --root=my\ root o|<--root=my root><other>
		vm-start --root="my root" o|<--root=my root><other>
		vm-start "--root=my root" o|<--root=my root><other>
		vm-start -R it\'s o|<-R><it's><other>
		vm-start -R "it's" o|<-R><it's><other>
		vm-start -R a\$b o|<-R><a$b><other>
		vm-start -R r\[1\] o|<-R><r[1]><other>
		vm-start -R eq=al o|<-R><eq=al><other>
		vm-start --root=eq=al o|<--root=eq=al><other>
		vm-start --root=co:lon o|<--root=co:lon><other>
		vm-start -R $ELSEWHERE o|<-R><my><other>
	END
	mkdir -p my/name/vm
	ln -s x my/name/vm/other
	cut -d '|' -f 1 table >lines
	cut -d '|' -f 2 table >want
}

# By the terminal, as people do it.
atf_test_case bash__interactive
bash__interactive_head()
{
	atf_set require.progs "bash python3"
}
bash__interactive_body()
{
	special_names
	{
		cat <<-END
			PS1='$ ' HISTFILE= ELSEWHERE=my
			bind 'set enable-bracketed-paste off'
			. "$top/share/completion/instar.bash"
		END
		says
	} >rc
	atf_check -o save:got python3 "$top/tests/lib/typed.py" \
	    bash --noprofile --rcfile rc -i <lines
	atf_check diff want got
}

atf_test_case bash__ten_thousand_names
bash__ten_thousand_names_head()
{
	atf_set require.progs "bash perl"
}
bash__ten_thousand_names_body()
{
	names
	perl -e 'symlink "../../vm/x", "root/name/vm/n$_" for 1 .. 10000'
	completes vm-start ''
	atf_check_equal 10003 "$(echo "$got" | wc -w)"
	# No program is run for it.
	PATH=/nowhere
	export PATH
	/usr/bin/env -i /bin/bash --norc -c '. "$1"
	    INSTAR_ROOT=root COMP_WORDS=(vm-start n) COMP_CWORD=1
	    COMP_LINE="vm-start n" COMP_POINT=10
	    _instar
	    [[ ${#COMPREPLY[@]} -eq 10000 ]]' \
	    sh "$top/share/completion/instar.bash" || atf_fail "it needs one"
}

atf_test_case zsh__words
zsh__words_head()
{
	atf_set require.progs zsh
}
zsh__words_body()
{
	names
	mkdir functions
	cp "$top/share/completion/instar.zsh" functions/_instar
	cat >ask <<-'END'
	zmodload zsh/zpty
	# What a real zsh makes of each word and a tab.
	zpty z 'zsh -f -i'
	zpty -w z "PS1= fpath=($PWD/functions \$fpath) INSTAR_ROOT=$PWD/root"
	zpty -w z 'autoload -Uz compinit; compinit -u -D; LISTMAX=1000'
	zpty -w z 'vm-start() { print "given:$*." }; vm-clone() { print "given:$*." }'
	zpty -w z 'vm-create() { print "given:$*." }; print re''ady'
	zpty -r -m z line '*ready*'
	for typed; do
		zpty -n -w z "$typed"$'\t\n'
		zpty -r -m z line '*given:*.*'
		line=${line#*given:}
		print -r -- "${${line%%.*}%% #}"
	done
	END
	timeout 120 zsh -f ask "vm-start we" "vm-start --foreg" \
	    "vm-start --on-kill l" "vm-clone --memory-mode=m" \
	    "vm-clone -n x g" "vm-create --hypervisor f" | tr -d '\r' >got
	atf_check -o inline:"web
--foreground
--on-kill leave
--memory-mode=mmap
-n x golden
--hypervisor firecracker
" sed 's/ *$//' got
}

atf_test_case zsh__interactive
zsh__interactive_head()
{
	atf_set require.progs "zsh python3"
}
zsh__interactive_body()
{
	special_names
	mkdir functions
	cp "$top/share/completion/instar.zsh" functions/_instar
	{
		cat <<-END
			PS1='$ ' ELSEWHERE=my
			unset zle_bracketed_paste
			fpath=($PWD/functions \$fpath)
			autoload -Uz compinit; compinit -u -D
		END
		says
	} >.zshrc
	ZDOTDIR=$PWD TERM=dumb atf_check -o save:got \
	    python3 "$top/tests/lib/typed.py" zsh -d -i <lines
	atf_check diff want got
}

atf_init_test_cases()
{
	atf_add_test_case options__told_everywhere
	atf_add_test_case options__table
	atf_add_test_case bash__words
	atf_add_test_case bash__interactive
	atf_add_test_case bash__ten_thousand_names
	atf_add_test_case zsh__words
	atf_add_test_case zsh__interactive
}
