/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's words, in user space: types, what the compiler is told, small
 * arithmetic, bits, strings, messages.  Only what kmod/ and tests/kunit use.
 */
#ifndef SIM_BASE_H
#define SIM_BASE_H

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <linux/types.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef u64 sector_t;
typedef unsigned int gfp_t;
typedef unsigned short umode_t;

#define dev_t			u32
#define MKDEV(major, minor)	((u32)(major) << 20 | (minor))
#define MAJOR(dev)		((dev) >> 20)
#define MINOR(dev)		((dev) & 0xfffff)

/* ------------------------------------------------------------------------
 * The compiler
 */
#define __force
#define __rcu
#define __init
#define __exit
#define __acquires(x)
#define __releases(x)
#define __must_hold(x)
#define __acquire(x)		((void)0)
#define __release(x)		((void)0)
#define __packed		__attribute__((packed))
#define __maybe_unused		__attribute__((unused))
#undef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#define noinline		__attribute__((noinline))
#define __must_check		__attribute__((warn_unused_result))
#define __aligned(n)		__attribute__((aligned(n)))
#define __printf(a, b)		__attribute__((format(printf, a, b)))
#define __cold
#define __ro_after_init
#define ____cacheline_aligned_in_smp __aligned(64)
#define fallthrough		__attribute__((fallthrough))
#define static_assert(expr, ...) _Static_assert(expr, #expr)
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define barrier()		__asm__ __volatile__("" : : : "memory")
#define unreachable()		__builtin_unreachable()

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define data_race(x)		(x)
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define smp_mb()		barrier()
#define smp_rmb()		barrier()
#define smp_wmb()		barrier()
#define smp_mb__after_atomic()	barrier()
#define smp_mb__before_atomic()	barrier()

#define typeof			__typeof__
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define struct_size(p, member, n) \
	(sizeof(*(p)) + sizeof((p)->member[0]) * (size_t)(n))
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)

/* ------------------------------------------------------------------------
 * Numbers
 */
#define SZ_512			0x200
#define SZ_1K			0x400
#define SZ_2K			0x800
#define SZ_4K			0x1000
#define SZ_8K			0x2000
#define SZ_16K			0x4000
#define SZ_32K			0x8000
#define SZ_64K			0x10000
#define SZ_128K			0x20000
#define SZ_256K			0x40000
#define SZ_512K			0x80000
#define SZ_1M			0x100000
#define SZ_2M			0x200000
#define SZ_4M			0x400000
#define SZ_8M			0x800000
#define SZ_16M			0x1000000
#define SZ_32M			0x2000000
#define SZ_64M			0x4000000
#define SZ_128M			0x8000000
#define SZ_256M			0x10000000

#define U8_MAX			((u8)~0U)
#define U16_MAX			((u16)~0U)
#define U32_MAX			((u32)~0U)
#define U64_MAX			((u64)~0ULL)
#define S64_MAX			((s64)(U64_MAX >> 1))

#define min(a, b) ({ __auto_type min_a = (a); __auto_type min_b = (b); \
		     min_a < min_b ? min_a : min_b; })
#define max(a, b) ({ __auto_type max_a = (a); __auto_type max_b = (b); \
		     max_a > max_b ? max_a : max_b; })
#define min3(a, b, c)		min(min(a, b), c)
#define max3(a, b, c)		max(max(a, b), c)
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define max_t(t, a, b)		max((t)(a), (t)(b))
#define clamp(v, lo, hi)	min(max(v, lo), hi)
#define clamp_t(t, v, lo, hi)	min_t(t, max_t(t, v, lo), hi)
#define swap(a, b) \
	do { __typeof__(a) swap_t = (a); (a) = (b); (b) = swap_t; } while (0)

#define round_down(x, y)	((x) & ~((__typeof__(x))(y) - 1))
#define round_up(x, y)		((((x) - 1) | ((__typeof__(x))(y) - 1)) + 1)
#define ALIGN(x, y)		round_up(x, y)
#define IS_ALIGNED(x, y)	(((x) & ((__typeof__(x))(y) - 1)) == 0)
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d)	(((u64)(n) + (d) - 1) / (d))
#define div_u64(a, b)		((u64)(a) / (u32)(b))
#define div64_u64(a, b)		((u64)(a) / (u64)(b))
#define div64_ul(a, b)		((u64)(a) / (unsigned long)(b))
#define do_div(n, base) \
	({ u32 do_div_rem = (n) % (base); (n) /= (base); do_div_rem; })
#define array_size(a, b)	((size_t)(a) * (b))
#define is_power_of_2(n)	((n) != 0 && (((n) & ((n) - 1)) == 0))
#define ilog2(n)		(63 - __builtin_clzll(n))
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))

static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return n <= 1 ? 1 : 1UL << (64 - __builtin_clzl(n - 1));
}

static inline u64 div_u64_rem(u64 a, u32 b, u32 *rem)
{
	*rem = a % b;
	return a / b;
}

static inline u64 div64_u64_rem(u64 a, u64 b, u64 *rem)
{
	*rem = a % b;
	return a / b;
}

static inline u64 mul_u64_u32_div(u64 a, u32 mul, u32 div)
{
	return (unsigned __int128)a * mul / div;
}

