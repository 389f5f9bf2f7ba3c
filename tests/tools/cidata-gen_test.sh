#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"

reader=$(atf_get_srcdir)/../lib/seed_reader.py
key='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGkZbBbVbyjh8EbmMVQXSZIGkZbBbVby me@here'
nic1=user,mac=52:54:00:12:34:56
nic2=tap=t0,mac=52:54:00:12:34:57,ip=10.0.0.2/24,gw=10.0.0.1

# A storage config of a data disk: name, mount point as in JSON.
disk()
{
	printf '{"path":"data-%s.raw","ro":false,"serial":"%s","role":"data","mount_point":"%s","fstype":"ext4"}\n' \
	    "$1" "$1" "$2"
}

# The Python that has cloud-init's modules, or the case is skipped.
need_cloud_init()
{
	program=$(command -v cloud-init) ||
	    atf_skip "cloud-init is not installed"
	python=$(sed -n '1s/^#! *//p' "$program")
}

# unpack IMAGE: the files of a vfat seed in the directory seed.
unpack()
{
	rm -rf seed
	mkdir seed
	mcopy -i "$1" '::*' seed/ || atf_fail "mcopy"
}

# cloud-init's own view of the image $1, as JSON in the file view.
view()
{
	unpack "$1"
	"$python" "$reader" merge seed >view || atf_fail "not a seed"
}

atf_test_case vfat__golden
vfat__golden_head()
{
	atf_set require.progs mcopy fsck.vfat blkid openssl
}
vfat__golden_body()
{
	echo "$key" >key
	{
		disk db /mnt/db
		disk log ''
	} >disks
	atf_check -o inline:'{"file":"seed.img","size":1048576,"format":"vfat","instance_id":"i-1","files":["meta-data","user-data","network-config"]}\n' \
	    cidata-gen -o seed.img --instance-id i-1 -H web.example -m local \
	    --user web --password secret --salt abc --ssh-key key \
	    --nic "$nic1" --nic "$nic2" --mounts <disks
	atf_check -o inline:"600 1048576\n" stat -c '%a %s' seed.img
	atf_check -o ignore fsck.vfat -nv seed.img
	atf_check -o inline:"CIDATA\n" blkid -p -o value -s LABEL -n vfat \
	    seed.img
	unpack seed.img
	atf_check -o inline:"meta-data\nnetwork-config\nuser-data\n" ls seed
	cat >want <<'END'
instance-id: 'i-1'
local-hostname: 'web.example'
dsmode: 'local'
END
	atf_check cmp want seed/meta-data
	cat >want <<END
#cloud-config
users:
  - name: 'web'
    lock_passwd: false
    hashed_passwd: '$(openssl passwd -6 -salt abc secret)'
    sudo: 'ALL=(ALL) NOPASSWD:ALL'
    ssh_authorized_keys:
      - '$key'
ssh_pwauth: true
mounts:
  - ['/dev/disk/by-id/virtio-db', '/mnt/db', 'ext4', 'defaults,nofail', '0', '2']
END
	atf_check diff want seed/user-data
	cat >want <<'END'
version: 2
ethernets:
  id0:
    match:
      macaddress: '52:54:00:12:34:56'
    dhcp4: true
  id1:
    match:
      macaddress: '52:54:00:12:34:57'
    addresses:
      - '10.0.0.2/24'
    routes:
      - to: '0.0.0.0/0'
        via: '10.0.0.1'
END
	atf_check cmp want seed/network-config
}

atf_test_case iso__golden
iso__golden_head()
{
	atf_set require.progs bsdtar blkid mcopy
}
iso__golden_body()
{
	echo '#cloud-config' >own
	set -- --instance-id i-1 --user web --nic "$nic1" --vendor-data own
	atf_check -o inline:"iso\n" cidata-gen -f iso -p format -o seed.iso "$@"
	cidata-gen "$@" >seed.img || atf_fail "vfat"
	atf_check -o inline:"CIDATA\n" blkid -p -o value -s LABEL seed.iso
	mkdir iso
	bsdtar -C iso -xf seed.iso
	unpack seed.img
	atf_check diff -r seed iso
	atf_check -o inline:"meta-data\nnetwork-config\nuser-data\nvendor-data\n" \
	    ls iso
	# The other half of the names: without Rock Ridge.
	mkdir joliet
	bsdtar -C joliet --options '!rockridge' -xf seed.iso
	atf_check diff -r seed joliet
	cidata-gen --filesystem iso9660 "$@" >again.iso || atf_fail "iso9660"
	atf_check cmp seed.iso again.iso
}

