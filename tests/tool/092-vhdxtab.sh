# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# /etc/vhdxtab: what systemd's generator makes of right tables (vhdxtab/right: NAME.tab, and what comes of
# it in NAME.units) and of tables that have a wrong line between two right ones (vhdxtab/wrong: NAME.says);
# and "attach" by the table, as far as a dry run goes.
. "$VHDX_TOP/tests/lib/tool.sh"

tables=$VHDX_TOP/tests/tool/vhdxtab

# generate TABLE: into units; status in $status, messages in err
generate()
{
	rm -rf units
	mkdir units
	status=0
	VHDXTAB=$1 "$vhdx" generator --units /units units units units >out 2>err || status=$?
	[ ! -s out ] || fail "$1: $(<out)"
}

# All that is in units.
show_units()
{
	local f

	(cd units && find . -type f -o -type l) | LC_ALL=C sort | while read -r f; do
		if [ -L "units/$f" ]; then
			echo "$f -> $(readlink "units/$f")"
		else
			echo "$f"
			sed -n '/^[^#]/s/^/	/p' "units/$f"
		fi
	done
}

# --- right ones ---------------------------------------------------------------

count=0
for tab in "$tables"/right/*.tab; do
	generate "$tab"
	[ "$status $(<err)" = '0 ' ] || fail "${tab##*/}: status $status, $(<err)"
	show_units >shown
	sed "s,\$TABLES,$tables," "${tab%.tab}.units" | diff - shown || fail "${tab##*/} makes other units"
	count=$((count + 1))
done
[ $count -ge 20 ]

# --- wrong ones ---------------------------------------------------------------

count=0
for tab in "$tables"/wrong/*.tab; do
	generate "$tab"
	[ $status = 1 ] || fail "${tab##*/}: status $status"
	[ "$(wc -l <err)" = 1 ] || fail "${tab##*/}: $(<err)"
	grep -qE "^vhdx: $tab: $(<"${tab%.tab}.says")" err || fail "${tab##*/}: $(<err)"
	# What the others say holds.
	for unit in vhdx.target.requires/vhdx@good.service vhdx.target.wants/vhdx@last.service; do
		[ -L "units/$unit" ] || fail "${tab##*/}: no $unit"
	done
	[ ! -e units/vhdx.target.requires/vhdx@disk.service ] || fail "${tab##*/}: there is a unit for the wrong line"
	count=$((count + 1))
done
[ $count -ge 20 ]
printf 'good /images/good.vhdx\nbad /images/\0.vhdx\n' >nul
generate "$PWD/nul"
[ $status = 1 ] && grep -q 'line 2: ignored: it has a NUL' err

# No table is nothing to complain of, nor is one that nobody may read a reason to stop a boot.
generate "$PWD/none"
[ $status = 0 ] && [ ! -s err ] && [ -z "$(ls units)" ]
mkdir directory
generate "$PWD/directory"
[ $status = 1 ] && grep -q 'directory: cannot be read: ' err
for args in '' 'a b c d'; do
	# shellcheck disable=SC2086 # words
	expect_status 2 generator $args
done

if command -v systemd-analyze >/dev/null; then
	mkdir -p d
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$VHDX_TOP" install-tools DESTDIR="$PWD/d" PREFIX=/usr/local >out 2>&1
	lib=$PWD/d/usr/local/lib/systemd
	# It looks whether what is to be run is there.
	sed -i "s,/usr/local/bin/vhdx,$vhdx," "$lib/system/vhdx@.service"
	for tab in "$tables"/right/*.tab; do
		rm -rf units
		mkdir units
		VHDXTAB=$tab "$vhdx" generator --units "$lib/system" units
		for unit in units/vhdx@*.service.d; do
			[ -e "$unit" ] || continue
			# It takes what is behind a colon for another name.
			[[ $unit != *:* ]] || continue
			unit=${unit#units/}
			SYSTEMD_UNIT_PATH=$PWD/units:$lib/system:/lib/systemd/system \
				systemd-analyze --man=no verify "${unit%.d}" >out 2>&1 || fail "${tab##*/}: $(<out)"
			[ ! -s out ] || fail "${tab##*/}: $(<out)"
		done
	done
