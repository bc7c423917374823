// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "workload.h"

static const struct kind kinds[] = {
	{
		.name = "mixed",
		.about = "small and large writes, flushes and FUA, the log wraps",
		.disk_mib = 16384, .blocks = 420, .sites = 2, .writers = 4,
		.rounds = 120, .burst = 4, .flush = 45, .fua = 15, .whole = 1,
		.commit_interval = 1000,
	}, {
		.name = "burst",
		.about = "commits so large that they fill half of the log",
		.disk_mib = 32768, .blocks = 1300, .sites = 1, .writers = 1,
		.rounds = 11, .least = 80, .burst = 150, .flush = 95, .commit_interval = 3600000,
	}, {
		.name = "exposed",
		.about = "space that holds foreign data",
		.disk_mib = 16384, .blocks = 110, .sites = 2, .writers = 4,
		.rounds = 60, .burst = 3, .flush = 45, .fua = 15, .whole = 2,
		.commit_interval = 40, .exposed = true,
	}, {
		.name = "suspend",
		.about = "suspended and resumed all the time",
		.disk_mib = 8192, .blocks = 160, .sites = 2, .writers = 3,
		.rounds = 110, .burst = 3, .flush = 30, .fua = 10, .whole = 1,
		.suspends = 24, .commit_interval = 100,
	}, {
		.name = "idle",
		.about = "sessions that close as nobody writes, or as they are told to",
		.disk_mib = 8192, .blocks = 160, .sites = 2, .writers = 2,
		.rounds = 90, .burst = 3, .flush = 30, .fua = 10, .whole = 1,
		.closes = 24, .idle_close = 10, .pause = 60, .commit_interval = 100,
	}, {
		.name = "discard",
		.about = "blocks that are freed, and their space used again, also by blocks that move",
		.disk_mib = 8192, .blocks = 90, .sites = 2, .writers = 4,
		.rounds = 100, .burst = 3, .flush = 35, .fua = 10, .whole = 60,
		.discard = 45, .moves = 160, .commit_interval = 60,
	}, {
		.name = "chain",
		.about = "a differencing image, whose parents have some of it",
		.disk_mib = 12288, .blocks = 90, .sites = 3, .writers = 4,
		.rounds = 80, .burst = 3, .flush = 40, .fua = 12, .whole = 30,
		.suspends = 6, .discard = 35, .moves = 60, .commit_interval = 40,
		.exposed = true, .parents = true,
	}, {
		.name = "vhd",
		.about = "a dynamic VHD image, which has no log",
		.disk_mib = 8192, .blocks = 110, .sites = 2, .writers = 4,
		.rounds = 80, .burst = 3, .flush = 40, .fua = 12, .whole = 2,
		.suspends = 6, .idle_close = 200, .commit_interval = 40,
		.exposed = true, .vhd = true,
	}, {
		.name = "vhd-chain",
		.about = "a differencing VHD image, whose parents have some of it",
		.disk_mib = 8192, .blocks = 90, .sites = 3, .writers = 4,
		.rounds = 80, .burst = 3, .flush = 40, .fua = 12, .whole = 30,
		.suspends = 6, .commit_interval = 40,
		.exposed = true, .parents = true, .vhd = true,
	}, {
		.name = "small",
		.about = "small enough for qemu-img to read all of it",
		.disk_mib = 128, .blocks = 90, .sites = 2, .writers = 3,
		.rounds = 60, .burst = 3, .flush = 40, .fua = 10, .whole = 1,
		.suspends = 3, .commit_interval = 60, .qemu = true,
		.exposed = true,
	}, {
		.name = "ext4",
		.about = "a file system, and files that were synced",
		.disk_mib = 512, .writers = 1, .rounds = 60,
		.commit_interval = 200, .files = true,
	},
};

/**
 * kind_get() - list the workloads
 * @number: from 0 on
 *
 * Return: the workload, or NULL.
 */
const struct kind *kind_get(u32 number)
{
	return number < sizeof(kinds) / sizeof(kinds[0]) ? &kinds[number] : NULL;
}

/**
 * kind_find() - find a workload
 * @name: its name
 *
 * Return: the workload, or NULL.
 */
const struct kind *kind_find(const char *name)
{
	u32 i;

	for (i = 0; kind_get(i); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}