# The clock, the directory and its umask are different the second time.
atf_test_case output__reproducible
output__reproducible_body()
{
	echo "$key" >key
	disk db /mnt/db >disks
	mkdir other
	set -- --instance-id i --user web --password secret --ssh-key "$PWD/key" \
	    --nic "$nic1" --mounts
	for format in vfat iso; do
		cidata-gen "$@" -f $format <disks >a.$format || atf_fail a
	done
	sleep 1.1
	for format in vfat iso; do
		(cd other && umask 0 && TMPDIR=. TZ=Asia/Tokyo LC_ALL=de_DE \
		    cidata-gen "$@" -f $format -o b.$format <../disks \
		    >/dev/null) || atf_fail b
		atf_check cmp a.$format other/b.$format
		atf_check -o inline:"600\n" stat -c %a other/b.$format
	done
	# Without a password there need be no instance id either.
	for n in 1 2; do
		cidata-gen -H web --ssh-key key >$n
	done
	atf_check cmp 1 2
}

atf_test_case instance_id__follows_content
instance_id__follows_content_body()
{
	for args in '' '-H web' '-H web2' '--user web' "--nic $nic1" \
	    '--user web --password-hash $6$a$bbbbbbbbbbbbbbbb'; do
		# shellcheck disable=SC2086
		cidata-gen -o s -p instance_id $args || atf_fail "$args"
	done >ids
	atf_check_equal 6 "$(sort -u ids | wc -l)"
	atf_check_equal 6 "$(grep -cE '^iid-[0-9a-f]{16}$' ids)"
	atf_check -o inline:"$(head -n 1 ids)\n" cidata-gen -o s -p instance_id
}

