"""Invalid vectors: the rANS coder (SPEC.md clause 9.6)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors.bases import THOUSANDTH
from tools.vectors.cases import invalid
from tools.vectors.draft import Draft, Group, exact
from tools.vectors.mixing import item_of
from tools.vectors.rans import with_payloads
from tools.vectors.rans_spelt import DATA, Spelt, g, s, state_of


def _draft(payload: bytes) -> Draft:
    return with_payloads([exact("w", "uint8", (4,), DATA)], payload)


SPELT = {
    "rans-lanes-over-symbols 9.6.3": (Spelt(front=((3, 4), (0, 3), (0, 3), (0, 6))), "Eight lanes for four symbols."),
    "rans-sets-over-256 9.6.3": (Spelt(sets=g(256)), "257 sets."),
    "rans-low-over-word 9.6.3": (
        Spelt(kind=((2, 2), (0, 3), (8, 6), (0, 6))),
        "FLOATING bytes with 8 bits below the token, where a word has 8.",
    ),
    "rans-zeros-over-low 9.6.3": (Spelt(kind=((2, 2), (0, 3), (1, 6), (2, 6))), "More zero bits than bits."),
    "rans-palette-over-all-words 9.6.3": (
        Spelt(kind=((3, 2), g(1), g(0), g(255))),
        "A palette whose second word would be 256.",
    ),
    "rans-palette-over-4096 9.6.3": (Spelt(kind=((3, 2), g(4096), g(0), g(0))), "A palette of 4097 words."),
    "rans-sides-over-64 9.6.3": (Spelt(sides=g(64)), "65 sides."),
    "rans-thresholds-over-31 9.6.3": (Spelt(thresholds=(g(32), *[g(0)] * 32)), "32 thresholds."),
    "rans-threshold-over-511 9.6.3": (Spelt(thresholds=(g(2), g(511), g(0))), "A threshold of 512."),
    "rans-tables-over-contexts 9.6.3": (Spelt(tables=(g(1), (0, 1))), "Two tables for one context."),
    "rans-chosen-over-tables 9.6.3": (
        Spelt(thresholds=(g(2), g(3), g(3)), tables=(g(2), (0, 2), (1, 2), (3, 2))),
        "Table 3 of three.",
    ),
    "rans-tokens-over-alphabet 9.6.4": (Spelt(table=(g(16), *[g(0), s(0)] * 17)), "17 tokens of 16."),
    "rans-token-over-alphabet 9.6.4": (Spelt(table=(g(1), g(0), s(0), g(15), s(0))), "Token 16 of 16."),
    "rans-length-0 9.6.4": (Spelt(table=(g(1), g(0), s(0), g(1), s(-8))), "A frequency of no bits."),
    "rans-length-over-scale 9.6.4": (Spelt(table=(g(1), g(0), s(2), g(1), s(0))), "A frequency of ten bits."),
    "rans-sum-over-all 9.6.4": (
        Spelt(table=(g(2), g(0), s(0), g(1), s(0), g(0), s(0))),
        "Three frequencies of one half each.",
    ),
    "rans-words-negative 9.6.3": (Spelt(words=(s(-1),)), "A lane of -1 words."),
    "rans-words-over-symbols 9.6.3": (Spelt(words=(s(5),)), "A lane of five words for four symbols."),
    "rans-word-left-over 9.6.7": (Spelt(words=(s(1),), after=b"\0\0"), "A word that no symbol needs."),
    "rans-words-missing 9.6.1": (Spelt(words=(s(1),)), "A word that the payload does not hold."),
    "rans-state-ends-high 9.6.7": (Spelt(state=2 * state_of(DATA)), "A state that does not end at 2^16."),
    "rans-words-give-out 9.6.7": (Spelt(state=0x10000), "A state that needs a word, and has none."),
    "rans-byte-behind 9.6.1": (Spelt(after=b"\0"), "A byte behind the raw bits."),
    "rans-head-padding 9.6.1": (Spelt(more=((1, 1),)), "A bit of 1 in the padding of the head."),
    "rans-sides-over-room 9.6.3": (
        Spelt(sides=g(63), thresholds=(g(31), *[g(0)] * 31), tables=(g(0),), areas=(s(0),)),
        "2048 contexts where four symbols may have 1024.",
    ),
    "rans-tokens-over-slots 9.6.4": (
        Spelt(kind=((0, 2), (7, 3)), table=(g(256), *[g(0), s(0)] * 257)),
        "257 tokens where frequencies sum up to 256.",
    ),
    "rans-state-low 9.6.7": (Spelt(table=(g(0), g(0), s(1)), state=0xFFFF), "A state below 2^16."),
    "rans-golomb-over-64 9.6.2": (Spelt(sets=(0, 70), more=((0, 60),)), "A Golomb code of more than 64 zeros."),
}


def _declare(name: str, spelt: Spelt, tests: str) -> None:
    case_id, *clauses = name.split()

    def make() -> Draft:
        return _draft(spelt.payload())

    make.__name__ = case_id.replace("-", "_")
    make.__doc__ = tests
    invalid("ENTROPY", *clauses)(make)


for _name, (_spelt, _tests) in SPELT.items():
    _declare(_name, _spelt, _tests)


@invalid("ENTROPY", "9.6.1", "9.4")
def rans_empty_payload() -> Draft:
    """No payload."""
    return _draft(b"")


@invalid("ENTROPY", "9.6.1")
def rans_head_cut() -> Draft:
    """A payload that ends inside its head."""
    return _draft(Spelt().payload()[:4])


@invalid("ENTROPY", "9.6.1")
def rans_state_cut() -> Draft:
    """A payload that ends inside a state."""
    return _draft(Spelt().payload()[:-1])


@invalid("ENTROPY", "9.4")
def rans_bomb() -> Draft:
    """A payload of twelve bytes that would decode to 40,000 levels: more than 8192 bytes a byte."""
    spelt = Spelt(table=(g(0), g(0), s(1)), state=0x10000)
    item = item_of("w", (40_000,), [0] * 40_000, THOUSANDTH)
    return with_payloads([item], spelt.payload(), group=Group(THOUSANDTH))


def _large(scale: int, sides: int, tables: int) -> Spelt:
    width = (tables - 1).bit_length()
    chosen = [(context % tables, width) for context in range(sides) if width]
    front = ((0, 4), (scale - 8, 3), (0, 3), (0, 6))
    one = (g(0), g(0), s(scale + 1 - 8))
    return Spelt(
        front=front,
        sides=g(sides - 1),
        tables=(g(tables - 1), *chosen),
        table=one * tables,
        areas=(s(0),),
        state=0x10000,
    )


@invalid("ENTROPY", "9.6.3")
def rans_slots_over_room() -> Draft:
    """Two tables of 2^15 slots each, where four symbols may have 2^15 + 256 slots."""
    return _draft(_large(15, 2, 2).payload())


@invalid("ENTROPY", "9.6.3")
def rans_slots_of_all_sets_over_room() -> Draft:
    """Two sets with a table of 2^15 slots each."""
    one = _large(15, 1, 1)
    again = (*one.kind, one.sides, *one.thresholds, *one.tables, *one.table)
    return _draft(replace(one, sets=g(1), areas=((0, 1),), table=(*one.table, *again)).payload())


@invalid("ENTROPY", "9.6.3")
def rans_alphabets_over_room() -> Draft:
    """Three sets of 16130 tokens each, where four symbols may have 33,024."""
    spelt = Spelt(kind=((0, 2), (7, 3)), table=(g(0), g(0), s(1)), state=0x10000)
    again = (*spelt.kind, spelt.sides, *spelt.thresholds, *spelt.tables, *spelt.table)
    spelt = replace(spelt, sets=g(2), areas=((0, 2),), table=(*spelt.table, *again, *again))
    item = exact("w", "int64", (4,), bytes(32))
    return with_payloads([item], spelt.payload())


def _floating(low: int, zeros: int) -> Draft:
    """FLOATING words of eight bytes, all 0."""
    kind = ((2, 2), (0, 3), (low, 6), (zeros, 6))
    spelt = Spelt(kind=kind, table=(g(0), g(0), s(1)), areas=(s(0),), state=0x10000)
    return with_payloads([exact("w", "float64", (4,), bytes(32))], spelt.payload())


@invalid("ENTROPY", "9.6.3", "9.6.5")
def rans_floating_alphabet_over_64_bits() -> Draft:
    """Low = 0 in words of eight bytes: an alphabet of 2^64 + 1 tokens."""
    return _floating(0, 0)


@invalid("ENTROPY", "9.6.3")
def rans_floating_told_over_13() -> Draft:
    """Fourteen bits of a word in its token."""
    return _floating(50, 0)


@invalid("ENTROPY", "9.6.3")
def rans_floating_zeros_over_low() -> Draft:
    """One more zero bit than bits, where nothing else is wrong."""
    return _floating(52, 53)


@invalid("ENTROPY", "9.6.3")
def rans_base_over_range() -> Draft:
    """A base of 4097, told in two steps."""
    kind = ((2, 2), (0, 3), (52, 6), (0, 6))
    areas = (s(4096), s(1))
    spelt = Spelt(kind=kind, table=(g(0), g(0), s(1)), areas=areas, state=0x10000)
    items = [exact(name, "float64", (2,), bytes(16)) for name in "ab"]
    return with_payloads(items, spelt.payload())


@invalid("ENTROPY", "9.6.2", "9.6.3")
def rans_palette_golomb_over_64_bits() -> Draft:
    """A palette whose first word would be 2^64 + 4."""
    kind = ((3, 2), g(0), g(2**64 + 4))
    spelt = Spelt(kind=kind, table=(g(0), g(0), s(1)), state=0x10000)
    return with_payloads([exact("w", "int64", (4,), (4).to_bytes(8, "little") * 4)], spelt.payload())


@invalid("ENTROPY", "9.6.3")
def rans_palette_sum_over_64_bits() -> Draft:
    """A palette whose second word would be 2^64."""
    kind = ((3, 2), g(1), g(2**64 - 1), g(0))
    spelt = Spelt(kind=kind, table=(g(0), g(1), s(1)), state=0x10000)
    return with_payloads([exact("w", "int64", (4,), bytes(32))], spelt.payload())


@invalid("ENTROPY", "9.6.2", "9.6.3")
def rans_set_over_sets() -> Draft:
    """An area of set 3 of three, where nothing else is wrong."""
    spelt = Spelt(table=(g(0), g(0), s(1)), state=0x10000)
    again = (*spelt.kind, spelt.sides, *spelt.thresholds, *spelt.tables, *spelt.table)
    spelt = replace(spelt, sets=g(2), areas=((3, 2),), table=(*spelt.table, *again, *again))
    return with_payloads([exact("w", "uint8", (4,), bytes(4))], spelt.payload())


RAW = Spelt(kind=((0, 2), (0, 3)), table=(g(0), g(7), s(1)), state=0x10000)
"""Token 7, of FOLDED bytes: magnitudes 8 to 15, three raw bits each."""


@invalid("ENTROPY", "9.6.1")
def rans_raw_bits_missing() -> Draft:
    """One byte of raw bits where twelve bits are needed."""
    return _draft(RAW.payload() + b"\x35")


@invalid("ENTROPY", "9.6.1")
def rans_raw_byte_too_many() -> Draft:
    """Three bytes of raw bits where twelve bits are needed."""
    return _draft(RAW.payload() + b"\x35\x0a\0")


@invalid("ENTROPY", "9.6.1")
def rans_raw_padding() -> Draft:
    """A bit of 1 behind the raw bits."""
    return _draft(RAW.payload() + b"\x35\x1a")
