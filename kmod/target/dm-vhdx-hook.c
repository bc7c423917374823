// SPDX-License-Identifier: GPL-2.0
/*
 * Bios of dm's whose end somebody here wants to see.  Not for the hot path.
 */
#include "dm-vhdx.h"

/**
 * vhdx_hook_bio() - be told when a bio is done, instead of its owner
 * @bio: a bio that map has got from dm and that is not under way; not changed
 *       yet, so that vhdx_rewind_bio() can bring it back to this
 * @end_io: must call vhdx_unhook_bio() first
 * @arg: found in vhdx_hook(bio)->arg
 *
 * Context: any.
 */
void vhdx_hook_bio(struct bio *bio, bio_end_io_t *end_io, void *arg)
{
	struct vhdx_hook *hook = vhdx_hook(bio);

	hook->end_io = bio->bi_end_io;
	hook->private = bio->bi_private;
	hook->arg = arg;
	hook->iter = bio->bi_iter;
	hook->opf = bio->bi_opf;
	hook->flags = bio->bi_flags;
	bio->bi_end_io = end_io;
}

/**
 * vhdx_unhook_bio() - undo vhdx_hook_bio(); bio_endio() goes to its owner again
 * @bio: the bio
 *
 * Context: any.
 */
void vhdx_unhook_bio(struct bio *bio)
{
	struct vhdx_hook *hook = vhdx_hook(bio);

	bio->bi_end_io = hook->end_io;
	bio->bi_private = hook->private;
}

/**
 * vhdx_rewind_bio() - make a bio that has come back ready to be sent again
 * @bio: was hooked, is not any more; has failed
 *
 * On its way it has been advanced, marked, and may have been split.
 *
 * Context: any.
 */
void vhdx_rewind_bio(struct bio *bio)
{
	struct vhdx_hook *hook = vhdx_hook(bio);

	bio->bi_iter = hook->iter;
	bio->bi_opf = hook->opf;
	bio->bi_flags = hook->flags;
	bio->bi_status = BLK_STS_OK;
	atomic_set(&bio->__bi_remaining, 1);
}

/**
 * vhdx_kill() - let dm fail a bio
 * @vt: the target
 * @bio: a bio that map has got
 *
 * dm does not call the target's end_io for these.
 *
 * Context: any.
 * Return: what map has to return.
 */
int vhdx_kill(struct vhdx_target *vt, struct bio *bio)
{
	vhdx_flight_end(vt, bio);
	return DM_MAPIO_KILL;
}

/**
 * vhdx_end_bio() - complete a bio
 * @bio: not hooked
 * @status: with what
 *
 * Context: any.
 */
void vhdx_end_bio(struct bio *bio, blk_status_t status)
{
	bio->bi_status = status;
	bio_endio(bio);
}
