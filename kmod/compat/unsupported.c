// SPDX-License-Identifier: GPL-2.0
/*
 * Instead of the module, for a kernel whose headers its sources do not compile
 * with: DKMS has to have one, and a user has to hear what is the matter.
 */
#define pr_fmt(fmt) "device-mapper: vhdx: " fmt

#include <generated/utsrelease.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/printk.h>

static int __init vhdx_unsupported_init(void)
{
	pr_err("this version does not support the kernel " UTS_RELEASE
	       " (its sources do not compile for it): boot another kernel or install a newer dm-vhdx\n");
	return -EOPNOTSUPP;
}
module_init(vhdx_unsupported_init);

MODULE_AUTHOR("dm-vhdx developers");
MODULE_DESCRIPTION("Refuses to load: this version does not support this kernel");
MODULE_LICENSE("GPL");
