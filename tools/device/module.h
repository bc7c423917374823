/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel module: is it loaded, and how new is what is? */
#ifndef VHDX_TOOLS_MODULE_H
#define VHDX_TOOLS_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A package's upgrade unloads nothing, so what runs may be older than what is
 * installed.
 */
#define MODULE_ADVICE \
	"install the module of this version if it is not; it takes effect after a reboot, or after 'vhdx detach --all' and 'rmmod dm_vhdx'"

/* ... and what to do where there cannot be one. */
#define MODULE_STOCK \
	"'vhdx attach --stock --read-only' does without the module"

int module_need(void);
bool module_lacks(const char *words, char *text, size_t size);

#endif /* VHDX_TOOLS_MODULE_H */
