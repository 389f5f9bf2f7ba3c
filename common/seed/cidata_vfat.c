/* SPDX-License-Identifier: ISC */
/*
 * A FAT12 filesystem of few files in the root directory, each in one run of
 * clusters.  Microsoft, "FAT: General Overview of On-Disk Format", 1.03.
 *
 *	boot sector | FAT | the same again | root directory | clusters 2, 3, ...
 */
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "seed/cidata.h"

#define SECTOR 512
#define FAT_SECTORS 12 /* 12 bits for each of CLUSTERS_MAX + 2 entries */
#define FATS 2
#define ROOT_ENTRIES 512
#define ENTRY 32 /* bytes of a directory entry */
#define CLUSTERS_MAX 4084 /* with more it would be FAT16 */
#define DATA_SECTOR (1 + FATS * FAT_SECTORS + ROOT_ENTRIES * ENTRY / SECTOR)
#define SECTORS_MIN 2048 /* 1 MiB */
#define SECTORS_PER_CLUSTER_MIN 4
#define MEDIA 0xf8 /* a fixed disk */
#define VOLUME_ID 0xc1da7a00u
#define DATE 0x0021 /* CIDATA_MTIME: year 0, month 1, day 1 */
#define ATTR_LABEL 0x08
#define ATTR_ARCHIVE 0x20
#define ATTR_LONG 0x0f
#define LONG_CHARS 13 /* of a name in one entry */
#define LONG_LAST 0x40
#define CHAIN_END 0xfff

struct fat {
	unsigned char *image;
	uint32_t sectors, sectors_per_cluster;
	unsigned char *entry; /* the next free one of the root directory */
	uint16_t cluster; /* the next free one */
};

static uint32_t
clusters_of(size_t len, uint32_t sectors_per_cluster)
{
	size_t bytes = (size_t)sectors_per_cluster * SECTOR;

	return (uint32_t)((len + bytes - 1) / bytes);
}

/* The smallest clusters with which FAT12 is enough. */
static int
lay_out(struct fat *f, const struct cidata_files *files, struct error *err)
{
	uint32_t per, clusters, least;
	size_t i;

	for (per = SECTORS_PER_CLUSTER_MIN; per <= 64; per *= 2) {
		clusters = 0;
		for (i = 0; i < files->n; i++)
			clusters += clusters_of(files->v[i].len, per);
		if (clusters <= CLUSTERS_MAX) {
			least = (SECTORS_MIN - DATA_SECTOR) / per;
			if (clusters < least)
				clusters = least;
			f->sectors_per_cluster = per;
			f->sectors = DATA_SECTOR + clusters * per;
			if (f->sectors < SECTORS_MIN)
				f->sectors = SECTORS_MIN;
			return 0;
		}
	}
	return error_set(err, EX_USAGE, "too much for a seed on vfat");
}

static void
put_boot_sector(const struct fat *f)
{
	unsigned char *p = f->image;

	memcpy(p, "\xeb\x3c\x90instar  ", 11);
	le16_put(p + 11, SECTOR);
	p[13] = (unsigned char)f->sectors_per_cluster;
	le16_put(p + 14, 1);
	p[16] = FATS;
	le16_put(p + 17, ROOT_ENTRIES);
	if (f->sectors <= UINT16_MAX)
		le16_put(p + 19, (uint16_t)f->sectors);
	else
		le32_put(p + 32, f->sectors);
	p[21] = MEDIA;
	le16_put(p + 22, FAT_SECTORS);
	le16_put(p + 24, 32); /* sectors of a track, as mkfs.fat has it */
	le16_put(p + 26, 8); /* heads */
	p[36] = 0x80;
	p[38] = 0x29; /* the next three are there */
	le32_put(p + 39, VOLUME_ID);
	memcpy(p + 43, CIDATA_LABEL "     ", 11);
	memcpy(p + 54, "FAT12   ", 8);
	/* Who boots it comes back. */
	memcpy(p + 62, "\xcd\x18", 2);
	p[510] = 0x55;
	p[511] = 0xaa;
}

