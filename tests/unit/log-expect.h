/* SPDX-License-Identifier: GPL-2.0 */
/* Small logs, and what is expected of them. */
#ifndef LOG_EXPECT_H
#define LOG_EXPECT_H

#include "test.h"
#include "log-build.h"

#define S		VHDX_SECTOR
#define LOG_OFF		MIB(1)
#define IMAGE		MIB(6)
#define TARGET		MIB(4)

struct test_log *log_new(u32 sectors);
u32 put_data(struct test_log *log, u32 off, u64 sequence, u32 tail,
	     u64 target, u32 seed);
u32 put_empty(struct test_log *log, u32 off, u64 sequence, u32 tail);
void expect_entry(struct test_log *log, u32 off, bool expected);
void expect_head(struct test_log *log, u64 sequence, u64 first);
void expect_lost(struct test_log *log);
u8 *log_replay_both(struct test_log *log);
void expect_sector(const u8 *image, u64 off, u32 seed);
void expect_byte(const u8 *image, u64 off, u64 bytes, u8 value);

#endif /* LOG_EXPECT_H */
