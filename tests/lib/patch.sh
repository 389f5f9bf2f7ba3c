# SPDX-License-Identifier: ISC
# Damaged files from short descriptions.

# Number $1 as $2 bytes in hexadecimal: little-endian, big-endian.
le()
{
	n=$1 i=0
	while [ $i -lt "$2" ]; do
		printf '%02x' $((n & 255))
		n=$((n >> 8)) i=$((i + 1))
	done
}

be()
{
	i=$(($2 - 1))
	while [ $i -ge 0 ]; do
		printf '%02x' $((($1 >> (8 * i)) & 255))
		i=$((i - 1))
	done
}

# Hexadecimal digits as bytes.
unhex()
{
	hex=$1 text=
	while [ -n "$hex" ]; do
		rest=${hex#??}
		text="$text\\$(printf '%03o' "0x${hex%"$rest"}")"
		hex=$rest
	done
	# shellcheck disable=SC2059
	printf "$text"
}

# put FILE OFFSET HEX: bytes in place.
put()
{
	unhex "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# patch FILE EDIT...: an edit is OFFSET=HEX, OFFSET=N:le4 (or le8, be4, le16),
# "size=N", "append=HEX" or "zero=OFFSET+LENGTH".
patch()
{
	file=$1
	shift
	for edit in "$@"; do
		value=${edit#*=}
		case $edit in
		size=*) truncate -s "$value" "$file" ;;
		append=*) unhex "$value" >>"$file" ;;
		zero=*)
			dd if=/dev/zero of="$file" bs=1 seek="${value%+*}" \
			    count="${value#*+}" conv=notrunc status=none
			;;
		*:le*)
			put "$file" "${edit%%=*}" \
			    "$(le "${value%:*}" "${value#*:le}")"
			;;
		*:be*)
			put "$file" "${edit%%=*}" \
			    "$(be "${value%:*}" "${value#*:be}")"
			;;
		*) put "$file" "${edit%%=*}" "$value" ;;
		esac
	done
}
