#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The two sides of 130-power-cut.sh: what writes until the power goes, and what looks afterwards.

    write DEVICE SEED FIRST LAST    write generations FIRST to LAST, say when each is durable
    verify RAW SEED ACKED LAST      is RAW what may be there after a cut? The file ACKED lists the
                                    generations reported as durable; none above LAST was begun
    place RAW SEED GENERATION       print the first sector of a generation
    stamp RAW SEED GENERATION SECTOR    print what it writes there

A generation is a few extents of sectors, given by its number and the seed. Every sector written
says which generation it is of, and which sector it is. Generations may touch each other's sectors;
the next one begins when the last one is durable.
"""

import mmap
import os
import sys
import threading

SECTOR = 512
DISK_SECTORS = 256 << 11
BLOCK_SECTORS = 1 << 11
THREADS = 4


class Dice:
    """xorshift64*: the same numbers everywhere, without the second that "import random" takes."""

    def __init__(self, *seeds):
        self.state = 0x9E3779B97F4A7C15
        for seed in seeds:
            self.state ^= seed + 1
            for _ in range(4):
                self.below(2)

    def below(self, limit):
        x = self.state
        x ^= x >> 12
        x ^= (x << 25) & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 27
        self.state = x
        return ((x * 0x2545F4914F6CDD1D & 0xFFFFFFFFFFFFFFFF) >> 33) % limit


def extents_of(seed, generation):
    """[(first sector, sectors)]; they do not overlap, as they are written at the same time."""
    dice = Dice(seed, generation)
    extents = []
    for _ in range(1 + dice.below(2 * THREADS)):
        kind = dice.below(24)
        if kind == 0:
            # A whole block
            start, count = dice.below(DISK_SECTORS // BLOCK_SECTORS) * BLOCK_SECTORS, BLOCK_SECTORS
        elif kind < 4:
            # From one block into the next
            count = 2 + dice.below(64)
            start = (1 + dice.below(DISK_SECTORS // BLOCK_SECTORS - 1)) * BLOCK_SECTORS - 1 - dice.below(count - 1)
        else:
            count = 1 + dice.below(32)
            start = dice.below(DISK_SECTORS - count)
        if all(start + count <= s or s + n <= start for s, n in extents):
            extents.append((start, count))
    return extents


def stamp(generation, sector):
    return (b"generation %d sector %d " % (generation, sector)).ljust(SECTOR, b".")


def write(device, seed, first, last):
    fd = os.open(device, os.O_RDWR | os.O_DIRECT)
    # O_DIRECT wants aligned memory, which mmap gives.
    buffers = [mmap.mmap(-1, BLOCK_SECTORS * SECTOR) for _ in range(THREADS)]
    failures = []

    def write_extents(buffer, extents, generation, flags):
        try:
            for start, count in extents:
                buffer[:count * SECTOR] = b"".join(stamp(generation, s) for s in range(start, start + count))
                view = memoryview(buffer)[:count * SECTOR]
                if os.pwritev(fd, [view], start * SECTOR, flags) != count * SECTOR:
                    raise OSError(f"short write at sector {start}")
        except OSError as error:
            failures.append(error)

    for generation in range(first, last + 1):
        extents = extents_of(seed, generation)
        # Every fourth one asks for durable writes instead of a flush.
        durable = generation % 4 == 3
        threads = [threading.Thread(target=write_extents,
                                    args=(buffers[i], extents[i::THREADS], generation,
                                          os.RWF_DSYNC if durable else 0))
                   for i in range(THREADS) if extents[i::THREADS]]
        print(f"writing {generation}.", flush=True)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        if not durable:
            os.fsync(fd)
        print(f"durable {generation}.", flush=True)


def verify(raw, seed, acked_path, last):
    with open(acked_path, encoding="ascii") as file:
        acked = sorted(int(line) for line in file)
    required = {}
    for generation in acked:
        for start, count in extents_of(seed, generation):
            required.update(dict.fromkeys(range(start, start + count), generation))
    members = {}

    def belongs(generation, sector):
        if generation not in members:
            members[generation] = extents_of(seed, generation)
        return any(start <= sector < start + count for start, count in members[generation])

    present = newer = zero = problems = 0
    zeros = bytes(BLOCK_SECTORS * SECTOR)
    with open(raw, "rb") as file:
        for first in range(0, DISK_SECTORS, BLOCK_SECTORS):
            block = file.read(BLOCK_SECTORS * SECTOR)
            if len(block) != BLOCK_SECTORS * SECTOR:
                print(f"{raw} ends early")
                return 1
            blank = block == zeros
            for sector in range(first, first + BLOCK_SECTORS):
                wanted = required.get(sector, 0)
                if blank and not wanted:
                    zero += 1
                    continue
                data = block[(sector - first) * SECTOR:(sector - first + 1) * SECTOR]
                words = data.split(b" ", 4)
                complaint = ""
                if data.count(0) == SECTOR:
                    zero += 1
                    complaint = "zeros" if wanted else ""
                elif len(words) < 5 or words[0] != b"generation" or not words[1].isdigit() or \
                        data != stamp(int(words[1]), sector):
                    complaint = f"something foreign: {data[:48]!r}"
                else:
                    found = int(words[1])
                    present += 1
                    newer += found > wanted
                    if found < wanted:
                        complaint = f"generation {found}"
                    elif found > last or not belongs(found, sector):
                        complaint = f"generation {found}, which has never been written there"
                if complaint:
                    problems += 1
                    if problems <= 10:
                        print(f"sector {sector}: {complaint}; generation {wanted} is durable there")
    print(f"{len(acked)} generations durable: {present} sectors with stamps, {newer} of them of later "
          f"ones, {zero} zeros, {problems} wrong")
    return 1 if problems else 0


def main():
    command, path, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if command == "write":
        write(path, seed, int(sys.argv[4]), int(sys.argv[5]))
        return 0
    if command == "place":
        print(extents_of(seed, int(sys.argv[4]))[0][0])
        return 0
    if command == "stamp":
        sys.stdout.buffer.write(stamp(int(sys.argv[4]), int(sys.argv[5])))
        return 0
    return verify(path, seed, sys.argv[4], int(sys.argv[5]))


sys.exit(main())