/* Two entries share three bytes. */
static void
put_fat(const struct fat *f, uint32_t cluster, uint16_t value)
{
	unsigned char *p;
	size_t i;

	for (i = 0; i < FATS; i++) {
		p = f->image + (1 + i * FAT_SECTORS) * SECTOR + cluster * 3 / 2;
		if (cluster % 2 == 0) {
			p[0] = (unsigned char)value;
			p[1] = (unsigned char)((p[1] & 0xf0) | value >> 8);
		} else {
			p[0] = (unsigned char)((p[0] & 0x0f) |
			    (value & 0x0f) << 4);
			p[1] = (unsigned char)(value >> 4);
		}
	}
}

/* Our names differ in their first six letters, and have no dot. */
static void
make_short(unsigned char out[11], const char *name)
{
	size_t i;

	memset(out, ' ', 11);
	for (i = 0; i < 6 && name[i] != '\0'; i++)
		out[i] = (unsigned char)(name[i] >= 'a' && name[i] <= 'z'
			? name[i] - 'a' + 'A'
			: name[i]);
	memcpy(out + i, "~1", 2);
}

static unsigned char
sum_of(const unsigned char name[11])
{
	unsigned char sum = 0;
	size_t i;

	for (i = 0; i < 11; i++)
		sum = (unsigned char)(((sum & 1) << 7 | sum >> 1) + name[i]);
	return sum;
}

/* The entries with the long name, its last part first. */
static void
put_long(struct fat *f, const char *name, unsigned char sum)
{
	static const unsigned char places[LONG_CHARS] = { 1, 3, 5, 7, 9, 14, 16,
		18, 20, 22, 24, 28, 30 };
	size_t len = strlen(name), parts, part, i, at;

	parts = (len + LONG_CHARS - 1) / LONG_CHARS;
	for (part = parts; part > 0; part--, f->entry += ENTRY) {
		f->entry[0] = (unsigned char)(part |
		    (part == parts ? LONG_LAST : 0));
		f->entry[11] = ATTR_LONG;
		f->entry[13] = sum;
		for (i = 0; i < LONG_CHARS; i++) {
			at = (part - 1) * LONG_CHARS + i;
			le16_put(f->entry + places[i],
			    at < len        ? (unsigned char)name[at]
				: at == len ? 0
					    : 0xffff);
		}
	}
}

static void
put_entry(struct fat *f, const unsigned char name[11], unsigned char attr,
    uint16_t cluster, size_t len)
{
	memcpy(f->entry, name, 11);
	f->entry[11] = attr;
	le16_put(f->entry + 16, DATE); /* made, read, written */
	le16_put(f->entry + 18, DATE);
	le16_put(f->entry + 24, DATE);
	le16_put(f->entry + 26, cluster);
	le32_put(f->entry + 28, (uint32_t)len);
	f->entry += ENTRY;
}

static void
put_file(struct fat *f, const struct cidata_file *file)
{
	uint32_t n = clusters_of(file->len, f->sectors_per_cluster), i;
	unsigned char name[11];
	size_t sector;

	make_short(name, file->name);
	put_long(f, file->name, sum_of(name));
	put_entry(f, name, ATTR_ARCHIVE, n > 0 ? f->cluster : 0, file->len);
	sector = DATA_SECTOR + (f->cluster - 2u) * f->sectors_per_cluster;
	if (file->len > 0)
		memcpy(f->image + sector * SECTOR, file->text, file->len);
	for (i = 0; i < n; i++, f->cluster++)
		put_fat(f, f->cluster,
		    i + 1 < n ? (uint16_t)(f->cluster + 1) : CHAIN_END);
}

int
cidata_vfat(unsigned char **out, size_t *len, const struct cidata_files *files,
    struct error *err)
{
	struct fat f = { .cluster = 2 };
	size_t i;

	if (lay_out(&f, files, err) == -1)
		return -1;
	f.image = calloc(f.sectors, SECTOR);
	if (f.image == NULL)
		return error_nomem(err, NULL);
	f.entry = f.image + (1 + FATS * FAT_SECTORS) * SECTOR;
	put_boot_sector(&f);
	put_fat(&f, 0, 0xf00 | MEDIA);
	put_fat(&f, 1, CHAIN_END);
	put_entry(&f, (const unsigned char *)CIDATA_LABEL "     ", ATTR_LABEL,
	    0, 0);
	for (i = 0; i < files->n; i++)
		put_file(&f, &files->v[i]);
	*out = f.image;
	*len = (size_t)f.sectors * SECTOR;
	return 0;
}
