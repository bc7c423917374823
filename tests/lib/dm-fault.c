// SPDX-License-Identifier: GPL-2.0
/*
 * A library to be preloaded: of the calls of device mapper that change a device,
 * the one with the number $DM_FAULT fails, counted from 1; with $DM_KILL it kills the
 * program before it is done.  If there are not so
 * many nothing fails, and that is said on standard error at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

static int count;

static int changes(unsigned long request)
{
	switch (_IOC_NR(request)) {
	case _IOC_NR(DM_DEV_CREATE):
	case _IOC_NR(DM_DEV_REMOVE):
	case _IOC_NR(DM_DEV_SUSPEND):
	case _IOC_NR(DM_TABLE_LOAD):
	case _IOC_NR(DM_TABLE_CLEAR):
		return _IOC_TYPE(request) == DM_IOCTL;
	}
	return 0;
}

static int wanted(void)
{
	const char *text = getenv("DM_FAULT");

	return text ? atoi(text) : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int fd, unsigned long request, ...);
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (changes(request) && ++count == wanted()) {
		if (getenv("DM_KILL"))
			raise(SIGKILL);
		errno = EIO;
		return -1;
	}
	if (!real)
		real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	return real(fd, request, arg);
}

__attribute__((destructor)) static void end(void)
{
	if (wanted() > count)
		fprintf(stderr, "dm-fault: no call failed\n");
}
