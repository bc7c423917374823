// SPDX-License-Identifier: GPL-2.0
/*
 * When the gate is closed (dm-vhdx-gate.c), and opened again.
 */
#include <linux/device-mapper.h>
#include <linux/notifier.h>
#include <linux/platform_device.h>
#include <linux/suspend.h>

#include "dm-vhdx.h"
#include "dm-vhdx-gate.h"

static bool vhdx_hibernating;

/* Before user space sleeps, and after it goes on. */
static int vhdx_hibernate_notify(struct notifier_block *nb, unsigned long event,
				 void *arg)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
		vhdx_hibernating = true;
		break;
	case PM_POST_HIBERNATION:
		vhdx_hibernating = false;
		vhdx_gate_open();
		break;
	}
	return NOTIFY_DONE;
}

/* Kernel threads sleep, and devices are about to.  That comes after the picture once more. */
static int vhdx_hibernate_prepare(struct device *dev)
{
	if (vhdx_hibernating && !vhdx_gate_close())
		DMWARN("an image is being written while the machine hibernates");
	return 0;
}

static struct notifier_block vhdx_hibernate_notifier = {
	.notifier_call = vhdx_hibernate_notify,
};

static const struct dev_pm_ops vhdx_hibernate_pm = {
	.prepare = vhdx_hibernate_prepare,
};

/* Only devices are told at that moment, and a target has none. */
static struct platform_driver vhdx_hibernate_driver = {
	.driver = {
		.name = "dm-vhdx",
		.pm = &vhdx_hibernate_pm,
	},
};

static struct platform_device *vhdx_hibernate_device;

/**
 * vhdx_hibernate_init() - be told of hibernation from now on
 *
 * Context: process context, may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_hibernate_init(void)
{
	int r = platform_driver_register(&vhdx_hibernate_driver);

	if (r)
		return r;
	vhdx_hibernate_device =
		platform_device_register_simple("dm-vhdx", PLATFORM_DEVID_NONE,
						NULL, 0);
	r = PTR_ERR_OR_ZERO(vhdx_hibernate_device);
	if (!r) {
		r = register_pm_notifier(&vhdx_hibernate_notifier);
		if (!r)
			return 0;
		platform_device_unregister(vhdx_hibernate_device);
	}
	platform_driver_unregister(&vhdx_hibernate_driver);
	return r;
}

/**
 * vhdx_hibernate_exit() - undo vhdx_hibernate_init()
 *
 * Context: process context, may sleep.
 */
void vhdx_hibernate_exit(void)
{
	unregister_pm_notifier(&vhdx_hibernate_notifier);
	platform_device_unregister(vhdx_hibernate_device);
	platform_driver_unregister(&vhdx_hibernate_driver);
}
