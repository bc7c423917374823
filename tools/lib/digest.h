/* SPDX-License-Identifier: GPL-2.0 */
/* The SHA-256 of a lot of data, by sha256sum. */
#ifndef VHDX_TOOLS_DIGEST_H
#define VHDX_TOOLS_DIGEST_H

#include <sys/types.h>

#include "vhdx-shim.h"

#define DIGEST_TEXT	65	/* with the terminating NUL */

/**
 * struct digest - a digest in the making
 * @pid: of sha256sum; 0: there is none
 * @in: what it reads
 * @out: what it says
 */
struct digest {
	pid_t pid;
	int in;
	int out;
};

int digest_begin(struct digest *digest);
int digest_add(struct digest *digest, const void *buf, u64 bytes);
int digest_add_zeros(struct digest *digest, u64 bytes);
int digest_end(struct digest *digest, char text[DIGEST_TEXT]);

#endif /* VHDX_TOOLS_DIGEST_H */
