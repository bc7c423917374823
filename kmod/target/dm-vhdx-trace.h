/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: a transaction's steps, freeing, a table's life.  None is on the path
 * of a read, or of a write to a block that is there.
 *
 * dev is the backing device; blocks are counted in the virtual disk, MiB in the
 * image.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dm_vhdx

#if !defined(DM_VHDX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DM_VHDX_TRACE_H

#include <linux/blk_types.h>
#include <linux/kdev_t.h>
#include <linux/tracepoint.h>

#define VHDX_TRACE_DEV		"%u:%u "
#define VHDX_TRACE_DEV_OF(e)	MAJOR((e)->dev), MINOR((e)->dev)

/* A block's entry changes, in the running transaction; mib: its space. */
DECLARE_EVENT_CLASS(vhdx_block,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib),
	TP_ARGS(bdev, block, mib),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, block)
		__field(u32, mib)
	),
	TP_fast_assign(
		__entry->dev = bdev->bd_dev;
		__entry->block = block;
		__entry->mib = mib;
	),
	TP_printk(VHDX_TRACE_DEV "block=%u mib=%u", VHDX_TRACE_DEV_OF(__entry),
		  __entry->block, __entry->mib)
);

/* Its space, which may hold anything, is about to be zeroed around the write. */
DEFINE_EVENT(vhdx_block, vhdx_prepare,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib),
	TP_ARGS(bdev, block, mib));
/* It can be read and written from now on. */
DEFINE_EVENT(vhdx_block, vhdx_publish,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib),
	TP_ARGS(bdev, block, mib));
/* It has space of its own from now on, and inherits what is in it. */
DEFINE_EVENT(vhdx_block, vhdx_begin_part,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib),
	TP_ARGS(bdev, block, mib));
/* More of it is here. */
DEFINE_EVENT(vhdx_block, vhdx_extend_part,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib),
	TP_ARGS(bdev, block, mib));
/* It reads as zeros from now on; its space, if any, is in limbo. */
DEFINE_EVENT(vhdx_block, vhdx_free,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib),
	TP_ARGS(bdev, block, mib));

/* To other space; mib: where it was, to: where it is going to be, or is. */
DECLARE_EVENT_CLASS(vhdx_moves,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib, u32 to),
	TP_ARGS(bdev, block, mib, to),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, block)
		__field(u32, mib)
		__field(u32, to)
	),
	TP_fast_assign(
		__entry->dev = bdev->bd_dev;
		__entry->block = block;
		__entry->mib = mib;
		__entry->to = to;
	),
	TP_printk(VHDX_TRACE_DEV "block=%u mib=%u to=%u",
		  VHDX_TRACE_DEV_OF(__entry), __entry->block, __entry->mib,
		  __entry->to)
);

/* Writes to it wait from now on; to 0: it is only looked at. */
DEFINE_EVENT(vhdx_moves, vhdx_move_begin,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib, u32 to),
	TP_ARGS(bdev, block, mib, to));
/* It has moved, and the old space is in limbo. */
DEFINE_EVENT(vhdx_moves, vhdx_move,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib, u32 to),
	TP_ARGS(bdev, block, mib, to));

/* Of a chunk's sector bitmap, likewise. */
DEFINE_EVENT_PRINT(vhdx_moves, vhdx_move_bitmap,
	TP_PROTO(struct block_device *bdev, u32 block, u32 mib, u32 to),
	TP_ARGS(bdev, block, mib, to),
	TP_printk(VHDX_TRACE_DEV "chunk=%u mib=%u to=%u",
		  VHDX_TRACE_DEV_OF(__entry), __entry->block, __entry->mib,
		  __entry->to)
);

/* Something has begun, or has ended. */
DECLARE_EVENT_CLASS(vhdx_sectors,
	TP_PROTO(struct block_device *bdev, u32 sectors),
	TP_ARGS(bdev, sectors),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, sectors)
	),
	TP_fast_assign(
		__entry->dev = bdev->bd_dev;
		__entry->sectors = sectors;
	),
	TP_printk(VHDX_TRACE_DEV "sectors=%u", VHDX_TRACE_DEV_OF(__entry),
		  __entry->sectors)
);

