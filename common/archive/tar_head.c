/* SPDX-License-Identifier: ISC */
#include "archive/tar_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Offsets and lengths of the fields of a ustar header. */
#define NAME_OFF 0
#define NAME_LEN 100
#define MODE_OFF 100
#define UID_OFF 108
#define GID_OFF 116
#define SIZE_OFF 124
#define SIZE_LEN 12
#define MTIME_OFF 136
#define SUM_OFF 148
#define SUM_LEN 8
#define TYPE_OFF 156
#define MAGIC_OFF 257
#define DEVMAJOR_OFF 329
#define DEVMINOR_OFF 337
#define PREFIX_OFF 345
#define PREFIX_LEN 155

#define OCTAL_SIZE_MAX UINT64_C(077777777777)

bool
tar_block_is_zero(const unsigned char raw[TAR_BLOCK])
{
	return raw[0] == 0 && memcmp(raw, raw + 1, TAR_BLOCK - 1) == 0;
}

static uint32_t
checksum(const unsigned char raw[TAR_BLOCK])
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= SUM_OFF && i < SUM_OFF + SUM_LEN ? ' ' : raw[i];
	return sum;
}

static int
base256(uint64_t *out, const unsigned char *field, size_t len,
    struct error *err)
{
	uint64_t n = 0;
	size_t i;

	if (field[0] != 0x80)
		return error_set(err, EX_DATAERR, "negative or huge number");
	for (i = 1; i < len; i++) {
		if (n >> 56 != 0)
			return error_set(err, EX_DATAERR, "huge number");
		n = n << 8 | field[i];
	}
	*out = n;
	return 0;
}

int
tar_number(uint64_t *out, const unsigned char *field, size_t len,
    struct error *err)
{
	uint64_t n = 0;
	size_t i = 0, digits = 0;

	if ((field[0] & 0x80) != 0)
		return base256(out, field, len, err);
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++, digits++) {
		if (n >> 61 != 0)
			return error_set(err, EX_DATAERR, "huge number");
		n = n << 3 | (uint64_t)(field[i] - '0');
	}
	for (; i < len; i++)
		if (field[i] != ' ' && field[i] != '\0')
			return error_set(err, EX_DATAERR,
			    "a number that is none");
	if (digits == 0)
		n = 0;
	*out = n;
	return 0;
}

static size_t
field_len(const unsigned char *field, size_t max)
{
	const unsigned char *end = memchr(field, '\0', max);

	return end == NULL ? max : (size_t)(end - field);
}

/* The prefix belongs to POSIX headers; GNU's have other things there. */
static void
join_path(char out[TAR_PATH_MAX + 1], const unsigned char raw[TAR_BLOCK])
{
	size_t name = field_len(raw + NAME_OFF, NAME_LEN), prefix = 0;

	if (memcmp(raw + MAGIC_OFF, "ustar\0", 6) == 0)
		prefix = field_len(raw + PREFIX_OFF, PREFIX_LEN);
	memcpy(out, raw + PREFIX_OFF, prefix);
	if (prefix != 0)
		out[prefix++] = '/';
	memcpy(out + prefix, raw + NAME_OFF, name);
	out[prefix + name] = '\0';
}

/* Six octal digits, NUL, blank: only so no bit of the field is free. */
static bool
is_exact_sum(const unsigned char raw[TAR_BLOCK])
{
	size_t i;

	for (i = 0; i < 6; i++)
		if (raw[SUM_OFF + i] < '0' || raw[SUM_OFF + i] > '7')
			return false;
	return raw[SUM_OFF + 6] == '\0' && raw[SUM_OFF + 7] == ' ';
}

int
tar_head_decode(struct tar_head *out, const unsigned char raw[TAR_BLOCK],
    struct error *err)
{
	struct tar_head h;
	uint64_t sum = 0;

	if (tar_number(&sum, raw + SUM_OFF, SUM_LEN, NULL) == -1 ||
	    sum != checksum(raw))
		return error_set(err, EX_DATAERR,
		    "not a tar header, or a damaged one (checksum)");
	if (memcmp(raw + MAGIC_OFF, "ustar", 5) != 0 &&
	    memcmp(raw + MAGIC_OFF, "\0\0\0\0\0", 5) != 0)
		return error_set(err, EX_DATAERR, "unknown kind of tar header");
	join_path(h.path, raw);
	if (tar_number(&h.size, raw + SIZE_OFF, SIZE_LEN, err) == -1)
		return error_wrap(err, "size of \"%.200s\"", h.path);
	if (h.size > TAR_SIZE_MAX)
		return error_set(err, EX_DATAERR,
		    "size of \"%.200s\": %" PRIu64 " bytes, above 8 TiB",
		    h.path, h.size);
	h.is_exact = is_exact_sum(raw);
	h.type = (char)raw[TYPE_OFF];
	if (h.type == '\0')
		h.type = '0';
	if (h.path[0] == '\0')
		return error_set(err, EX_DATAERR, "entry without a name");
	*out = h;
	return 0;
}

