/* SPDX-License-Identifier: ISC */
/* Integers in files, byte by byte: le little-endian, be big-endian. */
#ifndef BASE_LE_H
#define BASE_LE_H

#include <stdint.h>

uint16_t le16(const unsigned char *p);
uint32_t le32(const unsigned char *p);
uint64_t le64(const unsigned char *p);
uint32_t be32(const unsigned char *p);
uint64_t be64(const unsigned char *p);

void le16_put(unsigned char *p, uint16_t n);
void le32_put(unsigned char *p, uint32_t n);
void le64_put(unsigned char *p, uint64_t n);
void be32_put(unsigned char *p, uint32_t n);
void be64_put(unsigned char *p, uint64_t n);

#endif
