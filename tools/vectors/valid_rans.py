"""Valid vectors: the rANS coder (SPEC.md clause 9.6)."""

from __future__ import annotations

from dataclasses import replace

from nncodec.entropy.rans.binarisation import Binarisation, Kind
from tools.vectors import wire
from tools.vectors.bases import THOUSANDTH, f32, from_grid, grid, words
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, Term, exact
from tools.vectors.mixing import TRELLIS, item_of, spread
from tools.vectors.prediction import exactly_differing
from tools.vectors.rans import GROUP, RANS, Plan, coded, folded, with_payload_of, with_payloads
from tools.vectors.rans_spelt import DATA, ROOM, Spelt, g, s, state_of, zeros

GRID = ("reference-grid",)
FOLDED = Binarisation(Kind.FOLDED, 4, 1)


def _levels(levels: list[int], plan: Plan) -> Draft:
    item = item_of("w", (len(levels),), levels, THOUSANDTH)
    return with_payloads([item], coded(folded(levels), [len(levels)], plan), group=Group(THOUSANDTH))


@valid("9.6", "9.2.3")
def rans_levels() -> Draft:
    """Levels in one lane under one table."""
    return _levels(spread(60, 5), Plan([FOLDED]))


@valid("9.6.5")
def rans_levels_large() -> Draft:
    """Levels of every length, least and greatest included, with raw bits."""
    levels = [sign * (2**n + n) for n in range(31) for sign in (1, -1)] + [2**31 - 1, -(2**31), 0]
    return _levels(levels, Plan([FOLDED], scale=12))


@valid("9.6.5")
def rans_levels_all_told() -> Draft:
    """Seven bits behind the leading one: no raw bits up to 255."""
    return _levels(spread(90, 200), Plan([Binarisation(Kind.FOLDED, 4, 7)], scale=12))


@valid("9.6.7")
def rans_lanes() -> Draft:
    """Eight lanes, three of them longer by one."""
    return _levels(spread(83, 6), Plan([FOLDED], lanes=8))


@valid("9.6.7", "9.6.3")
def rans_lane_for_each_symbol() -> Draft:
    """As many lanes as symbols."""
    return _levels(spread(16, 4), Plan([FOLDED], lanes=16))


@valid("9.6.6")
def rans_activity() -> Draft:
    """Four contexts by activity, in four lanes, from a start of 3."""
    levels = [*spread(50, 40), *spread(50, 1), *spread(50, 900)]
    return _levels(levels, Plan([FOLDED], thresholds=(9, 20, 60), tables=3, lanes=4, start=3))


@valid("9.6.6")
def rans_activity_at_its_end() -> Draft:
    """A threshold at the last activity, which nothing reaches, and one that everything reaches."""
    return _levels(spread(40, 30), Plan([FOLDED], thresholds=(0, 511), tables=3, start=63))


def _declare_grids() -> None:
    for scale, precision in ((8, 0), (10, 7), (15, 0), (15, 7)):

        def make(scale: int = scale, precision: int = precision) -> Draft:
            return _levels(spread(70, 9), Plan([FOLDED], scale=scale, precision=precision))

        make.__name__ = f"rans_scale_{scale}_precision_{precision}"
        make.__doc__ = f"Frequencies that sum up to 2^{scale}, told to {precision} bits."
        valid("9.6.4")(make)


_declare_grids()


@valid("9.6.4")
def rans_one_token() -> Draft:
    """A table of one token, whose frequency is all: its lane has no words."""
    return _levels([0] * 50, Plan([FOLDED], scale=15))


@valid("9.6", "8.2.1")
def rans_trellis_levels() -> Draft:
    """Trellis levels under the rANS coder."""
    levels = spread(48, 4)
    item = item_of("w", (48,), levels, THOUSANDTH, (TRELLIS, [48]))
    draft = with_payloads([item], coded(folded(levels), [48], Plan([FOLDED], lanes=2)), group=Group(THOUSANDTH))
    return replace(draft, patches={**draft.patches, f"{GROUP}.representation": wire.u8(TRELLIS)})


@valid("9.6.1", "7.2")
def rans_two_slices() -> Draft:
    """Two slices of one tensor: each begins anew."""
    levels = spread(50, 7)
    plan = Plan([FOLDED], thresholds=(16,), tables=2)
    payloads = [coded(folded(part), [len(part)], plan) for part in (levels[:31], levels[31:])]
    return with_payloads([item_of("w", (5, 10), levels, THOUSANDTH)], *payloads, group=Group(THOUSANDTH), cuts=(31, 19))


