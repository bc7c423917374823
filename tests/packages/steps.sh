# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The steps of tests/packages/run, which sources this in the checkout, with tmp, a directory, root, the root
# in there, and debs, where packages of a version are in a directory of its name, set.

# shellcheck source=tests/lib/debian.sh
. tests/lib/debian.sh

: "${tmp:?}" "${root:?}" "${debs:?}"

readonly REFUSES='Refuses to load: this version does not support this kernel'

fail() { echo "failed at line ${BASH_LINENO[0]}: $*"; exit 1; }

# ----------------------------------------------------------------------------
# The packages themselves
# ----------------------------------------------------------------------------

# is_version VERSION COMMAND...
is_version()
{
	local said

	said=$("${@:2}" --version)
	[ "$said" = "vhdx (dm-vhdx) $1" ] || fail "it says $said, not $1"
}

make_packages() { env -u MAKEFLAGS -u MAKELEVEL make deb VERSION="$1" BUILD="$tmp/$1" && mv "$tmp/$1"/deb/* "$tmp/$1"; }

# make_packages_there SUITE VERSION...: as make_packages has made their source, in a root of that suite
make_packages_there()
{
	local build=$tmp/build-root suite=$1 version
	local -a apt=(apt-get -q=2 -y --no-install-recommends -o Acquire::Retries=3)

	shift
	as_root rm -rf --one-file-system "$build"
	tests/packages/root "$suite" "$build"
	as_root mkdir "$build/made"
	enter_root "$build" "${apt[@]}" update </dev/null
	for version in "$@"; do
		as_root cp "$tmp/$version/dm-vhdx_$version".tar.* "$build/made/"
		# shellcheck disable=SC2016 # for the shell in there
		enter_root "$build" sh -euc '
			cd /made
			tar -xf "dm-vhdx_$1".tar.*
			cd "dm-vhdx-$1"
			shift
			"$@" install build-essential
			"$@" build-dep .
			dpkg-buildpackage -us -uc -b
		' sh "$version" "${apt[@]}" </dev/null
		mkdir -p "$debs/$version"
		cp "$build"/made/*_"$version"_*.deb "$debs/$version"
	done
	as_root rm -rf --one-file-system "$build"
}

# Not even a hint; as a user, for root is told not to.
judge()
{
	lintian --allow-root --display-info --pedantic --fail-on error,warning,info,pedantic "$tmp/$1"/*.changes
}

# All of "make install-tools" is in there, and all of kmod/.
compare_contents()
{
	local -a zsh=(ZSHDIR=/usr/share/zsh/vendor-completions)

	mkdir "$tmp/tools" "$tmp/dkms" "$tmp/install"
	dpkg-deb -x "$tmp/$1"/vhdx-tools_*.deb "$tmp/tools"
	dpkg-deb -x "$tmp/$1"/dm-vhdx-dkms_*.deb "$tmp/dkms"
	env -u MAKEFLAGS -u MAKELEVEL make tools
	env -u MAKEFLAGS -u MAKELEVEL make -C tools O="$PWD/build" install PREFIX=/usr DESTDIR="$tmp/install" "${zsh[@]}"
	diff <(cd "$tmp/install" && find . -type f | sort) \
		<(cd "$tmp/tools" && find . -type f ! -path './usr/share/doc/*' ! -path './usr/share/lintian/*' |
			sed '/\/man\//s/\.gz$//' | sort)
	diff <(git ls-files -co --exclude-standard kmod | sort) \
		<(cd "$tmp/dkms/usr/src/dm-vhdx-$1" && find kmod -type f | sort)
	grep -qx "PACKAGE_VERSION=\"$1\"" "$tmp/dkms/usr/src/dm-vhdx-$1/dkms.conf"
	! grep '^BUILD_EXCLUSIVE' "$tmp/dkms/usr/src/dm-vhdx-$1/dkms.conf" || fail 'some kernels are excluded'
	is_version "$1" "$tmp/tools/usr/bin/vhdx"
}

# Where the sources do not compile: as DKMS does it, but in the VM.
refuse_in_vm()
{
	local release headers dir=$tmp/unsupported

	release=$(tests/vm/kernel stock --release)
	headers=$(tests/vm/kernel "$release" --headers)
	cp -r "$tmp/dkms/usr/src/dm-vhdx-$1" "$dir"
	sed -i '1i #error "as if it were another kernel"' "$dir"/kmod/target/dm-vhdx-target.c
	env -u MAKEFLAGS -u MAKELEVEL make -C "$dir" -f dkms.mk KDIR="$headers"
	# shellcheck disable=SC2016 # for the shell in there
	tests/vm/run --kernel "$release" --mem 1024 -- bash -c '
		! insmod "$1" || exit 1
		dmesg | grep -F "device-mapper: vhdx: this version does not support the kernel $(uname -r)"
		# The tool hands on what the module says.
		mkdir -p "/lib/modules/$(uname -r)/updates"
		cp "$1" "/lib/modules/$(uname -r)/updates/"
		depmod
		build/vhdx create --size 1M /tmp/d.vhdx
		! build/vhdx attach /tmp/d.vhdx >/tmp/out 2>&1 || exit 1
		cat /tmp/out
		grep "refuses to load: vhdx: this version does not support the kernel" /tmp/out
	' sh "$dir/dm-vhdx.ko"
}

# Another failure is one.
fail_to_build()
{
	local dir=$tmp/broken

	cp -r "$tmp/dkms/usr/src/dm-vhdx-$1" "$dir"
	mkdir "$tmp/headers"
	# shellcheck disable=SC2016 # for make
	echo '$(error no space left, or so)' >"$tmp/headers/Makefile"
	! make -C "$dir" -f dkms.mk KDIR="$tmp/headers" || fail 'that should not work'
	[ ! -e "$dir/dm-vhdx.ko" ] || fail 'there is a module'
}

# ----------------------------------------------------------------------------
# In a root
# ----------------------------------------------------------------------------

in_root() { enter_root "$root" "$@" </dev/null; }
apt() { in_root apt-get -q=2 -y --no-install-recommends -o Acquire::Retries=3 "$@"; }

# What is below it, but for what is none of the packages' business.
files()
{
	(cd "$root" && as_root find . -xdev \( -path ./proc -o -path ./dev -o -path ./sys -o -path ./run -o -path ./tmp \
		-o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./var/lib/dpkg \
		-o -path './lib/modules/*/modules.*' -o -path './usr/lib/modules/*/modules.*' \
		-o -path './var/lib/dkms/mok.*' \) -prune -o -print | sort)
	(cd "$root" && ls var/lib/dpkg/info)
}

# shellcheck disable=SC2016 # dpkg's
packages() { in_root dpkg-query -W -f '${Package}\n' | sort; }

kernels() { find "$root/lib/modules" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort -V; }

# Who unloads, detaches or stops anything in there is written down.
set_traps()
{
	local name

	mkdir -p "$tmp/bin"
	for name in rmmod modprobe dmsetup losetup vhdx systemctl deb-systemd-invoke invoke-rc.d; do
		cat >"$tmp/bin/$name" <<-END
			#!/bin/sh
			echo "$name \$*" >>/trapped
			[ $name != vhdx ] || exec /usr/bin/vhdx "\$@"
		END
		chmod 755 "$tmp/bin/$name"
		as_root install -m 755 "$tmp/bin/$name" "$root/usr/local/sbin/$name"
	done
	# As if systemd were running: scripts look for that.
	as_root mkdir -p "$root/run/systemd/system"
}

remove_traps()
{
	local f

	for f in "$tmp"/bin/*; do
		as_root rm "$root/usr/local/sbin/${f##*/}"
	done
	as_root rm -rf "$root/run/systemd" "$root/trapped"
}

