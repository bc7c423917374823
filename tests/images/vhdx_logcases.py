# SPDX-License-Identifier: GPL-2.0
"""Malformed images whose blocks are cut or overlap, and logs: the cases 58 to 61 and 68 to 91."""

import dataclasses

from vhdx_disk import (BAT_REGION, Data, Entry, FULL, GIB, KIB, MIB, NULL, PAGE, Region, RegionTable, U32,
                       U64, Zero, content, seal)
from vhdx_image import Block, Image, full_guid, default_image


def with_block(number, block):
    image = default_image()
    image.blocks[number] = block
    return image


def cut_cases(cases):
    """58, 59; decision 2: blocks that the end of the device cuts."""
    image = Image(blocks={2: Block(), 5: Block()})
    image.file_bytes = image.end() - 512
    cases.refuse(58, 'cut', image, 'BAT_RANGE')
    for name, size, cut, rw, ro in (
            ('half', 7 * MIB + 512 * KIB, 512 * KIB, 'EINVAL BAT_CUT', 'ok'),
            ('some', 7 * MIB + 512 * KIB, 512, 'EINVAL BAT_CUT', 'ok'),
            ('too-much', 7 * MIB + 512 * KIB, 512 * KIB + 512, 'EINVAL BAT_RANGE', None),
            ('full-block', 8 * MIB, 512, 'EINVAL BAT_RANGE', None)):
        image = Image(size=size, blocks={2: Block(), 7: Block()})
        image.file_bytes = image.end() - cut
        cases.add(59, name, image, rw, ro, compare=8 * MIB)


def overlap_cases(cases, entry):
    """60, 61."""
    for name, mib in (('log', 1), ('metadata', 2), ('bat', 3)):
        entry(60, name, 1, Block(FULL, mib, b''), 'EINVAL BAT_OVERLAP')
    image = default_image()
    image.add_region(Region(full_guid(1), 16 * MIB))
    entry(60, 'unknown-region', 1, Block(FULL, 16), 'EINVAL BAT_OVERLAP', image=image)
    image = Image(block=2 * MIB, log=16 * MIB, meta=2 * MIB, bat=8 * MIB, data=4 * MIB)
    for name, mib in (('metadata', 1), ('bat', 7), ('log', 15)):
        entry(60, f'partly-{name}', 1, Block(FULL, mib), 'EINVAL BAT_OVERLAP', image=image)
        del image.blocks[1]
    entry(61, 'same', 1, Block(FULL, 4), 'EINVAL BAT_OVERLAP')
    for name, mib in (('lower', 5), ('upper', 7)):
        image = Image(block=2 * MIB)
        image.blocks = {0: Block(FULL, 6), 3: Block(FULL, mib)}
        cases.refuse(61, f'partly-{name}', image, 'BAT_OVERLAP')
    # Far apart in the BAT, across chunks.
    image = Image(size=9 * GIB, blocks={1: Block(FULL, 7), 8200: Block(FULL, 7)})
    cases.refuse(61, 'other-chunk', image, 'BAT_OVERLAP')


def log_cases(cases):
    """69 to 91."""
    new = content('from the log', MIB)

    def base(**layout):
        """Block 1 is in the log only, at the free MiB."""
        image = default_image(**layout)
        mib = image.next_mib - 1
        image.patches.append((mib * MIB, new))
        image.good = image.bat_change(b1=Block(FULL, mib))
        image.after[1] = new
        return image

    image = base()
    image.dirty(Entry(1, [image.good]))
    image.both_headers(log_guid=NULL)
    del image.after[1]
    cases.ok(69, 'clean-with-entries', image)
    for name, entries in (('empty', []), ('torn', [Entry(1, [image.good], torn=1)]),
                          ('foreign', [Entry(1, [image.good], log_guid=full_guid(1))])):
        image = base()
        image.dirty(*entries)
        cases.refuse(70, name, image, 'LOG_LOST')
    good_log_cases(cases, base)
    bad_entry_cases(cases, base)
    sequence_cases(cases, base)
    hostile_replay_cases(cases, base)
    end_cases(cases, base)


