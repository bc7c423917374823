/* SPDX-License-Identifier: GPL-2.0 */
/* Is an image in use, and by whom? */
#ifndef VHDX_TOOLS_USE_H
#define VHDX_TOOLS_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define USE_TEXT	256

int use_probe(int fd);
int use_lock_shared(int fd);
int use_lock_name(int fd, bool change);
int use_lock_merge(int fd);
int use_lock(int fd);
int use_lock_wait(int fd, unsigned int seconds);
bool use_is_read_only(const struct stat *st);
bool use_find(const struct stat *st, char *by, size_t size);

#endif /* VHDX_TOOLS_USE_H */