unpack_root()
{
	tests/packages/root "$1" "$root"
	apt update
	as_root mkdir -p "$root/debs"
	as_root cp "$debs"/[0-9]*/*.deb "$root/debs/"
	as_root rm -f "$root"/debs/*dbgsym*
	files >"$tmp/before"
	packages >"$tmp/packages"
}

# expect_module RELEASE VERSION [DESCRIPTION]
expect_module()
{
	local ko

	ko=$(ls "$root/lib/modules/$1/updates/dkms"/dm-vhdx.ko*)
	ko=${ko#"$root"}
	in_root modinfo "$ko" | tee "$tmp/modinfo"
	grep -qE "^description: +${3:-device-mapper target}" "$tmp/modinfo" || fail "$ko is something else"
	awk -v r="$1" '$1 == "vermagic:" && $2 == r { found = 1 } END { exit !found }' "$tmp/modinfo" || fail "$ko is for another kernel"
	in_root dkms status | grep -F "dm-vhdx/$2, $1, x86_64: installed" || fail "$(in_root dkms status)"
}

install_packages()
{
	local release

	apt install "/debs/vhdx-tools_$1_amd64.deb" "/debs/dm-vhdx-dkms_$1_all.deb"
	is_version "$1" in_root /usr/bin/vhdx
	in_root /usr/bin/vhdx create --size 16M /tmp/d.vhdx
	in_root /usr/bin/vhdx check /tmp/d.vhdx
	for release in $(kernels); do
		expect_module "$release" "$1"
	done
}

# A kernel that came to be after this version: the newest one, with something missing in its headers.
# $1: its release; $2: what to do to them, in a copy of its common part
fake_kernel()
{
	local release=$1 real common

	real=$(kernels | tail -n 1)
	real=$(readlink -f "$root/lib/modules/$real/build")
	real=/usr/src/${real##*/}
	common=${real%-*}-common
	as_root cp -a "$root$real" "$root/usr/src/linux-headers-$release"
	as_root cp -a "$root$common" "$root/usr/src/linux-headers-$release-common"
	as_root sed -i "s|$common|/usr/src/linux-headers-$release-common|; s|$real|/usr/src/linux-headers-$release|" \
		"$root/usr/src/linux-headers-$release/Makefile"
	as_root sed -i "s/\".*\"/\"$release\"/" "$root/usr/src/linux-headers-$release/include/generated/utsrelease.h"
	echo "$release" | as_root tee "$root/usr/src/linux-headers-$release/include/config/kernel.release" >/dev/null
	as_root mkdir -p "$root/lib/modules/$release"
	as_root ln -s "/usr/src/linux-headers-$release" "$root/lib/modules/$release/build"
	as_root sed -i "$2" "$root/usr/src/linux-headers-$release-common/$3"
}

