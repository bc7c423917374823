# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# "vhdx merge": the disk stays what it is, against a model; also when the program is killed at any of
# its writes, and run once more. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/merge.sh"

export LD_PRELOAD=$VHDX_TOP/build/write-fault.so
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# --- all depths, into the closest and into others ----------------------------------

for ((i = 0; i < ${VHDX_ROUNDS:-3}; i++)); do
	depth=$((2 + i % 4))
	into=$((1 + i % (depth - 1)))
	chain c $depth $((seed + i))
	guid=$(field c/$into.vhdx data_write_guid)
	same_disk c/0.vhdx c/disk.raw
	expect_status 0 merge --into c/$into.vhdx c/0.vhdx
	expect_output "^Merged into +[^ ]*c/$into.vhdx$"
	for ((n = 0; n < into; n++)); do
		[ ! -e c/$n.vhdx ] || fail "$n.vhdx is still there"
	done
	"$vhdx" check --chain --quiet c/$into.vhdx
	same_disk c/$into.vhdx c/disk.raw
	[ "$(field c/$into.vhdx data_write_guid)" != "$guid" ] || fail 'nobody could tell that it has changed'
done
# Nothing is deleted: the child is as good as before.
chain c 3 $((seed + 100))
expect_status 0 merge --keep c/0.vhdx
same_disk c/0.vhdx c/disk.raw
same_disk c/1.vhdx c/disk.raw
"$vhdx" check --chain --quiet c/0.vhdx

# --- killed at each write --------------------------------------------------------------

mixed_chain start
"$vhdx" flatten start/0.vhdx whole.vhdx
same_disk start/0.vhdx start/disk.raw
# One process, as there are many of these.
is_whole() { [ -z "$("$vhdx" diff --json whole.vhdx "$1" | tr -d '[] \n')" ] || fail "write $n: $1 differs"; }
for into in 1 2; do
	# Every second write of one, every fifth of the other.
	for ((n = 1; n < 400; n += into == 1 ? 2 : 5)); do
		rm -rf c
		cp -r start c
		status=0
		WRITE_FAULT=$n "$vhdx" merge --into c/$into.vhdx c/0.vhdx >out 2>err || status=$?
		[ $status != 0 ] || break
		[ $status = 137 ] || fail "write $n: status $status: $(<err)"
		if [ -e c/0.vhdx ]; then
			"$vhdx" check --chain --quiet --json c/0.vhdx >out || [ $? -le 2 ] || fail "write $n: $(<out)"
			is_whole c/0.vhdx
			expect_status 0 merge --into c/$into.vhdx c/0.vhdx
		fi
		is_whole c/$into.vhdx
	done
	"$vhdx" check --chain --quiet c/$into.vhdx
	is_whole c/$into.vhdx
	grep -q 'no call was doomed' err || fail "$(<err)"
	note "$n: no such write"
	[ $n -gt 10 ] && [ $n -lt 400 ]
done

rm -r c start whole.vhdx flat

# --- names --------------------------------------------------------------------------------

"$vhdx" create --size 8M disk.vhdx
expect_status 0 snapshot --keep-name disk.vhdx before.vhdx
id=$(stat -c %i before.vhdx)
expect_status 0 merge --keep-name disk.vhdx
[ ! -e before.vhdx ] && [ "$(stat -c %i disk.vhdx)" = "$id" ]
expect_status 0 snapshot --keep-name disk.vhdx before.vhdx
echo "disk $PWD/disk.vhdx" >tab
VHDXTAB=$PWD/tab expect_status 0 merge disk.vhdx
expect_output 'the result takes its name'
[ ! -e before.vhdx ] && [ "$(stat -c %i disk.vhdx)" = "$id" ]
expect_status 1 merge disk.vhdx
expect_output '^vhdx: disk.vhdx: has no parent'

