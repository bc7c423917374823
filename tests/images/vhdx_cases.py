# SPDX-License-Identifier: GPL-2.0
"""Good images, and malformed headers, tables and metadata: the cases 1 to 57 and 62 to 67."""

import dataclasses
import os
import struct
import uuid

from vhdx_disk import (BAT_REGION, CHS_PARAMETERS, DISK, DISK_ID, DISK_SIZE, Entry, FILE_PARAMETERS, FULL,
                       GIB, INCOMPLETE, Item, KIB, LOG, LOGICAL_SECTOR, METADATA_REGION, MIB, NOT_PRESENT,
                       PAGE, PARENT_LOCATOR, PARTIAL, PHYSICAL_SECTOR, PMEM_LABELS, REQUIRED, Region,
                       RegionTable, TIB, U32, U64, UNDEFINED, UNMAPPED, USER, ZERO, guid)
from vhdx_image import Block, Image, full_guid, default_image, differencing_image
from vhdx_logcases import cut_cases, overlap_cases, with_block


class Cases:
    """Collects images and what is expected of them."""

    def __init__(self, directory):
        self.directory = directory
        self.lines = []
        self.names = set()

    def add(self, case, name, image, rw='ok', ro=None, device=0, compare=4 * MIB):
        """@rw, @ro: "ok", or a fault of kmod/format/vhdx-fault.h with its errno: "EINVAL NAME"."""
        number = f'{case:03d}' if isinstance(case, int) else str(case)
        file = f'{number}-{name}.vhdx'
        assert file not in self.names, file
        self.names.add(file)
        image.write(os.path.join(self.directory, file))
        for mode, expected in (('rw', rw), ('ro', ro)):
            if not expected:
                continue
            result, fault = expected.split() if expected != 'ok' else ('ok', '-')
            length, sha = '-', '-'
            if expected == 'ok':
                length, sha = image.disk(compare)
            self.lines.append((case, file, device, mode, result, fault, length, sha))

    def refuse(self, case, name, image, fault, errno='EINVAL', device=0):
        self.add(case, name, image, f'{errno} {fault}', device=device)

    def ok(self, case, name, image, **more):
        self.add(case, name, image, **more)

    def write(self):
        with open(os.path.join(self.directory, 'cases.tsv'), 'w', encoding='ascii') as file:
            for line in self.lines:
                print(*line, sep='\t', file=file)


def good_images(cases):
    """Layouts that must work, as case 0.  All leave room for a write to block 0."""
    cases.ok(0, 'plain', default_image(), compare=8 * MIB)
    cases.ok(0, 'fixed', Image(fixed=True, blocks={i: Block() for i in range(8)}), compare=8 * MIB)
    cases.ok(0, 'fixed-with-holes', default_image(fixed=True), compare=8 * MIB)
    cases.ok(0, 'sector-4096', default_image(sector=4096), compare=8 * MIB)
    cases.ok(0, 'physical-512', default_image(physical=512), compare=8 * MIB)
    cases.ok(0, 'empty', Image(file_bytes=8 * MIB), compare=8 * MIB)
    image = Image(size=300 * MIB, block=256 * MIB, blocks={1: Block(), 0: Block()})
    cases.ok(0, 'block-256M', image, compare=8 * MIB)
    image = Image(size=7 * MIB + 512 * 5, blocks={7: Block(), 0: Block()})
    cases.ok(0, 'odd-size', image, compare=8 * MIB)
    cases.ok(0, 'one-page', Image(size=PAGE, blocks={0: Block()}), compare=8 * MIB)
    # Any order: blocks first, then BAT, metadata, log at the end.
    image = Image(log=20 * MIB, log_length=3 * MIB, meta=17 * MIB, bat=12 * MIB, data=MIB)
    image.blocks = {5: Block(), 1: Block(), 0: Block(mib=13), 6: Block(mib=23), 2: Block(mib=19)}
    image.file_bytes = 24 * MIB
    cases.ok(0, 'any-order', image, compare=8 * MIB)
    # All states that read as zeros.
    image = default_image()
    image.blocks.update({1: Block(UNDEFINED), 2: Block(ZERO), 4: Block(UNMAPPED)})
    cases.ok(0, 'all-states', image, compare=8 * MIB)
    # Three chunks, the blocks around their ends.
    image = Image(size=9 * GIB, blocks={0: Block(), 4095: Block(), 4096: Block(), 8192: Block()})
    cases.ok(0, 'three-chunks', image, compare=8 * MIB)
    # Header 1 is current.
    image = default_image()
    image.headers[0].sequence = 9
    image.headers[1].log_off = 77
    cases.ok(0, 'first-header-is-current', image, compare=8 * MIB)
    image = default_image()
    image.file_bytes = image.end() + 4096
    cases.ok(0, 'device-ends-within-a-mib', image, compare=8 * MIB)


