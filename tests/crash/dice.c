// SPDX-License-Identifier: GPL-2.0
/* Random numbers, the clock, and giving up. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crash.h"

/**
 * die() - end the program: the test itself does not work
 * @fmt: why
 */
void die(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("crash: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_TROUBLE);
}

/**
 * now() - the time
 *
 * Return: seconds since some moment.
 */
double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/**
 * dice_init() - start a series of numbers
 * @dice: result
 * @seed: seed of the run
 * @salt: which series
 */
void dice_init(struct dice *dice, u64 seed, u64 salt)
{
	int i;

	dice->state = 0x9e3779b97f4a7c15ULL ^ (seed + 1);
	for (i = 0; i < 4; i++)
		dice_next(dice);
	dice->state ^= (salt + 1) * 0xd1342543de82ef95ULL;
	if (!dice->state)
		dice->state = 1;
	for (i = 0; i < 4; i++)
		dice_next(dice);
}

/**
 * dice_next() - a random number
 * @dice: the series
 *
 * Return: 64 bits.
 */
u64 dice_next(struct dice *dice)
{
	u64 x = dice->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	dice->state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

/**
 * dice_below() - a random number from 0 up to a limit
 * @dice: the series
 * @limit: not 0
 *
 * Return: a number less than @limit.
 */
u32 dice_below(struct dice *dice, u32 limit)
{
	return (dice_next(dice) >> 33) % limit;
}

/**
 * dice_percent() - true with a probability
 * @dice: the series
 * @percent: the probability
 *
 * Return: true or false.
 */
bool dice_percent(struct dice *dice, u32 percent)
{
	return dice_below(dice, 100) < percent;
}
