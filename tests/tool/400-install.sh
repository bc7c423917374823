# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What "make install" installs "make uninstall" removes, and a module for a kernel that does not run is
# said to be one.
. "$VHDX_TOP/tests/lib/tool.sh"

make=(env -u MAKEFLAGS -u MAKELEVEL make -C "$VHDX_TOP" --no-print-directory)

for prefix in /usr/local /opt/it; do
	"${make[@]}" install-tools DESTDIR="$PWD/d" PREFIX=$prefix >out 2>&1 || { cat out; fail 'make install-tools'; }
	[ -x d$prefix/bin/vhdx ] || fail "no $prefix/bin/vhdx"
	for page in "$VHDX_TOP"/tools/man/*.[58]; do
		cmp "$page" "d$prefix/share/man/man${page##*.}/${page##*/}"
	done
	# In pairs: where it comes from, where it goes.
	while read -r source name; do
		[ ! -e "$VHDX_TOP/tools/completion/$source" ] ||
			cmp "$VHDX_TOP/tools/completion/$source" "d$prefix/share/$name"
	done <<-END
		vhdx.bash bash-completion/completions/vhdx
		_vhdx zsh/site-functions/_vhdx
	END
	# What runs the program has to know where it is.
	for file in system/vhdx@.service system-generators/vhdx-generator; do
		grep -q "$prefix/bin/vhdx " "d$prefix/lib/systemd/$file" || fail "$file runs another program"
	done
	[ -x d$prefix/lib/systemd/system-generators/vhdx-generator ]
	grep -qF " $prefix/lib/systemd/system " d$prefix/lib/systemd/system-generators/vhdx-generator
	grep -qF "\"$prefix/bin/vhdx " d$prefix/lib/udev/rules.d/59-vhdx.rules
	! grep -rn '@[A-Z]*@' d$prefix/lib || fail 'something is not filled in'
	cmp "$VHDX_TOP/tools/systemd/vhdx.target" d$prefix/lib/systemd/system/vhdx.target
	# There is one place for these.
	[ "$(find d -type f ! -path "d$prefix/*" ! -path 'd/usr/lib/systemd/system-shutdown/vhdx.shutdown' \
		! -path 'd/etc/initramfs-tools/*/vhdx' ! -path 'd/etc/kernel/post*.d/zz-vhdx-boot' \
		! -path 'd/etc/initramfs/post-update.d/zz-vhdx-boot' ! -path 'd/usr/lib/dracut/modules.d/95vhdx/*')" = '' ] ||
		fail "something is not below $prefix"
	for file in /usr/lib/systemd/system-shutdown/vhdx.shutdown /etc/initramfs-tools/hooks/vhdx \
		/etc/initramfs-tools/scripts/{local-top,local-block,panic}/vhdx \
		/etc/kernel/{postinst,postrm}.d/zz-vhdx-boot /etc/initramfs/post-update.d/zz-vhdx-boot \
		/usr/lib/dracut/modules.d/95vhdx/{module-setup,parse-vhdx,vhdx-attach,vhdx-shutdown}.sh; do
		[ -x "d$file" ] || fail "no $file"
		grep -qE "(^|[ =(])$prefix/bin/vhdx" "d$file" || fail "$file is not for $prefix"
		! grep '@[A-Z]*@' "d$file"
	done
	mkdir -p d/lib/modules/1.2.3/updates
	touch d/lib/modules/1.2.3/updates/{dm-vhdx.ko.xz,other.ko}
	"${make[@]}" uninstall DESTDIR="$PWD/d" PREFIX=$prefix >out 2>&1 || { cat out; fail 'make uninstall'; }
	[ "$(find d -type f)" = d/lib/modules/1.2.3/updates/other.ko ] || fail "left: $(find d -type f)"
	rm -r d
done

# Nor does it put a module beside that of DKMS.
mkdir -p headers/include/generated d/lib/modules/1.2.3/updates/dkms
echo '#define UTS_RELEASE "1.2.3"' >headers/include/generated/utsrelease.h
"${make[@]}" no-dkms KDIR="$PWD/headers" DESTDIR="$PWD/d"
touch d/lib/modules/1.2.3/updates/dkms/dm-vhdx.ko
expect_fail -m 'remove the package dm-vhdx-dkms first' \
	"${make[@]}" install-modules KDIR="$PWD/headers" DESTDIR="$PWD/d"

for release in "$(uname -r)" 1.2.3; do
	echo "#define UTS_RELEASE \"$release\"" >headers/include/generated/utsrelease.h
	"${make[@]}" kernel-note KDIR="$PWD/headers" >"out-$release" 2>&1
done
[ ! -s "out-$(uname -r)" ] || fail 'a note for the kernel that runs'
grep -qF "installed for the kernel 1.2.3, but $(uname -r) is running" out-1.2.3 || fail 'no note'
