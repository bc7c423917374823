#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""badchain - write chains of which one image is odd, or bad

  badchain.py DIR [plain]   write DIR/NAME/0.vhdx (the leaf), 1.vhdx and 2.vhdx, DIR/NAME/disk.raw (what a
                            good one is to look like), and DIR/cases.tsv; plain: only a good one

cases.tsv has a line for each: the name, and "ok" or the sentence that it is refused with.  The numbers of the names are those of the malformed cases in
Documentation/on-disk.md.
"""

import os
import struct
import sys
import uuid

from mkchain import Layer, braced, layer_image, write_disk
from mkvhdx import FILE_PARAMETERS, FULL, MIB, PARENT_LOCATOR, PARTIAL, UNDEFINED, UNMAPPED, ZERO, locator

SECTORS = MIB // 512


def default_layers():
    """A leaf of few blocks on a parent with more, on a base that is full."""
    size = 4 * MIB - 512
    bits = [(i // 3) % 2 == 0 for i in range(SECTORS)]
    layers = [Layer(size, MIB, 512, {0: PARTIAL}, {0: bits}),
              Layer(size, MIB, 512, {0: PARTIAL, 1: PARTIAL, 2: FULL}, {0: [not bit for bit in bits], 1: bits}),
              Layer(size, MIB, 512, {i: FULL for i in range(4)})]
    for index, layer in enumerate(layers):
        layer.guid = uuid.UUID(int=index + 1).bytes_le
    return layers


class Chains:
    """Collects what was written, and what is expected of it."""

    def __init__(self, directory):
        self.directory = directory
        self.lines = []

    def good(self, name, change=None, layers=None, more=()):
        """@change: called with the three images before they are written."""
        layers = layers or default_layers()
        made = [layer_image(layers, index, more if index == 0 else ()) for index in range(3)]
        images = [image for image, _ in made]
        if change:
            change(*images)
        os.makedirs(os.path.join(self.directory, name))
        for index, image in enumerate(images):
            image.write(os.path.join(self.directory, name, f'{index}.vhdx'))
        write_disk(os.path.join(self.directory, name, 'disk.raw'), layers, [tag for _, tag in made])
        self.lines.append((name, 'ok'))

    def bad(self, name, index, change, sentence):
        """@change: called with the image that is the @index-th; nobody gets to see its blocks."""
        image, _ = layer_image(default_layers(), index)
        for block in image.blocks.values():
            block.data = b''
        change(image)
        os.makedirs(os.path.join(self.directory, name))
        for other in range(3):
            if other != index:
                os.symlink(f'../plain/{other}.vhdx', os.path.join(self.directory, name, f'{other}.vhdx'))
        image.write(os.path.join(self.directory, name, f'{index}.vhdx'))
        self.lines.append((name, sentence))

    def write(self):
        with open(os.path.join(self.directory, 'cases.tsv'), 'w', encoding='ascii') as file:
            for line in self.lines:
                print(*line, sep='\t', file=file)


def set_locator(image, pairs, **more):
    image.metadata.item(PARENT_LOCATOR).data = locator(pairs, **more)


def locator_cases(chains):
    """44 to 50."""
    def without(leaf):
        leaf.metadata.items.remove(leaf.metadata.item(PARENT_LOCATOR))
    chains.bad('044-no-locator', 0, without, 'a differencing image without a parent locator')

    def unused(leaf):
        leaf.metadata.item(FILE_PARAMETERS).data = struct.pack('<II', MIB, 0)
        leaf.blocks[0].state = FULL
        leaf.bitmaps = {}
    chains.bad('044-no-child', 0, unused, 'layer 1: this is no differencing image')

    def both(leaf, *_):
        leaf.metadata.item(FILE_PARAMETERS).data = struct.pack('<II', MIB, 3)
    chains.good('044-leave-allocated', both)

    def text(name, pairs, sentence, **more):
        chains.bad(name, 0, lambda leaf: set_locator(leaf, pairs, **more), sentence)
    guid = braced(uuid.uuid4().bytes_le)
    linkage = [('parent_linkage', guid)]
    text('045-empty', [], 'no entries or more than 256')
    text('046-out-of-it', linkage, 'points out of it', entries={0: (0xfffffff0, 40, 28, 76)})
    text('046-odd', linkage, 'no UTF-16 text', entries={0: (32, 60, 27, 76)})
    text('047-type', linkage, 'of an unknown type', kind=bytes(16))
    text('048-twice', linkage * 2, 'a key twice')
    text('048-none', [('relative_path', 'a')], 'no GUID of the parent')
    text('048-text', [('parent_linkage', '{12}')], 'no GUID of the parent')
    text('050-another', linkage, 'layer 1: the parent is not what')
    chains.bad('045-short', 0, lambda leaf: setattr(leaf.metadata.item(PARENT_LOCATOR), 'data', bytes(19)),
               'the parent locator is too short')
    chains.bad('050-base', 2, lambda base: base.both_headers(data_guid=uuid.uuid4().bytes_le),
               'layer 2: the parent is not what')
    chains.good('049-zero-linkage2', more=[('parent_linkage2', braced(bytes(16)))])

    def second(leaf, parent, _):
        set_locator(leaf, [('parent_linkage', guid), ('parent_linkage2', braced(parent.headers[0].data_guid))])
    chains.good('050-linkage2', second)

    def upper(leaf, parent, _):
        set_locator(leaf, [('parent_linkage', str(uuid.UUID(bytes_le=parent.headers[0].data_guid)).upper())])
    chains.good('050-spelling', upper)


def bat_cases(chains):
    """54 to 67, as far as they are a matter of chains."""
    def cut(image):
        image.bitmaps[0] = image.take(1) << 20 | 6
        image.file_bytes = image.end() - 4096       # the end of the file goes through it

    def onto_block(image):
        image.bitmaps[0] = image.blocks[0].mib << 20 | 6

    for index, name in ((0, 'leaf'), (1, 'parent')):
        def entry(case, raw, sentence, index=index, name=name):
            number, _, what = case.partition('-')
            chains.bad(f'{number}-{name}-{what}', index, lambda image: image.bitmaps.update({0: raw}), sentence)
        entry('054-reserved', 20 << 20 | 8 | 6, 'reserved bits are set')
        entry('056-header', 6, 'points into the header area')
        entry('058-past', 99 << 20 | 6, 'points past the end')
        entry('058-far', ((1 << 44) - 1) << 20 | 6, 'points past the end')
        entry('060-log', 1 << 20 | 6, 'overlaps the log, a region')
        entry('060-metadata', 2 << 20 | 6, 'overlaps the log, a region')
        entry('060-bat', 3 << 20 | 6, 'overlaps the log, a region')
        entry('063-missing', 0, 'without a sector bitmap')
        entry('063-missing-offset', 9 << 20, 'without a sector bitmap')
        for state in (1, 2, 3, 4, 5, 7):
            entry(f'064-state-{state}', 9 << 20 | state, 'a sector bitmap entry has an invalid')
        chains.bad(f'058-{name}-cut', index, cut, 'points past the end')
        chains.bad(f'061-{name}-block', index, onto_block, 'overlaps the log, a region')
    chains.bad('062-base', 2, lambda base: setattr(base.blocks[1], 'state', PARTIAL),
               'a partially present block without a parent')

    # What nobody looks at.
    def garbage(leaf, parent, base):
        for image in (leaf, parent):
            image.padding.update({i: (0x7ffffffffff << 20) | 0xfffff for i in range(5, 4096, 7)})
            image.padding.update({4097: 1, 4098: 1 << 63})
    chains.good('067-garbage', garbage)

    def offsets(leaf, parent, base):
        leaf.padding.update({1: 77 << 20, 2: 77 << 20})
        parent.padding[3] = 77 << 20
    chains.good('065-offsets', offsets)


def layer_cases(chains):
    """Layers of all sizes, and what lies behind their ends."""
    def sizes(name, leaf, parent, base):
        layers = default_layers()
        for layer, size in zip(layers, (leaf, parent, base)):
            layer.size = size
            layer.states = {n: s for n, s in layer.states.items() if n < layer.blocks()}
        chains.good(name, layers=layers)
    sizes('size-short-parent', 4 * MIB, 2 * MIB + 512, 4 * MIB)
    sizes('size-tiny-parent', 4 * MIB, 512, 4 * MIB)
    sizes('size-short-base', 4 * MIB, 4 * MIB, MIB + 7 * 512)
    sizes('size-large-base', 2 * MIB - 512, 4 * MIB, 4 * MIB)

    # The last block of a base that is only read need not be all there.
    def cut(leaf, parent, base):
        last = base.blocks[3]
        last.mib = base.take(1)
        base.file_bytes = last.mib * MIB + MIB - 512
    chains.good('059-base-cut', cut)

    layers = default_layers()
    layers[0].states[3] = PARTIAL
    layers[0].bits[3] = [i % 5 == 0 for i in range(SECTORS)]
    chains.good('059-base-cut-in-parts', cut, layers=layers)

    layers = default_layers()
    layers[0].states.update({1: UNDEFINED, 2: ZERO, 3: UNMAPPED})
    layers[1].states[3] = UNMAPPED
    chains.good('states', layers=layers)


def main():
    chains = Chains(sys.argv[1])
    chains.good('plain')
    if sys.argv[2:] != ['plain']:
        locator_cases(chains)
        bat_cases(chains)
        layer_cases(chains)
    chains.write()


main()