/* The running transaction becomes the one that is logged; 4 KiB of metadata each. */
DEFINE_EVENT(vhdx_sectors, vhdx_commit,
	TP_PROTO(struct block_device *bdev, u32 sectors),
	TP_ARGS(bdev, sectors));
/* One entry of the log is written. */
DEFINE_EVENT(vhdx_sectors, vhdx_log_entry,
	TP_PROTO(struct block_device *bdev, u32 sectors),
	TP_ARGS(bdev, sectors));

DECLARE_EVENT_CLASS(vhdx_result,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->dev = bdev->bd_dev;
		__entry->result = result;
	),
	TP_printk(VHDX_TRACE_DEV "result=%d", VHDX_TRACE_DEV_OF(__entry),
		  __entry->result)
);

/* A transaction is durable (1), there was none (0), or it could not be logged. */
DEFINE_EVENT(vhdx_result, vhdx_commit_done,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));
/* A flush of the target's own, not one that a guest's was sent on as. */
DEFINE_EVENT(vhdx_result, vhdx_flush,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));
/* All that was logged is in its place, and the log is empty. */
DEFINE_EVENT(vhdx_result, vhdx_checkpoint,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));
DEFINE_EVENT(vhdx_result, vhdx_session_open,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));
DEFINE_EVENT(vhdx_result, vhdx_session_close,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));
/* A table's life: made, resumed (image loaded, replayed), suspended, gone. */
DEFINE_EVENT(vhdx_result, vhdx_ctr,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));
DEFINE_EVENT(vhdx_result, vhdx_resume,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));
DEFINE_EVENT(vhdx_result, vhdx_suspend,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));
DEFINE_EVENT(vhdx_result, vhdx_dtr,
	TP_PROTO(struct block_device *bdev, int result),
	TP_ARGS(bdev, result));

/* Space of freed blocks. */
DECLARE_EVENT_CLASS(vhdx_space,
	TP_PROTO(struct block_device *bdev, u32 mib, u32 count),
	TP_ARGS(bdev, mib, count),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, mib)
		__field(u32, count)
	),
	TP_fast_assign(
		__entry->dev = bdev->bd_dev;
		__entry->mib = mib;
		__entry->count = count;
	),
	TP_printk(VHDX_TRACE_DEV "mib=%u count=%u", VHDX_TRACE_DEV_OF(__entry),
		  __entry->mib, __entry->count)
);

DEFINE_EVENT(vhdx_space, vhdx_pass_down,
	TP_PROTO(struct block_device *bdev, u32 mib, u32 count),
	TP_ARGS(bdev, mib, count));
/* Other blocks may take it. */
DEFINE_EVENT(vhdx_space, vhdx_reusable,
	TP_PROTO(struct block_device *bdev, u32 mib, u32 count),
	TP_ARGS(bdev, mib, count));
/* It could not be written, and is not used for now. */
DEFINE_EVENT(vhdx_space, vhdx_set_aside,
	TP_PROTO(struct block_device *bdev, u32 mib, u32 count),
	TP_ARGS(bdev, mib, count));

/* In 0: rw, 1: ro, 2: fail. */
TRACE_EVENT(vhdx_mode,
	TP_PROTO(struct block_device *bdev, int from, int to),
	TP_ARGS(bdev, from, to),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(int, from)
		__field(int, to)
	),
	TP_fast_assign(
		__entry->dev = bdev->bd_dev;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk(VHDX_TRACE_DEV "from=%s to=%s", VHDX_TRACE_DEV_OF(__entry),
		  __print_symbolic(__entry->from, { 0, "rw" }, { 1, "ro" }, { 2, "fail" }),
		  __print_symbolic(__entry->to, { 0, "rw" }, { 1, "ro" }, { 2, "fail" }))
);

/* Something that needs space below finds none, or finds some again. */
TRACE_EVENT(vhdx_space_lacking,
	TP_PROTO(struct block_device *bdev, bool lacking),
	TP_ARGS(bdev, lacking),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(bool, lacking)
	),
	TP_fast_assign(
		__entry->dev = bdev->bd_dev;
		__entry->lacking = lacking;
	),
	TP_printk(VHDX_TRACE_DEV "lacking=%d", VHDX_TRACE_DEV_OF(__entry),
		  __entry->lacking)
);

#endif /* DM_VHDX_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE dm-vhdx-trace
#include <trace/define_trace.h>
