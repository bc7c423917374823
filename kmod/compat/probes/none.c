// SPDX-License-Identifier: GPL-2.0
/* Compiles with all kernels: what the other probes include. */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
