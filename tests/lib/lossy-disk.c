// SPDX-License-Identifier: GPL-2.0
/*
 * A disk with a volatile write cache, in memory, behind nbd, that fails when told to.
 *
 *   lossy-disk /dev/nbdN MIB CONTROL [nofua]
 *
 * "nofua": FUA is for others to do, with a write and a flush.
 *
 * CONTROL is a named pipe to read commands from, one per line:
 *
 *   flush-loses N   the next N flushes fail, and what was in the cache is gone
 *   flush-fails N   the next N flushes fail; the cache stays
 *   skip N          the flush after N more is the one that "flush-loses" and "flush-fails" mean
 *   writes-fail N   the next N writes fail
 *   cut             what is in the cache is gone, and nobody is told
 *   quit
 *
 * Each command is answered with "ok", and each failure reported, on the standard output. In the
 * beginning there is 0xaa everywhere.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nbd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE	4096ULL
#define FLAG_FUA	(1 << 16)

static char *current, *durable;
static unsigned char *cached;	/* by page: differs from what is durable */
static uint64_t size;
static int device, server;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long flush_loses, flush_fails, writes_fail, skip;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int transfer(int (*how)(int, void *, size_t), void *buffer, size_t bytes)
{
	while (bytes) {
		int n = how(server, buffer, bytes);

		if (n <= 0)
			return -1;
		buffer = (char *)buffer + n;
		bytes -= n;
	}
	return 0;
}

static int receive(int fd, void *buffer, size_t bytes) { return read(fd, buffer, bytes); }
static int send_out(int fd, void *buffer, size_t bytes) { return write(fd, buffer, bytes); }

/* Every cached page goes one way or the other. */
static unsigned long settle(char *to, const char *from)
{
	unsigned long pages = 0;
	uint64_t i;

	for (i = 0; i < size / PAGE; i++) {
		if (!cached[i])
			continue;
		memcpy(to + i * PAGE, from + i * PAGE, PAGE);
		cached[i] = 0;
		pages++;
	}
	return pages;
}

static int do_flush(void)
{
	if ((flush_loses || flush_fails) && skip) {
		skip--;
	} else if (flush_loses) {
		flush_loses--;
		printf("a flush fails, %lu pages are lost\n", settle(current, durable));
		return EIO;
	} else if (flush_fails) {
		flush_fails--;
		printf("a flush fails\n");
		return EIO;
	}
	settle(durable, current);
	return 0;
}

static int do_write(uint64_t from, uint32_t bytes, const char *data, int fua)
{
	uint64_t page;

	if (writes_fail) {
		writes_fail--;
		printf("a write fails\n");
		return EIO;
	}
	memcpy(current + from, data, bytes);
	if (fua) {
		memcpy(durable + from, data, bytes);
		return 0;
	}
	for (page = from / PAGE; page <= (from + bytes - 1) / PAGE; page++)
		cached[page] = 1;
	return 0;
}

static void *serve(void *arg)
{
	static char data[64 << 20];
	struct nbd_request request;

	(void)arg;
	while (!transfer(receive, &request, sizeof(request))) {
		struct nbd_reply reply = { .magic = htobe32(NBD_REPLY_MAGIC) };
		uint32_t type = be32toh(request.type), bytes = be32toh(request.len);
		uint64_t from = be64toh(request.from);
		int error = EINVAL;

		memcpy(reply.handle, request.handle, sizeof(reply.handle));
		if ((type & 0xffff) == NBD_CMD_WRITE && transfer(receive, data, bytes))
			break;
		pthread_mutex_lock(&lock);
		switch (type & 0xffff) {
		case NBD_CMD_READ:
			error = 0;
			memcpy(data, current + from, bytes);
			break;
		case NBD_CMD_WRITE:
			error = do_write(from, bytes, data, !!(type & FLAG_FUA));
			break;
		case NBD_CMD_FLUSH:
			error = do_flush();
			break;
		}
		pthread_mutex_unlock(&lock);
		if ((type & 0xffff) == NBD_CMD_DISC)
			break;
		reply.error = htobe32(error);
		if (transfer(send_out, &reply, sizeof(reply)))
			break;
		if ((type & 0xffff) == NBD_CMD_READ && !error && transfer(send_out, data, bytes))
			break;
	}
	return NULL;
}

static void *run(void *arg)
{
	(void)arg;
	ioctl(device, NBD_DO_IT);
	return NULL;
}

int main(int argc, char **argv)
{
	char line[64], word[32];
	pthread_t server_thread, nbd_thread;
	unsigned long n, flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH;
	int pair[2];
	FILE *control;

	if (argc < 4 || argc > 5 || (argc == 5 && strcmp(argv[4], "nofua")))
		return 2;
	if (argc == 4)
		flags |= NBD_FLAG_SEND_FUA;
	setvbuf(stdout, NULL, _IOLBF, 0);
	size = strtoull(argv[2], NULL, 10) << 20;
	current = malloc(size);
	durable = malloc(size);
	cached = calloc(1, size / PAGE);
	device = open(argv[1], O_RDWR);
	if (!current || !durable || !cached || device < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die(argv[1]);
	memset(current, 0xaa, size);
	memset(durable, 0xaa, size);
	server = pair[1];
	pthread_create(&server_thread, NULL, serve, NULL);
	if (ioctl(device, NBD_SET_BLKSIZE, 512UL) ||
	    ioctl(device, NBD_SET_SIZE_BLOCKS, size / 512) ||
	    ioctl(device, NBD_SET_SOCK, (unsigned long)pair[0]) ||
	    ioctl(device, NBD_SET_FLAGS, flags))
		die("nbd");
	pthread_create(&nbd_thread, NULL, run, NULL);

	/* Open for writing as well: it does not end when a writer closes it. */
	control = fopen(argv[3], "r+");
	if (!control)
		die(argv[3]);
	while (fgets(line, sizeof(line), control)) {
		n = 0;
		if (sscanf(line, "%31s %lu", word, &n) < 1)
			continue;
		if (!strcmp(word, "quit"))
			break;
		pthread_mutex_lock(&lock);
		if (!strcmp(word, "flush-loses"))
			flush_loses = n;
		else if (!strcmp(word, "flush-fails"))
			flush_fails = n;
		else if (!strcmp(word, "writes-fail"))
			writes_fail = n;
		else if (!strcmp(word, "skip"))
			skip = n;
		else if (!strcmp(word, "cut"))
			printf("cut, %lu pages are lost\n", settle(current, durable));
		printf("ok\n");
		pthread_mutex_unlock(&lock);
	}
	ioctl(device, NBD_DISCONNECT);
	ioctl(device, NBD_CLEAR_SOCK);
	pthread_join(nbd_thread, NULL);
	return 0;
}
