/* SPDX-License-Identifier: ISC */
#include "base/le.h"

uint16_t
le16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t
le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

uint64_t
le64(const unsigned char *p)
{
	return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

uint64_t
be64(const unsigned char *p)
{
	return (uint64_t)be32(p) << 32 | (uint64_t)be32(p + 4);
}

void
le16_put(unsigned char *p, uint16_t n)
{
	p[0] = (unsigned char)n;
	p[1] = (unsigned char)(n >> 8);
}

void
le32_put(unsigned char *p, uint32_t n)
{
	le16_put(p, (uint16_t)n);
	le16_put(p + 2, (uint16_t)(n >> 16));
}

void
le64_put(unsigned char *p, uint64_t n)
{
	le32_put(p, (uint32_t)n);
	le32_put(p + 4, (uint32_t)(n >> 32));
}

void
be32_put(unsigned char *p, uint32_t n)
{
	p[0] = (unsigned char)(n >> 24);
	p[1] = (unsigned char)(n >> 16);
	p[2] = (unsigned char)(n >> 8);
	p[3] = (unsigned char)n;
}

void
be64_put(unsigned char *p, uint64_t n)
{
	be32_put(p, (uint32_t)(n >> 32));
	be32_put(p + 4, (uint32_t)n);
}