def header_cases(cases):
    """1 to 15."""
    for size in (4 * KIB, 64 * KIB, MIB - 512):
        image = default_image()
        image.file_bytes = size
        cases.refuse(1, f'size-{size}', image, 'TOO_SHORT')
    for name, ident in (('case', b'VHDXFILE'), ('zero', bytes(8)), ('vhd', b'conectix'),
                        ('one-bit', b'vhdxfild')):
        image = default_image()
        image.ident = ident
        cases.refuse(2, name, image, 'NOT_VHDX')
    for slot in range(2):
        for name, change in (('signature', {'signature': b'daeh'}), ('checksum', {'damage': 1})):
            # The damaged one is newer, and points nowhere.
            image = default_image()
            image.headers[slot] = dataclasses.replace(image.headers[slot], sequence=99, log_off=5,
                                                      version=9, **change)
            cases.ok(3, f'header{slot + 1}-{name}', image)
    image = default_image()
    image.both_headers(damage=1)
    cases.refuse(4, 'checksums', image, 'NO_HEADER')
    image = default_image()
    image.headers[0].signature = bytes(4)
    image.headers[1].damage = 0x80
    cases.refuse(4, 'signature-and-checksum', image, 'NO_HEADER')
    image = default_image()
    image.both_headers(sequence=7)
    cases.ok(5, 'identical', image)
    image = default_image()
    image.both_headers(sequence=7)
    image.headers[1].file_guid = guid('11111111-2222-3333-4444-555555555556')
    cases.refuse(5, 'different', image, 'HEADER_TIE')
    image = default_image()
    image.headers[1].sequence = U64
    cases.add(6, 'sequence-max', image, 'EINVAL HEADER_SEQ_MAX', 'ok')
    for version in (0, 2, 0x100):
        image = default_image()
        image.headers[1].version = version
        cases.refuse(7, f'version-{version}', image, 'VERSION', 'EOPNOTSUPP')
    image = default_image()
    image.headers[0].version = 2
    cases.ok(7, 'version-of-the-older-header', image)
    image = default_image()
    image.headers[1].log_version = 1
    cases.ok(8, 'log-version-clean', image)
    image = default_image()
    image.dirty(Entry(1, []), log_version=1)
    cases.refuse(8, 'log-version-dirty', image, 'LOG_VERSION', 'EOPNOTSUPP')
    log_place_cases(cases)
    image = default_image()
    image.headers[1].reserved = bytes(range(1, 200))
    cases.ok(14, 'reserved', image)
    for name, creator in (('unterminated', b'\x41\0' * 256), ('garbage', b'\xff' * 512)):
        image = default_image()
        image.creator = creator
        cases.ok(15, name, image)


