# SPDX-License-Identifier: ISC
# What the parts of the demo share: each step printed as you would type it, and
# its time.  $top is the tree, whose programs are found first.
#	. "$top/examples/steps.sh"

for d in "$top"/vm-* "$top"/snap-*; do
	PATH=$d:$PATH
done
export PATH

now_ms()
{
	date +%s%3N
}

# run COMMAND: prints it, runs it, and leaves its time in took_ms.
run()
{
	printf '\n$ %s\n' "$1"
	from=$(now_ms)
	eval "$1" || return
	took_ms=$(($(now_ms) - from))
	printf '  [%s]\n' "$(seconds $took_ms)"
}

seconds()
{
	printf '%d.%03d s' $(($1 / 1000)) $(($1 % 1000))
}

# The whole lines on the console of VM $2 in root $1, from its byte $3 on.
lines()
{
	tail -c "+${3:-1}" "$(vm-ls -R "$1" -p console_log "$2")" |
	    sed -n 's/\r$//p'
}

# The counts among them.
counts()
{
	lines "$@" | sed -n 's/^count \([0-9][0-9]*\)$/\1/p'
}

# eventually COMMAND...: what it prints, as soon as that is anything.
eventually()
{
	for i in $(seq 600); do
		"$@" | grep . && return
		sleep 0.1
	done
	return 1
}

row()
{
	printf '  %-28s %s\n' "$1" "$2"
}
