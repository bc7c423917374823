// SPDX-License-Identifier: GPL-2.0
/*
 * Writes sectors that say where they belong, by eight jobs, and knows afterwards what must be there
 * whatever went wrong meanwhile.
 *
 *   stamper write DEVICE JOURNAL FROM STEP
 *       until SIGTERM. Half of what it touches is in the STEP MiB from FROM on, the other half
 *       below; SIGUSR1 makes it go on to the next STEP MiB. Errors are noted and do not end it.
 *       JOURNAL.now has the numbers of operations, and of those that failed, a moment ago. Prints
 *       one line of counts in the end, and writes the journal.
 *   stamper verify DEVICE JOURNAL [all]
 *       what was acknowledged by a completed flush, or written with FUA, is there or something
 *       newer; everything else is old, new or zeros, and nothing is foreign. "all": each write that
 *       completed is there.
 *   stamper foreign DEVICE
 *       fills it with 0xaa, which it never writes.
 *
 * Every 4 KiB belong to one job, so the order of what is written there is known. The jobs' areas
 * are interleaved within each MiB, and those of the first job go over its end.
 *
 * A flush acknowledges the writes that its job had completed before. Not those that a failed flush,
 * of any job, may have been about: one that ended after the write began and began before the good
 * one ended. (When the write completed is not known: its job may have heard of it much later.)
 * Linux reports a loss once, and whoever hears of it has to tell the others.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define JOBS		8
#define SECTOR		512
#define UNIT		4096
#define UNIT_SECTORS	(UNIT / SECTOR)
#define MIB_UNITS	256
#define AREA_UNITS	(MIB_UNITS / JOBS)
#define MAX_UNITS	24

enum kind { BEGIN, WRITE, FUA, FLUSH };

struct op {
	uint32_t id;		/* from 1, over all runs */
	uint32_t job;
	uint32_t kind;
	uint32_t units;
	uint64_t unit;
	uint64_t start, end;	/* ns */
	int64_t error;
};

struct job {
	pthread_t thread;
	unsigned int number;
	unsigned int dice;
	int fd;
	struct op *ops;
	size_t count, room;
	char *buffer;
	unsigned long reads, read_errors, foreign;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "stamper: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void *allocate(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p)
		die("memory");
	return p;
}

static struct op *load(const char *journal, size_t *count)
{
	struct op *ops = NULL;
	FILE *file = fopen(journal, "r");
	size_t room = 0;

	*count = 0;
	while (file) {
		if (*count == room) {
			room = room ? 2 * room : 65536;
			ops = realloc(ops, room * sizeof(*ops));
			if (!ops)
				die("memory");
		}
		if (!fread(&ops[*count], sizeof(*ops), 1, file))
			break;
		(*count)++;
	}
	if (file)
		fclose(file);
	return ops;
}

/* ---- the stamps ---- */

static void stamp(char *sector, uint64_t number, uint32_t id)
{
	int n = snprintf(sector, SECTOR, "stamp %llu %u ",
			 (unsigned long long)number, id);

	memset(sector + n, '.', SECTOR - n);
}

/* 0: never written. Returns the id in @sector, or -1 for what stamper cannot have put there. */
static int64_t stamped(const char *sector, uint64_t number)
{
	static const char zeros[SECTOR];
	char expected[SECTOR];
	unsigned long id;
	const char *p;

	if (!memcmp(sector, zeros, SECTOR))
		return 0;
	/* By hand: sscanf() and strtoul() want a string. */
	if (memcmp(sector, "stamp ", 6))
		return -1;
	for (p = sector + 6; p < sector + 32 && *p != ' '; p++)
		;
	for (id = 0, p++; p < sector + 48 && *p >= '0' && *p <= '9'; p++)
		id = 10 * id + (*p - '0');
	stamp(expected, number, id);
	return memcmp(sector, expected, SECTOR) ? -1 : (int64_t)id;
}

static void complain(const char *sector, uint64_t number, const char *what)
{
	static atomic_int times;
	char text[49] = "";
	int i;

	if (atomic_fetch_add(&times, 1) >= 10)
		return;
	for (i = 0; i < 48; i++)
		text[i] = sector[i] >= ' ' && sector[i] <= '~' ? sector[i] : '?';
	printf("sector %llu (MiB %llu): %s: \"%s\"\n", (unsigned long long)number,
	       (unsigned long long)number / 2048, what, text);
}