@valid("9.6.3")
def rans_three_areas_of_two_sets() -> Draft:
    """Three tensors, the first and the last of one set; areas of no elements take no place."""
    parts = [spread(20, 3), spread(11, 500), spread(9, 3)]
    items = [item_of(name, (len(part),), part, THOUSANDTH) for name, part in zip("abc", parts, strict=True)]
    items.insert(1, item_of("empty", (0,), [], THOUSANDTH))
    plan = Plan([FOLDED, Binarisation(Kind.SIGNED, 4, 0)], [(0, 0), (1, 0), (0, 0)], lanes=2)
    every = [level for part in parts for level in part]
    return with_payloads(items, coded(folded(every), [20, 11, 9], plan), group=Group(THOUSANDTH))


@valid("9.6.4")
def rans_free_token_of_four() -> Draft:
    """Tokens of 40, 108, 72 and 36 slots: the second and the third tie as the longest, and the second is free."""
    levels = [[0, -1, 1, -2, -1, 1, -1, 0][n * n % 8] for n in range(50)]
    return _levels(levels, Plan([Binarisation(Kind.FOLDED, 4, 1)], scale=8, given={0: 40, 1: 108, 2: 72, 6: 36}))


@valid("9.6.4")
def rans_free_token_longer_than_told() -> Draft:
    """Two tokens told as of seven bits: the second has 64 slots, and the first, which is free, all 192 others."""
    table = (g(1), g(0), s(-1), g(1), s(0))
    payload = Spelt(table=table, state=state_of(DATA, (192, 64))).payload()
    return with_payloads([exact("w", "uint8", (4,), DATA)], payload)


@valid("9.4", "9.6.1")
def rans_levels_at_the_bound_by_their_width() -> Draft:
    """Levels of INT8, 8192 of them for every byte of the payload: level_width counts, not the four bytes of a word."""
    return zeros(ROOM, 1)


FLOATS = f32(1, -1, 0.5, -0.0, 0.0, 3.1415926, 1e-3, -2e-3, 7e-4, float("inf"), 1e-42, 65504)


@valid("9.6.5")
def rans_floats() -> Draft:
    """Signs, exponents from a base on and around it, two bits of mantissa; the rest is raw."""
    how = Binarisation(Kind.FLOATING, 4, 2, low=21)
    return with_payload_of(exact("w", "float32", (3, 4), FLOATS), Plan([how], [(0, 110)]), width=4)


@valid("9.6.5")
def rans_floats_negative_base() -> Draft:
    """A base below 0."""
    how = Binarisation(Kind.FLOATING, 4, 0, low=23)
    return with_payload_of(exact("w", "float32", (3, 4), FLOATS), Plan([how], [(0, -4096)]), width=4)


@valid("9.6.5")
def rans_floats_with_zero_bits() -> Draft:
    """Thirteen bits at the end are always 0 and not coded."""
    data = b"".join((n * 0x00812000 & 0xFFFFFFFF).to_bytes(4, "little") for n in range(1, 20))
    how = Binarisation(Kind.FLOATING, 4, 1, low=22, zeros=13)
    return with_payload_of(exact("w", "float32", (19,), data), Plan([how], [(0, 3)]), width=4)


@valid("9.6.5")
def rans_doubles() -> Draft:
    """FLOAT64: 63 raw bits but for the exponent and the sign."""
    data = words(8, 0x3FF0000000000001, 0xBFE5555555555555, 0, 1 << 63, 0x7FF8000000000001, 0x000FFFFFFFFFFFFF)
    how = Binarisation(Kind.FLOATING, 8, 1, low=51)
    return with_payload_of(exact("w", "float64", (6,), data), Plan([how], [(0, 1000)], scale=12), width=8)


@valid("9.6.5")
def rans_widest_raw_bits() -> Draft:
    """A token for the sign alone, and 63 raw bits."""
    data = words(8, 0x3FF0000000000001, 0xFFFFFFFFFFFFFFFF, 0, 1 << 63)
    how = Binarisation(Kind.FLOATING, 8, 0, low=63)
    return with_payload_of(exact("w", "float64", (4,), data), Plan([how]), width=8)