def log_place_cases(cases):
    """9 to 13."""
    for name, change in (('offset', {'log_off': MIB + 4096}),
                         ('length', {'log_length': MIB + 4096}),
                         ('length-4096', {'log_length': 4096}), ('offset-0', {'log_off': 0}),
                         ('offset-in-header-area', {'log_off': 512 * KIB})):
        image = default_image()
        image.both_headers(**change)
        cases.refuse(9, name, image, 'LOG_ALIGN')
    for name, change in (('overflow', {'log_off': (1 << 64) - MIB, 'log_length': 2 * MIB}),
                         ('overflow-to-0', {'log_off': (1 << 64) - MIB}),
                         ('behind', {'log_off': 64 * MIB}), ('at-end', {'log_off': 8 * MIB}),
                         ('past-end', {'log_off': 7 * MIB, 'log_length': 2 * MIB})):
        image = default_image()
        image.both_headers(**change)
        cases.refuse(10, name, image, 'LOG_RANGE')
    image = default_image()
    image.both_headers(log_length=0, log_guid=LOG)
    cases.refuse(11, 'dirty-without-a-log', image, 'LOG_NONE_DIRTY')
    image = Image(log=16 * MIB, log_length=GIB, data=4 * MIB)
    cases.ok(12, '1G', image)
    image = Image(log=16 * MIB, log_length=GIB + MIB, data=4 * MIB)
    cases.refuse(12, '1G-and-more', image, 'LOG_HUGE', 'EFBIG')
    image = Image(log=16 * MIB, log_length=4 * GIB - MIB, data=4 * MIB)
    cases.refuse(12, '4G', image, 'LOG_HUGE', 'EFBIG')
    for name, off in (('at-0', 0), ('at-1M', MIB), ('inside-the-bat', 9 * MIB), ('unaligned', 5)):
        image = default_image(bat=8 * MIB, bat_length=2 * MIB, data=4 * MIB)
        image.both_headers(log_length=0, log_off=off)
        cases.add(13, name, image, 'EOPNOTSUPP LOG_NONE', 'ok')


def region_cases(cases):
    """16 to 25, 27; decision 9."""
    bad = (('signature', {'signature': b'iger'}), ('checksum', {'damage': 1}))
    for slot in range(2):
        for name, change in bad:
            image = default_image()
            # What it says is not to be believed.
            image.tables[slot] = RegionTable([Region(BAT_REGION, 4 * MIB)], **change)
            cases.ok(16, f'table{slot + 1}-{name}', image)
    for name, change in bad:
        image = default_image()
        image.both_tables(image.tables[0].regions, **change)
        cases.refuse(16, f'both-{name}', image, 'NO_REGION_TABLE')
    image = default_image()
    image.tables[1] = RegionTable([Region(METADATA_REGION, 2 * MIB, MIB, 1),
                                   Region(BAT_REGION, 7 * MIB, MIB, 1)])
    cases.ok(17, 'different', image)
    for count in (2048, U32):
        image = default_image()
        image.both_tables(image.tables[0].regions, count=count)
        cases.refuse(18, f'count-{count}', image, 'REGION_COUNT')
    image = default_image()
    image.tables[0].count = 2048
    image.tables[0] = dataclasses.replace(image.tables[0])
    image.tables[1] = RegionTable(image.tables[1].regions)
    cases.refuse('D9', 'no-falling-back', image, 'REGION_COUNT')
    image = default_image()
    for i in range(2045):
        image.add_region(Region(full_guid(i), (16 + i) * MIB))
    cases.ok(18, 'count-2047', image)
    for name, which in (('bat', BAT_REGION), ('unknown', full_guid(1))):
        image = default_image()
        image.add_region(Region(full_guid(1), 16 * MIB))
        image.add_region(Region(which, 17 * MIB))
        cases.refuse(19, name, image, 'REGION_TWICE')
    for name, which, fault in (('bat', BAT_REGION, 'NO_BAT'),
                               ('metadata', METADATA_REGION, 'NO_METADATA')):
        image = default_image()
        image.both_tables([r for r in image.tables[0].regions if r.guid != which])
        cases.refuse(20, name, image, fault)
    image = default_image()
    image.both_tables([])
    cases.refuse(20, 'empty-table', image, 'NO_BAT')
    image = default_image()
    image.add_region(Region(full_guid(1), 16 * MIB, MIB, 1))
    cases.refuse(21, 'required', image, 'REGION_UNKNOWN', 'EOPNOTSUPP')
    image = default_image()
    image.add_region(Region(full_guid(1), 16 * MIB, 3 * MIB))
    cases.ok(21, 'optional', image)
    region_place_cases(cases)
    image = default_image()
    image.both_tables(image.tables[0].regions, reserved=1)
    cases.refuse(25, 'header', image, 'REGION_RESERVED')
    for flags in (2, 3, 0x80000000):
        image = default_image()
        image.add_region(Region(full_guid(1), 16 * MIB, MIB, flags))
        cases.refuse(25, f'flags-{flags}', image, 'REGION_RESERVED')
    image = Image(meta=16 * MIB, meta_length=128 * MIB, data=4 * MIB)
    cases.ok(27, '128M', image)
    image = Image(meta=16 * MIB, meta_length=129 * MIB, data=4 * MIB)
    cases.refuse(27, '129M', image, 'META_HUGE')
    image = default_image()
    for table in image.tables:
        table.regions = [dataclasses.replace(r, flags=0) for r in table.regions]
    cases.ok('D8', 'regions-not-required', image)