def good_log_cases(cases, base):
    """71, and logs of all shapes."""
    image = base()
    image.dirty(Entry(1, [image.good]))
    cases.ok(71, 'one-entry', image)
    image = base()
    image.dirty(Entry(5, [], off=0), Entry(6, [image.good], tail=0), Entry(7, [], tail=0))
    cases.ok(71, 'three-entries', image)
    image = base()
    image.dirty(Entry(5, [image.good], off=MIB - PAGE))
    cases.ok(71, 'entry-wraps', image)
    image = base()
    image.dirty(Entry(5, [], off=MIB - 2 * PAGE), Entry(6, [], tail=MIB - 2 * PAGE),
                Entry(7, [image.good], tail=MIB - PAGE))
    cases.ok(71, 'sequence-wraps', image)
    # What lies before the head's Tail is applied already, and has been undone since.
    image = base()
    image.dirty(Entry(5, [image.bat_change(b0=Block(FULL, 99))], off=8 * PAGE),
                Entry(6, [image.good], tail=8 * PAGE), Entry(7, [], tail=10 * PAGE))
    cases.ok(71, 'tail-moved-on', image)
    # The later entry wins; zeros, too.
    image = base()
    image.dirty(Entry(1, [image.bat_change(b0=Block(FULL, 99))]),
                Entry(2, [Zero(image.bat, 8 * PAGE), image.good], tail=0))
    cases.ok(71, 'later-wins', image)
    # More than one descriptor sector: 126 and 128.
    for count in (126, 127, 200):
        image = base(log_length=2 * MIB, meta=8 * MIB, bat=9 * MIB, data=4 * MIB)
        changes = [Data(image.bat + (i + 1) * PAGE, content(i, PAGE)) for i in range(count - 1)]
        image.dirty(Entry(1, changes + [image.good], off=MIB))
        cases.ok(71, f'descriptors-{count}', image)
    # Payload does not belong into the log, but nothing forbids it.
    image = base()
    page = content('page', PAGE)
    old = image.blocks[0]
    image.dirty(Entry(1, [image.good, Zero(old.mib * MIB, 64 * KIB),
                          Data(old.mib * MIB + 8 * PAGE, page)]))
    image.after[0] = bytes(8 * PAGE) + page + bytes(7 * PAGE) + old.data[64 * KIB:]
    cases.ok(71, 'payload', image)
    # The log mends what is broken in place.
    image = base()
    table = image.tables[0].encode()
    pages = [image.good]
    for slot in range(2):
        pages += [Data((192 + 64 * slot) * KIB + i * PAGE, table[i * PAGE:(i + 1) * PAGE])
                  for i in range(16)]
    image.both_tables([], damage=1)
    image.dirty(Entry(1, pages))
    cases.ok(71, 'region-tables', image)
    image = base()
    image.dirty(Entry(1, [image.good]))
    image.headers[0].log_guid = NULL
    cases.ok(71, 'other-header-clean', image)
    # Entry of the log's own length, and a sequence that fills the log.
    image = base()
    pages = [Data(image.bat + (i + 1) * PAGE, content(i, PAGE)) for i in range(253)]
    image.dirty(Entry(1, pages + [image.good], off=5 * PAGE))
    cases.ok('D7', 'entry-of-the-log-length', image)
    image = base()
    image.dirty(*[Entry(i + 1, [image.good] if i == 100 else [], tail=0) for i in range(255)])
    cases.ok(73, 'sequence-fills-the-log', image)
    image = base()
    image.dirty(Entry(1, [image.good, Zero(image.bat, 0), Zero(1 << 62, 0)]))
    cases.ok('D7', 'zero-length', image)
    image = base()
    image.file_bytes = image.end() + 4 * MIB
    image.dirty(Entry(1, [image.good, Data(image.file_bytes - PAGE, content(1, PAGE))],
                      last=8 * MIB))
    cases.ok('D7', 'target-past-last-offset', image)


