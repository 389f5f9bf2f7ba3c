-- SPDX-License-Identifier: ISC
-- Every *_test.c (built as *_test) and *_test.sh of a folder is a test program:
-- none is named here.
syntax(2)

test_suite("instar")

local programs = {}
for path in fs.files(fs.dirname(current_kyuafile())) do
	local name = fs.basename(path)
	if string.match(name, "_test%.c$") then
		table.insert(programs, string.sub(name, 1, -3))
	elseif string.match(name, "_test%.sh$") then
		table.insert(programs, name)
	end
end
table.sort(programs)

-- Generous: the machine may be shared, and guests run under emulation.  What
-- looks for what is left in /var/tmp is not run beside others that use it.
for _, name in ipairs(programs) do
	atf_test_program{name=name, timeout=600,
	    is_exclusive=(name == "vm-copy_test.sh")}
end
