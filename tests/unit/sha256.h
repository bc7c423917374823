/* SPDX-License-Identifier: GPL-2.0 */
/* SHA-256, so that the tests need no further library. */
#ifndef SHA256_H
#define SHA256_H

#include "vhdx-shim.h"

struct sha256 {
	u32 h[8];
	u64 bytes;
	u8 block[64];
};

void sha256_init(struct sha256 *sha);
void sha256_update(struct sha256 *sha, const void *data, size_t bytes);
void sha256_hex(struct sha256 *sha, char hex[65]);

#endif /* SHA256_H */
