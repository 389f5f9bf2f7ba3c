/* SPDX-License-Identifier: ISC */
/* Why there is no answer, in words of ours, and whether to try again. */
#ifndef REGISTRY_HTTP_FAULT_H
#define REGISTRY_HTTP_FAULT_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/error.h"

/*
 * Fills *err for what libcurl says, with errno `sys` (0: none) and its own
 * `detail`.  EX_UNAVAILABLE: nobody is there, or it does not talk as it should.
 * EX_TEMPFAIL: it was cut, or time was over.  Whether another try may do.
 */
bool http_fault(struct error *err, CURLcode code, long sys, const char *detail);

/* Milliseconds to wait before the try that follows number `tries`, from 1 on. */
int http_fault_wait_ms(unsigned tries);

#endif
