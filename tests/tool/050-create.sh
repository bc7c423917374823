# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx create": others can read it, nothing is replaced unasked, nothing half-written is left.
. "$VHDX_TOP/tests/lib/tool.sh"
need qemu-img 7zz

for args in '--size 1G' '--size 1G --block-size 1M' '--size 3M --type fixed' \
	'--size 127G --block-size 256M --log-size 4M' '--size 1T --physical-sector-size 512'; do
	# shellcheck disable=SC2086 # words
	"$vhdx" create $args image
	expect_status 0 check image
	qemu-img check -q image
	"$vhdx" info --json image >out
	size=$(json 'j["virtual_size"]')
	qemu-img info -f vhdx --output=json image >out
	[ "$(json 'j["virtual-size"]')" = "$size" ]
	7zz l image >out
	rm image
done

# A file that exists.
echo precious >file
expect_status 1 create --size 1M file
expect_output 'exists: take another name, or use --force to replace it'
[ "$(cat file)" = precious ]
chmod 600 file
[ "$(id -u)" != 0 ] || chown 65534:65534 file
owner=$(stat -c '%a %u %g' file)
expect_status 0 create --size 1M --force file
[ "$(stat -c '%a %u %g' file)" = "$owner" ] || fail "the new file is $(stat -c '%a %u %g' file), the old one was $owner"
expect_status 0 check file

# In a directory that gives its own group to what is made in it.
if [ "$(id -u)" = 0 ]; then
	mkdir shared
	chgrp 65534 shared
	chmod g+s shared
	echo precious >shared/file
	chgrp 0 shared/file
	expect_status 0 create --size 1M --force shared/file
	[ "$(stat -c %g shared/file)" = 0 ] || fail "the group is $(stat -c %g shared/file) now"
fi

# Symbolic links.
ln -s file link
expect_status 1 create --size 1M link
expect_status 0 create --size 2M --force link
[ -L link ]
expect_status 0 info --json file
[ "$(json 'j["virtual_size"]')" = 2097152 ]
ln -s nothing dangling
for force in '' --force; do
	# shellcheck disable=SC2086 # none or one word
	expect_status 1 create $force --size 1M dangling
	expect_output 'is a symbolic link to nothing'
done
[ -L dangling ] && [ ! -e nothing ]

# Ended in the middle: no file, under no name.
mkdir dir
for signal in INT TERM HUP QUIT; do
	"$vhdx" create --size 4G --type fixed dir/new >out 2>err &
	pid=$!
	sleep 0.02
	kill -$signal $pid 2>/dev/null || :
	wait $pid || :
	if [ -e dir/new ]; then
		"$vhdx" check --quiet dir/new	# it was quicker
		rm dir/new
	fi
	[ -z "$(ls -A dir)" ] || fail "SIG$signal has left $(ls -A dir)"
done
(
	ulimit -f 1000
	"$vhdx" create --size 4M --type fixed dir/new >out 2>err
) && fail 'there is no room for that'
[ -z "$(ls -A dir)" ]

# Into a directory where one may put files, and not see which there are.
if be_nobody; then
	mkdir -m 733 "$nobody/drop"
	for format in vhdx vhd; do
		as_nobody 0 create --format $format "$nobody/drop/new.$format" 4M
		"$vhdx" check --quiet "$nobody/drop/new.$format"
		as_nobody 0 convert -O $format "$nobody/drop/new.$format" "$nobody/drop/copy.$format"
		as_nobody 1 create --format $format "$nobody/drop/new.$format" 4M
		expect_output 'exists'
	done
	files=("$nobody"/drop/*)
	[ ${#files[@]} = 4 ]
fi
