# SPDX-License-Identifier: GPL-2.0
#
# How DKMS builds the module: make -f dkms.mk KDIR=...
#
# An error would leave the package of that kernel unconfigured, and with it an unattended upgrade. So
# where the sources do not compile, which the next try would not change, the module is one that
# refuses to load and says why. Any other failure (no compiler, no space) is an error.

KBUILD = LC_ALL=C $(MAKE) -C $(KDIR) M=$(CURDIR)

# What the compiler says of the sources, and modpost of symbols that the kernel has no longer.
REFUSED := ^[^ ]*kmod/[^ ]*:[0-9]+:[0-9]+: (error:|fatal error: .*: No such file)|^ERROR: modpost: .*(undefined|GPL-|from namespace)

all:
	+@status=0; \
	$(KBUILD) modules >first.log 2>&1 || status=$$?; \
	cat first.log; \
	[ $$status -ne 0 ] || exit 0; \
	grep -qE '$(REFUSED)' first.log || exit $$status; \
	echo; \
	echo 'dm-vhdx: THIS KERNEL IS NOT SUPPORTED, see above. What follows is a module that says so.'; \
	$(KBUILD) clean && $(KBUILD) VHDX_UNSUPPORTED=1 modules

.PHONY: all
