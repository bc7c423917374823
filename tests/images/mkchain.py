#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""mkchain - write chains of differencing images, and what they are to look like

  mkchain.py random DIR SEED [--depth N] [--sector BYTES]
                  write DIR/0.vhdx (the leaf), DIR/1.vhdx (its parent) and so on, DIR/disk.raw (the
                  disk), DIR/parent.raw (that of 1.vhdx), DIR/map.json (who has what, as "vhdx map --json" prints it)

Block sizes and disk sizes of the layers differ, blocks have any state, some are partially present,
and some layers are dirty: their BAT and sector bitmaps are right only once the log is replayed.

Like mkvhdx it only writes. The disk is worked out from the description, one sector and one layer at
a time, by code that shares nothing with what is tested.
"""

import argparse
import json
import os
import random
import struct
import uuid

from mkvhdx import (FILE_PARAMETERS, FULL, MIB, NOT_PRESENT, PAGE, PARENT_LOCATOR, PARTIAL, REQUIRED,
                    UNDEFINED, UNMAPPED, ZERO, Block, Data, Entry, Image, Item, locator)

STATES = {NOT_PRESENT: 'unallocated', UNDEFINED: 'undefined', ZERO: 'zero', UNMAPPED: 'unmapped'}


def braced(guid):
    """As a locator has it."""
    return '{' + str(uuid.UUID(bytes_le=guid)) + '}'


class Layer:
    """A layer: for each block its state, and for each sector of a partial one whether it is here."""

    def __init__(self, size, block, sector, states=None, bits=None):
        self.size = size
        self.block = block
        self.sector = sector
        self.states = dict(states or {})    # block: state
        self.bits = dict(bits or {})        # block: list of bool, one for each sector
        self.mib = {}
        self.guid = uuid.uuid4().bytes_le
        self.dirty = False
        self.file = None

    def blocks(self):
        return (self.size + self.block - 1) // self.block

    def here(self, number):
        """Whether the layer has a sector: True, False (ask the parent), or a state that is zeros."""
        block, within = divmod(number * self.sector, self.block)
        state = self.states.get(block, NOT_PRESENT)
        if state == FULL:
            return True
        if state == PARTIAL:
            return self.bits[block][within // self.sector]
        return state or False

    def place(self, number):
        block, within = divmod(number * self.sector, self.block)
        return self.mib[block] * MIB + within


def sector_data(tag, number, size):
    """Contents that say which layer and sector they are; zeros now and then."""
    if (number + len(tag)) % 7 == 0:
        return bytes(size)
    return f'{tag} {number}\n'.encode().ljust(size, b'.')


def source(layers, number):
    """(index, layer) that decides about a sector and what it says; (None, None, False): nobody."""
    for index, layer in enumerate(layers):
        if number * layer.sector >= layer.size:
            break
        here = layer.here(number)
        if here is not False:
            return index, layer, here
    return None, None, False


def layer_image(layers, index, more=()):
    """One image, not written yet, and its tag; more: further pairs for its locator."""
    layer = layers[index]
    parent = layers[index + 1] if index + 1 < len(layers) else None
    layer.file = f'{index}.vhdx'
    image = Image(size=layer.size, block=layer.block, sector=layer.sector)
    image.both_headers(data_guid=layer.guid)
    tag = f'layer {index} {layer.guid.hex()[:6]}'
    per_block = layer.block // layer.sector
    # Blocks that follow each other on the disk do not in the file.
    for block, state in sorted(layer.states.items(), key=lambda item: (item[0] % 2 == 0, item[0])):
        data = None
        if state in (FULL, PARTIAL):
            # Of a partial block, too, all sectors are there: what the bitmap hides must not be seen.
            data = b''.join(sector_data(tag, block * per_block + i, layer.sector) for i in range(per_block))
        image.blocks[block] = Block(state, data=data)
    bitmap_mib = image.take(1) if PARTIAL in layer.states.values() else None
    image.place_blocks()
    layer.mib = {n: b.mib for n, b in image.blocks.items()}
    if parent:
        image.metadata.item(FILE_PARAMETERS).data = struct.pack('<II', layer.block, 2)
        pairs = [('parent_linkage', braced(parent.guid)), ('relative_path', f'.\\{index + 1}.vhdx'), *more]
        image.metadata.items.append(Item(PARENT_LOCATOR, locator(pairs), REQUIRED))
    bitmap = bytearray(MIB)
    if bitmap_mib:
        image.bitmaps[0] = bitmap_mib << 20 | 6
        for block in range(layer.blocks()):
            # Bits of other blocks mean nothing.
            bits = layer.bits.get(block) or [True, False] * (per_block // 2)
            for i, here in enumerate(bits):
                number = block * per_block + i
                bitmap[number // 8] |= here << number % 8
        image.patches.append((bitmap_mib * MIB, bytes(bitmap)))
    if layer.dirty:
        changes = [Data(image.bat, image.bat_sector(0))]
        wrong = [(image.bat, bytes(PAGE))]
        if bitmap_mib:
            changes.append(Data(bitmap_mib * MIB, bytes(bitmap[:PAGE])))
            wrong.append((bitmap_mib * MIB, bytes(b ^ 0x5a for b in bitmap[:PAGE])))
        image.dirty(Entry(1, changes))
        image.patches += wrong
    return image, tag


def write_layer(directory, layers, index, more=()):
    """Write it; returns its tag."""
    image, tag = layer_image(layers, index, more)
    image.write(os.path.join(directory, layers[index].file))
    return tag


def write_disk(path, layers, tags):
    """Write what one sees who opens the first of the layers."""
    size, step = layers[0].size, layers[0].sector
    with open(path, 'wb') as raw:
        for number in range(size // step):
            index, _, here = source(layers, number)
            if here is True:
                raw.seek(number * step)
                raw.write(sector_data(tags[index], number, step))
        raw.truncate(size)


def write_chain(directory, layers, more=()):
    """Write all images, the disk and the map."""
    os.makedirs(directory, exist_ok=True)
    # The BAT is written through the log of a dirty image, so nothing is known before that.
    tags = [write_layer(directory, layers, index, more) for index in range(len(layers))]
    write_disk(os.path.join(directory, 'disk.raw'), layers, tags)
    if layers[1:]:
        write_disk(os.path.join(directory, 'parent.raw'), layers[1:], tags[1:])
    rows = []
    step = layers[0].sector
    for number in range(layers[0].size // step):
        index, layer, here = source(layers, number)
        row = {'start': number * step, 'length': step, 'state': STATES.get(here, 'unallocated')}
        if here is True:
            row.update(state='data', file_offset=layer.place(number))
        if here is not False:
            row.update(layer=index, file=layer.file)
        last = rows[-1] if rows else None
        same = last and (last['state'], last.get('layer')) == (row['state'], row.get('layer'))
        if same and last.get('file_offset', 0) + last['length'] * (here is True) == row.get('file_offset', 0):
            last['length'] += step
        else:
            rows.append(row)
    with open(os.path.join(directory, 'map.json'), 'w', encoding='ascii') as file:
        json.dump(rows, file)


def random_bits(dice, count, coarse):
    """Runs of sectors; coarse: of 4 KiB."""
    bits = []
    while len(bits) < count:
        run = dice.choice((1, 2, 5, 8, 64, 300))
        bits += [dice.random() < 0.5] * (run * coarse)
    return bits[:count]


def random_layer(dice, size, sector, base):
    block = dice.choice((1, 2, 4)) * MIB
    layer = Layer(size, block, sector)
    for number in range(layer.blocks()):
        state = dice.choice((NOT_PRESENT, NOT_PRESENT, FULL, ZERO, UNDEFINED, UNMAPPED) +
                            ((FULL,) if base else (PARTIAL,) * 4))
        layer.states[number] = state
        if state == PARTIAL:
            coarse = dice.choice((1, 1, 4096 // sector))
            layer.bits[number] = random_bits(dice, block // sector, coarse)
    layer.dirty = dice.random() < 0.3
    return layer


def random_chain(seed, depth=None, sector=None):
    dice = random.Random(seed)
    depth = depth or dice.randint(1, 8)
    sector = sector or dice.choice((512, 4096))
    most = dice.randint(1, 5) * MIB
    layers = []
    for index in range(depth):
        # Of one size, mostly; else larger or smaller by some sectors, or by much.
        size = most + dice.choice((0, 0, 0, 3 * sector, -sector, -MIB // 2 + sector, MIB))
        layers.append(random_layer(dice, max(size, sector), sector, index == depth - 1))
    return layers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    commands = parser.add_subparsers(dest='command', required=True)
    command = commands.add_parser('random')
    command.add_argument('dir')
    command.add_argument('seed', type=int)
    command.add_argument('--depth', type=int)
    command.add_argument('--sector', type=int)
    args = parser.parse_args()
    write_chain(args.dir, random_chain(args.seed, args.depth, args.sector))


if __name__ == '__main__':
    main()