def bad_entry_cases(cases, base):
    """72 to 85: an older entry with what counts, and behind it one that is none."""
    def variant(case, name, changes=None, **fields):
        image = base()
        bad = image.bat_change(b0=Block(FULL, 99)) if changes is None else None
        changes = [bad] if changes is None else changes(image)
        image.dirty(Entry(1, [image.good], off=0), Entry(2, changes, tail=0, **fields))
        cases.ok(case, name, image)

    def wrong(**fields):
        return lambda image: [dataclasses.replace(image.bat_change(b0=Block(FULL, 99)), **fields)]

    for length in (0, 512, 2048, 2 * PAGE + 512, 2 * MIB, U32 - 4095, U32):
        variant(72, f'length-{length}', length=length)
    variant(73, 'longer-than-the-log', length=MIB + PAGE)
    for count in (126 + 128, (2 * PAGE - 64) // 32 + 1, 1 << 27, (1 << 27) + 1, U32):
        variant(74, f'count-{count}', count=count)
    variant(75, 'length-short', length=PAGE)
    variant(75, 'length-long', length=3 * PAGE)
    variant(75, 'count-0', count=0)
    variant(75, 'count-2', count=2)
    image = base()
    image.dirty(Entry(1, [image.good], off=0),
                Entry(2, [image.bat_change(b0=Block(FULL, 99))], tail=MIB))
    cases.ok(76, 'tail-is-log-length', image)
    image = base()
    image.dirty(Entry(1, [image.good], off=0),
                Entry(2, [image.bat_change(b0=Block(FULL, 99))], tail=512))
    cases.ok(76, 'tail-unaligned', image)
    variant(78, 'reserved', reserved=1)
    variant(80, 'foreign', log_guid=full_guid(1))
    variant(81, 'checksum', damage=1)
    variant(81, 'signature', signature=b'LOGE')
    variant(81, 'torn', torn=1)
    variant(81, 'descriptor-signature', wrong(signature=b'DESC'))
    variant(81, 'descriptor-sequence', wrong(sequence=1))
    variant(81, 'data-signature', wrong(sector_signature=b'atad'))
    variant(81, 'data-high', wrong(high=1))
    variant(81, 'data-low', wrong(low=1))
    variant(81, 'zero-sequence', lambda i: [Zero(i.bat, PAGE, sequence=3)])
    for off in (0, 64 * KIB, 128 * KIB, 192 * KIB - PAGE):
        variant(82, f'data-{off}', wrong(off=off))
        variant(82, f'zero-{off}', lambda i, off=off: [Zero(off, PAGE)])
    for off in (MIB, MIB + PAGE, 2 * MIB - PAGE):
        variant(83, f'data-{off}', wrong(off=off))
    variant(83, 'zero-over-all', lambda i: [Zero(192 * KIB, 7 * MIB)])
    variant(83, 'zero-into', lambda i: [Zero(MIB - PAGE, 2 * PAGE)])
    variant(84, 'data-overflow', wrong(off=(1 << 64) - PAGE))
    variant(84, 'zero-overflow', lambda i: [Zero(i.bat, (1 << 64) - PAGE)])
    variant(84, 'zero-overflow-to-0', lambda i: [Zero((1 << 64) - 8 * PAGE, 8 * PAGE)])
    for name, changes in (('data', wrong(off=3 * MIB + 512)),
                          ('zero', lambda i: [Zero(i.bat + 512, PAGE)]),
                          ('zero-length', lambda i: [Zero(i.bat, PAGE + 512)])):
        variant(85, name, changes)


def sequence_cases(cases, base):
    """76 to 79; decision 5."""
    for name, tail in (('before', 0), ('behind', 8 * PAGE), ('far', MIB - PAGE)):
        image = base()
        image.dirty(Entry(1, [image.good], off=4 * PAGE, tail=tail))
        cases.refuse(76, f'tail-{name}', image, 'LOG_LOST')
    image = base()
    image.dirty(Entry(1, [image.good], off=4 * PAGE), Entry(2, [], tail=5 * PAGE))
    cases.refuse(77, 'tail-off-boundary', image, 'LOG_LOST')

    def hostile(image):
        return image.bat_change(b0=Block(FULL, 99))

    for name, number in (('gap', 9), ('repeat', 7), ('falls', 6), ('zero', 0)):
        image = base()
        image.dirty(Entry(7, [image.good], off=0), Entry(number, [hostile(image)], tail=0))
        cases.ok(78, name, image)
    image = base()
    image.dirty(Entry(U64 - 1, [], off=0), Entry(U64, [image.good], tail=0),
                Entry(0, [hostile(image)], tail=0), Entry(1, [hostile(image)], tail=0))
    cases.ok(79, 'no-wrap', image)
    # The newer sequence lost its start.
    image = base()
    image.dirty(Entry(9, [image.good], off=0), Entry(90, [hostile(image)], off=16 * PAGE,
                                                     tail=12 * PAGE))
    cases.ok('D5', 'older-beside-newer', image)
    # The other way round, both valid: the newer one counts.
    image = base()
    image.dirty(Entry(90, [image.good], off=0), Entry(9, [hostile(image)], off=16 * PAGE))
    cases.ok('D5', 'two-valid', image)


def hostile_replay_cases(cases, base):
    """84, 86, 90, 91."""
    end = default_image().end()
    for name, change in (('data', Data(end, bytes(PAGE))), ('zero', Zero(end - PAGE, 2 * PAGE)),
                         ('far', Data(1 << 47, bytes(PAGE))), ('zero-far', Zero(1 << 47, PAGE))):
        image = base()
        image.dirty(Entry(1, [image.good, change]))
        cases.refuse(84, f'{name}.device', image, 'LOG_TARGET')
    for name, change in (('data', Data(1 << 62, bytes(PAGE))), ('zero', Zero(MIB * 2, 1 << 62))):
        image = base()
        image.dirty(Entry(1, [image.good, change]))
        cases.refuse(90 if name == 'zero' else 84, f'{name}-beyond-all', image, 'LOG_TARGET')
    image = base()
    image.file_bytes = GIB
    old = image.blocks[3]
    image.dirty(Entry(1, [image.good, Zero(old.mib * MIB, MIB), Zero(16 * MIB, GIB - 16 * MIB)]))
    image.after[3] = bytes(MIB)
    cases.ok(90, 'zero-1G', image)

    image = base()
    bad = seal(RegionTable([Region(BAT_REGION, 1 << 50)]).encode())
    image.dirty(Entry(1, [Data(192 * KIB, bad[:PAGE])]))
    cases.refuse(86, 'region-table', image, 'REGION_RANGE')
    image = base()
    image.dirty(Entry(1, [Zero(192 * KIB, 128 * KIB)]))
    cases.refuse(86, 'no-region-tables', image, 'NO_REGION_TABLE')
    image = base()
    image.dirty(Entry(1, [Zero(image.meta_off, PAGE)]))
    cases.refuse(86, 'metadata-table', image, 'META_SIGNATURE')
    image = base()
    image.dirty(Entry(1, [Zero(image.meta_off + 64 * KIB, PAGE)]))
    cases.refuse(86, 'metadata-items', image, 'BLOCK_SIZE')
    image = base()
    image.dirty(Entry(1, [image.bat_change(b5=Block(FULL, 4))]))
    cases.refuse(86, 'bat-overlap', image, 'BAT_OVERLAP')
    image = base()
    image.dirty(Entry(1, [image.bat_change(b5=Block(FULL, 4000))]))
    cases.refuse(86, 'bat-range', image, 'BAT_RANGE')

    image = base(log=16 * MIB, log_length=16 * MIB, data=4 * MIB)
    for sector in range(8, 4096):
        fake = Entry(7, [], length=16 * MIB - PAGE, count=(sector * 31) % 4096)
        image.patches.append((16 * MIB + sector * PAGE, fake.encode(sector * PAGE, 0)[:64]))
    image.dirty(Entry(3, [image.good], off=0))
    cases.ok(91, 'many-fakes', image)


def end_cases(cases, base):
    """87 to 89; decisions 3 and 6."""
    end = default_image().end()
    for name, flushed in (('one-more', end + 1), ('far', 1 << 50), ('max', U64)):
        image = base()
        image.dirty(Entry(1, [image.good], flushed=flushed))
        cases.refuse(87, name, image, 'FILE_CUT')
    image = base()
    image.dirty(Entry(1, [], flushed=U64), Entry(2, [image.good], tail=0))
    cases.ok('D6', 'flushed-of-an-older-entry', image)
    image = base()
    image.dirty(Entry(1, [], last=U64), Entry(2, [image.good], tail=0))
    cases.ok('D6', 'last-of-an-older-entry', image)
    for name, last in (('more', end + MIB), ('far', 1 << 47)):
        image = base()
        image.dirty(Entry(1, [image.good], last=last))
        cases.add(88, f'{name}.device', image, 'ENOSPC LOG_GROWS', 'ok')
    image = base()
    image.dirty(Entry(1, [image.good], last=end + MIB))
    cases.ok(88, 'there-is-room', image, device=end + MIB)
    # Decision 3: something that is in use lies past the end.
    image = default_image()
    image.dirty(Entry(1, [image.bat_change(b1=Block(FULL, end // MIB))], last=end + MIB))
    cases.add('D3', 'block-past-the-end.device', image, 'ENOSPC LOG_GROWS', 'EINVAL BAT_RANGE')
    for name, last in (('2^48', 1 << 48), ('max', U64)):
        image = base()
        image.dirty(Entry(1, [image.good], last=last))
        cases.refuse(88, f'absurd-{name}', image, 'LOG_ABSURD', 'EFBIG')
    image = base()
    image.dirty(Entry(1, [image.good], flushed=end - 12345, last=end - 12345))
    cases.ok(89, 'unaligned', image)
