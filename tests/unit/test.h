/* SPDX-License-Identifier: GPL-2.0 */
/* What all unit tests share: cmocka, checks of faults, bytes, random numbers. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "vhdx-disk.h"
#include "vhdx-fault.h"

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIB(n) ((u64)(n) << 20)

/* The result has to be this fault (the part behind VHDX_FAULT_). */
#define assert_fault(result, name) \
	assert_string_equal(vhdx_fault_name(result), #name)
#define assert_ok(result) assert_int_equal(result, 0)

void put16(void *at, u16 value);
void put32(void *at, u32 value);
void put64(void *at, u64 value);
u16 get16(const void *at);
u32 get32(const void *at);
u64 get64(const void *at);
void put16be(void *at, u16 value);
void put32be(void *at, u32 value);
void put64be(void *at, u64 value);
u32 get32be(const void *at);
u64 get64be(const void *at);

guid_t guid_of(const char *hex);
u32 slow_crc32c(const void *buf, size_t bytes);
void seal(void *buf, size_t bytes);
void fill(void *buf, size_t bytes, u32 seed);

u64 seed_of_run(void);
void random_seed(u64 seed);
u32 random_below(u32 bound);

#endif /* TEST_H */