/* ---- write ---- */

static atomic_uint next_id;
static unsigned int first_id;
static atomic_bool stop;
static atomic_uint front_mib, errors;
static unsigned int step_mib;
static uint64_t disk_units;

static void on_signal(int signal)
{
	if (signal == SIGTERM)
		stop = true;
	else
		front_mib += step_mib;
}

static unsigned int dice(struct job *job, unsigned int limit)
{
	return rand_r(&job->dice) % limit;
}

/* A part of the job's area in some block. */
static void pick(struct job *job, uint64_t *unit, unsigned int *units)
{
	unsigned int front = front_mib;
	unsigned int mib = front && dice(job, 2) ? dice(job, front) : front + dice(job, step_mib);
	uint64_t first, last;

	first = (uint64_t)mib * MIB_UNITS + job->number * AREA_UNITS;
	/* Half an area back, so that one of them lies across the end of a block. */
	first = first < AREA_UNITS / 2 ? 0 : first - AREA_UNITS / 2;
	last = (uint64_t)mib * MIB_UNITS + (job->number + 1) * AREA_UNITS - AREA_UNITS / 2;
	*unit = first + dice(job, last - first);
	*units = 1 + dice(job, dice(job, 4) ? 4 : MAX_UNITS);
	if (*unit + *units > last)
		*units = last - *unit;
	if (*unit + *units > disk_units) {
		*unit = job->number * AREA_UNITS;
		*units = 1;
	}
}

static struct op *note(struct job *job, enum kind kind)
{
	struct op *op;

	if (job->count == job->room) {
		job->room = job->room ? 2 * job->room : 4096;
		job->ops = realloc(job->ops, job->room * sizeof(*job->ops));
		if (!job->ops)
			die("memory");
	}
	op = &job->ops[job->count++];
	memset(op, 0, sizeof(*op));
	op->id = atomic_fetch_add(&next_id, 1);
	op->job = job->number;
	op->kind = kind;
	op->start = now_ns();
	return op;
}

static void finish(struct op *op, bool failed)
{
	op->error = failed ? errno : 0;
	op->end = now_ns();
	if (failed) {
		errors++;
		usleep(2000);
	}
}

static void do_write(struct job *job, enum kind kind)
{
	struct op *op = note(job, kind);
	struct iovec iov = { .iov_base = job->buffer };
	ssize_t done;
	uint64_t s;

	pick(job, &op->unit, &op->units);
	iov.iov_len = op->units * UNIT;
	for (s = 0; s < op->units * UNIT_SECTORS; s++)
		stamp(job->buffer + s * SECTOR, op->unit * UNIT_SECTORS + s, op->id);
	done = pwritev2(job->fd, &iov, 1, op->unit * UNIT, kind == FUA ? RWF_DSYNC : 0);
	if (done >= 0 && done != (ssize_t)iov.iov_len) {
		/* Only a part got through: an error all the same. */
		errno = EIO;
		done = -1;
	}
	finish(op, done < 0);
}

static void do_flush(struct job *job)
{
	struct op *op = note(job, FLUSH);

	finish(op, fdatasync(job->fd) < 0);
}

static void do_read(struct job *job)
{
	unsigned int units;
	uint64_t unit, s;
	ssize_t done;

	pick(job, &unit, &units);
	done = pread(job->fd, job->buffer, units * UNIT, unit * UNIT);
	job->reads++;
	if (done != (ssize_t)units * UNIT) {
		job->read_errors++;
		errors++;
		usleep(2000);
		return;
	}
	for (s = 0; s < units * UNIT_SECTORS; s++) {
		int64_t id = stamped(job->buffer + s * SECTOR, unit * UNIT_SECTORS + s);

		if (id >= 0 && id < atomic_load(&next_id))
			continue;
		complain(job->buffer + s * SECTOR, unit * UNIT_SECTORS + s, "foreign");
		job->foreign++;
	}
}

static void *work(void *arg)
{
	struct job *job = arg;

	while (!stop) {
		unsigned int n = dice(job, 16);

		if (n < 3)
			do_read(job);
		else if (n == 3)
			do_write(job, FUA);
		else if (n == 4)
			do_flush(job);
		else
			do_write(job, WRITE);
	}
	do_flush(job);
	return NULL;
}

