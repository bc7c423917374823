/* SPDX-License-Identifier: GPL-2.0 */
/* Where a system that was hibernated may be, and how long to wait for that. */
#ifndef VHDX_TOOLS_RESUME_PLACE_H
#define VHDX_TOOLS_RESUME_PLACE_H

#define RESUME_EFIVARS	"/sys/firmware/efi/efivars"

/**
 * struct resume_place - where a system was hibernated to
 * @device: as "resume=" names it
 * @offset: as "resume_offset=" has it; empty: none
 */
struct resume_place {
	char device[80];
	char offset[24];
};

int resume_place_efi(struct resume_place *place, const char *dir);
unsigned int resume_patience(const char *rootdelay, const char *timeout);

#endif /* VHDX_TOOLS_RESUME_PLACE_H */
