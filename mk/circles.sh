#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: circles.sh [tree]
# Whether the modules (.c files) of each folder stand one on another: a module
# that uses a function or a table of a second one, which in turn uses one of the
# first, makes a circle.  A line for each, with what is used on the way round.
# Read from the sources, as they are laid out here: what a file defines for
# others begins in the first column.
set -u

cd "${1:-.}" || exit

find . -name '*.c' ! -path './build/*' ! -path './tests/*' ! -path './.*' |
    sed 's|^\./||' | sort | xargs awk '
# The line without comments, strings and characters.
function code(text, out, at, c) {
	out = ""
	while (text != "") {
		if (in_comment) {
			at = index(text, "*/")
			text = at == 0 ? "" : substr(text, at + 2)
			in_comment = at == 0
		} else if (match(text, /\/\*|"|\047/) == 0) {
			return out text
		} else {
			c = substr(text, RSTART, RLENGTH)
			out = out substr(text, 1, RSTART - 1) " "
			text = substr(text, RSTART + RLENGTH)
			if (c == "/*") {
				in_comment = 1
			} else {
				while (text != "" && substr(text, 1, 1) != c)
					text = substr(text,
					    substr(text, 1, 1) == "\\" ? 3 : 2)
				text = substr(text, 2)
			}
		}
	}
	return out
}

FNR == 1 {
	in_comment = 0
	before = ""
	folder = module = FILENAME
	if (!sub(/\/[^\/]*$/, "", folder))
		folder = "."
	sub(/.*\//, "", module)
	sub(/\.c$/, "", module)
	if (!(folder in modules))
		folders[++folders_n] = folder
	modules[folder] = modules[folder] " " module
}

{
	text = code($0)
	name = ""
	# A function has its type on the line before; a table has not.
	if (match(text, /^[a-z_][a-z0-9_]*\(/)) {
		name = substr(text, 1, RLENGTH - 1)
		public = before !~ /^static/
	} else if (text ~ /^[a-z].* = / || text ~ /^[a-z].*\];$/) {
		name = text
		sub(/ = .*/, "", name)
		gsub(/\[[^\]]*\]|;/, "", name)
		sub(/.*[ *]/, "", name)
		public = text !~ /^(static|extern|typedef)/
	}
	if (name != "" && public)
		owner[folder, name] = module
	if (name != "")
		own[folder, module, name] = 1
	before = text
	# Neither a member nor a type is a function of that name.
	gsub(/(\.|->|(struct|enum|union) )[a-zA-Z_][a-zA-Z0-9_]*/, " ", text)
	n = split(text, word, /[^a-zA-Z0-9_]+/)
	for (i = 1; i <= n; i++)
		if (word[i] ~ /^[a-z]/ && !((folder, module, word[i]) in seen)) {
			seen[folder, module, word[i]] = 1
			words[folder, module] = words[folder, module] " " word[i]
		}
}

# Goes on from module m at the given depth; path[] has those above it.
function follow(folder, m, depth, list, n, i, k, text) {
	path[depth] = m
	state[folder, m] = 1
	n = split(edges[folder, m], list, " ")
	for (i = 1; i <= n; i++) {
		if (state[folder, list[i]] == 2)
			continue
		if (state[folder, list[i]] != 1) {
			follow(folder, list[i], depth + 1)
			continue
		}
		for (k = depth; path[k] != list[i]; k--)
			;
		text = folder ": " path[k]
		for (; k < depth; k++)
			text = text " -> " path[k + 1] " (" \
			    used[folder, path[k], path[k + 1]] ")"
		print text " -> " list[i] " (" used[folder, m, list[i]] ")"
	}
	state[folder, m] = 2
}

END {
	for (f = 1; f <= folders_n; f++) {
		folder = folders[f]
		n = split(modules[folder], list, " ")
		for (i = 1; i <= n; i++) {
			m = split(words[folder, list[i]], word, " ")
			for (k = 1; k <= m; k++) {
				to = owner[folder, word[k]]
				if (to == "" ||
				    ((folder, list[i], word[k]) in own))
					continue
				if (!((folder, list[i], to) in used)) {
					used[folder, list[i], to] = word[k]
					edges[folder, list[i]] = \
					    edges[folder, list[i]] " " to
				}
			}
		}
		for (i = 1; i <= n; i++)
			if (state[folder, list[i]] == "")
				follow(folder, list[i], 1)
	}
}' | {
	! grep .
}