def region_place_cases(cases):
    """22 to 24: an unknown optional region in all kinds of places."""
    for name, off, length, fault in (
            ('offset', 16 * MIB + 4096, MIB, 'ALIGN'), ('length', 16 * MIB, MIB + 4096, 'ALIGN'),
            ('length-0', 16 * MIB, 0, 'ALIGN'), ('offset-0', 0, MIB, 'ALIGN'),
            ('in-header-area', 512 * KIB, MIB, 'ALIGN')):
        image = default_image()
        image.both_tables(image.tables[0].regions + [Region(full_guid(1), off, length)])
        cases.refuse(22, name, image, f'REGION_{fault}')
    for name, off, length in (('overflow', (1 << 64) - MIB, 2 * MIB),
                              ('overflow-to-0', (1 << 64) - MIB, MIB), ('at-end', 8 * MIB, MIB),
                              ('past-end', 7 * MIB, 2 * MIB), ('far', 1 << 60, MIB)):
        image = default_image()
        image.both_tables(image.tables[0].regions + [Region(full_guid(1), off, length)])
        cases.refuse(23, name, image, 'REGION_RANGE')
    for name, off, length in (('log', MIB, MIB), ('metadata', 2 * MIB, MIB), ('bat', 3 * MIB, MIB),
                              ('all', MIB, 6 * MIB)):
        image = default_image()
        image.both_tables(image.tables[0].regions + [Region(full_guid(1), off, length)])
        cases.refuse(24, name, image, 'REGION_OVERLAP')
    image = default_image()
    image.add_region(Region(full_guid(1), 16 * MIB, 4 * MIB))
    image.add_region(Region(full_guid(2), 19 * MIB, 4 * MIB))
    cases.refuse(24, 'partly', image, 'REGION_OVERLAP')
    image = default_image(meta=3 * MIB, bat=3 * MIB)
    cases.refuse(24, 'bat-is-metadata', image, 'REGION_OVERLAP')


