/* SPDX-License-Identifier: GPL-2.0 */
/* A client of the network block device protocol: several reads at a time, or one of all else. */
#ifndef VHDX_TOOLS_NBD_H
#define VHDX_TOOLS_NBD_H

#include "vhdx-shim.h"

#define NBD_MAX_BYTES	(16 * SZ_1M)	/* of one request */
#define NBD_READS	8		/* at a time */

/**
 * struct nbd_read - a read that was asked for
 * @cookie: of the request
 * @buf: takes what is read; NULL: there is no such read
 * @bytes: how much
 * @done: the answer has come
 * @error: it says this: 0 or a negative errno
 */
struct nbd_read {
	u64 cookie;
	void *buf;
	u32 bytes;
	bool done;
	int error;
};

/**
 * struct nbd - a connection
 * @fd: the socket; -1: none
 * @bytes: size of the export
 * @cookie: of the last request
 * @reads: those that nobody has waited for
 */
struct nbd {
	int fd;
	u64 bytes;
	u64 cookie;
	struct nbd_read reads[NBD_READS];
};

int nbd_connect(struct nbd *nbd, const char *socket_path);
int nbd_read_begin(struct nbd *nbd, u64 off, void *buf, u32 bytes);
int nbd_read_end(struct nbd *nbd, const void *buf);
int nbd_read(struct nbd *nbd, u64 off, void *buf, u32 bytes);
int nbd_write(struct nbd *nbd, u64 off, const void *buf, u32 bytes);
int nbd_flush(struct nbd *nbd);
void nbd_close(struct nbd *nbd);

#endif /* VHDX_TOOLS_NBD_H */
