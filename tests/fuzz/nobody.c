// SPDX-License-Identifier: GPL-2.0
/* Instead of tools/device/use.c and who.c: nobody else uses an image that is in memory only. */
#include "use.h"
#include "who.h"

int use_probe(int fd)
{
	(void)fd;
	return 0;
}

int use_lock_shared(int fd)
{
	(void)fd;
	return 0;
}

int use_lock_name(int fd, bool change)
{
	(void)fd;
	(void)change;
	return 0;
}

int use_lock(int fd)
{
	(void)fd;
	return 0;
}

int use_lock_wait(int fd, unsigned int seconds)
{
	(void)fd;
	(void)seconds;
	return 0;
}

bool use_find(const struct stat *st, char *by, size_t size)
{
	(void)st;
	(void)by;
	(void)size;
	return false;
}

bool use_is_read_only(const struct stat *st)
{
	(void)st;
	return false;
}

const char *who_find(const struct stat *st, char *by, size_t size)
{
	(void)st;
	(void)by;
	(void)size;
	return NULL;
}
