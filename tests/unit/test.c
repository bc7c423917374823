// SPDX-License-Identifier: GPL-2.0
/* Helpers of the unit tests; they share no code with what they test. */
#include <time.h>

#include "test.h"

void put16(void *at, u16 value)
{
	u8 *p = at;

	p[0] = value;
	p[1] = value >> 8;
}

void put32(void *at, u32 value)
{
	put16(at, value);
	put16((u8 *)at + 2, value >> 16);
}

void put64(void *at, u64 value)
{
	put32(at, value);
	put32((u8 *)at + 4, value >> 32);
}

u16 get16(const void *at)
{
	const u8 *p = at;

	return p[0] | p[1] << 8;
}

u32 get32(const void *at)
{
	return get16(at) | (u32)get16((const u8 *)at + 2) << 16;
}

u64 get64(const void *at)
{
	return get32(at) | (u64)get32((const u8 *)at + 4) << 32;
}

void put16be(void *at, u16 value)
{
	u8 *p = at;

	p[0] = value >> 8;
	p[1] = value;
}

void put32be(void *at, u32 value)
{
	put16be(at, value >> 16);
	put16be((u8 *)at + 2, value);
}

void put64be(void *at, u64 value)
{
	put32be(at, value >> 32);
	put32be((u8 *)at + 4, value);
}

u32 get32be(const void *at)
{
	const u8 *p = at;

	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

u64 get64be(const void *at)
{
	return (u64)get32be(at) << 32 | get32be((const u8 *)at + 4);
}

/* 32 hexadecimal digits, in the order of the bytes on disk. */
guid_t guid_of(const char *hex)
{
	unsigned int byte;
	guid_t guid;
	int i;

	for (i = 0; i < 16; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		guid.b[i] = byte;
	}
	return guid;
}

/* CRC-32C bit by bit. */
u32 slow_crc32c(const void *buf, size_t bytes)
{
	const u8 *p = buf;
	u32 crc = ~0U;
	int bit;

	while (bytes--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Put the right checksum at byte 4. */
void seal(void *buf, size_t bytes)
{
	put32((u8 *)buf + 4, 0);
	put32((u8 *)buf + 4, ~crc32c(~0U, buf, bytes));
}

/* Bytes that differ from place to place and from seed to seed. */
void fill(void *buf, size_t bytes, u32 seed)
{
	u64 x = seed * 0x9e3779b97f4a7c15ULL + 1;
	u8 *p = buf;

	while (bytes--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		*p++ = x >> 24;
	}
}

static u64 random_state = 1;

u64 seed_of_run(void)
{
	const char *env = getenv("VHDX_SEED");
	u64 seed = env ? strtoull(env, NULL, 0) : (u64)time(NULL);

	printf("# VHDX_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

void random_seed(u64 seed)
{
	random_state = seed * 0x9e3779b97f4a7c15ULL ^ 0x2545f4914f6cdd1dULL;
	if (!random_state)
		random_state = 1;
}

u32 random_below(u32 bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state * 0x2545f4914f6cdd1dULL >> 32) % bound;
}
