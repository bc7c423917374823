// SPDX-License-Identifier: GPL-2.0
/*
 * What users say to a target, and what it says to them: table line, status,
 * messages.
 */
#include "dm-vhdx.h"

#define VHDX_INTERVAL_MAX_MS	(60 * 60 * 1000)

/* ------------------------------------------------------------------------
 * Table line
 *
 *   <backing device> [<#optional args> <arg>...]
 *     read_only, zeroed_from <sector>, commit_interval <ms>, idle_close <ms>,
 *     error_if_no_space, no_unmap, no_discard, no_discard_passdown,
 *     parent <backing device>, closest first, ignore_parent_id
 */

static int vhdx_parse_number(struct dm_arg_set *as, const char *what,
			     unsigned long long max, unsigned long long *value,
			     char **error)
{
	const char *arg = dm_shift_arg(as);

	if (!arg || kstrtoull(arg, 10, value) || *value > max) {
		*error = (char *)what;
		return -EINVAL;
	}
	return 0;
}

/* What tells the size of a VHD image's disk, if its maker's name is not to. */
static int vhdx_parse_size_from(struct vhdx_target *vt, const char *what,
				char **error)
{
	if (what && !strcasecmp(what, "chs")) {
		vt->image.size_from = VHD_SIZE_CHS;
	} else if (what && !strcasecmp(what, "current")) {
		vt->image.size_from = VHD_SIZE_CURRENT;
	} else {
		*error = "size_from is chs or current";
		return -EINVAL;
	}
	return 0;
}

static int vhdx_parse_option(struct vhdx_target *vt, struct dm_arg_set *as,
			     char **error)
{
	const char *name = dm_shift_arg(as);
	unsigned long long value;
	int r;

	if (!strcasecmp(name, "read_only")) {
		vt->option_read_only = true;
		vt->read_only = true;
		return 0;
	}
	if (!strcasecmp(name, "error_if_no_space")) {
		vt->error_if_no_space = true;
		return 0;
	}
	if (!strcasecmp(name, "no_unmap")) {
		vt->no_unmap = true;
		return 0;
	}
	if (!strcasecmp(name, "no_discard")) {
		vt->no_discard = true;
		return 0;
	}
	if (!strcasecmp(name, "no_discard_passdown")) {
		vt->no_discard_passdown = true;
		return 0;
	}
	if (!strcasecmp(name, "parent")) {
		name = dm_shift_arg(as);
		if (name)
			return vhdx_chain_add(vt, name, error);
		*error = "parent needs a device";
		return -EINVAL;
	}
	if (!strcasecmp(name, "ignore_parent_id")) {
		vt->ignore_parent_id = true;
		return 0;
	}
	if (vt->image.is_vhd && !strcasecmp(name, "size_from"))
		return vhdx_parse_size_from(vt, dm_shift_arg(as), error);
	if (!strcasecmp(name, "zeroed_from")) {
		r = vhdx_parse_number(as, "zeroed_from needs a sector number",
				      LLONG_MAX >> SECTOR_SHIFT, &value, error);
		value = DIV_ROUND_UP_ULL(value, 1 << VHDX_MIB_SECTORS_SHIFT);
		vt->zeroed_from_mib = min_t(u64, U32_MAX, value);
		return r;
	}
	if (!strcasecmp(name, "commit_interval")) {
		r = vhdx_parse_number(as,
				      "commit_interval needs milliseconds, at most 3600000",
				      VHDX_INTERVAL_MAX_MS, &value, error);
		vt->commit_interval_set = true;
		vt->commit_interval_ms = value;
		return r;
	}
	if (!strcasecmp(name, "idle_close")) {
		r = vhdx_parse_number(as,
				      "idle_close needs milliseconds, at most 3600000; 0: never",
				      VHDX_INTERVAL_MAX_MS, &value, error);
		vt->idle_close_set = true;
		vt->idle_close_ms = value;
		return r;
	}
	*error = "Unknown optional argument";
	return -EINVAL;
}

/**
 * vhdx_parse_options() - read what follows the backing device in a table line
 * @vt: the target
 * @as: the rest of the line
 * @error: takes a constant sentence on failure
 *
 * Context: process context.
 * Return: 0 or a negative errno.
 */
