// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mapping.h"
#include "stamp.h"
#include "verdict.h"

#define VERDICT_WRITES	12	/* to blocks with content */

/**
 * verdict_init() - get ready to look
 * @verdict: result
 * @workload: that has run
 * @medium: where the states are made
 * @name: for the mapped device
 * @tool: the tool vhdx
 */
void verdict_init(struct verdict *verdict, const struct workload *workload,
		  struct medium *medium, const char *name, const char *tool)
{
	struct dice dice;

	memset(verdict, 0, sizeof(*verdict));
	verdict->workload = workload;
	verdict->medium = medium;
	verdict->tool = tool;
	snprintf(verdict->name, sizeof(verdict->name), "%s", name);
	snprintf(verdict->mount, sizeof(verdict->mount), "%s/%s.mnt",
		 workload->dir, name);
	mkdir(verdict->mount, 0700);
	dice_init(&dice, workload->seed, 2);
	view_init(&verdict->view, &workload->ledger, workload->disk_sectors,
		  workload->kind->exposed, &dice);
	if (workload->parents.nr) {
		verdict->heritage.content = view_inherited(&verdict->view);
		verdict->heritage.stale_mib = workload->parents.stale_mib;
	}
	verdict->heritage.vhd = workload->kind->vhd;
	verdict->ro = view_buffer(&verdict->view);
	verdict->rw = view_buffer(&verdict->view);
}

/**
 * verdict_exit() - free it
 * @verdict: the verdict
 */
void verdict_exit(struct verdict *verdict)
{
	free(verdict->heritage.content);
	free(verdict->ro);
	free(verdict->rw);
	view_exit(&verdict->view);
	rmdir(verdict->mount);
}

static bool verdict_map(struct verdict *verdict, bool read_only)
{
	int r = parents_map(verdict->workload, verdict->name, read_only,
			    verdict->medium->disk.loop.path);

	if (r)
		printf("  the image cannot be mapped %s: %s (the kernel log says why)\n",
		       read_only ? "read-only" : "for writing", strerror(-r));
	return !r;
}

/* Map, read, unmap. */
static bool verdict_read(struct verdict *verdict, bool read_only, void *buf)
{
	int fd, r;

	if (!verdict_map(verdict, read_only))
		return false;
	fd = stack_open(verdict->name, O_RDONLY | O_DIRECT);
	r = view_read(&verdict->view, fd, buf);
	close(fd);
	stack_unmap(verdict->name);
	if (r)
		printf("  it cannot be read: %s\n", strerror(-r));
	return !r;
}

/* Without a write: what is there, and is it what may be there? */
static bool verdict_look(struct verdict *verdict, const struct duty *duty,
			 const void *reference, u32 what)
{
	const struct medium *medium = verdict->medium;
	struct io_counts before, after;
	bool dirty;
	u64 off;

	/* A VHD image has no log. */
	if (duty->clean && !verdict->workload->kind->vhd) {
		if (!inspect_is_dirty(&medium->disk, &dirty))
			return false;
		if (dirty) {
			printf("  the image is suspended, but its log is dirty\n");
			return false;
		}
	}
	ramdisk_counts(&medium->disk, &before);
	if (!verdict_read(verdict, true, verdict->ro))
		return false;
	ramdisk_counts(&medium->disk, &after);
	if (memcmp(&before, &after, sizeof(before))) {
		printf("  the read-only mapping has written\n");
		return false;
	}
	if (!reference && !medium_unchanged(medium, what & VERDICT_ALL, &off)) {
		printf("  the read-only mapping has changed byte %llu\n",
		       (unsigned long long)off);
		return false;
	}
	if (reference && view_differs(&verdict->view, reference, verdict->ro,
				      "a replay that was cut"))
		return false;
	return verdict->workload->kind->files ||
	       !view_check(&verdict->view, verdict->ro, duty);
}

