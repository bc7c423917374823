#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The parts of 206-merge-cut.sh: what writes meanwhile, what power cuts leave, what looks at that.

    write DISK SEED STOP        write, flush, and tell dm-log-writes ("m1"...), until the file STOP is there
    states START LOG TO SEED COUNT [--within A B] -- COMMAND...
                                COUNT times TO becomes what a power cut may leave of the device that was
                                START, by the log, and COMMAND is run with ACKED in its environment: how
                                many writes were reported as durable before. It is between the marks
    verify RAW SEED OLD ACKED   is RAW what it has to be? OLD is what it was before all of these writes
"""

import os
import random
import struct
import subprocess
import sys
import time

SECTOR, PAGE = 512, 4096
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


def write_of(seed, number, size):
    """(offset, data) of a write; they do not overlap."""
    dice = random.Random(f'{seed} {number}')
    stripe = 96 << 10
    # 37 has no divisor in common with the number of stripes.
    off = number * 37 % (size // stripe) * stripe + dice.randrange(8) * 4096
    length = dice.choice((SECTOR, 4096, 40960))
    text = f'{seed} write {number}.'.encode().ljust(32, b'.')
    return off, text * (length // len(text))


def write(disk, seed, stop):
    size = os.lseek(os.open(disk, os.O_RDONLY), 0, os.SEEK_END)
    fd = os.open(disk, os.O_RDWR)
    number = 0
    while not os.path.exists(stop) and number < size // (96 << 10) - 1:
        number += 1
        off, data = write_of(seed, number, size)
        os.pwrite(fd, data, off)
        os.fsync(fd)
        subprocess.run(['dmsetup', 'message', 'lw', '0', 'mark', f'm{number}'], check=True)
        print(number, flush=True)
        time.sleep(0.1)


def verify(raw_path, seed, old_path, acked):
    with open(raw_path, 'rb') as raw, open(old_path, 'rb') as old:
        got, old = raw.read(), old.read()
    assert len(got) == len(old), f'{len(got)} bytes, not {len(old)}'
    want, other = bytearray(old), {}
    for number in range(1, len(old) // (96 << 10)):
        off, data = write_of(seed, number, len(old))
        if number <= acked:
            want[off:off + len(data)] = data
        else:
            other.update({off + i: data[i:i + SECTOR] for i in range(0, len(data), SECTOR)})
    for at in range(0, len(want), 65536):
        if got[at:at + 65536] == want[at:at + 65536]:
            continue
        for off in range(at, min(at + 65536, len(want)), SECTOR):
            is_there = got[off:off + SECTOR]
            if is_there not in (want[off:off + SECTOR], other.get(off)):
                sys.exit(f'sector {off // SECTOR}: {is_there[:32]!r}, not {bytes(want[off:off + 32])!r}; {acked} are durable')


def read_log(path):
    """Entries (flags, offset, data), of a mark its name."""
    with open(path, 'rb') as log:
        magic, version, count, unit = struct.unpack('<QQQI', log.read(28))
        assert magic == 0x6a736677736872 and version == 1
        at = unit
        for _ in range(count):
            log.seek(at)
            head = log.read(unit)
            sector, sectors, flags, length = struct.unpack_from('<QQQQ', head)
            at += unit
            if flags & MARK:
                yield flags, 0, head[32:32 + length].rstrip(b'\0').decode()
                continue
            data = b''
            if flags & DISCARD:
                data = bytes(sectors * unit)
            elif sectors:
                data = log.read(sectors * unit)
                at += sectors * unit
            yield flags, sector * unit, data


def cut(image, entries, dice):
    """What of the last entries, since a flush, is there."""
    share = dice.choice((0, 0.3, 0.7, 0.95, 1))
    for flags, off, data in entries:
        if flags & MARK:
            continue
        part = len(data) or 1
        if not flags & (FUA | DISCARD) and dice.random() < 0.3:
            # The file system relies on its blocks to be whole.
            part = PAGE
        for at in range(0, len(data), part):
            if flags & FUA or dice.random() < share:
                image[off + at:off + at + part] = data[at:at + part]


def states(start, log, to, seed, count, within, command):
    dice = random.Random(seed)
    entries = list(read_log(log))
    marks = {data: number for number, (flags, _, data) in enumerate(entries) if flags & MARK}
    begin, end = (marks[mark] for mark in within)
    flushes = [n for n in range(begin, end) if entries[n][0] & FLUSH]
    writes = [n for n in range(begin, end) if not entries[n][0] & MARK]
    print(f'{len(entries)} entries, {end - begin} of them meanwhile, with {len(flushes)} flushes', flush=True)
    # Before a flush the most is at stake.
    ends = sorted(dice.choice(flushes if dice.random() < 0.6 else writes) for _ in range(count - 1)) + [end]
    with open(start, 'rb') as file:
        durable = bytearray(file.read())
    done = 0
    for number, stop in enumerate(ends):
        flush = max((n for n in range(stop) if entries[n][0] & FLUSH), default=0)
        for flags, off, data in entries[done:flush]:
            if not flags & MARK:
                durable[off:off + len(data)] = data
        done = max(done, flush)
        image = bytearray(durable)
        cut(image, entries[done:stop], dice)
        with open(to, 'r+b') as file:
            file.write(image)
            file.flush()
            os.fsync(file.fileno())
        acked = max((int(mark[1:]) for mark, at in marks.items() if mark[0] == 'm' and at < stop), default=0)
        environment = {**os.environ, 'ACKED': str(acked), 'NUMBER': str(number), 'DONE': '1' if stop == end else ''}
        if subprocess.run(command, check=False, env=environment).returncode:
            sys.exit(f'state {number}, after {stop} of {len(entries)} entries, {acked} durable: bad')


def main():
    args = sys.argv[2:]
    if sys.argv[1] == 'write':
        write(args[0], int(args[1]), args[2])
    elif sys.argv[1] == 'verify':
        verify(args[0], int(args[1]), args[2], int(args[3]))
    else:
        split = args.index('--')
        states(args[0], args[1], args[2], int(args[3]), int(args[4]), args[6:8], args[split + 1:])


main()