static void show_progress(const char *journal)
{
	char path[4096], line[64];
	int fd;

	snprintf(path, sizeof(path), "%s.now", journal);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		die(path);
	while (!stop) {
		int n = snprintf(line, sizeof(line), "%u %u \n", next_id - first_id, errors);

		if (pwrite(fd, line, n, 0) != n)
			die(path);
		usleep(50000);
	}
	close(fd);
}

static int write_all(char **argv)
{
	static struct job jobs[JOBS];
	unsigned long writes = 0, write_errors = 0, flushes = 0, flush_errors = 0;
	unsigned long reads = 0, read_errors = 0, foreign = 0, space_errors = 0;
	struct op *old, begin = { .kind = BEGIN };
	uint64_t longest = 0;
	size_t count, i;
	FILE *file;
	int j;

	old = load(argv[1], &count);
	next_id = 1;
	for (i = 0; i < count; i++)
		if (old[i].id >= next_id)
			next_id = old[i].id + 1;
	free(old);
	first_id = next_id;
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	front_mib = atoi(argv[2]);
	step_mib = atoi(argv[3]);
	for (j = 0; j < JOBS; j++) {
		struct job *job = &jobs[j];
		off_t size;

		job->number = j;
		job->dice = next_id * 31 + j;
		job->fd = open(argv[0], O_RDWR | O_DIRECT);
		if (job->fd < 0)
			die(argv[0]);
		size = lseek(job->fd, 0, SEEK_END);
		disk_units = size / UNIT;
		if (posix_memalign((void **)&job->buffer, UNIT, MAX_UNITS * UNIT))
			die("memory");
	}
	for (j = 0; j < JOBS; j++)
		pthread_create(&jobs[j].thread, NULL, work, &jobs[j]);
	show_progress(argv[1]);
	for (j = 0; j < JOBS; j++)
		pthread_join(jobs[j].thread, NULL);

	file = fopen(argv[1], "a");
	if (!file || !fwrite(&begin, sizeof(begin), 1, file))
		die(argv[1]);
	for (j = 0; j < JOBS; j++) {
		for (i = 0; i < jobs[j].count; i++) {
			struct op *op = &jobs[j].ops[i];

			if (op->kind == FLUSH) {
				flushes++;
				flush_errors += !!op->error;
			} else {
				writes++;
				write_errors += !!op->error;
			}
			space_errors += op->error == ENOSPC;
			if (op->end - op->start > longest)
				longest = op->end - op->start;
		}
		if (fwrite(jobs[j].ops, sizeof(struct op), jobs[j].count, file) != jobs[j].count)
			die(argv[1]);
		reads += jobs[j].reads;
		read_errors += jobs[j].read_errors;
		foreign += jobs[j].foreign;
	}
	if (fclose(file))
		die(argv[1]);
	printf("writes=%lu write_errors=%lu flushes=%lu flush_errors=%lu reads=%lu read_errors=%lu "
	       "space_errors=%lu foreign=%lu longest_ms=%llu\n", writes, write_errors, flushes,
	       flush_errors, reads, read_errors, space_errors, foreign,
	       (unsigned long long)longest / 1000000);
	return foreign ? 1 : 0;
}

/* ---- verify ---- */

static int by_start(const void *a, const void *b)
{
	const struct op *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The end of the last failed flush among those that began before @when. */
static uint64_t failed_until(const struct op *failed, size_t count, uint64_t when)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (failed[middle].start < when)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? failed[low - 1].end : 0;
}

