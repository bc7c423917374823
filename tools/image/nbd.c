// SPDX-License-Identifier: GPL-2.0
/*
 * Enough of the protocol to talk to a qemu-nbd that this program has started
 * itself, over a socket in the file system (fixed newstyle negotiation, option
 * GO with the default export, simple replies).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "nbd.h"

#define NBD_MAGIC	0x4e42444d41474943ULL	/* NBDMAGIC */
#define NBD_OPTION	0x49484156454f5054ULL	/* IHAVEOPT */
#define NBD_OPTION_REPLY	0x0003e889045565a9ULL
#define NBD_REQUEST	0x25609513U
#define NBD_REPLY	0x67446698U
#define NBD_FLAGS	3		/* fixed newstyle, no zeroes */
#define NBD_OPT_GO	7
#define NBD_REP_ACK	1
#define NBD_REP_INFO	3
#define NBD_INFO_EXPORT	0
#define NBD_MAX_REPLY	4096		/* of an option */

enum { NBD_CMD_READ, NBD_CMD_WRITE, NBD_CMD_DISC, NBD_CMD_FLUSH };

struct nbd_greeting {
	__be64 magic;
	__be64 option;
	__be16 flags;
} __packed;

struct nbd_go {
	__be32 flags;		/* of the client, before the option itself */
	__be64 magic;
	__be32 option;
	__be32 length;
	__be32 name_length;
	__be16 infos;
} __packed;

struct nbd_option_reply {
	__be64 magic;
	__be32 option;
	__be32 type;
	__be32 length;
} __packed;

struct nbd_info_export {
	__be16 type;
	__be64 bytes;
	__be16 flags;
} __packed;

struct nbd_request {
	__be32 magic;
	__be16 flags;
	__be16 type;
	__be64 cookie;
	__be64 off;
	__be32 length;
} __packed;

struct nbd_reply {
	__be32 magic;
	__be32 error;
	__be64 cookie;
} __packed;