@valid("9.6.5")
def rans_halves() -> Draft:
    """BFLOAT16."""
    data = b"".join((n * 4099 % 65536).to_bytes(2, "little") for n in range(24))
    how = Binarisation(Kind.FLOATING, 2, 2, low=5)
    return with_payload_of(exact("w", "bfloat16", (2, 12), data), Plan([how], [(0, 100)], lanes=2), width=2)


@valid("9.6.5")
def rans_bytes() -> Draft:
    """Bytes that are told whole."""
    data = bytes(n * n % 256 for n in range(30))
    return with_payload_of(exact("w", "uint8", (5, 6), data), Plan([Binarisation(Kind.FLOATING, 1)]), width=1)


@valid("9.6.5", "7.2")
def rans_packed() -> Draft:
    """Packed elements are symbols of a byte."""
    how = Binarisation(Kind.FLOATING, 1, 0, low=3)
    return with_payload_of(exact("w", "int4", (3, 5), bytes(range(17, 25))), Plan([how], [(0, 9)]), width=1)


@valid("9.6.5", "7.2")
def rans_complex() -> Draft:
    """Halves of complex elements are symbols of four bytes."""
    item = exact("w", "complex64", (2, 2), bytes(range(32)))
    return with_payload_of(item, Plan([Binarisation(Kind.SIGNED, 4, 3)], scale=12), width=4)


@valid("9.6.5", "7.2")
def rans_string() -> Draft:
    """Strings are symbols of a byte."""
    item = exact("w", "string", (2,), wire.strings(b"conv", b"bias"))
    return with_payload_of(item, Plan([Binarisation(Kind.FOLDED, 1, 2)], lanes=4), width=1)


@valid("9.6.5")
def rans_integers() -> Draft:
    """INT64: numbers of every length, the least one included."""
    numbers = [sign * 2**n for n in range(63) for sign in (1, -1)] + [2**63 - 1, -(2**63), 0, 12345678901]
    data = b"".join((number % 2**64).to_bytes(8, "little") for number in numbers)
    item = exact("w", "int64", (len(numbers),), data)
    return with_payload_of(item, Plan([Binarisation(Kind.SIGNED, 8, 2)], scale=12), width=8)


@valid("9.6.5")
def rans_palette() -> Draft:
    """Words that are places in a list, which holds the least and the greatest of all words."""
    listed = (0, 7, 0x3F800000, 0xBF800000, 0xFFFFFFFF)
    data = b"".join(listed[n * n % 5].to_bytes(4, "little") for n in range(25))
    item = exact("w", "float32", (5, 5), data)
    return with_payload_of(item, Plan([Binarisation(Kind.PALETTE, 4, palette=listed)]), width=4)


@valid("9.6.2", "9.6.3")
def rans_palette_of_the_greatest_word() -> Draft:
    """The word 2^64 - 1 in a palette: a Golomb code of 64 zeros."""
    item = exact("w", "uint64", (3,), bytes(8) + b"\xff" * 16)
    return with_payload_of(item, Plan([Binarisation(Kind.PALETTE, 8, palette=(0, 2**64 - 1))]), width=8)


@valid("9.6.6", "9.6.5")
def rans_activity_over_areas_and_sets() -> Draft:
    """One lane over four tensors of three sets, a palette among them: what it follows is never made fresh."""
    parts = [[0, 1, 200, 70000, 3], [9] * 7, [2**31 - 1, -(2**31), 0, 5, 1, 1], [40, -3, 2, 600, 0, 0, 7]]
    items = [item_of(name, (len(part),), part, THOUSANDTH) for name, part in zip("abcd", parts, strict=True)]
    sets = [FOLDED, Binarisation(Kind.PALETTE, 4, palette=(18,)), Binarisation(Kind.FOLDED, 4, 0)]
    plan = Plan(sets, [(0, 0), (1, 0), (2, 0), (0, 0)], thresholds=(4, 20, 60, 200), tables=4, scale=11)
    every = [level for part in parts for level in part]
    return with_payloads(items, coded(folded(every), list(map(len, parts)), plan), group=Group(THOUSANDTH))


