# SPDX-License-Identifier: ISC
# Of a smaps (proc_pid_smaps(5)): the KiB that its process has written, by what
# they are for: guest's memory, translated code, the heap and other memory without
# a file, what of program and libraries the loader has changed.

function kind()
{
	if (name ~ /template\.raw|memory\.raw|memfd:/)
		return "guest"
	if (rights ~ /w/ && rights ~ /x/)
		return "code"
	return name ~ /^\// ? "loader" : "heap"
}

$1 ~ /^[0-9a-f]+-[0-9a-f]+$/ {
	rights = $2
	name = $6
}

$1 == "Private_Dirty:" || $1 == "Swap:" { kib[kind()] += $2 }

END {
	sum = kib["guest"] + kib["code"] + kib["heap"] + kib["loader"]
	print sum + 0, kib["guest"] + 0, kib["code"] + 0, kib["heap"] + 0,
	    kib["loader"] + 0
}