#define cpu_to_le16(x)		((__le16)htole16(x))
#define cpu_to_le32(x)		((__le32)htole32(x))
#define cpu_to_le64(x)		((__le64)htole64(x))
#define le16_to_cpu(x)		((u16)le16toh(x))
#define le32_to_cpu(x)		((u32)le32toh(x))
#define le64_to_cpu(x)		((u64)le64toh(x))
#define cpu_to_be16(x)		((__be16)htobe16(x))
#define cpu_to_be32(x)		((__be32)htobe32(x))
#define cpu_to_be64(x)		((__be64)htobe64(x))
#define be16_to_cpu(x)		((u16)be16toh(x))
#define be32_to_cpu(x)		((u32)be32toh(x))
#define be64_to_cpu(x)		((u64)be64toh(x))

u32 crc32c(u32 crc, const void *buf, size_t bytes);

/* ------------------------------------------------------------------------
 * Bits
 */
#define BITS_PER_LONG		64
#define BITS_PER_BYTE		8
#define BITS_TO_LONGS(n)	DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, n)	unsigned long name[BITS_TO_LONGS(n)]

static inline bool test_bit(unsigned long n, const unsigned long *map)
{
	return map[n / BITS_PER_LONG] >> n % BITS_PER_LONG & 1;
}

static inline void set_bit(unsigned long n, unsigned long *map)
{
	map[n / BITS_PER_LONG] |= 1UL << n % BITS_PER_LONG;
}

static inline void clear_bit(unsigned long n, unsigned long *map)
{
	map[n / BITS_PER_LONG] &= ~(1UL << n % BITS_PER_LONG);
}

static inline bool test_and_set_bit(unsigned long n, unsigned long *map)
{
	bool was = test_bit(n, map);

	set_bit(n, map);
	return was;
}

#define __set_bit		set_bit
#define __clear_bit		clear_bit
#define hweight8(x)		__builtin_popcount((u8)(x))
#define hweight64(x)		__builtin_popcountll(x)

static inline void bitmap_zero(unsigned long *map, unsigned int n)
{
	memset(map, 0, BITS_TO_LONGS(n) * sizeof(long));
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size,
			    unsigned long start);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size,
				 unsigned long start);
void bitmap_set(unsigned long *map, unsigned int start, unsigned int n);
void bitmap_clear(unsigned long *map, unsigned int start, unsigned int n);
unsigned long *bitmap_zalloc(unsigned int n, gfp_t gfp);
void bitmap_free(const unsigned long *map);

#define find_first_bit(map, size)	find_next_bit(map, size, 0)
#define for_each_set_bit(bit, map, size) \
	for ((bit) = find_next_bit(map, size, 0); (bit) < (size); \
	     (bit) = find_next_bit(map, size, (bit) + 1))

/* ------------------------------------------------------------------------
 * Strings, GUIDs, messages
 */
typedef struct {
	u8 b[16];
} guid_t;

#define GUID_INIT(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7)		\
	((guid_t){{ (a) & 0xff, ((a) >> 8) & 0xff, ((a) >> 16) & 0xff,	\
		    ((a) >> 24) & 0xff, (b) & 0xff, ((b) >> 8) & 0xff,	\
		    (c) & 0xff, ((c) >> 8) & 0xff,			\
		    (d0), (d1), (d2), (d3), (d4), (d5), (d6), (d7) }})

extern const guid_t guid_null;

static inline bool guid_equal(const guid_t *a, const guid_t *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static inline bool guid_is_null(const guid_t *a)
{
	return guid_equal(a, &guid_null);
}

static inline void guid_copy(guid_t *to, const guid_t *from)
{
	*to = *from;
}

void guid_gen(guid_t *guid);

/* What %pV takes. */
struct va_format {
	const char *fmt;
	va_list *va;
};

int sim_vsnprintf(char *buf, size_t size, const char *fmt, va_list args);
int sim_snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vscnprintf(char *buf, size_t size, const char *fmt, va_list args);
void sim_print(const char *fmt, ...) __printf(1, 2);
__attribute__((noreturn)) void sim_die(const char *fmt, ...) __printf(1, 2);
#define snprintf		sim_snprintf
#define vsnprintf		sim_vsnprintf
#define printk			sim_print

ssize_t strscpy(char *to, const char *from, size_t size);
void *memchr_inv(const void *start, int c, size_t bytes);
int kstrtoull(const char *s, unsigned int base, unsigned long long *res);

/* None is to be seen in any test. */
#define WARN(cond, fmt, ...) \
	({ bool warn_c = (cond); \
	   if (warn_c) \
		sim_die(fmt, ##__VA_ARGS__); \
	   warn_c; })
#define WARN_ON(cond) \
	WARN(cond, "%s:%d: %s", __FILE__, __LINE__, #cond)
#define WARN_ON_ONCE		WARN_ON
#define BUG_ON			WARN_ON

#define PTR_ERR(p)		((long)(p))
#define ERR_PTR(e)		((void *)(long)(e))
#define IS_ERR(p)		((unsigned long)(p) >= (unsigned long)-4095)

/* ------------------------------------------------------------------------
 * Chance
 */
struct rnd_state {
	u64 state;
};

void prandom_seed_state(struct rnd_state *rnd, u64 seed);
u32 prandom_u32_state(struct rnd_state *rnd);
void prandom_bytes_state(struct rnd_state *rnd, void *buf, size_t bytes);
u32 get_random_u32(void);
void get_random_bytes(void *buf, size_t bytes);

#endif /* SIM_BASE_H */