def metadata_cases(cases):
    """26, 28 to 44."""
    image = default_image()
    image.metadata.signature = b'atadatem'
    cases.refuse(26, 'signature', image, 'META_SIGNATURE')
    for count in (2048, 65535):
        image = default_image()
        image.metadata.count = count
        cases.refuse(26, f'count-{count}', image, 'META_COUNT')
    unknown = full_guid(1)
    other = full_guid(2)
    data = b'something'

    def variant(case, name, items, fault=None, errno='EINVAL', **layout):
        image = default_image(**layout)
        image.metadata.items += items
        if fault:
            cases.refuse(case, name, image, fault, errno)
        else:
            cases.ok(case, name, image)

    variant(26, 'count-2047', [Item(full_guid(i), b'x') for i in range(2042)])
    for off in (0, 32, 64 * KIB - 1):
        variant(28, f'offset-{off}', [Item(unknown, b'', 0, off, 9)], 'META_LOW')
    for name, off, length in (('wraps', U32 - 15, 32), ('wraps-to-0', U32 - 15, 16),
                              ('at-end', MIB, 1), ('past-end', MIB - 1, 2)):
        variant(29, name, [Item(unknown, b'', 0, off, length)], 'META_RANGE')
    variant(29, 'to-the-end', [Item(unknown, data, 0, MIB - len(data))])
    variant(30, 'partly', [Item(unknown, b'', 0, 96 * KIB, 100),
                           Item(other, b'', 0, 96 * KIB + 99, 100)], 'META_OVERLAP')
    variant(30, 'inside', [Item(unknown, b'', 0, 96 * KIB, 100),
                           Item(other, b'', USER, 96 * KIB + 50, 1)], 'META_OVERLAP')
    image = default_image()
    image.metadata.item(PHYSICAL_SECTOR).off = 64 * KIB + 32
    cases.refuse(30, 'known-items', image, 'META_OVERLAP')
    variant(31, 'empty-with-offset', [Item(unknown, b'', 0, 96 * KIB, 0)], 'META_EMPTY')
    variant(31, 'empty', [Item(unknown, b'')])
    variant(31, 'too-long', [Item(unknown, b'', 0, MIB, MIB + 1)], 'META_LONG', meta=8 * MIB,
            meta_length=4 * MIB)
    variant(31, 'longest', [Item(unknown, data, 0, MIB, MIB)], meta=8 * MIB, meta_length=4 * MIB)
    variant(32, 'unknown', [Item(unknown, data), Item(unknown, data)], 'META_TWICE')
    variant(32, 'user', [Item(unknown, data, USER), Item(unknown, data, USER)], 'META_TWICE')
    variant(32, 'user-and-system', [Item(unknown, data), Item(unknown, data, USER)])
    variant(32, 'known', [Item(DISK_SIZE, struct.pack('<Q', MIB), REQUIRED | DISK)], 'META_TWICE')
    users = [Item(full_guid(i), b'x', USER) for i in range(1025)]
    variant(33, 'users-1024', users[:1024])
    variant(33, 'users-1025', users, 'META_USER_COUNT')
    variant(33, 'required', [Item(unknown, data, USER | REQUIRED)], 'META_USER_REQUIRED')
    known_item_cases(cases)
    variant(37, 'required', [Item(unknown, data, REQUIRED)], 'META_UNKNOWN', 'EOPNOTSUPP')
    variant(37, 'incomplete', [Item(INCOMPLETE, b'', REQUIRED)], 'INCOMPLETE', 'EOPNOTSUPP')
    variant(37, 'incomplete-optional', [Item(INCOMPLETE, b'')], 'INCOMPLETE', 'EOPNOTSUPP')
    for name, which in (('chs', CHS_PARAMETERS), ('pmem', PMEM_LABELS)):
        for flags in (0, REQUIRED, REQUIRED | DISK):
            variant(37, f'{name}-{flags}', [Item(which, data, flags)])
        variant(37, f'{name}-empty', [Item(which, b'', REQUIRED)])
        variant(37, f'{name}-user', [Item(which, data, USER | REQUIRED)], 'META_USER_REQUIRED')
    value_cases(cases)
    variant(44, 'locator-without-parent', [Item(PARENT_LOCATOR, data, REQUIRED)])
    image = default_image()
    image.metadata.item(FILE_PARAMETERS).data = struct.pack('<II', MIB, 2)
    cases.refuse(44, 'parent-without-locator', image, 'NO_LOCATOR')
    locator_cases(cases)


def locator_cases(cases):
    """45 to 49: the image is refused for having a parent, whatever it says of it."""
    linkage = ('parent_linkage', '{83ed0ec3-24c8-49a6-a959-5e4bd1288791}')
    path = ('relative_path', '.\\parent.vhdx')
    for case, name, pairs, more in (
            (45, 'count-0', [linkage], {'count': 0}), (45, 'count-257', [linkage], {'count': 257}),
            (46, 'behind', [linkage, path], {'entries': {1: (900, 80, 4, 4)}}),
            (46, 'odd', [linkage, path], {'entries': {1: (80, 80, 3, 4)}}),
            (47, 'type', [linkage, path], {'kind': full_guid(1)}),
            (48, 'twice', [linkage, path, path], {}), (48, 'no-linkage', [path], {}),
            (49, 'linkage2', [path, linkage, ('parent_linkage2', '{' + str(uuid.UUID(int=0)) + '}')], {})):
        cases.refuse(case, f'locator-{name}', differencing_image(pairs, **more), 'HAS_PARENT')