int vhdx_parse_options(struct vhdx_target *vt, struct dm_arg_set *as,
		       char **error)
{
	static const struct dm_arg args[] = {
		{ 0, 13 + 2 * (VHDX_MAX_LAYERS - 1) + 1, "Invalid number of optional arguments" },
	};
	struct dm_arg_set group;
	unsigned int argc = 0;
	int r = 0;

	if (as->argc) {
		r = dm_read_arg_group(args, as, &argc, error);
		if (r)
			return r;
	}
	group.argc = argc;
	group.argv = as->argv;
	dm_consume_args(as, argc);
	if (as->argc) {
		*error = "More arguments than the number of optional arguments says";
		return -EINVAL;
	}
	while (!r && group.argc)
		r = vhdx_parse_option(vt, &group, error);
	return r;
}

/* ------------------------------------------------------------------------
 * Status and messages
 */

/*
 * <mode> <allocated blocks>/<total blocks> <block size in sectors>
 * <used MiB>/<total MiB> <uncommitted blocks> <log used bytes>/<log bytes>
 * <blocks allocated> <blocks zeroed> <commits> <log entries> <checkpoints>
 *
 * The last five count since the table was loaded; a checkpoint at the end of
 * each session is among them.  Without a loaded image there is only "fail".
 */
static void vhdx_status_info(struct vhdx_target *vt, char *result,
			     unsigned int maxlen)
{
	const struct vhdx_image *image = &vt->image;
	const struct vhd_image *vhd = READ_ONCE(image->vhd);
	const struct vhdx_log *log = &vt->log;
	const struct vhdx_stats *stats = &vt->stats;
	unsigned int sz = 0, dirty, allocated, taken, size;
	u64 log_used, checkpoints;
	bool open;

	spin_lock_irq(&vt->lock);
	open = vt->session != VHDX_SESSION_CLOSED;
	spin_unlock_irq(&vt->lock);
	dirty = READ_ONCE(vt->nr_dirty);
	/* data_race(): whoever counts has a mutex, that may be held for long. */
	allocated = data_race(image->allocated_blocks);
	/* data_race(): likewise */
	taken = data_race(image->space.taken);
	/* data_race(): likewise */
	size = data_race(image->space.size);
	/* data_race(): likewise */
	log_used = data_race(log->write_pos - log->durable_tail_pos);
	/* data_race(): likewise */
	checkpoints = data_race(log->checkpoints);
	if (!open)
		log_used = 0;
	if (vhd && READ_ONCE(image->space.map)) {
		taken = vhdx_space_to_mib(image, taken) +
			(vhd->first >> VHDX_MIB_SECTORS_SHIFT);
		size = DIV_ROUND_UP_ULL(image->bytes, SZ_1M);
	}

	if (!image->loaded) {
		DMEMIT("%s", vhdx_mode_name(VHDX_MODE_FAIL));
		return;
	}
	DMEMIT("%s %u/%u %llu %u/%u %u %llu/%u %llu %llu %llu %llu %llu",
	       vhdx_mode_name(READ_ONCE(vt->mode)),
	       allocated, image->layout.geo.blocks, 1ULL << vt->block_shift,
	       taken, size, dirty, log_used, image->layout.header.log_length,
	       vhdx_stat(stats, VHDX_STAT_ALLOCATED),
	       vhdx_stat(stats, VHDX_STAT_ZEROED),
	       vhdx_stat(stats, VHDX_STAT_COMMITS),
	       vhdx_stat(stats, VHDX_STAT_ENTRIES), checkpoints);
}

/*
 * As it is now, so that a table made from it is right too.  That table would
 * trust all of the device, also what it has grown by since this one was made:
 * so nothing is said then.
 */
static bool vhdx_zeroed_from(const struct vhdx_target *vt, u64 *sector)
{
	u32 mib = vhdx_image_mib(&vt->image, vhdx_io_bytes(&vt->image.backing));
	u32 from = max3(READ_ONCE(vt->zeroed_from_mib), READ_ONCE(vt->used_mib),
			vhdx_image_end_mib(&vt->image));

	*sector = (u64)from << VHDX_MIB_SECTORS_SHIFT;
	return READ_ONCE(vt->zeroed_from_mib) != U32_MAX &&
	       mib <= READ_ONCE(vt->zeroed_to_mib);
}