static int nbd_send(struct nbd *nbd, const void *buf, size_t bytes)
{
	const u8 *from = buf;
	ssize_t n;

	while (bytes) {
		n = send(nbd->fd, from, bytes, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		bytes -= n;
	}
	return 0;
}

static int nbd_receive(struct nbd *nbd, void *buf, size_t bytes)
{
	u8 *to = buf;
	ssize_t n;

	while (bytes) {
		n = recv(nbd->fd, to, bytes, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		to += n;
		bytes -= n;
	}
	return 0;
}

/* One reply to the option; @done: the last one, which is good. */
static int nbd_option_reply(struct nbd *nbd, bool *done)
{
	struct nbd_option_reply reply;
	struct nbd_info_export info;
	u8 data[NBD_MAX_REPLY];
	u32 length;
	int r = nbd_receive(nbd, &reply, sizeof(reply));

	if (r)
		return r;
	length = be32_to_cpu(reply.length);
	if (be64_to_cpu(reply.magic) != NBD_OPTION_REPLY ||
	    length > sizeof(data))
		return -EPROTO;
	r = nbd_receive(nbd, data, length);
	*done = be32_to_cpu(reply.type) == NBD_REP_ACK;
	if (r || *done)
		return r;
	if (be32_to_cpu(reply.type) != NBD_REP_INFO)
		return -EPROTO;
	if (length < sizeof(info))
		return 0;
	memcpy(&info, data, sizeof(info));
	if (be16_to_cpu(info.type) == NBD_INFO_EXPORT)
		nbd->bytes = be64_to_cpu(info.bytes);
	return 0;
}

static int nbd_negotiate(struct nbd *nbd)
{
	struct nbd_greeting greeting;
	struct nbd_go go = {
		.flags = cpu_to_be32(NBD_FLAGS),
		.magic = cpu_to_be64(NBD_OPTION),
		.option = cpu_to_be32(NBD_OPT_GO),
		.length = cpu_to_be32(sizeof(__be32) + sizeof(__be16)),
	};
	bool done = false;
	int r = nbd_receive(nbd, &greeting, sizeof(greeting));

	if (!r && (be64_to_cpu(greeting.magic) != NBD_MAGIC ||
		   be64_to_cpu(greeting.option) != NBD_OPTION))
		r = -EPROTO;
	if (!r)
		r = nbd_send(nbd, &go, sizeof(go));
	while (!r && !done)
		r = nbd_option_reply(nbd, &done);
	return r;
}

/**
 * nbd_connect() - connect to a server
 * @nbd: result; nbd_close() it, also after a failure
 * @socket_path: its socket
 *
 * Return: 0 or a negative errno.
 */
int nbd_connect(struct nbd *nbd, const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(nbd, 0, sizeof(*nbd));
	nbd->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (nbd->fd < 0)
		return -errno;
	if (strlen(socket_path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, socket_path);
	if (connect(nbd->fd, (void *)&address, sizeof(address)))
		return -errno;
	return nbd_negotiate(nbd);
}

static int nbd_ask(struct nbd *nbd, int type, u64 off, u32 bytes)
{
	struct nbd_request request = {
		.magic = cpu_to_be32(NBD_REQUEST),
		.type = cpu_to_be16(type),
		.cookie = cpu_to_be64(++nbd->cookie),
		.off = cpu_to_be64(off),
		.length = cpu_to_be32(bytes),
	};

	return nbd_send(nbd, &request, sizeof(request));
}

static int nbd_answer(struct nbd *nbd)
{
	struct nbd_reply reply;
	int r = nbd_receive(nbd, &reply, sizeof(reply));

	if (r)
		return r;
	if (be32_to_cpu(reply.magic) != NBD_REPLY ||
	    be64_to_cpu(reply.cookie) != nbd->cookie)
		return -EPROTO;
	/* The numbers are those of Linux. */
	return -(int)be32_to_cpu(reply.error);
}

static struct nbd_read *nbd_find_read(struct nbd *nbd, const void *buf)
{
	u32 i;

	for (i = 0; i < NBD_READS; i++)
		if (nbd->reads[i].buf == buf)
			return &nbd->reads[i];
	return NULL;
}

/* The next answer, to whichever read: the server has its own order. */
static int nbd_receive_read(struct nbd *nbd)
{
	struct nbd_reply reply;
	struct nbd_read *read;
	u64 cookie;
	u32 i;
	int r = nbd_receive(nbd, &reply, sizeof(reply));

	if (r)
		return r;
	cookie = be64_to_cpu(reply.cookie);
	for (i = 0; i < NBD_READS; i++)
		if (nbd->reads[i].buf && !nbd->reads[i].done &&
		    nbd->reads[i].cookie == cookie)
			break;
	if (be32_to_cpu(reply.magic) != NBD_REPLY || i == NBD_READS)
		return -EPROTO;
	read = &nbd->reads[i];
	/* The numbers are those of Linux. */
	read->error = -(int)be32_to_cpu(reply.error);
	if (!read->error)
		r = nbd_receive(nbd, read->buf, read->bytes);
	read->done = true;
	return r;
}

/**
 * nbd_read_begin() - ask for something to be read
 * @nbd: the connection
 * @off: bytes from the start of the export
 * @buf: takes it; by this nbd_read_end() knows the read
 * @bytes: how much, at most NBD_MAX_BYTES
 *
 * Return: 0 or a negative errno: -EBUSY if NBD_READS have not been waited for.
 */
int nbd_read_begin(struct nbd *nbd, u64 off, void *buf, u32 bytes)
{
	struct nbd_read *read = nbd_find_read(nbd, NULL);
	int r = read ? nbd_ask(nbd, NBD_CMD_READ, off, bytes) : -EBUSY;

	if (!r)
		*read = (struct nbd_read){
			.cookie = nbd->cookie, .buf = buf, .bytes = bytes,
		};
	return r;
}

/**
 * nbd_read_end() - wait until something was read
 * @nbd: the connection
 * @buf: as for nbd_read_begin(); not if that failed
 *
 * Return: 0 or a negative errno.
 */
int nbd_read_end(struct nbd *nbd, const void *buf)
{
	struct nbd_read *read = nbd_find_read(nbd, buf);
	int r = 0;

	while (!r && !read->done)
		r = nbd_receive_read(nbd);
	read->buf = NULL;
	return r ? r : read->error;
}

/**
 * nbd_read() - read
 * @nbd: the connection
 * @off: bytes from the start of the export
 * @buf: result
 * @bytes: how much, at most NBD_MAX_BYTES
 *
 * Return: 0 or a negative errno.
 */
int nbd_read(struct nbd *nbd, u64 off, void *buf, u32 bytes)
{
	int r = nbd_read_begin(nbd, off, buf, bytes);

	return r ? r : nbd_read_end(nbd, buf);
}

/**
 * nbd_write() - write
 * @nbd: the connection
 * @off: bytes from the start of the export
 * @buf: what
 * @bytes: how much, at most NBD_MAX_BYTES
 *
 * Return: 0 or a negative errno.
 */
int nbd_write(struct nbd *nbd, u64 off, const void *buf, u32 bytes)
{
	int r = nbd_ask(nbd, NBD_CMD_WRITE, off, bytes);

	if (!r)
		r = nbd_send(nbd, buf, bytes);
	return r ? r : nbd_answer(nbd);
}

/**
 * nbd_flush() - make all that was written durable
 * @nbd: the connection
 *
 * Return: 0 or a negative errno.
 */
int nbd_flush(struct nbd *nbd)
{
	int r = nbd_ask(nbd, NBD_CMD_FLUSH, 0, 0);

	return r ? r : nbd_answer(nbd);
}

/**
 * nbd_close() - end a connection, and wait until the other side has
 * @nbd: the connection
 */
void nbd_close(struct nbd *nbd)
{
	char rest[4096];

	if (nbd->fd < 0)
		return;
	if (nbd->bytes && !nbd_ask(nbd, NBD_CMD_DISC, 0, 0))
		while (recv(nbd->fd, rest, sizeof(rest), 0) > 0)
			;
	close(nbd->fd);
	nbd->fd = -1;
}
