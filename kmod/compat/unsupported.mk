# SPDX-License-Identifier: GPL-2.0
# Included by the module's Kbuild file. make VHDX_UNSUPPORTED=1: a module that refuses to load and says
# why, for kernels that the sources do not compile for. Who asks for it is DKMS (dkms.mk).
ifdef VHDX_UNSUPPORTED
dm-vhdx-y := kmod/compat/unsupported.o
endif