static const char *vhdx_size_from(const struct vhdx_target *vt)
{
	return vt->image.size_from == VHD_SIZE_CHS ? "chs" : "current";
}

static void vhdx_status_table(struct vhdx_target *vt, char *result,
			      unsigned int maxlen)
{
	unsigned int sz = 0, count, i;
	bool zeroed;
	u64 sector;

	zeroed = vhdx_zeroed_from(vt, &sector);
	count = vt->option_read_only + vt->error_if_no_space + vt->no_unmap +
		vt->no_discard + vt->no_discard_passdown + vt->ignore_parent_id +
		2 * vt->commit_interval_set + 2 * vt->idle_close_set + 2 * zeroed +
		2 * (vt->image.size_from != VHD_SIZE_AUTO) +
		(vt->chain ? 2 * vt->chain->nr_parents : 0);
	DMEMIT("%s", vt->dev->name);
	if (!count)
		return;
	DMEMIT(" %u", count);
	if (vt->option_read_only)
		DMEMIT(" read_only");
	if (zeroed)
		DMEMIT(" zeroed_from %llu", sector);
	if (vt->commit_interval_set)
		DMEMIT(" commit_interval %u", vt->commit_interval_ms);
	if (vt->idle_close_set)
		DMEMIT(" idle_close %u", vt->idle_close_ms);
	if (vt->error_if_no_space)
		DMEMIT(" error_if_no_space");
	if (vt->no_unmap)
		DMEMIT(" no_unmap");
	if (vt->no_discard)
		DMEMIT(" no_discard");
	if (vt->no_discard_passdown)
		DMEMIT(" no_discard_passdown");
	if (vt->ignore_parent_id)
		DMEMIT(" ignore_parent_id");
	if (vt->image.size_from != VHD_SIZE_AUTO)
		DMEMIT(" size_from %s", vhdx_size_from(vt));
	for (i = 0; vt->chain && i < vt->chain->nr_parents; i++)
		DMEMIT(" parent %s", vt->chain->parents[i].dev->name);
}

/* What an integrity measurement of the loaded table has of it. */
static void vhdx_status_ima(struct vhdx_target *vt, char *result,
			    unsigned int maxlen)
{
	unsigned int sz = 0, i;

	DMEMIT_TARGET_NAME_VERSION(vt->ti->type);
	DMEMIT(",device_name=%s,read_only=%c,error_if_no_space=%c",
	       vt->dev->name, vt->read_only ? 'y' : 'n',
	       vt->error_if_no_space ? 'y' : 'n');
	DMEMIT(",no_unmap=%c,no_discard=%c,no_discard_passdown=%c",
	       vt->no_unmap ? 'y' : 'n', vt->no_discard ? 'y' : 'n',
	       vt->no_discard_passdown ? 'y' : 'n');
	DMEMIT(",commit_interval=%u,idle_close=%u", vt->commit_interval_ms,
	       vt->idle_close_ms);
	DMEMIT(",ignore_parent_id=%c", vt->ignore_parent_id ? 'y' : 'n');
	if (vt->image.size_from != VHD_SIZE_AUTO)
		DMEMIT(",size_from=%s", vhdx_size_from(vt));
	for (i = 0; vt->chain && i < vt->chain->nr_parents; i++)
		DMEMIT(",parent_%u=%s", i, vt->chain->parents[i].dev->name);
	if (vt->zeroed_from_mib != U32_MAX)
		DMEMIT(",zeroed_from=%llu", (u64)vt->zeroed_from_mib <<
					    VHDX_MIB_SECTORS_SHIFT);
	DMEMIT(";");
}

/**
 * vhdx_status() - dm's status function
 * @ti: the target
 * @type: which status
 * @flags: dm's, not used
 * @result: takes it
 * @maxlen: bytes there
 *
 * Context: process context, any time.
 */
