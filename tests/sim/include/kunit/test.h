/* SPDX-License-Identifier: GPL-2.0 */
/* KUnit, as far as the suites of tests/kunit use it. */
#ifndef SIM_KUNIT_H
#define SIM_KUNIT_H

#include <setjmp.h>

#include "sim/base.h"
#include "sim/memory.h"

struct kunit {
	void *priv;
	const char *name;
	bool failed;
	jmp_buf abort;
	void **allocated;
	unsigned int nr_allocated;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(fn)		{ .run_case = fn, .name = #fn }

/* kunit.c: what there is to run. */
#define SIM_MAX			64

extern struct kunit_suite *sim_suites[SIM_MAX];
extern unsigned int sim_nr_suites;
extern bool sim_verbose;

void sim_param(const char *name, unsigned int *value);
void sim_set(const char *name, const char *value);
void sim_kunit_add(struct kunit_suite *suite);
#define kunit_test_suite(suite)						\
	static __attribute__((constructor)) void sim_suite(void)	\
	{								\
		sim_kunit_add(&suite);					\
	}								\
	_Static_assert(1, "")

void *kunit_kmalloc(struct kunit *test, size_t bytes, gfp_t gfp);
#define kunit_kzalloc(test, n, gfp) kunit_kmalloc(test, n, (gfp) | __GFP_ZERO)
#define kunit_kcalloc(test, n, size, gfp) \
	kunit_kmalloc(test, (n) * (size), (gfp) | __GFP_ZERO)
void sim_kunit_info(const char *fmt, ...) __printf(1, 2);
#define kunit_info(test, ...)	((void)(test), sim_kunit_info(__VA_ARGS__))
void sim_kunit_fail(struct kunit *test, bool abort, const char *file, int line,
		    const char *fmt, ...);

#define KUNIT_FAIL(test, ...) \
	sim_kunit_fail(test, false, __FILE__, __LINE__, __VA_ARGS__)

#define SIM_TRUE(test, abort, cond, text) \
	do { if (!(cond)) \
		sim_kunit_fail(test, abort, __FILE__, __LINE__, "%s", text); \
	} while (0)

#define SIM_COMPARE(test, abort, a, op, b)				\
	do {								\
		__typeof__(a) cmp_a = (a);				\
		__typeof__(b) cmp_b = (b);				\
		if (!(cmp_a op cmp_b))					\
			sim_kunit_fail(test, abort, __FILE__, __LINE__,	\
				       "%s " #op " %s: %lld, %lld", #a, #b, \
				       (long long)cmp_a, (long long)cmp_b); \
	} while (0)

#define KUNIT_EXPECT_EQ(t, a, b)	SIM_COMPARE(t, false, a, ==, b)
#define KUNIT_EXPECT_NE(t, a, b)	SIM_COMPARE(t, false, a, !=, b)
#define KUNIT_EXPECT_LT(t, a, b)	SIM_COMPARE(t, false, a, <, b)
#define KUNIT_EXPECT_LE(t, a, b)	SIM_COMPARE(t, false, a, <=, b)
#define KUNIT_EXPECT_GT(t, a, b)	SIM_COMPARE(t, false, a, >, b)
#define KUNIT_EXPECT_GE(t, a, b)	SIM_COMPARE(t, false, a, >=, b)
#define KUNIT_ASSERT_EQ(t, a, b)	SIM_COMPARE(t, true, a, ==, b)
#define KUNIT_ASSERT_NE(t, a, b)	SIM_COMPARE(t, true, a, !=, b)
#define KUNIT_ASSERT_LE(t, a, b)	SIM_COMPARE(t, true, a, <=, b)
#define KUNIT_ASSERT_GT(t, a, b)	SIM_COMPARE(t, true, a, >, b)
#define KUNIT_EXPECT_PTR_EQ(t, a, b)	SIM_TRUE(t, false, (a) == (b), #a " == " #b)
#define KUNIT_EXPECT_PTR_NE(t, a, b)	SIM_TRUE(t, false, (a) != (b), #a " != " #b)
#define KUNIT_ASSERT_PTR_NE(t, a, b)	SIM_TRUE(t, true, (a) != (b), #a " != " #b)
#define KUNIT_ASSERT_NOT_NULL(t, a)	SIM_TRUE(t, true, a, #a)
#define KUNIT_EXPECT_TRUE(t, a)		SIM_TRUE(t, false, a, #a)
#define KUNIT_EXPECT_FALSE(t, a)	SIM_TRUE(t, false, !(a), "not " #a)
#define KUNIT_ASSERT_TRUE(t, a)		SIM_TRUE(t, true, a, #a)
#define KUNIT_ASSERT_FALSE(t, a)	SIM_TRUE(t, true, !(a), "not " #a)
#define KUNIT_EXPECT_STREQ(t, a, b)					\
	do {								\
		const char *str_a = (a), *str_b = (b);			\
		if (strcmp(str_a, str_b))				\
			sim_kunit_fail(t, false, __FILE__, __LINE__,	\
				       "\"%s\" == \"%s\"", str_a, str_b); \
	} while (0)

#endif /* SIM_KUNIT_H */
