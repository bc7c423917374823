/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says while we ask it for something. */
#ifndef VHDX_TOOLS_KMSG_H
#define VHDX_TOOLS_KMSG_H

#include <stdbool.h>
#include <stddef.h>

int kmsg_open(void);
int kmsg_find_any(int fd, const char *const *whats, char *text, size_t size);
bool kmsg_find(int fd, const char *what, char *text, size_t size);
void kmsg_close(int fd);

#endif /* VHDX_TOOLS_KMSG_H */
