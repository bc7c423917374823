# SPDX-License-Identifier: GPL-2.0
# Included by Kbuild files of the module and of its KUnit suites, which name their objects in
# vhdx-objects first: these need to know what the kernel has.
#
# Headers that are replaced by others of the same release are older than what was made with the first
# ones, so their times alone would not do.
vhdx-headers := $(wildcard $(objtree)/include/generated/autoconf.h $(objtree)/Module.symvers)
vhdx-key := $(shell stat -c %s.%Y.%Z $(vhdx-headers) /dev/null 2>/dev/null | cksum | cut -d' ' -f1)

quiet_cmd_vhdx_probe = PROBE   $@
      cmd_vhdx_probe = $(CONFIG_SHELL) $(src)/kmod/compat/probe $@ $(vhdx-key) $(CC) \
	$(NOSTDINC_FLAGS) $(LINUXINCLUDE) -include $(srctree)/include/linux/compiler_types.h \
	$(KBUILD_CPPFLAGS) $(KBUILD_CFLAGS) $(KBUILD_CFLAGS_MODULE) -DMODULE -DKBUILD_MODNAME='"dm_vhdx"'

$(obj)/kmod/compat/have.h: $(src)/kmod/compat/probe $(wildcard $(src)/kmod/compat/probes/*.c) FORCE
	$(call if_changed,vhdx_probe)

targets += kmod/compat/have.h
$(addprefix $(obj)/,$(vhdx-objects)): $(obj)/kmod/compat/have.h

ccflags-y += -I$(src)/kmod/format -I$(src)/kmod/target -I$(src)/kmod -I$(obj)/kmod
