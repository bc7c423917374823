/* SPDX-License-Identifier: GPL-2.0 */
/* What is written to the virtual disk before the crash. */
#ifndef CRASH_WORKLOAD_H
#define CRASH_WORKLOAD_H

#include "ledger.h"
#include "parents.h"
#include "stack.h"
#include "trace.h"

/**
 * struct kind - a sort of workload
 * @name: its name
 * @about: what it is for
 * @disk_mib: size of the virtual disk
 * @blocks: blocks written to
 * @sites: sites per block at most
 * @writers: threads
 * @rounds: what each of them does: rounds of writes at once ...
 * @least: ... more than this ...
 * @burst: ... up to this
 * @flush: percentage of rounds that end with a flush
 * @fua: percentage of writes that are FUA
 * @whole: percentage of sites that are whole blocks
 * @suspends: how often the mapping is suspended
 * @discard: percentage of rounds that end with a discard, or zeroes, of a block
 * @closes: how often its session is closed by message
 * @moves: how often a block is moved
 * @pause: milliseconds between rounds, at most
 * @commit_interval: in milliseconds
 * @idle_close: likewise; 0: never
 * @exposed: the device holds foreign data, and no zeroed_from says otherwise
 * @qemu: small enough to be read by others, all of it
 * @files: a file system and files instead of stamped sectors
 * @parents: the image is a differencing image
 * @vhd: it is a VHD image
 */
struct kind {
	const char *name;
	const char *about;
	u32 disk_mib;
	u32 blocks;
	u32 sites;
	u32 writers;
	u32 rounds;
	u32 least;
	u32 burst;
	u32 flush;
	u32 fua;
	u32 whole;
	u32 suspends;
	u32 discard;
	u32 closes;
	u32 moves;
	u32 pause;
	u32 commit_interval;
	u32 idle_close;
	bool exposed;
	bool qemu;
	bool files;
	bool parents;
	bool vhd;
};

/**
 * struct workload - a workload that has run
 * @kind: which
 * @seed: of its random choices
 * @dir: directory in a tmpfs for its files
 * @disk_sectors: size of the virtual disk
 * @meta_bytes: of the image: where blocks begin
 * @initial: the device as it was before
 * @device: the device as it was afterwards
 * @log: log of dm-log-writes
 * @trace: what is in it
 * @ledger: what was written
 * @parents: of the image
 */
struct workload {
	const struct kind *kind;
	u64 seed;
	const char *dir;
	u64 disk_sectors;
	u64 meta_bytes;
	struct ramdisk initial;
	struct ramdisk device;
	struct ramdisk log;
	struct trace trace;
	struct ledger ledger;
	struct parents parents;
};

#define WORKLOAD_NAME	"crash-disk"
#define WORKLOAD_LOGGER	"crash-logger"
#define WORKLOAD_BELOW	"crash-one-flush"	/* below the target, see kmod/ */

const struct kind *kind_find(const char *name);
const struct kind *kind_get(u32 number);
void workload_run(struct workload *workload, const struct kind *kind, u64 seed,
		  const char *dir, const char *tool);
u64 workload_image(const struct workload *workload, const char *tool,
		   const char *name);
void workload_exit(struct workload *workload);
/* The target for its images. */
static inline const char *workload_target(const struct workload *workload)
{
	return workload->kind->vhd ? "vhd" : "vhdx";
}

void workload_mark(struct workload *workload, enum mark_kind kind, u32 value);

/* disturb.c */
void disturb_suspend(struct workload *workload);
void disturb_move(struct workload *workload);

/* files.c */
void files_write(struct workload *workload);
int files_verify(const char *name, const char *mount, u32 durable, u64 seed);
int files_check(const char *name);

#endif /* CRASH_WORKLOAD_H */