static int verify(char **argv, bool all)
{
	size_t count, i, k, nr_failed = 0, nr_pending[JOBS] = { 0 };
	struct op *ops = load(argv[1], &count), **by_id, *failed, **pending[JOBS];
	unsigned long acknowledged = 0, void_writes = 0, present = 0, zero = 0, newer = 0, bad = 0;
	uint32_t *required, last_id = 0;
	uint64_t units = 0, unit, s;
	char *buffer;
	int fd, j;

	if (!count)
		die("nothing in the journal");
	for (i = 0; i < count; i++) {
		if (ops[i].id > last_id)
			last_id = ops[i].id;
		if (ops[i].unit + ops[i].units > units)
			units = ops[i].unit + ops[i].units;
	}
	fd = open(argv[0], O_RDONLY | O_DIRECT);
	if (fd < 0)
		die(argv[0]);
	/* To the end: what was never written has to be zeros. */
	if ((uint64_t)lseek(fd, 0, SEEK_END) / UNIT > units)
		units = lseek(fd, 0, SEEK_END) / UNIT;
	required = allocate(units, sizeof(*required));
	by_id = allocate(last_id + 1UL, sizeof(*by_id));
	failed = allocate(count, sizeof(*failed));
	for (j = 0; j < JOBS; j++)
		pending[j] = allocate(count, sizeof(**pending));
	for (i = 0; i < count; i++) {
		by_id[ops[i].id] = &ops[i];
		if (ops[i].error && ops[i].kind != WRITE)
			failed[nr_failed++] = ops[i];
	}
	qsort(failed, nr_failed, sizeof(*failed), by_start);
	for (i = 1; i < nr_failed; i++)
		if (failed[i].end < failed[i - 1].end)
			failed[i].end = failed[i - 1].end;

	for (i = 0; i < count; i++) {
		struct op *op = &ops[i];
		uint64_t until;

		switch (op->kind) {
		case BEGIN:
			memset(nr_pending, 0, sizeof(nr_pending));
			break;
		case WRITE:
			if (!op->error && !all) {
				pending[op->job][nr_pending[op->job]++] = op;
				break;
			}
			/* fall through */
		case FUA:
			for (unit = op->unit; !op->error && unit < op->unit + op->units; unit++)
				required[unit] = op->id;
			acknowledged += !op->error;
			break;
		case FLUSH:
			until = failed_until(failed, nr_failed, op->end);
			for (k = 0; !op->error && k < nr_pending[op->job]; k++) {
				struct op *write = pending[op->job][k];

				if (until > write->start) {
					void_writes++;
					continue;
				}
				acknowledged++;
				for (unit = write->unit; unit < write->unit + write->units; unit++)
					if (required[unit] < write->id)
						required[unit] = write->id;
			}
			nr_pending[op->job] = 0;
			break;
		}
	}

	if (posix_memalign((void **)&buffer, UNIT, MIB_UNITS * UNIT))
		die("memory");
	for (unit = 0; unit < units; unit++) {
		if (unit % MIB_UNITS == 0 && pread(fd, buffer, MIB_UNITS * UNIT, unit * UNIT) <= 0)
			die("read");
		for (s = 0; s < UNIT_SECTORS; s++) {
			const char *sector = buffer + (unit % MIB_UNITS) * UNIT + s * SECTOR;
			uint64_t number = unit * UNIT_SECTORS + s;
			int64_t id = stamped(sector, number);
			const char *complaint = NULL;
			const struct op *op;

			present += id > 0;
			zero += !id;
			newer += id > required[unit];
			op = id > 0 && id <= last_id ? by_id[id] : NULL;
			if (id < 0)
				complaint = "foreign";
			else if (id && (!op || unit < op->unit || unit >= op->unit + op->units))
				complaint = "never written there";
			else if (id < required[unit])
				complaint = "lost";
			if (!complaint)
				continue;
			bad++;
			complain(sector, number, complaint);
			if (bad < 10)
				printf("  write %u is durable there\n", required[unit]);
		}
	}
	printf("acknowledged=%lu void=%lu failed_flushes=%zu present=%lu newer=%lu zero=%lu bad=%lu\n",
	       acknowledged, void_writes, nr_failed, present, newer, zero, bad);
	return bad ? 1 : 0;
}

static int fill(const char *device)
{
	size_t bytes = MIB_UNITS * UNIT;
	int fd = open(device, O_WRONLY | O_DIRECT);
	char *buffer;

	if (fd < 0 || posix_memalign((void **)&buffer, UNIT, bytes))
		die(device);
	memset(buffer, 0xaa, bytes);
	while (write(fd, buffer, bytes) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "write"))
		return write_all(argv + 2);
	if ((argc == 4 || (argc == 5 && !strcmp(argv[4], "all"))) && !strcmp(argv[1], "verify"))
		return verify(argv + 2, argc == 5);
	if (argc == 3 && !strcmp(argv[1], "foreign"))
		return fill(argv[2]);
	fprintf(stderr, "stamper: see the comment at the top of its source\n");
	return 2;
}
