/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The little that the format code (vhdx-*.c, vhd-*.c) needs of its surroundings, so
 * that the same files are compiled into the module, the tool, the unit tests
 * and the fuzzers.  In user space it supplies the kernel's own names.
 */
#ifndef VHDX_SHIM_H
#define VHDX_SHIM_H

#ifdef __KERNEL__

#include <linux/bitmap.h>
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uuid.h>
#include <asm/byteorder.h>

#define vhdx_relax()	cond_resched()

#else /* !__KERNEL__ */

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <isa-l/crc.h>
#include <linux/types.h>	/* __le16, __be16 and so on */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define cpu_to_le16(x)	htole16(x)
#define cpu_to_le32(x)	htole32(x)
#define cpu_to_le64(x)	htole64(x)
#define le16_to_cpu(x)	le16toh(x)
#define le32_to_cpu(x)	le32toh(x)
#define le64_to_cpu(x)	le64toh(x)
#define cpu_to_be16(x)	htobe16(x)
#define cpu_to_be32(x)	htobe32(x)
#define cpu_to_be64(x)	htobe64(x)
#define be16_to_cpu(x)	be16toh(x)
#define be32_to_cpu(x)	be32toh(x)
#define be64_to_cpu(x)	be64toh(x)

#define __packed	__attribute__((packed))
#define __force
#undef static_assert	/* of assert.h, which wants a text until C23 */
#define static_assert(expr) _Static_assert(expr, #expr)
#define fallthrough	__attribute__((fallthrough))
#define SZ_512		0x200U
#define SZ_1K		0x400U
#define SZ_4K		0x1000U
#define SZ_64K		0x10000U
#define SZ_1M		0x100000U
#define min_t(t, a, b)	((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b)	((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define is_power_of_2(n) ((n) != 0 && ((n) & ((n) - 1)) == 0)
#define div64_u64(a, b)	((u64)(a) / (u64)(b))
#define ilog2(n)	(63 - __builtin_clzll(n))
#define DIV_ROUND_UP_ULL(n, d) (((n) + (d) - 1) / (d))
#define READ_ONCE(x)	(x)
#define vhdx_relax()	do { } while (0)

typedef struct {
	u8 b[16];
} guid_t;

#define GUID_INIT(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7)		\
	((guid_t){{ (a) & 0xff, ((a) >> 8) & 0xff, ((a) >> 16) & 0xff,	\
		    ((a) >> 24) & 0xff, (b) & 0xff, ((b) >> 8) & 0xff,	\
		    (c) & 0xff, ((c) >> 8) & 0xff,			\
		    (d0), (d1), (d2), (d3), (d4), (d5), (d6), (d7) }})

static inline bool guid_equal(const guid_t *a, const guid_t *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool guid_is_null(const guid_t *a)
{
	static const guid_t zero;

	return guid_equal(a, &zero);
}

/* The kernel's crc32c(): no inversion before or after. */
static inline u32 crc32c(u32 crc, const void *buf, size_t len)
{
	return crc32_iscsi((unsigned char *)buf, (int)len, crc);
}

#define BITS_PER_LONG	(8 * sizeof(long))
#define BITS_TO_LONGS(n) (((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)

unsigned long find_next_bit(const unsigned long *map, unsigned long size,
			    unsigned long start);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size,
				 unsigned long start);
void bitmap_set(unsigned long *map, unsigned int start, unsigned int nbits);
void bitmap_clear(unsigned long *map, unsigned int start, unsigned int nbits);

#endif /* __KERNEL__ */

#endif /* VHDX_SHIM_H */
