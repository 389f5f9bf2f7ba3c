/* SPDX-License-Identifier: ISC */
/* Numbers that come from outside: parsed, bounded, added without wrapping. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define NUM_KIB UINT64_C(1024)
#define NUM_MIB (UINT64_C(1024) * NUM_KIB)
#define NUM_GIB (UINT64_C(1024) * NUM_MIB)
#define NUM_TIB (UINT64_C(1024) * NUM_GIB)

/* C23's names: *r = a op b; true when the result did not fit. */
#define ckd_add(r, a, b) __builtin_add_overflow((a), (b), (r))
#define ckd_sub(r, a, b) __builtin_sub_overflow((a), (b), (r))
#define ckd_mul(r, a, b) __builtin_mul_overflow((a), (b), (r))

/* Whether [off, off + len) lies within [0, size). */
bool num_in_range(uint64_t off, uint64_t len, uint64_t size);

/* `n` rounded up to a multiple of `unit`, a power of two; n + unit fits. */
uint64_t num_round_up(uint64_t n, uint64_t unit);

/*
 * Reads a decimal number of digits alone, no sign, no blanks, within
 * [min, max].  EX_USAGE: not a number, or out of these bounds.
 */
int num_u64(uint64_t *out, const char *text, uint64_t min, uint64_t max,
    struct error *err);

/*
 * Reads a size in bytes within [min, max]: digits, and behind them, perhaps
 * after a decimal fraction, a unit, K, M, G or T (powers of 1024), also as KB
 * or KiB and so on, in either case.  A fraction must come to whole bytes.
 * EX_USAGE as num_u64().
 */
int num_size(uint64_t *out, const char *text, uint64_t min, uint64_t max,
    struct error *err);

/*
 * Reads a duration into milliseconds: digits, and behind them perhaps ms, s, m,
 * h, d or w; digits alone are seconds.  EX_USAGE: not that, or more than
 * NUM_DURATION_MAX_MS.
 */
#define NUM_DURATION_MAX_MS (INT64_MAX / 2) /* a clock's time can be added */
int num_duration(uint64_t *out_ms, const char *text, struct error *err);

#endif
