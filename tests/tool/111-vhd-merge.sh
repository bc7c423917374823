# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# "vhdx merge" of VHD images: the disk stays what it is, against a naive model; also when the program is
# killed at any of its writes, and run once more. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"

export LD_PRELOAD=$VHDX_TOP/build/write-fault.so
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# layers DIR FROM: those from FROM on, for the model
layers() { local n; for ((n = $2; ; n++)); do [ -e "$1/$n.vhd" ] || break; echo "$1/$n.vhd"; done; }
# shellcheck disable=SC2046 # names without spaces
disk() { naive $(layers "$1" "$2"); }
id() { "$vhdx" info --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["disk_id"])'; }

# --- all depths, into the closest and into others ------------------------------------

for ((i = 0; i < ${VHDX_ROUNDS:-6}; i++)); do
	depth=$((1 + i % 4))
	into=$((1 + i % depth))
	vhd_chain c $depth $((seed + i))
	disk c 0 >disk.raw
	before=$(id c/$into.vhd)
	expect_status 0 merge --into c/$into.vhd c/0.vhd
	expect_output "^Merged into +[^ ]*c/$into.vhd$"
	for ((n = 0; n < into; n++)); do
		[ ! -e c/$n.vhd ] || fail "$n.vhd is still there"
	done
	disk c $into | cmp - disk.raw || fail "seed $((seed + i)), into $into: another disk"
	expect_status 0 check c/$into.vhd
	expect_no_output 'error|warning|behind'
	[ "$(id c/$into.vhd)" != "$before" ] || fail 'nobody could tell that it has changed'
done
# Nothing is deleted: the child is as good as before, and names its parent as it is now.
vhd_chain c 2 $((seed + 100))
disk c 0 >disk.raw
expect_status 0 merge --keep c/0.vhd
disk c 0 | cmp - disk.raw
disk c 1 | cmp - disk.raw
expect_status 0 convert c/0.vhd flat.raw
expect_status 0 check c/0.vhd

# One that has no block ends with the names of its parent: its footer begins with a sector all the same.
"$vhdx" create --format vhd base.vhd 4M
"$vhdx" create --format vhd --parent base.vhd middle.vhd
for keep in '' --keep; do
	"$vhdx" create --format vhd --parent middle.vhd top.vhd
	expect_status 0 merge $keep top.vhd
	[ $(($(stat -c %s middle.vhd) % 512)) = 0 ] || fail "$(stat -c %s middle.vhd) bytes"
done
rm base.vhd middle.vhd top.vhd

# --- killed at each write --------------------------------------------------------------

for into in 1 2; do
	vhd_chain start 2 $((${VHDX_SEED:-20261129} + into)) $((1024 * 1024))
	disk start 0 >disk.raw
	for ((n = 1; n < 2000; n += 1 + n / 4)); do
		rm -rf c
		cp -r start c
		status=0
		WRITE_FAULT=$n "$vhdx" merge --into c/$into.vhd c/0.vhd >out 2>err || status=$?
		[ $status != 0 ] || break
		[ $status = 137 ] || fail "write $n: status $status: $(<err)"
		if [ -e c/0.vhd ]; then
			disk c 0 | cmp - disk.raw || fail "write $n: the leaf shows another disk"
			expect_status 0 merge --into c/$into.vhd c/0.vhd
		fi
		disk c $into | cmp - disk.raw || fail "write $n: the parent has another disk"
		expect_status 0 check c/$into.vhd
		expect_no_output 'error|warning|behind'
	done
	grep -q 'no call was doomed' err || fail "$(<err)"
	note "$n: no such write"
	[ $n -gt 10 ] && [ $n -lt 2000 ]
done

