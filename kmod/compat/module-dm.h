/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The usual init and exit of a module with one target are a macro since Linux
 * 6.4, "dm: add helper macro for simple DM target module init and exit".
 */
#ifndef VHDX_COMPAT_MODULE_DM_H
#define VHDX_COMPAT_MODULE_DM_H

#include <linux/device-mapper.h>
#include <linux/module.h>

#include "compat/have.h"

#ifndef VHDX_HAVE_MODULE_DM
#define module_dm(name)							\
static int __init dm_##name##_init(void)				\
{									\
	return dm_register_target(&(name##_target));			\
}									\
module_init(dm_##name##_init);						\
									\
static void __exit dm_##name##_exit(void)				\
{									\
	dm_unregister_target(&(name##_target));				\
}									\
module_exit(dm_##name##_exit)
#endif

#endif /* VHDX_COMPAT_MODULE_DM_H */