# By a link: what is deleted, or replaced, is the image.
mkdir elsewhere
ln -s elsewhere/leaf.vhdx link.vhdx
"$vhdx" create --size 8M elsewhere/base.vhdx
"$vhdx" create --parent elsewhere/base.vhdx elsewhere/leaf.vhdx
expect_status 0 merge link.vhdx
[[ $(ls elsewhere) = base.vhdx && -L link.vhdx ]] || fail "$(ls -l . elsewhere)"
"$vhdx" create --parent elsewhere/base.vhdx elsewhere/leaf.vhdx
id=$(stat -c %i elsewhere/base.vhdx)
expect_status 0 merge --keep-name link.vhdx
[[ $(ls elsewhere) = leaf.vhdx && -L link.vhdx && $(stat -Lc %i link.vhdx) = "$id" ]] || fail "$(ls -l . elsewhere)"
rm -r elsewhere link.vhdx
# By --parent as well.
mkdir -p dir deep/er
"$vhdx" create --size 8M dir/base.vhdx
for name in base.middle middle.leaf; do
	"$vhdx" snapshot "dir/${name%.*}.vhdx" "dir/${name#*.}.vhdx" >/dev/null
	ln -s "../../dir/${name%.*}.vhdx" deep/er
done
mkdir kept-aside
cp -a dir deep kept-aside
id=$(stat -c %i dir/middle.vhdx)
expect_status 0 merge --keep-name --parent deep/er/middle.vhdx dir/leaf.vhdx
[[ ! -L dir/leaf.vhdx && $(stat -c %i dir/leaf.vhdx) = "$id" && ! -e dir/middle.vhdx ]] || fail "$(ls -l dir deep/er)"
(
	cd kept-aside || exit
	expect_status 0 merge --into dir/base.vhdx --parent deep/er/middle.vhdx dir/leaf.vhdx
	[ "$(ls dir)" = base.vhdx ] || fail "$(ls -l dir deep/er)"
)
rm -r dir deep kept-aside

# --- what cannot be: nothing is written -------------------------------------------------

"$vhdx" create --parent disk.vhdx child.vhdx
"$vhdx" create --parent disk.vhdx sibling.vhdx
"$vhdx" create --parent child.vhdx leaf.vhdx
sha256sum ./*.vhdx >sums
expect_status 1 merge child.vhdx
expect_output "^vhdx: child.vhdx: is the parent of '.*/leaf.vhdx', too: merge that"
expect_status 1 merge --into disk.vhdx leaf.vhdx
expect_output "/disk.vhdx: is the parent of '.*/sibling.vhdx', too: "
expect_status 1 merge --into sibling.vhdx leaf.vhdx
expect_output "^vhdx: sibling.vhdx: is no parent of 'leaf.vhdx'"
expect_status 2 merge --keep --keep-name leaf.vhdx
rm sibling.vhdx
"$vhdx" create --parent leaf.vhdx --size 16M large.vhdx
expect_status 1 merge large.vhdx
expect_output "^vhdx: large.vhdx: its disk has 16 MiB, that of '.*leaf.vhdx' 8 MiB: 'vhdx flatten'"
rm large.vhdx
# Where the difference cannot be seen in MiB.
"$vhdx" create --parent leaf.vhdx --size $(((8 << 20) + 4096)) large.vhdx
expect_status 1 merge large.vhdx
expect_output "^vhdx: large.vhdx: its disk has 8392704 bytes, that of '.*leaf.vhdx' 8388608 bytes: 'vhdx flatten'"
rm large.vhdx
sed -i /sibling/d sums
sha256sum -c --quiet sums
# A child of another one is given up.
"$vhdx" create --parent disk.vhdx sibling.vhdx
expect_status 0 merge --force --into disk.vhdx leaf.vhdx
expect_status 1 map sibling.vhdx
expect_output 'should have the data write GUID'
[ "$(echo ./*.vhdx)" = './disk.vhdx ./sibling.vhdx' ]