# Between the two identities everybody takes the parent, and nothing has been written to it; the merge
# goes on, and knows where to without being told.
between=0
for ((n = 1; n < 10; n++)); do
	rm -rf c
	cp -r start c
	! WRITE_FAULT=$n "$vhdx" merge --into c/2.vhd c/0.vhd >out 2>err || fail "no write $n"
	expect_status 0 convert --force c/0.vhd flat.raw
	cmp flat.raw disk.raw || fail "write $n: the leaf shows another disk"
	expect_status 0 info --json c/1.vhd
	named=$(json 'j["parent_id"]')
	[ "$named" = "$(id c/2.vhd)" ] && continue
	between=$((between + 1))
	cmp c/2.vhd <(head -c "$(stat -c %s c/2.vhd)" start/2.vhd) || [ $between -gt 1 ] || fail "write $n: written too soon"
	# An image of which one of the two is the parent must not be taken for another.
	expect_status 1 attach --dry-run c/2.vhd
	expect_output "it is the parent of '.*c/1.vhd'"
done
[ $between -ge 1 ] || fail 'it was never so'
expect_status 0 merge c/0.vhd
[ "$(echo c/*)" = c/2.vhd ] || fail "$(ls c)"
disk c 2 | cmp - disk.raw
# One that was kept is not being merged any more.
vhd_chain c 2 $((seed + 300))
disk c 0 >disk.raw
expect_status 0 merge --keep --into c/2.vhd c/0.vhd
expect_status 0 merge --dry-run --json c/0.vhd
[ "$(json 'j["layers"]')" = 1 ] || fail "$(<out)"
# One that goes into the middle, of which a merge was cut off between the two: its own UniqueId is
# what it is known by, and that changes.
rm -rf c
cp -r start c
! WRITE_FAULT=1 "$vhdx" merge --into c/2.vhd c/1.vhd --force >out 2>err || fail 'no write'
vhd_chain c 2 $((seed + 400))
disk c 0 >disk.raw
mv c/0.vhd c/top.vhd
! WRITE_FAULT=2 "$vhdx" merge c/1.vhd >out 2>err || fail 'no write'
mv c/top.vhd c/0.vhd
expect_status 0 merge --into c/1.vhd c/0.vhd
disk c 1 | cmp - disk.raw
expect_status 0 convert --force c/1.vhd flat.raw
cmp flat.raw disk.raw

# --- names, and what cannot be: nothing is written ----------------------------------

rm -rf c start
"$vhdx" create --format vhd disk.vhd 8M
"$vhdx" create --format vhd --parent disk.vhd child.vhd
"$vhdx" create --format vhd --parent disk.vhd sibling.vhd
"$vhdx" create --format vhd --parent child.vhd leaf.vhd
sha256sum ./*.vhd >sums
expect_status 1 merge child.vhd
expect_output "^vhdx: child.vhd: is the parent of '.*/leaf.vhd', too: merge that"
expect_status 1 merge --into disk.vhd leaf.vhd
expect_output "/disk.vhd: is the parent of '.*/sibling.vhd', too: "
expect_status 1 merge disk.vhd
expect_output '^vhdx: disk.vhd: has no parent'
expect_status 0 merge --dry-run leaf.vhd
sha256sum -c --quiet sums
# A child of another one is given up, and nobody takes it for good.
expect_status 0 merge --force --into disk.vhd leaf.vhd
[ "$(echo ./*.vhd)" = './disk.vhd ./sibling.vhd' ]
expect_status 1 convert sibling.vhd flat.raw
expect_output 'its parent should have the UniqueId'
"$vhdx" create --format vhd --parent disk.vhd child.vhd
inode=$(stat -c %i disk.vhd)
expect_status 0 merge --keep-name child.vhd
[ ! -e disk.vhd ] && [ "$(stat -c %i child.vhd)" = "$inode" ]

# --- into a new image: all others stay as they are ----------------------------------