int
tar_decimal(uint64_t *out, const char *text, size_t len, struct error *err)
{
	uint64_t n = 0;
	size_t i;

	if (len == 0)
		return error_set(err, EX_DATAERR, "empty number");
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return error_set(err, EX_DATAERR,
			    "a number that is none");
		n = n * 10 + (uint64_t)(text[i] - '0');
		if (n > TAR_SIZE_MAX)
			return error_set(err, EX_DATAERR, "number above 8 TiB");
	}
	*out = n;
	return 0;
}

int
tar_pax_next(struct tar_record *out, size_t *pos, const char *body, size_t len,
    struct error *err)
{
	const char *at = body + *pos, *blank, *equals;
	size_t left = len - *pos, digits;
	struct tar_record r;
	uint64_t total = 0;

	if (left == 0)
		return 0;
	blank = memchr(at, ' ', left < 8 ? left : 8);
	if (blank == NULL)
		return error_set(err, EX_DATAERR,
		    "PAX record without a length");
	digits = (size_t)(blank - at);
	if (tar_decimal(&total, at, digits, err) == -1)
		return error_wrap(err, "PAX record's length");
	if (total > left || total < digits + 4 || at[total - 1] != '\n')
		return error_set(err, EX_DATAERR, "PAX record's length lies");
	r.key = blank + 1;
	equals = memchr(r.key, '=', (size_t)total - digits - 2);
	if (equals == NULL || equals == r.key)
		return error_set(err, EX_DATAERR, "PAX record without a key");
	r.key_len = (size_t)(equals - r.key);
	r.value = equals + 1;
	r.value_len = (size_t)(at + total - 1 - r.value);
	*pos += (size_t)total;
	*out = r;
	return 1;
}

void
tar_head_encode(unsigned char raw[TAR_BLOCK], const char *path, uint64_t size,
    char type, unsigned mode)
{
	size_t len = strlen(path), i;
	char text[24];

	memset(raw, 0, TAR_BLOCK);
	memcpy(raw + NAME_OFF, path, len < NAME_LEN ? len : NAME_LEN);
	snprintf(text, sizeof(text), "%07o", mode & 07777u);
	memcpy(raw + MODE_OFF, text, 7);
	memcpy(raw + UID_OFF, "0000000", 7);
	memcpy(raw + GID_OFF, "0000000", 7);
	if (size <= OCTAL_SIZE_MAX) {
		snprintf(text, sizeof(text), "%011" PRIo64, size);
		memcpy(raw + SIZE_OFF, text, 11);
	} else {
		raw[SIZE_OFF] = 0x80;
		for (i = 0; i < 8; i++)
			raw[SIZE_OFF + SIZE_LEN - 1 - i] =
			    (unsigned char)(size >> (8 * i));
	}
	memcpy(raw + MTIME_OFF, "00000000000", 11);
	raw[TYPE_OFF] = (unsigned char)type;
	memcpy(raw + MAGIC_OFF, "ustar\00000", 8);
	memcpy(raw + DEVMAJOR_OFF, "0000000", 7);
	memcpy(raw + DEVMINOR_OFF, "0000000", 7);
	snprintf(text, sizeof(text), "%06" PRIo32, checksum(raw));
	memcpy(raw + SUM_OFF, text, 7);
	raw[SUM_OFF + 7] = ' ';
}

int
tar_pax_add(char *buf, size_t cap, size_t *len, const char *key,
    const char *value, struct error *err)
{
	size_t rest = strlen(key) + strlen(value) + 3, total = rest + 1;
	char digits[24];
	int n;

	/* The length counts its own digits. */
	snprintf(digits, sizeof(digits), "%zu", total);
	while (rest + strlen(digits) != total) {
		total = rest + strlen(digits);
		snprintf(digits, sizeof(digits), "%zu", total);
	}
	n = snprintf(buf + *len, cap - *len, "%zu %s=%s\n", total, key, value);
	if (n < 0 || (size_t)n >= cap - *len)
		return error_set(err, EX_SOFTWARE, "PAX header too small");
	*len += (size_t)n;
	return 0;
}
