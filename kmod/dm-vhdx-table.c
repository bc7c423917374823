// SPDX-License-Identifier: GPL-2.0
/*
 * What users say to a target, and what it says to them: table line, status,
 * messages.
 */
#include "dm-vhdx.h"

#define VHDX_COMMIT_INTERVAL_MAX_MS	(60 * 60 * 1000)

/* ------------------------------------------------------------------------
 * Table line
 *
 *   <backing device> [<#optional args> <arg>...]
 *     read_only, zeroed_from <sector>, commit_interval <ms>, error_if_no_space
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
	if (!strcasecmp(name, "zeroed_from")) {
		r = vhdx_parse_number(as, "zeroed_from needs a sector number",
				      LLONG_MAX >> SECTOR_SHIFT, &value, error);
		vt->zeroed_from_set = true;
		value = DIV_ROUND_UP_ULL(value, 1 << VHDX_MIB_SECTORS_SHIFT);
		vt->zeroed_from_mib = min_t(u64, U32_MAX, value);
		return r;
	}
	if (!strcasecmp(name, "commit_interval")) {
		r = vhdx_parse_number(as,
				      "commit_interval needs milliseconds, at most 3600000",
				      VHDX_COMMIT_INTERVAL_MAX_MS, &value, error);
		vt->commit_interval_set = true;
		vt->commit_interval_ms = value;
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
		{ 0, 6, "Invalid number of optional arguments" },
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
	const struct vhdx_log *log = &vt->log;
	struct vhdx_stats stats;
	unsigned int sz = 0, dirty;
	u64 log_used;

	spin_lock_irq(&vt->lock);
	stats = vt->stats;
	dirty = vt->nr_dirty;
	spin_unlock_irq(&vt->lock);
	log_used = vt->session_open ? log->write_pos - log->durable_tail_pos : 0;

	if (!image->loaded) {
		DMEMIT("%s", vhdx_mode_name(VHDX_MODE_FAIL));
		return;
	}
	DMEMIT("%s %u/%u %llu %u/%u %u %llu/%u %llu %llu %llu %llu %llu",
	       vhdx_mode_name(vt->mode),
	       image->allocated_blocks, image->layout.geo.blocks,
	       1ULL << vt->block_shift, image->space.taken, image->space.size,
	       dirty, log_used, image->layout.header.log_length, stats.allocs,
	       stats.zeroed, stats.commits, stats.entries, log->checkpoints);
}

static u32 vhdx_zeroed_from(const struct vhdx_target *vt)
{
	return max3(vt->zeroed_from_mib, vt->used_mib,
		    READ_ONCE(vt->image.space.end));
}

static void vhdx_status_table(struct vhdx_target *vt, char *result,
			      unsigned int maxlen)
{
	unsigned int sz = 0, count;

	count = vt->option_read_only + vt->error_if_no_space +
		2 * vt->commit_interval_set + 2 * vt->zeroed_from_set;
	DMEMIT("%s", vt->dev->name);
	if (!count)
		return;
	DMEMIT(" %u", count);
	if (vt->option_read_only)
		DMEMIT(" read_only");
	if (vt->zeroed_from_set)
		/* As it is now, so that a table made from it is right too. */
		DMEMIT(" zeroed_from %llu", (u64)vhdx_zeroed_from(vt) <<
					    VHDX_MIB_SECTORS_SHIFT);
	if (vt->commit_interval_set)
		DMEMIT(" commit_interval %u", vt->commit_interval_ms);
	if (vt->error_if_no_space)
		DMEMIT(" error_if_no_space");
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

	switch (type) {
	case STATUSTYPE_INFO:
		vhdx_status_info(vt, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		vhdx_status_table(vt, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		*result = '\0';
		break;
	}
}

/**
 * vhdx_message() - dm's message function
 * @ti: the target
 * @argc: words
 * @argv: the only message is "commit": make all block allocations durable now
 * @result: not used
 * @maxlen: bytes there
 *
 * Context: process context, any time.
 * Return: 0 or a negative errno.
 */
int vhdx_message(struct dm_target *ti, unsigned int argc, char **argv,
		 char *result, unsigned int maxlen)
{
	struct vhdx_target *vt = ti->private;

	if (argc != 1 || strcasecmp(argv[0], "commit")) {
		DMWARN("%pg: unknown message: the only one is 'commit'", vt->bdev);
		return -EINVAL;
	}
	if (vt->read_only)
		return 0;
	queue_work(vt->commit_wq, &vt->commit);
	flush_work(&vt->commit);
	return READ_ONCE(vt->mode) == VHDX_MODE_RW ? 0 : -EIO;
}
