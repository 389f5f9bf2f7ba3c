#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: completion.sh directory tool...
# From share/: makes instar.bash and instar.zsh in the directory of what ends in .in there and of
# the shell function _instar_table, which sets for tool $1 what it takes:
# _instar_options, words like "--quiet", "--root=dir" (an argument of that kind
# follows), "--learn[=duration]"; and _instar_operands, kinds.  The options are
# those of the tool's own table (TOOL --options), what their arguments and the
# operands are called is its synopsis (TOOL -h).  Kinds: file, dir, size,
# duration, vm, snap, vmpath, words themselves, and - for anything.
set -eu

# Of a synopsis: what stands for itself, and what only names a thing.
kinds='
function kind(w,   n, i, parts, out, k) {
	sub(/\.\.\.$/, "", w)
	n = split(w, parts, "|")
	out = ""
	for (i = 1; i <= n; i++) {
		k = parts[i]
		sub(/=regex$/, "=", k)
		if (k ~ /,/)
			continue
		if (k ~ /^(file|image|archive|network-config)$/)
			k = "file"
		else if (k ~ /^(dir|root)$/)
			k = "dir"
		else if (k == "snapshot")
			k = "snap"
		else if (k == "source" || k == "target")
			k = "file"
		else if (k == "vm:path")
			k = "vmpath"
		else if (n == 1 && k !~ /^(size|duration|vm|snap)$/ &&
		    !(optional && k != "level"))
			k = "-"
		out = out (out == "" ? "" : "|") k
	}
	return out == "" ? "-" : out
}'

dir=$1
shift
table=$dir/table.stamp
trap 'rm -f "$table" "$dir/made.stamp"' EXIT
{
echo '# Made by mk/completion.sh.'
printf '_instar_table()\n{\n\tcase $1 in\n'
for tool; do
	{
		"../$tool/$tool" --options | sed 's/^/option	/'
		"../$tool/$tool" -h | sed 's/^usage: //' | tr '\n' ' '
	} | awk -F '\t' -v tool="$tool" "$kinds"'
	$1 == "option" {
		name = $3 == "-" ? "-" $2 : "--" $3
		names[++count] = name
		takes[name] = $4
		if ($2 != "-") {
			takes["-" $2] = $4
			other["-" $2] = name
		}
		next
	}
	{
		gsub(/\[=/, "=?", $0)
		gsub(/[][()]/, " ", $0)
		n = split($0, words, " ")
		for (i = 1; i <= n; i++) {
			w = words[i]
			if (w == tool || w == "|" || w == "..." || w == "option" ||
			    w == "options" || w == "arg" || w == "command")
				continue
			if (w ~ /^-/) {
				optional = index(w, "=?") > 0
				name = w
				sub(/=.*/, "", name)
				if (optional)
					argument[name] = kind(substr(w,
					    index(w, "=?") + 2))
				else if (takes[name] == "required")
					argument[name] = kind(words[++i])
				optional = 0
				continue
			}
			k = kind(w)
			if (k != "-" && !seen[k]++)
				operands = operands (operands == "" ? "" : " ") k
		}
	}
	END {
		for (name in other)
			if (name in argument && !(other[name] in argument))
				argument[other[name]] = argument[name]
		printf "\t%s)\n\t\t_instar_options=\047", tool
		for (i = 1; i <= count; i++) {
			name = names[i]
			a = name in argument ? argument[name] : "-"
			printf "%s%s", (i > 1 ? " " : ""), name
			if (takes[name] == "required")
				printf "=%s", a
			else if (takes[name] == "optional")
				printf "[=%s]", a
		}
		n = split("h V q R n d p j f o t i l m N H", order, " ")
		for (i = 1; i <= n; i++) {
			name = "-" order[i]
			if (!(name in other) || other[name] == name)
				continue
			printf " %s", name
			if (takes[name] == "required")
				printf "=%s", \
				    argument[other[name]] ? argument[other[name]] : "-"
		}
		printf "\047\n\t\t_instar_operands=\047%s\047\n\t\t;;\n", operands
	}'
done
printf '\t*) return 1 ;;\n\tesac\n}\n'
} >"$table"
{
	cat "$dir/instar.bash.in" "$table"
	echo "complete -F _instar $*"
} >"$dir/made.stamp"
mv "$dir/made.stamp" "$dir/instar.bash"
sed -e "s/@TOOLS@/$*/" -e "/@TABLE@/{r $table
d
}" "$dir/instar.zsh.in" >"$dir/made.stamp"
mv "$dir/made.stamp" "$dir/instar.zsh"