void vhdx_status(struct dm_target *ti, status_type_t type, unsigned int flags,
		 char *result, unsigned int maxlen)
{
	struct vhdx_target *vt = ti->private;

	/* A resume may be loading the image again. */
	rcu_read_lock();
	switch (type) {
	case STATUSTYPE_INFO:
		vhdx_status_info(vt, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		vhdx_status_table(vt, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		vhdx_status_ima(vt, result, maxlen);
		break;
	}
	rcu_read_unlock();
}

static int vhdx_message_commit(struct vhdx_target *vt)
{
	if (vt->read_only)
		return 0;
	queue_work(vt->commit_wq, &vt->commit);
	flush_work(&vt->commit);
	return READ_ONCE(vt->mode) == VHDX_MODE_RW ? 0 : -EIO;
}

/* @from and @to are sectors. */
static int vhdx_message_zeroed(struct vhdx_target *vt, const char *from_arg,
			       const char *to_arg)
{
	u64 end = vhdx_io_bytes(&vt->image.backing) >> SECTOR_SHIFT;
	unsigned long long from, to;

	if (kstrtoull(from_arg, 10, &from) || kstrtoull(to_arg, 10, &to) ||
	    from >= to || to > end) {
		DMWARN("%pg: zeroed needs two sector numbers, the second larger, at most %llu",
		       vt->bdev, end);
		return -EINVAL;
	}
	from = DIV_ROUND_UP_ULL(from, 1 << VHDX_MIB_SECTORS_SHIFT);
	/* The footer of a VHD image is, or was, in the last sector. */
	to = vhdx_image_mib(&vt->image, to << SECTOR_SHIFT);
	if (vt->read_only || from >= to)
		return 0;
	vhdx_space_add_zeroed(vt, min_t(u64, from, U32_MAX),
			      min_t(u64, to, U32_MAX));
	return 0;
}

/* "move <which> [<how>]" */
static int vhdx_message_move(struct vhdx_target *vt, const char *which,
			     const char *how, char *result, unsigned int maxlen)
{
	unsigned long long nr;

	bool bitmap = how && !strcasecmp(which, "bitmap");

	if (kstrtoull(bitmap ? how : which, 10, &nr) || nr > U32_MAX ||
	    (how && !bitmap && strcasecmp(how, "zeros"))) {
		DMWARN("%pg: move needs a block's number (and 'zeros'), or 'bitmap' and a chunk's",
		       vt->bdev);
		return -EINVAL;
	}
	if (bitmap)
		return vhdx_move_bitmap(vt, nr, result, maxlen) ?: 1;
	return vhdx_move_block(vt, nr, how, result, maxlen) ?: 1;
}

/**
 * vhdx_message() - dm's message function
 * @ti: the target
 * @argc: words
 * @argv: "commit": make all block allocations durable now;
 *        "close": that, and leave a clean image until the next write;
 *        "zeroed <from> <to>": this part of the backing device, in sectors,
 *        was added to it and reads as zeros;
 *        "move <block> [zeros]": move a block to lower space, see
 *        vhdx_move_block();
 *        "move bitmap <chunk>": a sector bitmap, see vhdx_move_bitmap();
 *        "stats": what it has done, see vhdx_stats_show()
 * @result: takes the answer, if there is one
 * @maxlen: bytes there
 *
 * Context: process context, any time.
 * Return: 0, 1 if there is an answer, or a negative errno.
 */
int vhdx_message(struct dm_target *ti, unsigned int argc, char **argv,
		 char *result, unsigned int maxlen)
{
	struct vhdx_target *vt = ti->private;

	if (argc == 1 && !strcasecmp(argv[0], "commit"))
		return vhdx_message_commit(vt);
	if (argc == 1 && !strcasecmp(argv[0], "close"))
		return vt->read_only ? 0 : vhdx_idle_close(vt);
	if (argc == 3 && !strcasecmp(argv[0], "zeroed"))
		return vhdx_message_zeroed(vt, argv[1], argv[2]);
	if (argc == 1 && !strcasecmp(argv[0], "stats")) {
		vhdx_stats_show(vt, result, maxlen);
		return 1;
	}
	if ((argc == 2 || argc == 3) && !strcasecmp(argv[0], "move"))
		return vhdx_message_move(vt, argv[1], argc == 3 ? argv[2] : NULL,
					 result, maxlen);
	DMWARN("%pg: unknown message: not 'commit', 'close', 'move', 'stats' or 'zeroed'",
	       vt->bdev);
	return -EINVAL;
}