@valid("9.6.6", "9.6.5")
def rans_activity_of_the_longest_numbers() -> Draft:
    """Numbers of 63 bits and the least one are of the last class."""
    numbers = [2**62 + 5, -(2**63), -(2**62) - 9, 2**63 - 1, 0, -(2**63), 2**61, 1, 2, -(2**63), -(2**63), 3]
    data = b"".join((number % 2**64).to_bytes(8, "little") for number in numbers)
    how = Binarisation(Kind.SIGNED, 8, 0)
    plan = Plan([how], thresholds=(100, 300, 420, 480, 490, 497, 500, 503), tables=9, scale=11, start=60)
    return with_payload_of(exact("w", "int64", (12,), data), plan, width=8)


@valid("9.6.3", "9.6.5")
def rans_bases_of_areas() -> Draft:
    """Bases are told one from the other; an area of a set without base changes nothing."""
    how, plain = Binarisation(Kind.FLOATING, 4, 1, low=22), Binarisation(Kind.SIGNED, 4, 0)
    parts = [f32(1, -2, 0.5), f32(100, 3, -7e-3), f32(9), f32(1e-9, 2e-9)]
    items = [exact(name, "float32", (len(part) // 4,), part) for name, part in zip("abcd", parts, strict=True)]
    numbers = [int.from_bytes(b"".join(parts)[at : at + 4], "little") for at in range(0, 36, 4)]
    plan = Plan([how, plain], [(0, 111), (0, 98), (1, 0), (0, 103)], scale=12)
    return with_payloads(items, coded(numbers, [3, 3, 1, 2], plan))


@valid("9.6", "9.5.1", "9.4")
def rans_levels_wider_than_their_width() -> Draft:
    """level_width INT8 and levels of three bytes: under this coder it counts for the bounds only."""
    levels = [70000, -3, 2, -500]
    item = replace(item_of("w", (4,), levels, THOUSANDTH), width=1)
    plan = Plan([FOLDED], scale=11)
    return with_payloads(
        [replace(item, levels=(0, 0, 0, 0))], coded(folded(levels), [4], plan), group=Group(THOUSANDTH)
    )


@valid("9.6.5")
def rans_palette_of_one() -> Draft:
    """A constant tensor: a list of one word."""
    item = exact("w", "float32", (40,), f32(*[0.25] * 40))
    return with_payload_of(item, Plan([Binarisation(Kind.PALETTE, 4, palette=(0x3E800000,))]), width=4)


NEAR_GRID = f32(1, 2.0000002, 3, 3.9999998, -5, 0.0, -0.0, 8, 9.5, float("inf"), 11, 12)


def _difference(item: Item, plan: Plan, *, width: int, exponent_bits: int) -> Draft:
    source = grid("grid")
    item = exactly_differing(source, replace(item, terms=(Term(),)))
    data = item.coded or b""
    numbers = [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
    old = [int.from_bytes(source.data[at : at + width], "little") for at in range(0, len(source.data), width)]
    known = [word >> (8 * width - 1 - exponent_bits) & (2**exponent_bits - 1) for word in old]
    draft = from_grid(item, groups=[Group()])
    payload = coded(numbers, [len(numbers)], plan, known)
    patches = {**draft.patches, f"{GROUP}.entropy_coder": wire.u8(RANS), "slice0.payload": payload}
    return replace(draft, patches=patches)


@valid("9.6.6", "8.4", refs=GRID)
def rans_difference_by_exponent() -> Draft:
    """The exponent of the prediction is the context: below, within and above the sides."""
    plan = Plan([Binarisation(Kind.FOLDED, 4, 2)], [(0, 128)], sides=3, tables=2, scale=12)
    return _difference(exact("grid", "float32", grid("grid").dims, NEAR_GRID), plan, width=4, exponent_bits=8)


@valid("9.6.6", "8.4", refs=GRID)
def rans_difference_by_exponent_and_activity() -> Draft:
    """Exponent and activity together."""
    plan = Plan([Binarisation(Kind.FOLDED, 4, 0)], [(0, 127)], sides=4, thresholds=(30, 90), tables=5, scale=12)
    return _difference(exact("grid", "float32", grid("grid").dims, NEAR_GRID), plan, width=4, exponent_bits=8)


@valid("9.6.6")
def rans_sides_without_prediction() -> Draft:
    """Tensors without a prediction have side 0, whatever the base says."""
    plan = Plan([FOLDED], [(0, -100)], sides=5, tables=5, scale=12)
    return _levels(spread(30, 5), plan)
