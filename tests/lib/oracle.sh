# SPDX-License-Identifier: ISC
# libarchive and GNU tar say what is right: random files (of fixed seeds) that
# we export are the same when they unpack them, and what they pack is the same
# when we import it; bytes and holes.  random_files: the path of that program.
# shellcheck shell=sh

# make SEED: a snapshot of random files in root, named web.
make()
{
	rm -rf root
	snap_plant b web
	d=root/snap/$(id_of b)
	rm "$d/cow.raw" "$d/memory.raw"
	perl "$random_files" make "$1" "$d" >names || atf_fail "no files"
	{
		printf '{"version":1,"config":{"name":"web"},"files":['
		sed 's/.*/"&"/' names | paste -s -d , -
		printf ']}\n'
	} >"$d/snapshot.json"
	chmod 600 "$d"/*
	sync -f "$d"
	(cd "$d" && sha256sum f*) >sums
	perl "$random_files" map "$d" >blocks
}

# same DIR WHAT: it has exactly the files of the snapshot, with its holes.
# What a filesystem calls data is exact on ext4 and tmpfs.
same()
{
	(cd "$1" && sha256sum f*) >got || atf_fail "$2: no files"
	cmp -s sums got || atf_fail "$2: $(diff sums got)"
	case $(stat -f -c %T "$1") in
	ext2/ext3 | tmpfs) ;;
	*) return 0 ;;
	esac
	perl "$random_files" map "$1" holes >got
	cmp -s blocks got || atf_fail "$2: holes: $(diff blocks got)"
}

# unpack SEED COMMAND: the archive by the oracle, in out.
unpack()
{
	rm -rf out
	mkdir out
	(cd out && eval "$2") || atf_fail "seed $1: $2"
	same out "seed $1: $2"
}

# exports_unpack SEED ...: what we export, by those who only unpack.
exports_unpack()
{
	for seed; do
		make "$seed"
		atf_check -o save:a.tar snap-export --no-compress web
		atf_check -o save:a.zst snap-export web
		atf_check -o save:a.gz snap-export --gzip=1 web
		unpack "$seed" "bsdtar -xf ../a.tar"
		unpack "$seed" "tar -xf ../a.tar"
		unpack "$seed" "bsdtar -xf ../a.zst"
		unpack "$seed" "bsdtar -xf ../a.gz"
		# Names and sizes as the oracle lists them.
		bsdtar -tvf a.tar | awk '$9 ~ /^f/ { print $9, $5 }' |
		    sort >listed
		cut -d ' ' -f 1,2 blocks | sort >want
		cmp want listed || atf_fail "seed $seed: $(diff want listed)"
		unpack "$seed" "snap-export --no-compress --dense \
		    -R ../root web | bsdtar -xSf -"
	done
}

# import SEED COMMAND: what it packs on stdout, in the directory of the files.
import()
{
	rm -rf imported
	(cd "$d" && eval "$2") >foreign || atf_fail "seed $1: $2"
	atf_check -o save:dir -e ignore \
	    snap-import -R imported -p dir foreign
	same "$(cat dir)" "seed $1: $2"
}

# packed_imports SEED ...: what others pack, by snap-import.
packed_imports()
{
	for seed; do
		make "$seed"
		import "$seed" "bsdtar --format=pax -cf - ./*"
		import "$seed" "bsdtar --format=pax -cf - *"
		import "$seed" "bsdtar --format=gnutar -cf - *"
		import "$seed" "bsdtar --format=pax --zstd -cf - *"
		import "$seed" "bsdtar --format=pax -cJf - *"
		import "$seed" "tar --format=gnu -cf - *"
		import "$seed" "tar --format=gnu -cSf - *"
		import "$seed" "tar --format=oldgnu -cSf - *"
		for v in 0.0 0.1 1.0; do
			import "$seed" "tar --format=posix --sparse-version=$v \
			    -cSf - ./*"
			import "$seed" "tar --format=posix --sparse-version=$v \
			    --hole-detection=raw -cSf - *"
		done
	done
}

# exports_import SEED ...: what we export, by snap-import.
exports_import()
{
	for seed; do
		make "$seed"
		for how in --no-compress --zstd --gzip=1 "--dense --zstd"; do
			# shellcheck disable=SC2086
			import "$seed" "snap-export $how -R $PWD/root web"
		done
	done
}
