// SPDX-License-Identifier: GPL-2.0
/*
 * bulk - many images through the target, some tens a second
 *
 *   bulk cases CASES.TSV CASES.ALL [both]
 *					what mkvhdx.py expects of its images; both: of
 *					each read-only as well
 *   bulk fuzz SEEDS.ALL SEED COUNT [ONE]
 *					COUNT images made from the seeds with the
 *					random seed SEED, or only number ONE: the
 *					target and the shared code agree
 *
 * Runs in the VM, as root.  An image is refused with the right errno and the
 * right sentence in the kernel log, or mapped and serves the right contents.
 * What was refused or mapped read-only has not changed by a byte afterwards;
 * what was written to passes 'vhdx check' and has what was written.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <poll.h>
#include <unistd.h>

#include "archive.h"
#include "bulk.h"
#include "mutate.h"

#define BULK_HANGS_MS	(300 * 1000)	/* for one image; slow is no hang */
#define BULK_MAX_BYTES	(1ULL << 44)	/* larger ones only take longer */
#define BULK_MAX_ZEROED	(64ULL << 20)	/* by a replay */

/* A process that ends this one when an image takes too long. */
static void watch(struct bulk *bulk)
{
	struct pollfd poll_fd = { .events = POLLIN };
	pid_t parent = getpid();
	char name[320] = "the start";
	int ends[2];

	if (pipe(ends))
		bulk_die("pipe", -errno);
	fflush(NULL);
	if (fork()) {
		close(ends[0]);
		bulk->heartbeat = ends[1];
		return;
	}
	close(ends[1]);
	poll_fd.fd = ends[0];
	while (poll(&poll_fd, 1, BULK_HANGS_MS) > 0)
		if (read(ends[0], name, sizeof(name)) <= 0)
			_exit(0);
	printf("%s: hangs\n", name);
	fflush(stdout);
	kill(parent, SIGKILL);
	_exit(1);
}

/* ------------------------------------------------------------------------
 * Images that nobody has thought of
 */

static struct sparse *make_image(const struct archive *seeds, u64 seed, u32 number)
{
	static const mutate_focus focus = {
		[MUTATE_HEADER] = 2, [MUTATE_REGION] = 2, [MUTATE_META] = 3,
		[MUTATE_BAT] = 4, [MUTATE_LOG] = 5, [MUTATE_SIZE] = 2,
		[MUTATE_RAW] = 2,
	};
	struct mutator m = { .random = seed + number * 0x51ab3ff17c1ULL };
	const struct archive_item *item;
	struct sparse *image, *other;

	item = &seeds->items[mutate_below(&m, seeds->nr)];
	image = sparse_unpack(item->packed, item->size);
	if (!mutate_below(&m, 6)) {
		item = &seeds->items[mutate_below(&m, seeds->nr)];
		other = sparse_unpack(item->packed, item->size);
		mutate_cross(image, other, mutate_random(&m));
		sparse_free(other);
	}
	mutate(image, mutate_random(&m), focus);
	image->trouble = SPARSE_FINE;
	image->bytes &= ~(image->flags & SPARSE_LOGICAL_4K ? 4095ULL : 511ULL);
	return image;
}

/* False if the image is too large to be tried. */
static bool run_one(struct bulk *bulk, const char *name,
		    const struct sparse *image, bool writable, u64 random)
{
	struct model model;
	int expected, r;

	model_init(&model, image, writable);
	expected = model_load(&model);
	if (expected == MODEL_TOO_LARGE || image->bytes > BULK_MAX_BYTES ||
	    model.zeroed > BULK_MAX_ZEROED) {
		model_exit(&model);
		return false;
	}
	bulk_begin(bulk, name, image, writable);
	r = device_map(&bulk->device, (model.layout.geo.disk_bytes ?: SZ_1M) >> 9,
		       writable);
	if (expected)
		bulk_refused(bulk, r, vhdx_fault_errno(expected),
			     vhdx_fault_text(expected));
	else
		bulk_served(bulk, r, &model, random);
	model_exit(&model);
	return true;
}

static void run_fuzz(struct bulk *bulk, const char *archive, u64 seed, u32 count,
		     u32 one)
{
	struct archive seeds;
	char name[320];
	u32 number, left_out = 0;

	if (!archive_read(&seeds, archive) || !seeds.nr)
		bulk_die(archive, -errno);
	for (number = 1; number <= count; number++) {
		struct sparse *image;

		if (one && number != one)
			continue;
		image = make_image(&seeds, seed, number);
		snprintf(name, sizeof(name), "seed %llu, image %u",
			 (unsigned long long)seed, number);
		if (!run_one(bulk, name, image, false, number) ||
		    !run_one(bulk, name, image, true, number))
			left_out++;
		sparse_free(image);
	}
	printf("%u images were left out, being too large\n", left_out);
	archive_free(&seeds);
}

int main(int argc, char **argv)
{
	struct bulk bulk = {};
	bool cases = (argc == 4 || argc == 5) && !strcmp(argv[1], "cases");
	bool fuzz = (argc == 5 || argc == 6) && !strcmp(argv[1], "fuzz");
	int r;

	if (!cases && !fuzz) {
		fputs("usage: bulk cases CASES.TSV CASES.ALL [both] | bulk fuzz SEEDS.ALL SEED COUNT [ONE]\n",
		      stderr);
		return 2;
	}
	watch(&bulk);
	r = device_open(&bulk.device);
	if (r)
		bulk_die("cannot set up the devices", r);
	if (cases)
		bulk_cases(&bulk, argv[2], argv[3], argc == 5);
	else
		run_fuzz(&bulk, argv[2], strtoull(argv[3], NULL, 0),
			 strtoul(argv[4], NULL, 0),
			 argc == 6 ? strtoul(argv[5], NULL, 0) : 0);
	device_close(&bulk.device);
	printf("%u mapped, %u refused, %u wrong\n", bulk.mapped, bulk.refused,
	       bulk.bad);
	return !!bulk.bad;
}