def known_item_cases(cases):
    """34 to 36, 38; decision 8."""
    names = (('file-parameters', FILE_PARAMETERS), ('disk-size', DISK_SIZE), ('disk-id', DISK_ID),
             ('logical-sector', LOGICAL_SECTOR), ('physical-sector', PHYSICAL_SECTOR))
    for name, which in names:
        image = default_image()
        image.metadata.item(which).flags = USER
        cases.refuse(34, name, image, 'META_MISSING')
        image = default_image()
        image.metadata.items.remove(image.metadata.item(which))
        cases.refuse(35, name, image, 'META_MISSING')
        for change in (-1, 1):
            image = default_image()
            item = image.metadata.item(which)
            item.off, item.length = 128 * KIB, len(item.data) + change
            cases.refuse(36, f'{name}-{item.length}', image, 'META_LENGTH')
        image = default_image()
        image.metadata.item(which).flags ^= DISK
        cases.ok(38, name, image)
    image = default_image()
    for item in image.metadata.items:
        item.flags &= ~REQUIRED
    cases.ok('D8', 'items-not-required', image)
    image = default_image()
    for item in image.metadata.items:
        item.flags |= 0xfffffff8
        item.reserved = U32
    image.metadata.reserved = b'\xff' * 20
    cases.ok('D8', 'reserved-bits-of-items', image)


def value_cases(cases):
    """39 to 42; decision 11."""
    def value(case, name, which, data, fault=None, errno='EINVAL'):
        image = default_image()
        image.metadata.item(which).data = data
        if fault:
            cases.refuse(case, name, image, fault, errno)
        else:
            cases.ok(case, name, image)

    for size in (0, 512, 512 * KIB, MIB + 1, 3 * MIB, 512 * MIB, 1 << 31, U32):
        value(39, str(size), FILE_PARAMETERS, struct.pack('<II', size, 0), 'BLOCK_SIZE')
    for size in (0, 1, 513, 1024, 2048, 8192, U32):
        value(40, f'logical-{size}', LOGICAL_SECTOR, struct.pack('<I', size), 'LOGICAL_SIZE')
        value(40, f'physical-{size}', PHYSICAL_SECTOR, struct.pack('<I', size), 'PHYSICAL_SIZE')
    cases.ok('D11', 'physical-below-logical', default_image(sector=4096, physical=512))
    for size, fault, errno in ((0, 'DISK_SIZE', 'EINVAL'), (8 * MIB - 1, 'DISK_SIZE', 'EINVAL'),
                               (8 * MIB - 511, 'DISK_SIZE', 'EINVAL'),
                               (64 * TIB + 512, 'DISK_HUGE', 'EFBIG'),
                               (1 << 63, 'DISK_HUGE', 'EFBIG'), (U64 - 511, 'DISK_HUGE', 'EFBIG')):
        value(41, str(size), DISK_SIZE, struct.pack('<Q', size), fault, errno)
    image = default_image(sector=4096, size=8 * MIB - 512)
    cases.refuse(41, 'multiple-of-512-only', image, 'DISK_SIZE')
    image = Image(size=64 * TIB, block=256 * MIB, blocks={0: Block(), 2**18 - 1: Block()})
    cases.ok(41, '64T', image)
    for bit in (2, 3, 31):
        value(42, f'bit-{bit}', FILE_PARAMETERS, struct.pack('<II', MIB, 1 << bit),
              'PARAM_RESERVED')