static int verdict_run(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
static int verdict_run(const char *fmt, ...)
{
	char command[512];
	va_list args;
	int r;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	fflush(stdout);
	r = system(command);
	return WIFEXITED(r) ? WEXITSTATUS(r) : 128;
}

/*
 * qemu-img does not come to an end with a log that is nearly full, which is its
 * fault: it gets some time.
 */
static bool verdict_qemu(struct verdict *verdict)
{
	const char *path = verdict->medium->disk.path;
	int r = verdict_run("timeout 60 qemu-img check -q -r all '%s' >/dev/null 2>'%s.err'",
			    path, path);

	if (r == 124) {
		verdict->qemu_excluded++;
		medium_restore(verdict->medium, false);
		return verdict_read(verdict, false, verdict->rw);
	}
	if (r) {
		printf("  qemu-img check -r all ended with %d\n", r);
		verdict_run("cat '%s.err'", path);
		return false;
	}
	verdict->qemu_agreed++;
	return true;
}

/* What qemu-img reads of a clean image. */
static bool verdict_qemu_content(struct verdict *verdict)
{
	const char *path = verdict->medium->disk.path;
	const struct view *view = &verdict->view;
	char raw[128];
	bool good = true;
	u32 i;
	int fd;

	if (verdict_run("qemu-img convert -f vhdx -O raw '%s' '%s.raw'", path,
			path)) {
		printf("  qemu-img cannot convert it\n");
		return false;
	}
	snprintf(raw, sizeof(raw), "%s.raw", path);
	fd = open(raw, O_RDONLY | O_CLOEXEC);
	for (i = 0; good && i < view->nr; i++) {
		const struct window *w = &view->windows[i];
		u64 bytes = (u64)w->count * SECTOR;

		good = pread(fd, verdict->rw + (u64)w->at * SECTOR, bytes,
			     w->lba * SECTOR) == (ssize_t)bytes;
	}
	close(fd);
	unlink(raw);
	return good && !view_differs(view, verdict->ro, verdict->rw, "qemu-img");
}

/* Replay the log, by whoever it is, and look again. */
static bool verdict_replay(struct verdict *verdict, u32 what)
{
	const struct ramdisk *disk = &verdict->medium->disk;

	if (what & VERDICT_TOOL) {
		if (verdict_run("'%s' replay '%s' >/dev/null", verdict->tool,
				disk->loop.path)) {
			printf("  vhdx replay failed\n");
			return false;
		}
	} else if (what & VERDICT_QEMU) {
		if (!verdict_qemu(verdict))
			return false;
	} else if (what & VERDICT_READ) {
		if (!verdict_read(verdict, false, verdict->rw) ||
		    view_differs(&verdict->view, verdict->ro, verdict->rw,
				 "the kernel's replay"))
			return false;
	} else {
		/* Mapping it is enough. */
		if (!verdict_map(verdict, false))
			return false;
		stack_unmap(verdict->name);
	}
	if (!inspect_clean(disk, &verdict->view, &verdict->heritage, verdict->rw) ||
	    view_differs(&verdict->view, verdict->ro, verdict->rw,
			 "the replayed image"))
		return false;
	return !(what & VERDICT_QEMU) || verdict_qemu_content(verdict);
}

/* Life goes on: a new block gets space that shows nothing of the old days. */
static bool verdict_write_block(int fd, u64 block)
{
	u8 *buf = aligned_alloc(PAGE, BLOCK_SECTORS * SECTOR);
	u64 lba = block * BLOCK_SECTORS, at = lba % 1999;
	struct stamp stamp;
	bool good;
	u32 i;

	stamp_fill(buf, lba + at, 1, 0);
	good = pwrite(fd, buf, SECTOR, (lba + at) * SECTOR) == SECTOR &&
	       !fdatasync(fd) &&
	       pread(fd, buf, BLOCK_SECTORS * SECTOR, lba * SECTOR) ==
	       BLOCK_SECTORS * SECTOR;
	if (!good)
		printf("  a new block cannot be written: %s\n", strerror(errno));
	for (i = 0; good && i < BLOCK_SECTORS; i++) {
		if (stamp_read(buf + i * SECTOR, &stamp) ==
		    (i == at ? STAMP_GOOD : STAMP_ZERO))
			continue;
		printf("  a new block shows something else at sector %llu\n",
		       (unsigned long long)lba + i);
		good = false;
	}
	free(buf);
	return good;
}

/* ... and so do blocks that have some content, at places that nobody looks at. */
static bool verdict_write_more(struct verdict *verdict, int fd, u32 salt)
{
	const struct ledger *ledger = &verdict->workload->ledger;
	u8 *buf = aligned_alloc(PAGE, PAGE);
	bool good = true;
	struct dice dice;
	u32 i;

	dice_init(&dice, verdict->workload->seed, 200000 + salt);
	for (i = 0; good && i < VERDICT_WRITES; i++) {
		const struct site *site =
			&ledger->sites[dice_below(&dice, ledger->nr_sites)];
		u64 lba = (site->lba & -(u64)BLOCK_SECTORS) +
			  dice_below(&dice, BLOCK_SECTORS);

		if (view_has(&verdict->view, lba))
			continue;
		stamp_fill(buf, lba, 1, 0);
		good = pwrite(fd, buf, SECTOR, lba * SECTOR) == SECTOR;
	}
	good = good && !fdatasync(fd);
	if (!good)
		printf("  a block cannot be written: %s\n", strerror(errno));
	free(buf);
	return good;
}

static bool verdict_write(struct verdict *verdict, const struct duty *duty)
{
	const struct ledger *ledger = &verdict->workload->ledger;
	u64 block = 0;
	bool good;
	u32 i;
	int fd;

	/* One without a site: sites are sorted. */
	for (i = 0; i < ledger->nr_sites; i++) {
		const struct site *site = &ledger->sites[i];

		if (site->lba / BLOCK_SECTORS > block)
			break;
		block = (site->lba + site->count - 1) / BLOCK_SECTORS + 1;
	}
	if (!verdict_map(verdict, false))
		return false;
	fd = stack_open(verdict->name, O_RDWR | O_DIRECT);
	good = verdict_write_block(fd, block) &&
	       (!verdict->heritage.content ||
		verdict_write_more(verdict, fd, duty->nr_events));
	close(fd);
	stack_unmap(verdict->name);
	return good && inspect_clean(&verdict->medium->disk, &verdict->view,
				     &verdict->heritage, verdict->rw) &&
	       !view_differs(&verdict->view, verdict->ro, verdict->rw,
			     "a write elsewhere");
}

/* A file system: it is mounted, which replays its own journal, and checked. */
static bool verdict_files(struct verdict *verdict, const struct duty *duty)
{
	bool good;

	if (!duty->begun)
		return true;
	if (!verdict_map(verdict, false))
		return false;
	good = !files_verify(verdict->name, verdict->mount, duty->files,
			     verdict->workload->seed) &&
	       !files_check(verdict->name);
	stack_unmap(verdict->name);
	return good && inspect_clean(&verdict->medium->disk, &verdict->view,
				     &verdict->heritage, verdict->rw);
}

/**
 * verdict_state() - look at a state
 * @verdict: the verdict; its medium has the state
 * @duty: what has to be there
 * @reference: content that has to be there exactly; NULL if not known. The
 *             disk is not as the medium's state then.
 * @what: VERDICT_*
 *
 * The disk is as the medium's state afterwards.  Prints what is wrong.
 *
 * Return: true if nothing is.
 */
bool verdict_state(struct verdict *verdict, const struct duty *duty,
		   const void *reference, u32 what)
{
	bool files = verdict->workload->kind->files, good;

	good = verdict_look(verdict, duty, reference, what) &&
	       verdict_replay(verdict, what) &&
	       (!(what & VERDICT_WRITE) || verdict_write(verdict, duty)) &&
	       (!files || verdict_files(verdict, duty));
	medium_restore(verdict->medium, files || (what & (VERDICT_WRITE |
							  VERDICT_QEMU)));
	return good;
}
