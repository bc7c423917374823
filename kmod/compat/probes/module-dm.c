// SPDX-License-Identifier: GPL-2.0
/*
 * Linux 6.4, "dm: add helper macro for simple DM target module
 * init and exit"
 */
#include <linux/device-mapper.h>
#include <linux/module.h>

static struct target_type probe_target;

module_dm(probe);
