/* SPDX-License-Identifier: GPL-2.0 */
/* Tests of images that a script has written, with what is to come of each. */
#ifndef CASES_H
#define CASES_H

#include "test.h"

/**
 * struct expectation - a line of cases.tsv
 * @directory: where that is
 * @file: image
 * @device_bytes: 0: that of the file
 * @writable: mode rw
 * @result: ok or the name of an errno
 * @fault: its name, or -
 * @length: of the disk to compare
 * @sha256: of that
 */
struct expectation {
	const char *directory;
	char file[256];
	u64 device_bytes;
	bool writable;
	char result[32];
	char fault[64];
	u64 length;
	char sha256[65];
};

typedef void (*cases_check_fn)(const struct expectation *e);

int cases_run(const char *group, const char *variable, cases_check_fn check);
void cases_check_result(const struct expectation *e, int r);
void cases_check_disk(const struct expectation *e, const u8 *disk);

#endif /* CASES_H */