# Random by default; a function of instance id and user where there is an id.
atf_test_case password__salt
password__salt_head()
{
	atf_set require.progs mtype
}
password__salt_body()
{
	# salt ARGUMENTS...
	salt()
	{
		cidata-gen --password x "$@" >s || atf_fail "$*"
		mtype -i s ::user-data | tr -d "'" |
		    awk -F'$' '/passw.*[$]6[$]/ { print $3 }'
	}
	a=$(salt --user a)
	b=$(salt --user a)
	[ ${#a} -eq 16 ] || atf_fail "salt $a"
	[ "$a" != "$b" ] || atf_fail "the same salt twice"
	atf_check_equal "$(salt --user a --instance-id i)" \
	    "$(salt --user a --instance-id i -H other)"
	[ "$(salt --user a --instance-id i)" != \
	    "$(salt --user a --instance-id j)" ] || atf_fail "id"
	[ "$(salt --user a --instance-id i)" != \
	    "$(salt --user b --instance-id i)" ] || atf_fail "user"
	atf_check_equal a./Z "$(salt --user a --instance-id i --salt a./Z)"
}

# Three ways to give it, one hash; and the clear text is nowhere.
atf_test_case password__nowhere_clear
password__nowhere_clear_head()
{
	atf_set require.progs strace mtype openssl
}
password__nowhere_clear_body()
{
	secret='Klartext "$(x) '\''ü'
	printf '%s\nsecond line\n' "$secret" >file
	set -- --user u --instance-id i --salt s
	cidata-gen "$@" --password "$secret" >1 || atf_fail 1
	cidata-gen "$@" --password - <file >2 || atf_fail 2
	cidata-gen "$@" --password-file file >3 || atf_fail 3
	printf '%s' "$secret" | cidata-gen "$@" --password-file - >4 ||
	    atf_fail 4
	for n in 2 3 4; do
		atf_check cmp 1 $n
	done
	mtype -i 1 ::user-data >user-data
	atf_check -o ignore grep -F "$(openssl passwd -6 -salt s "$secret")" \
	    user-data
	for format in vfat iso; do
		# A sanitizer's leak check is a tracer, too.
		ASAN_OPTIONS=detect_leaks=0 strace -f -s 4096 -o trace \
		    cidata-gen "$@" -f $format -o out \
		    --password-file file >record || atf_fail "strace"
		# It is read, and neither written nor given to a program.
		grep -v '^[0-9]* *read(' trace >other
		atf_check -s exit:1 grep -F Klartext other
		atf_check -s exit:1 grep -aF Klartext out record
		atf_check_equal 1 "$(grep -c 'execve(' trace)"
	done
}

# ps(1) sees no more of it than asterisks.
atf_test_case password__wiped_from_arguments
password__wiped_from_arguments_body()
{
	mkfifo wait
	cidata-gen --user u --password Klartext --user-data wait >out &
	pid=$!
	eventually 10 grep -qaF '********' /proc/$pid/cmdline
	tr '\0' ' ' </proc/$pid/cmdline >cmdline
	echo '#cloud-config' >wait
	wait $pid
	atf_check_equal 0 $?
	atf_check -s exit:1 grep Klartext cmdline
}

atf_test_case user__forms
user__forms_head()
{
	atf_set require.progs mtype
}
user__forms_body()
{
	echo "$key" >key
	hash='$y$j9T$abc$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG'
	cidata-gen --user root --password-hash "$hash" >s
	cat >want <<END
#cloud-config
users:
  - name: 'root'
    lock_passwd: false
    hashed_passwd: '$hash'
disable_root: false
ssh_pwauth: true
END
	mtype -i s ::user-data >got
	atf_check diff want got
	cidata-gen --password-hash '$6$a$bbbbbbbbb' --ssh-key key >s
	cat >want <<END
#cloud-config
password: '\$6\$a\$bbbbbbbbb'
chpasswd:
  expire: false
ssh_authorized_keys:
  - '$key'
ssh_pwauth: true
END
	mtype -i s ::user-data >got
	atf_check diff want got
	cidata-gen >s
	atf_check -o inline:'#cloud-config\n{}\n' mtype -i s ::user-data
	atf_check -o match:"^instance-id: 'iid-" mtype -i s ::meta-data
}

# Alone it is not touched.
atf_test_case user_data__alone
user_data__alone_head()
{
	atf_set require.progs mtype mcopy fsck.vfat bsdtar
}
user_data__alone_body()
{
	printf '#!/bin/sh\necho \0\377 no newline' >own
	for args in '' '-H web' "--nic $nic1"; do
		# shellcheck disable=SC2086
		cidata-gen $args --user-data own >s || atf_fail "$args"
		mtype -i s ::user-data >got
		atf_check cmp own got
	done
	cidata-gen --user-data - <own >s2
	cidata-gen --user-data own >s
	atf_check cmp s s2
	# More than one cluster, and clusters of more than 2 KiB.
	for n in 2048 2049 4194304; do
		head -c $n /dev/urandom >own
		cidata-gen --user-data own --vendor-data own >s || atf_fail $n
		atf_check -o ignore fsck.vfat -n s
		unpack s
		atf_check cmp own seed/user-data
		atf_check cmp own seed/vendor-data
		cidata-gen -f iso --user-data own >s || atf_fail $n
		bsdtar -xOf s user-data | cmp own || atf_fail "iso $n"
	done
}

atf_test_case network__own
network__own_head()
{
	atf_set require.progs mtype
}
network__own_body()
{
	echo 'network: {config: disabled}' >net
	cidata-gen -N net >s
	mtype -i s ::network-config >got
	atf_check cmp net got
	atf_check -s exit:64 -e \
	    inline:"cidata-gen: --network-config and --nic exclude each other\n" \
	    cidata-gen -N net --nic "$nic1" -o out
}

# No value gets out of its quotes: a YAML reader gives back what went in.
atf_test_case quoting__round_trip
quoting__round_trip_head()
{
	atf_set require.progs mtype
}
quoting__round_trip_body()
{
	python=$(command -v /usr/bin/python3 python3 | head -n 1)
	"$python" -c 'import yaml' 2>/dev/null ||
	    atf_skip "python3-yaml is not installed"
	cat >nasty.py <<'END'
import json, random, subprocess, sys, yaml

random.seed(4)
bits = ["'", '"', "''", "\\", "\\n", ": ", " #", "- ", "{", "}", "[", "]",
    ",", "&a", "*a", "!!python/object:os.system", "|", ">", "%", "@", "`",
    "~", "null", "yes", "1e3", "0x1f", "12:30:45", "<<", "---", "...", " ",
    "\u00e4", "\u2028", "\u2029", "\ufeff", "\U0001f600", "\u00a0", "$(x)", "a", "${y}", "?", "=", "\t", "x" * 1500]
head = "ssh-ed25519 AAAAx "
def nasty():
    return "".join(random.choice(bits) for i in range(random.randint(1, 9)))
def run(args, text=None):
    image = subprocess.run(["cidata-gen"] + args, input=text,
        stdout=subprocess.PIPE, check=True).stdout
    open("s", "wb").write(image)
    def read(name):
        text = subprocess.run(["mtype", "-i", "s", "::" + name],
            stdout=subprocess.PIPE, check=True).stdout
        assert all(b == 10 or 32 <= b < 127 for b in text), text
        return yaml.safe_load(text)
    return read("meta-data"), read("user-data")

keys = [head + nasty() for i in range(400)] + [head + b for b in bits]
open("keys", "w", newline="", encoding="utf-8").write("\n".join(keys) + "\n")
meta, user = run(["--ssh-key", "keys", "--user", "null"])
assert user["users"][0]["name"] == "null"
assert user["users"][0]["ssh_authorized_keys"] == keys
assert list(user) == ["users"]

def unfstab(text):
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
for n in range(8):
    mounts = ["/" + nasty() for i in range(25)]
    lines = "".join(json.dumps({"path": "d%d" % i, "ro": False,
        "role": "data", "serial": "d%d" % i, "fstype": "ext4",
        "mount_point": m}) + "\n" for i, m in enumerate(mounts))
    meta, user = run(["--mounts", "--user", "yes"], lines.encode())
    got = [m[1] for m in user["mounts"]]
    assert not any(" " in m or "\t" in m for m in got)
    assert [unfstab(m) for m in got] == mounts, (got, mounts)
    assert all(len(m) == 6 and m[2] == "ext4" for m in user["mounts"])
    assert sorted(user) == ["mounts", "users"]

for id in ["a: b", "'", "''", '"', "- x", "{}", "# x", "12:30", "null", "\\"]:
    meta, user = run(["--instance-id", id])
    assert meta == {"instance-id": id}, meta
print("good")
END
	atf_check -o inline:"good\n" "$python" nasty.py
}

atf_test_case cloud_init__schema
cloud_init__schema_head()
{
	atf_set require.progs mcopy jq
}
cloud_init__schema_body()
{
	need_cloud_init
	valid="^Valid (cloud-config:|schema) " # up to 23.1, and behind it
	echo "$key" >key
	{
		disk db /mnt/db
		disk log "/srv/it's \\\"odd\\\" #1"
	} >disks
	for args in '--user web --password x --ssh-key key --mounts' \
	    '--user root --password x' '--password x --ssh-key key' \
	    '--ssh-key key --mounts' '--mounts' ''; do
		# shellcheck disable=SC2086
		cidata-gen $args --instance-id i >s <disks || atf_fail "$args"
		unpack s
		atf_check -o match:"$valid" -e ignore \
		    cloud-init schema -c seed/user-data
	done
	# Merged with a file of the user's, too.
	cat >own <<'END'
#cloud-config
users:
  - default
  - name: bob
packages: [nginx]
END
	cidata-gen --user web --password x --user-data own --mounts >s <disks
	view s
	atf_check -o match:"$valid" -e ignore cloud-init schema -c merged
}

atf_test_case cloud_init__reads
cloud_init__reads_head()
{
	atf_set require.progs mcopy jq
}
cloud_init__reads_body()
{
	need_cloud_init
	cidata-gen --instance-id i-1 -H web -m local --user web \
	    --nic "$nic1" --nic "$nic2" >s
	view s
	atf_check -o inline:'{"instance-id":"i-1","local-hostname":"web","dsmode":"local"}\n' \
	    jq -c .meta view
	atf_check -o inline:'["52:54:00:12:34:56","52:54:00:12:34:57"]\n' \
	    jq -c '[.network.ethernets[].match.macaddress]' view
	for kind in eni netplan networkd; do
		atf_check -e ignore "$python" "$reader" $kind seed $kind
		# The default route, as each of them writes it.
		atf_check -o ignore grep -rE '10\.0\.0\.1( |$)' $kind
	done
}

atf_test_case user_data__ignored
user_data__ignored_body()
{
	rest="cloud-init will ignore the file: its first line is to begin with #cloud-config, #! or the like"
	printf -- '---\n#cloud-config\nusers: []\n' >own
	atf_check -o save:s \
	    -e inline:"cidata-gen: warning: --user-data: own: line 1: \"---\": $rest\n" \
	    cidata-gen --user-data own
	printf '\n# cloud-config\n' >own
	atf_check -o save:s \
	    -e inline:"cidata-gen: warning: --vendor-data: standard input: line 2: \"# cloud-config\": $rest\n" \
	    cidata-gen --user u --vendor-data - <own
	printf '\n#Cloud-config \nusers: []\n' >own
	atf_check -o save:s cidata-gen --user-data own --vendor-data own
}

# Lists are joined, and what else the user says stays; each form of user-data
# comes through, as do the mounts beside it.
atf_test_case cloud_init__merges
cloud_init__merges_head()
{
	atf_set require.progs mcopy jq gzip
}
cloud_init__merges_body()
{
	need_cloud_init
	disk db /mnt/db >disks
	set -- --user web --password x --mounts --instance-id i --user-data own
	cat >own <<'END'
#cloud-config
users:
  - default
  - name: bob
mounts:
  - [tmpfs, /scratch, tmpfs]
ssh_pwauth: false
runcmd:
  - [echo, "--instar", 'Content-Type: text/x-shellscript']
END
	cidata-gen "$@" <disks >s
	view s
	atf_check -o inline:'[["default","bob","web"],["/scratch","/mnt/db"],false,"--instar"]\n' \
	    jq -c '[[.config.users[]|.name? // .],[.config.mounts[][1]],.config.ssh_pwauth,.config.runcmd[0][1]]' view
	cp own plain
	gzip -nc plain >own
	cidata-gen "$@" <disks >s
	view s
	atf_check -o inline:'["bob","web"]\n' \
	    jq -c '[.config.users[].name? // empty]' view
	printf '#!/bin/sh\necho \303\274; exit\n' >own
	cidata-gen "$@" <disks >s
	view s
	atf_check -o inline:'[["text/x-shellscript","#!/bin/sh\\necho ü; exit\\n"]]\n' \
	    jq -c .others view
	atf_check -o inline:'"/mnt/db"\n' jq -c '.config.mounts[0][1]' view
	cat >own <<'END'
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="zz"

--zz
Content-Type: text/x-shellscript

#!/bin/sh
true
--zz
Content-Type: text/cloud-config

users: [{name: eve}]
--zz--
END
	cidata-gen "$@" <disks >s
	view s
	atf_check -o inline:'[["eve","web"],["text/x-shellscript"]]\n' \
	    jq -c '[[.config.users[].name],[.others[][0]]]' view
}

# What cloud-init writes to fstab is one line for each disk, whatever its mount
# point has in it.
atf_test_case cloud_init__fstab
cloud_init__fstab_head()
{
	atf_set require.progs "mcopy findmnt jq"
}
cloud_init__fstab_body()
{
	need_cloud_init
	{
		disk a /mnt/a
		disk b '/mnt/b ext4 suid 0 0'
		disk c '/mnt/c\ttab \\040 back'
		disk d '/mnt/#d'
	} >disks
	cidata-gen --mounts --instance-id i <disks >s
	unpack s
	"$python" "$reader" fstab seed || atf_fail "not a seed"
	grep -c /dev/disk/by-id/virtio- fstab >count
	atf_check -o inline:"4\n" cat count
	# 26.2 escapes what the seed has escaped already: cidata-gen(1), CAVEATS.
	if "$python" -c 'from cloudinit.util import escape_fstab_field' 2>err
	then
		once='s/\\/\\134/g; s/ /\\040/g; s/\t/\\011/g'
	else
		once=
	fi
	for d in 'a:/mnt/a' 'b:/mnt/b ext4 suid 0 0' \
	    'c:/mnt/c	tab \040 back' 'd:/mnt/#d'; do
		printf '%s\n' "${d#*:}" | sed "$once" >want
		findmnt --tab-file fstab -J \
		    -S "/dev/disk/by-id/virtio-${d%%:*}" |
		    jq -r '.filesystems[0].target' >got
		atf_check cmp want got
	done
}

atf_test_case keys__read
keys__read_head()
{
	atf_set require.progs mtype
}
keys__read_body()
{
	printf '# mine\n\n  %s\r\nfrom="10.*",no-pty %s\n' "$key" "$key" >keys
	ln -s keys link
	printf 'ecdsa-sha2-nistp256 AAAAE2 x' >more
	cidata-gen --user u --ssh-key link --ssh-key more >s
	cat >want <<END
    ssh_authorized_keys:
      - '$key'
      - 'from="10.*",no-pty $key'
      - 'ecdsa-sha2-nistp256 AAAAE2 x'
END
	mtype -i s ::user-data | tail -n 4 >got
	atf_check diff want got
}

# Each refused, with one line, and nothing is made.
refused()
{
	status=$1 message=$2
	shift 2
	printf 'cidata-gen: %s\n' "$message" >want
	atf_check -s "exit:$status" -e file:want cidata-gen -o out "$@"
	atf_check -s exit:1 test -e out
}

atf_test_case bad__values
bad__values_body()
{
	long=$(printf '%0129d' 0)
	refused 64 'instance id "a/b" is not 1 to 128 printable bytes without /' \
	    --instance-id a/b
	refused 64 'instance id ".." is not 1 to 128 printable bytes without /' \
	    --instance-id ..
	refused 64 'instance id "" is not 1 to 128 printable bytes without /' \
	    --instance-id ''
	refused 64 "instance id \"$long\" is not 1 to 128 printable bytes without /" \
	    --instance-id "$long"
	refused 64 'instance id "a?b" is not 1 to 128 printable bytes without /' \
	    --instance-id 'a
b'
	for h in '' . a. .a a..b -a a- 'a b' "a'b" 'ä' 'a/b' "$long"; do
		refused 64 "hostname \"$h\" is none" -H "$h"
	done
	for u in '' Web 1a -a 'a b' 'a:b' "a'b" 'root
x' abcdefghijklmnopqrstuvwxyz0123456; do
		refused 64 "user \"$(echo "$u" | tr '\n' '?' | sed 's/?$//')\" is not 1 to 32 of a-z, 0-9, _ and -, the first a letter or _" \
		    --user "$u"
	done
	refused 64 'dsmode "remote" is neither local nor net' -m remote
	refused 64 '--format ext4: is neither vfat nor iso' -f ext4
	refused 64 'the password is empty' --password ''
	refused 64 'the password holds a control character' --password 'a
b'
	refused 64 'the password is longer than 511 bytes' \
	    --password "$(printf '%0512d' 0)"
	refused 64 'salt "a b" is not 1 to 16 of A-Z, a-z, 0-9, . and /' \
	    --password x --salt 'a b'
	refused 64 'salt "" is not 1 to 16 of A-Z, a-z, 0-9, . and /' \
	    --password x --salt ''
	refused 64 'salt "a$rounds=1" is not 1 to 16 of A-Z, a-z, 0-9, . and /' \
	    --password x --salt 'a$rounds=1'
	for h in secret '' '$6' '$6$a$b:0:0:root' '$6$abc$def ghijkl' \
	    '*0123456789abcdef'; do
		refused 64 "the password's hash is not one of crypt(5)" \
		    --password-hash "$h"
	done
	refused 64 "a hash other than SHA-512 needs a user's name" \
	    --password-hash '$y$j9T$abcdefgh$ijklmnop'
	refused 64 '--nic user: needs mac=' --nic user
	refused 64 '--nic user,mac=new: needs mac=' --nic user,mac=new
	refused 64 '--nic user,mac=1: mac=1: not a unicast MAC' \
	    --nic user,mac=1
	refused 64 '--nic user,mac=52:54:00:00:00:01,ip=10.0.0.1: ip=10.0.0.1: not ADDR/PREFIX' \
	    --nic user,mac=52:54:00:00:00:01,ip=10.0.0.1
}

atf_test_case bad__files
bad__files_body()
{
	refused 66 'nil: No such file or directory' --user-data nil
	refused 66 'nil: No such file or directory' --ssh-key nil
	refused 66 'nil: No such file or directory' --password-file nil
	refused 66 'nil: No such file or directory' -N nil
	head -c 4194305 /dev/zero >large
	refused 65 'large: more than 4194304 bytes' --user-data large
	refused 65 'large: more than 4194304 bytes' --vendor-data large
	refused 65 'large: more than 1048576 bytes' --ssh-key large
	printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n' >private
	refused 65 'private: line 1: not a public key of ssh' --ssh-key private
	: >empty
	printf '\n \t\n# ssh-rsa AAAA\n\r\n' >blank
	refused 66 'empty: no public key in it' --ssh-key empty
	echo "$key" >keys
	refused 66 'blank: no public key in it' --ssh-key keys --ssh-key blank
	printf '%s\nssh-rsa\n' "$key" >keys
	refused 65 'keys: line 2: not a public key of ssh' --ssh-key keys
	printf '%s\nssh-rsa AAAA\033[2J\n' "$key" >keys
	refused 65 'keys: line 2: not a public key of ssh' --ssh-key keys
	printf 'ssh-rsa AAAA \377\n' >keys
	refused 65 'keys: line 1: not a public key of ssh' --ssh-key keys
	printf 'ssh-rsa AAAA \0\n' >keys
	refused 65 'keys: line 1: not a public key of ssh' --ssh-key keys
	printf 'mime-version: 1.0\n\377' >own
	refused 64 'user-data: a MIME message that is not UTF-8' --user u \
	    --user-data own
	mkdir dir
	atf_check -s exit:73 -e \
	    inline:"cidata-gen: dir: exists, and is no regular file\n" \
	    cidata-gen -o dir
	atf_check -s exit:73 -e \
	    inline:"cidata-gen: no/out: No such file or directory\n" \
	    cidata-gen -o no/out
	atf_check -s exit:74 -e \
	    inline:"cidata-gen: standard output: No space left on device\n" \
	    sh -c 'exec cidata-gen >/dev/full'
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

# Each line: the text on standard input; the message.
atf_test_case bad__storage_configs
bad__storage_configs_body()
{
	n=0
	while IFS='|' read -r text message; do
		printf "$text" >in
		printf 'cidata-gen: standard input: %s\n' "$message" >want
		atf_check -s exit:65 -e file:want cidata-gen --mounts -o out \
		    <in
		atf_check -s exit:1 test -e out
		n=$((n + 1))
	done <<'END'
{|line 1: not JSON: string or '}' expected near end of file at byte 1
\n\nnil|line 3: not JSON: invalid token near 'nil' at byte 3
5|disk 0: not an object
null|disk 0: not an object
"x"|disk 0: not an object
{}|disk 0: no member "role"
{"role":"data","role":"data"}|line 1: not JSON: duplicate object key near '"role"' at byte 21
[{"role":"data"},5]|disk 0: no member "path"
{"path":"d","ro":false,"role":"disk"}|disk 0: role "disk" is none of layer, cow, data and cidata
{"path":"d","ro":true,"serial":"d","role":"data","fstype":"ext4"}|disk 0: ro must be false for role data
{"path":"d","ro":false,"serial":"D","role":"data","fstype":"ext4"}|disk 0: serial "D" is not 1 to 20 of a-z, 0-9, _ and -, the first a letter
{"path":"d","ro":false,"serial":"cocoon-d","role":"data","fstype":"ext4"}|disk 0: serial "cocoon-d": names that begin with cocoon- are reserved
{"path":"d","ro":false,"serial":"d","role":"data","fstype":"xfs"}|disk 0: fstype "xfs" is neither ext4 nor none
{"path":"d","ro":false,"serial":"d","role":"data","fstype":"ext4","mount_point":"mnt"}|disk 0: mount_point "mnt" is not an absolute path
{"path":"d","ro":false,"serial":"d","role":"data","fstype":"ext4","mount_point":"/a\\nb"}|disk 0: mount_point "/a?b" holds a newline
{"path":"d","ro":false,"serial":"d","role":"data","fstype":"none","mount_point":"/a"}|disk 0: mount_point "/a" with fstype none
{"path":"..","ro":false,"serial":"d","role":"data","fstype":"ext4"}|disk 0: path ".." does not end in a file name
END
	atf_check_equal 17 $n
	i=0
	while [ $i -lt 100000 ]; do
		printf '[[[[[[[[[['
		i=$((i + 10))
	done >in
	atf_check -s exit:65 -e \
	    inline:"cidata-gen: standard input: line 1: JSON nested deeper than 64 levels\n" \
	    sh -c 'exec cidata-gen --mounts -o out <in'
	for i in $(seq 27); do
		disk "d$i" ''
	done >in
	atf_check -s exit:65 -e \
	    inline:"cidata-gen: standard input: line 27: more than 26 disks\n" \
	    sh -c 'exec cidata-gen --mounts -o out <in'
	atf_check -s exit:1 test -e out
}

atf_test_case usage__wrong
usage__wrong_body()
{
	refused 64 '--mounts and --password -: both read standard input' \
	    --mounts --password -
	refused 64 '--mounts and --user-data -: both read standard input' \
	    --mounts --user-data -
	refused 64 '--password, --password-file and --password-hash exclude each other' \
	    --password x --password-file f
	refused 64 '--salt: there is no password to hash' --salt x
	refused 64 'seed: no operands are taken' seed
	refused 64 '--hostname: given twice' -H a --hostname b
	refused 64 '--password: given twice' --password a --password b
	atf_check -s exit:64 -e inline:"cidata-gen: -p needs -o file\n" \
	    sh -c 'exec cidata-gen -p size >/dev/null'
	atf_check -s exit:64 -e inline:"cidata-gen: -p needs -o file\n" \
	    sh -c 'exec cidata-gen -o - -p size >/dev/null'
	atf_check -o match:'^usage: cidata-gen ' cidata-gen -h
}

# Killed, what was there stays; and nothing but a hidden file is left.
atf_test_case output__replaced_as_a_whole
output__replaced_as_a_whole_body()
{
	echo old >out
	INSTAR_HOOK=seed-written=kill cidata-gen -o out
	atf_check_equal 137 $?
	atf_check -o inline:"old\n" cat out
	find . -name '.new-*' -delete
	atf_check -o ignore cidata-gen -o out
	atf_check -o inline:"1048576\n" stat -c %s out
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

# What disk-mkdata prints is read, one disk a line, or an array of them.
atf_test_case mounts__composes
mounts__composes_head()
{
	atf_set require.progs mtype
}
mounts__composes_body()
{
	mkdir d
	for spec in size=16M,name=db size=16M,name=raw,fstype=none \
	    size=16M,name=log,mount=/var/log size=16M,name=no,mount=; do
		disk-mkdata "$spec" d || atf_fail "$spec"
	done >disks
	cidata-gen --mounts <disks >s
	cat >want <<'END'
#cloud-config
mounts:
  - ['/dev/disk/by-id/virtio-db', '/mnt/db', 'ext4', 'defaults,nofail', '0', '2']
  - ['/dev/disk/by-id/virtio-log', '/var/log', 'ext4', 'defaults,nofail', '0', '2']
END
	mtype -i s ::user-data >got
	atf_check diff want got
	{
		echo
		printf '['
		paste -sd, disks | tr -d '\n'
		printf ']'
	} >array
	cidata-gen --mounts <array >s2
	atf_check cmp s s2
}

atf_init_test_cases()
{
	atf_add_test_case user_data__ignored
	atf_add_test_case vfat__golden
	atf_add_test_case iso__golden
	atf_add_test_case output__reproducible
	atf_add_test_case output__replaced_as_a_whole
	atf_add_test_case instance_id__follows_content
	atf_add_test_case password__salt
	atf_add_test_case password__nowhere_clear
	atf_add_test_case password__wiped_from_arguments
	atf_add_test_case user__forms
	atf_add_test_case user_data__alone
	atf_add_test_case network__own
	atf_add_test_case quoting__round_trip
	atf_add_test_case cloud_init__schema
	atf_add_test_case cloud_init__reads
	atf_add_test_case cloud_init__merges
	atf_add_test_case cloud_init__fstab
	atf_add_test_case keys__read
	atf_add_test_case mounts__composes
	atf_add_test_case bad__values
	atf_add_test_case bad__files
	atf_add_test_case bad__storage_configs
	atf_add_test_case usage__wrong
}