vhd_chain c 3 $((seed + 200))
disk c 0 >disk.raw
sha256sum c/* >sums
expect_status 0 flatten --json c/0.vhd flat.vhd
[ "$(json "j['format'], j['layers']")" = 'vhd 4' ] || fail "$(<out)"
naive flat.vhd | cmp - disk.raw
expect_status 0 check flat.vhd
expect_status 0 flatten --block-size 1M c/0.vhd flat.vhdx
expect_status 0 convert --force flat.vhdx flat.raw
cmp flat.raw disk.raw
expect_status 1 flatten c/0.vhd flat.vhd
expect_status 1 flatten --force c/0.vhd c/2.vhd
expect_output 'is one of the images that are to be read'
expect_status 0 merge --force --to flat.vhd c/0.vhd
naive flat.vhd | cmp - disk.raw
# Only what is above one of them, whose child the new one is.
for above in 1 2 3; do
	expect_status 0 merge --above c/$above.vhd --to c/new.vhd --json c/0.vhd
	[ "$(json 'j["layers"]')" = $above ] || fail "$(<out)"
	sha256sum -c --quiet sums
	# shellcheck disable=SC2046 # names without spaces
	naive c/new.vhd $(layers c $above) | cmp - disk.raw || fail "above $above"
	expect_status 0 check c/new.vhd
	expect_no_output 'error|warning|and [1-9].* behind'
	expect_status 0 convert --force c/new.vhd flat.raw
	cmp flat.raw disk.raw
	expect_status 0 info --json c/new.vhd
	[ "$(json 'j["parent_id"]')" = "$(id c/$above.vhd)" ]
	expect_status 1 merge --above c/$above.vhd --to c/new.vhd c/0.vhd
	expect_output 'c/new.vhd: exists'
	rm c/new.vhd
done
expect_status 1 merge --above c/2.vhd --to new.vhdx c/0.vhd
expect_output 'new.vhdx: a VHDX image cannot have a VHD image as its parent'
expect_status 1 merge --above flat.vhd --to new.vhd c/0.vhd
expect_output "flat.vhd: is no parent of 'c/0.vhd'"
[ ! -e new.vhdx ] && [ ! -e new.vhd ]
# Killed at any of its writes it is not there, or whole: the last one of all is what is printed.
for ((n = 1; n < 5000; n += 1 + n / 6)); do
	rm -f c/new.vhd
	status=0
	WRITE_FAULT=$n "$vhdx" merge --above c/2.vhd --to c/new.vhd c/0.vhd >out 2>err || status=$?
	[ $status != 0 ] || break
	[ $status = 137 ] || fail "write $n: status $status: $(<err)"
	# shellcheck disable=SC2046 # names without spaces
	[ ! -e c/new.vhd ] || naive c/new.vhd $(layers c 2) | cmp - disk.raw || fail "write $n: it is not whole"
done
[ $n -gt 5 ] && [ $n -lt 5000 ]
rm c/new.vhd
# Disks that became larger, or smaller, than that of the parent; and one in between.
for sizes in '300 300 200' '200 200 300' '300 200 200'; do
	rm -rf odd
	mkdir odd
	python3 - "$sizes" <<-EOP
		$vhd_python
		for n, size in enumerate(sys.argv[1].split()):
		    image(f'odd/{n}.vhd', mkvhd.DIFFERENCING if n < 2 else mkvhd.DYNAMIC, int(size) * KIB, 16 * KIB,
		          f'odd {n}', f'odd {n + 1}' if n < 2 else None, f'{n + 1}.vhd')
	EOP
	naive odd/0.vhd odd/1.vhd odd/2.vhd >odd.raw
	if [ "$sizes" = '300 200 200' ]; then
		expect_status 1 merge --above odd/2.vhd --to odd/new.vhd odd/0.vhd
		expect_output "odd/1.vhd: its disk has another size than that of 'odd/0.vhd': 'vhdx flatten' makes one image"
		expect_no_output 'cannot create'
		[ ! -e odd/new.vhd ]
	else
		expect_status 0 merge --above odd/2.vhd --to odd/new.vhd odd/0.vhd
		naive odd/new.vhd odd/2.vhd | cmp - odd.raw || fail "sizes $sizes"
		expect_status 0 check odd/new.vhd
	fi
done
expect_status 2 flatten --block-size 5K c/0.vhd new.vhd
[ ! -e new.vhd ]
sha256sum -c --quiet sums
