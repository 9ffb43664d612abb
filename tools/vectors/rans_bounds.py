"""Vectors: the bounds of the head of the rANS coder (SPEC.md clause 9.6.3), met exactly, and passed by one.

Beyond the bound nothing else is wrong with the payload: a decoder that does not test it would decode zeros.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors.cases import invalid, valid
from tools.vectors.draft import Draft, exact
from tools.vectors.rans import with_payloads
from tools.vectors.rans_spelt import ONE_TOKEN, Number, Spelt, g, s

ZEROS: Final = Spelt(table=ONE_TOKEN, state=2**16)


def _bytes(count: int, spelt: Spelt) -> Draft:
    return with_payloads([exact("w", "uint8", (count,), bytes(count))], spelt.payload())


def _sets(count: int, width: int) -> Spelt:
    """So many sets, each a palette of the word 0; the last is that of the only area, told in `width` bits."""
    spelt = replace(ZEROS, kind=((3, 2), g(0), g(0)))
    again = (*spelt.kind, spelt.sides, *spelt.thresholds, *spelt.tables, *spelt.table) * (count - 1)
    return replace(spelt, sets=g(count - 1), areas=((count - 1, width),), table=(*spelt.table, *again))


@valid("9.6.3")
def rans_256_sets() -> Draft:
    """The most sets."""
    return _bytes(512, _sets(256, 8))


@invalid("ENTROPY", "9.6.3")
def rans_257_sets() -> Draft:
    """A set too many, where nothing else is wrong."""
    return _bytes(600, _sets(257, 9))


def _contexts(sides: int, thresholds: int) -> Spelt:
    """Contexts of zeros, all of one table."""
    ascending: tuple[Number, ...] = (g(thresholds), *[g(0)] * thresholds)
    return replace(ZEROS, sides=g(sides - 1), thresholds=ascending, areas=(s(0),))


@valid("9.6.3")
def rans_1024_contexts() -> Draft:
    """64 sides of 16 activities each: the most contexts that four symbols may have."""
    return _bytes(4, _contexts(64, 15))


def _contexts_and_16() -> Spelt:
    """1024 contexts, and 16 in a second set."""
    spelt = _contexts(64, 15)
    again = (*spelt.kind, g(0), *spelt.thresholds, *spelt.tables, *spelt.table)
    return replace(spelt, sets=g(1), table=(*spelt.table, *again), areas=((0, 1), s(0)))


@valid("9.6.3")
def rans_contexts_by_the_symbols() -> Draft:
    """1040 contexts in two sets: the most that 256 symbols may have."""
    return _bytes(256, _contexts_and_16())


@invalid("ENTROPY", "9.6.3")
def rans_contexts_over_the_symbols() -> Draft:
    """1040 contexts in two sets, where 255 symbols may have 1039."""
    return _bytes(255, _contexts_and_16())


@invalid("ENTROPY", "9.6.3")
def rans_65_sides() -> Draft:
    """A side too many, where nothing else is wrong."""
    return _bytes(4, _contexts(65, 0))


@invalid("ENTROPY", "9.6.3")
def rans_32_thresholds() -> Draft:
    """A threshold too many, where nothing else is wrong."""
    return _bytes(4, replace(_contexts(1, 32), areas=()))


def _tables(count: int, width: int) -> Spelt:
    """So many tables of 2^15 slots, one for each side."""
    front = ((0, 4), (7, 3), (0, 3), (0, 6))
    chosen = [(side, width) for side in range(count)]
    table = (g(0), g(0), s(8)) * count
    return replace(ZEROS, front=front, sides=g(count - 1), tables=(g(count - 1), *chosen), table=table, areas=(s(0),))


@valid("9.6.3")
def rans_2_to_the_20_slots() -> Draft:
    """32 tables of 2^15 slots: the most that any number of symbols may have."""
    return _bytes(20_000, _tables(32, 5))


@invalid("ENTROPY", "9.6.3")
def rans_slots_over_2_to_the_20() -> Draft:
    """33 tables of 2^15 slots, which 20,000 symbols could have but for the greatest room."""
    return _bytes(20_000, _tables(33, 6))


@valid("9.6.3", "9.6.5")
def rans_palette_of_4096() -> Draft:
    """The longest palette."""
    spelt = replace(ZEROS, kind=((3, 2), g(4095), *[g(0)] * 4096))
    return with_payloads([exact("w", "uint16", (4,), bytes(8))], spelt.payload())


@invalid("ENTROPY", "9.6.3", "9.6.5")
def rans_palette_of_4097() -> Draft:
    """A word too many in the palette, where nothing else is wrong."""
    spelt = replace(ZEROS, kind=((3, 2), g(4096), *[g(0)] * 4097))
    return with_payloads([exact("w", "uint16", (4,), bytes(8))], spelt.payload())


@invalid("ENTROPY", "9.6.2", "9.6.3")
def rans_table_3_of_three() -> Draft:
    """A context that no symbol has is given table 3 of three, where nothing else is wrong."""
    thresholds, tables = (g(2), g(3), g(3)), (g(2), (0, 2), (1, 2), (3, 2))
    return _bytes(4, replace(ZEROS, thresholds=thresholds, tables=tables, table=ONE_TOKEN * 3))


@invalid("ENTROPY", "9.6.3")
def rans_two_lanes_for_one_symbol() -> Draft:
    """Two lanes, of which one has no symbol."""
    spelt = replace(ZEROS, front=((1, 4), (0, 3), (0, 3), (0, 6)), words=(s(0), s(0)))
    return _bytes(1, replace(spelt, after=(2**16).to_bytes(4, "little")))