def bat_cases(cases):
    """52 to 67."""
    # 131072 entries to a MiB, 31 of them sector bitmaps'.
    image = Image(size=(131072 - 31) * MIB, bat_length=MIB, blocks={0: Block(), 131040: Block()})
    cases.ok(52, 'just-fits', image)
    image = Image(size=(131072 - 31) * MIB + 512, bat_length=MIB, blocks={0: Block()})
    cases.refuse(52, 'one-short', image, 'BAT_SHORT')
    image = Image(size=64 * TIB, bat_length=MIB, blocks={0: Block()})
    cases.refuse(53, '64T-in-1M', image, 'BAT_SHORT')

    def entry(case, name, number, block, rw='ok', ro=None, image=None):
        image = image or default_image()
        image.blocks[number] = block
        cases.add(case, name, image, rw, ro)

    for bit in (3, 11, 19):
        entry(54, f'bit-{bit}-full', 0, Block(raw=4 << 20 | 6 | 1 << bit), 'EINVAL BAT_RESERVED')
        entry(54, f'bit-{bit}-absent', 1, Block(0, raw=1 << bit), 'EINVAL BAT_RESERVED')
    image = Image(size=5 * GIB, blocks={0: Block()})
    image.bitmaps[0] = 8
    cases.refuse(54, 'bitmap', image, 'BAT_RESERVED')
    for state in (4, 5):
        entry(55, f'state-{state}', 1, Block(state, 0), 'EINVAL BAT_STATE')
        entry(55, f'state-{state}-offset', 1, Block(state, 7), 'EINVAL BAT_STATE')
    entry(56, 'full-offset-0', 1, Block(FULL, 0), 'EINVAL BAT_OFFSET')
    for mib in ((1 << 44) - 1, 1 << 43, 1 << 28):
        entry(57, f'mib-{mib}', 1, Block(FULL, mib), 'EINVAL BAT_RANGE')
    for mib in (8, 9, 4096):
        image = default_image()
        image.file_bytes = image.end()
        entry(58, f'mib-{mib}', 1, Block(FULL, mib), 'EINVAL BAT_RANGE', image=image)
    cut_cases(cases)
    overlap_cases(cases, entry)
    entry(62, 'partial', 1, Block(PARTIAL, 7), 'EINVAL BAT_PARTIAL')
    entry(62, 'partial-offset-0', 1, Block(PARTIAL, 0), 'EINVAL BAT_PARTIAL')
    for state in range(1, 8):
        image = Image(size=5 * GIB, blocks={0: Block(), 4096: Block()})
        image.next_mib += 1
        image.bitmaps[0] = 6 << 20 | state
        if state == 6:
            cases.add(64, f'state-{state}', image, 'EINVAL BITMAP_PRESENT', 'ok')
        else:
            cases.ok(64, f'state-{state}', image)
    # Where a block is, in a region, behind the end: it keeps no space, but is what it is.
    for name, mib in (('in-block', 4), ('in-bat', 3), ('behind', 1 << 20), ('far', (1 << 44) - 1),
                      ('offset-0', 0)):
        image = Image(size=5 * GIB, blocks={0: Block(), 4096: Block()})
        image.bitmaps[0] = mib << 20 | 6
        cases.add(64, f'present-{name}', image, 'EINVAL BITMAP_PRESENT', 'ok')
        image = Image(size=5 * GIB, blocks={0: Block(), 4096: Block()})
        image.next_mib += 1
        image.bitmaps[0] = mib << 20 | 2
        cases.ok(64, f'zero-{name}', image)
    image = Image(size=5 * GIB, blocks={0: Block(), 4096: Block()})
    image.bitmaps[0] = 3 << 20
    cases.ok(64, 'state-0-offset', image)
    for state in (NOT_PRESENT, ZERO):
        for mib in (1, 4, 7, 1 << 20, (1 << 44) - 1):
            entry(65, f'state-{state}-mib-{mib}', 1, Block(state, mib))
    for state in (UNDEFINED, UNMAPPED):
        entry(66, f'state-{state}-good', 1, Block(state, 7))
        for name, mib in (('in-block', 4), ('in-log', 1), ('at-end', 8), ('far', 1 << 20),
                          ('overflow', (1 << 44) - 1)):
            entry(66, f'state-{state}-{name}', 5, Block(state, mib), 'EINVAL BAT_ANCHOR', 'ok')
        # The anchor comes before the block in the BAT.
        entry(66, f'state-{state}-before-block', 1, Block(state, 4), 'EINVAL BAT_ANCHOR', 'ok')
        entry(66, f'state-{state}-two', 1, Block(state, 7), 'EINVAL BAT_ANCHOR', 'ok',
              image=with_block(6, Block(state, 7)))
    image = default_image()
    image.padding = {8: U64, 9: 4, 600: 4 << 20 | 6, 131071: U64}
    cases.ok(67, 'garbage', image)