remove_kernel()
{
	as_root rm -rf "$root/lib/modules/$1" "$root/usr/src/linux-headers-$1" "$root/usr/src/linux-headers-$1-common"
}

# What installing a kernel's packages runs.
kernel_hooks() { in_root run-parts --exit-on-error --arg="$1" /etc/kernel/header_postinst.d; }

future_kernel()
{
	trap 'remove_kernel 99.1.0-amd64' EXIT
	fake_kernel 99.1.0-amd64 's/accounts_remapped_io/renamed_since/' include/linux/device-mapper.h
	kernel_hooks 99.1.0-amd64
	expect_module 99.1.0-amd64 "$1" "$REFUSES"
	in_root dkms remove "dm-vhdx/$1" -k 99.1.0-amd64
}

broken_kernel()
{
	trap 'remove_kernel 99.2.0-amd64' EXIT
	# shellcheck disable=SC2016 # for make
	fake_kernel 99.2.0-amd64 '1i $(error out of order)' Makefile
	! kernel_hooks 99.2.0-amd64 || fail 'DKMS says all is well'
	! ls "$root"/lib/modules/99.2.0-amd64/updates/dkms/dm-vhdx.ko* || fail 'there is a module'
}

upgrade_packages()
{
	local release

	set_traps
	apt install "/debs/vhdx-tools_$2_amd64.deb" "/debs/dm-vhdx-dkms_$2_all.deb"
	in_root cat /trapped || :
	! in_root grep -E '^(rmmod|dmsetup|losetup)|^modprobe.* (-r|--remove)|^vhdx.* detach|(stop|restart|reload)' /trapped ||
		fail 'the upgrade stops something'
	remove_traps
	is_version "$2" in_root /usr/bin/vhdx
	[ ! -e "$root/usr/src/dm-vhdx-$1" ] || fail 'the old sources are still there'
	# In a root of another kernel, DKMS does it for the newest one by itself.
	expect_module "$(kernels | tail -n 1)" "$2"
	for release in $(kernels); do
		in_root dkms autoinstall -k "$release"
		expect_module "$release" "$2"
	done
	! in_root dkms status | grep -F "/$1," || fail 'the old version is still there'
}

# The same, where an image is attached and the module loaded: in the VM, where nothing of it lasts.
upgrade_attached()
{
	local release headers

	release=$(tests/vm/kernel stock --release)
	headers=$(tests/vm/kernel "$release" --headers)
	env -u MAKEFLAGS -u MAKELEVEL make modules KDIR="$headers"
	tests/vm/run --kernel "$release" --mem 3072 --timeout 1800 -- bash tests/packages/guest "$root" "$1"
}

purge_packages()
{
	local -a needed

	apt purge dm-vhdx-dkms vhdx-tools
	mapfile -t needed < <(packages | comm -13 "$tmp/packages" -)
	[ ${#needed[@]} -eq 0 ] || apt purge "${needed[@]}"
	as_root rm -f "$root/tmp/d.vhdx"
	files >"$tmp/after"
	diff "$tmp/before" "$tmp/after" || fail 'that is the difference'
}

# "make install" and the package do not get along, and say so.
other_module()
{
	local release

	release=$(kernels | head -n 1)
	as_root mkdir -p "$root/lib/modules/$release/updates"
	as_root touch "$root/lib/modules/$release/updates/dm-vhdx.ko"
	in_root dpkg --unpack --force-depends "/debs/dm-vhdx-dkms_${1}_all.deb" 2>&1 | tee "$tmp/said"
	grep -F "NOTE: /lib/modules/$release/updates/dm-vhdx.ko, which \"make install\" has put there" "$tmp/said"
	in_root dpkg --purge --force-depends dm-vhdx-dkms
	as_root rm "$root/lib/modules/$release/updates/dm-vhdx.ko"
	as_root rmdir --ignore-fail-on-non-empty "$root/lib/modules/$release/updates"
}
