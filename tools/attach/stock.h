/* SPDX-License-Identifier: GPL-2.0 */
/* An image attached with targets that every kernel has. */
#ifndef VHDX_TOOLS_STOCK_H
#define VHDX_TOOLS_STOCK_H

#include "attachment.h"
#include "pieces.h"

/**
 * struct stock - the table of such an image
 * @pieces: its lines
 * @device: number or node of the device that holds the image
 * @log_device: the same of the one with the changes of its log
 * @log: that, if there is one
 */
struct stock {
	struct pieces pieces;
	char device[PATH_MAX];
	char log_device[LOOP_PATH];
	struct loop log;
};

int stock_pretend(struct stock *stock, struct attachment *attach);
int stock_make(struct stock *stock, struct attachment *attach);
char *stock_table(struct stock *stock);
void stock_free(struct stock *stock);

#endif /* VHDX_TOOLS_STOCK_H */