else
	note 'systemd-analyze is not installed'
fi

# --- attach -------------------------------------------------------------------

table()
{
	printf '%s\n' "$@" >tab
}

"$vhdx" create --size 8M --block-size 1M one.vhdx
"$vhdx" create --size 16M --block-size 1M 'with blank.vhdx'
table "one $PWD/one.vhdx ro,commit_interval=100" "other $PWD/with\\040blank.vhdx error_if_no_space" \
	"manual $PWD/one.vhdx noauto,read_only"
export VHDXTAB=$PWD/tab
expect_status 0 attach --all --dry-run
[ "$(grep -c '^0 ' out)" = 2 ]
grep -qE '^0 16384 vhdx [^ ]* 3 read_only commit_interval 100$' out || fail "$(<out)"
grep -qE '^0 32768 vhdx [^ ]* .*error_if_no_space$' out || fail "$(<out)"
expect_status 0 attach --tab manual --dry-run --json
[ "$(json 'j["name"], j["read_only"]')" = 'manual True' ]
expect_status 0 attach --tab other --dry-run --read-only --json
[ "$(json 'j["name"], j["read_only"]')" = 'other True' ]
expect_status 1 attach --tab two --dry-run
expect_output "^vhdx: two: no line of '$PWD/tab' has this name: write one, see vhdxtab"
# A line that is wrong, or an image that is not there, keeps nobody else from anything.
table 'bad' "none $PWD/none.vhdx" "one $PWD/one.vhdx" "soft $PWD/none.vhdx nofail"
expect_status 1 attach --all --dry-run
[ "$(grep -c '^0 ' out)" = 1 ]
expect_output '/tab: line 1: ignored: it has no source'
[ "$(grep -c 'none.vhdx: cannot open' err)" = 2 ]
table "soft $PWD/none.vhdx nofail" "uuid UUID=$(uuidgen 2>/dev/null || echo 0-0):/x.vhdx nofail"
expect_status 0 attach --all --dry-run
expect_output 'no device with this UUID'
unset VHDXTAB
expect_status 1 attach --all --tab-file none --dry-run
expect_output '^vhdx: none: cannot be read: '
expect_status 0 attach --all --tab-file tab --dry-run
for args in '--all --tab x' '--all file' '--tab x file' '--all --options read_only'; do
	# shellcheck disable=SC2086 # words
	expect_status 2 attach --dry-run $args
done
expect_status 2 detach --wait soon x
expect_output "wait needs a number of seconds, not 'soon'"

# --- properties for udev --------------------------------------------------------

id=0f5e1c7a-6a0f-4a3c-9d43-5e8c1f3b2a10
expect_status 0 udev --uuid VHDX-$id-my-disk
[ "$(<out)" = "ID_VHDX=disk"$'\n'"ID_VHDX_DISK_ID=$id" ]
expect_status 0 udev --uuid part12-VHDX-$id-my-disk
[ "$(<out)" = "ID_VHDX=partition"$'\n'"ID_VHDX_DISK_ID=$id"$'\n'"ID_VHDX_PART=12" ]
for uuid in VHDX-$id VHDX-x-y part-VHDX-$id-x part0-VHDX-$id-x LVM-$id-x "VHDX-$id/x-y" part1-LVM-$id-x; do
	expect_status 0 udev --uuid "$uuid"
	[ ! -s out ] || fail "$uuid: $(<out)"
done
expect_status 0 udev one.vhdx
[ "$(<out)" = ID_VHDX=image ]
expect_status 0 udev tab
[ ! -s out ]
expect_status 0 udev none
[ ! -s out ] && [ ! -s err ]
