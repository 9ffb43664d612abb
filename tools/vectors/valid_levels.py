"""Valid vectors: level widths, steps and reconstruction offsets (SPEC.md clauses 6.4.2, 8.1, 8.2 and 9.2.1)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import ONE, THOUSANDTH
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, quantised

SMALL = (0, 1, -1, 2, -2, 100, -100, 127, -128)


def _levels(quantiser: bytes, levels: tuple[int, ...] = SMALL, dtype: str = "float64", width: int = 1) -> Draft:
    return Draft([quantised("w", dtype, levels, quantiser, width)], [Group(quantiser)])


@valid("4", "9.2.1")
def width_int8() -> Draft:
    """Levels of one byte, from -128 to 127."""
    return _levels(ONE, (-128, -127, -1, 0, 1, 126, 127), "float32")


@valid("4", "9.2.1")
def width_int16() -> Draft:
    """Levels of two bytes, from -32768 to 32767."""
    return _levels(ONE, (-32768, -32767, -129, 0, 128, 32767), "float32", 2)


@valid("4", "8.2", "9.2.1")
def width_int32() -> Draft:
    """Levels of four bytes, from -2^31 to 2^31 - 1: 40-bit products."""
    return _levels(ONE, (-(2**31), 1 - 2**31, -32769, 0, 32768, 2**31 - 1), "float64", 4)


@valid("4", "8.2", "9.2.1")
def width_int32_extreme_offset() -> Draft:
    """The largest levels with offsets of -128: every bit of a 40-bit product counts."""
    return _levels(wire.compact(58 << 10, -128), (-(2**31), 2**31 - 1, -1, 1), "float64", 4)


@valid("9.2.1")
def width_wider_than_needed() -> Draft:
    """A width may be wider than the levels need."""
    return _levels(ONE, (0, 1, -1), "float32", 4)


@valid("8.1")
def step_decadic_one() -> Draft:
    """s_bits = q_bits: a step of 1."""
    return _levels(wire.decadic(12, 12))


@valid("8.1")
def step_decadic_of_the_paper() -> Draft:
    """s_bits 12, q_bits 8: a step of 10^-4, which binary64 cannot hold exactly."""
    return replace(_levels(wire.decadic(12, 8), dtype="float32"), profile=wire.BASELINE)


@valid("8.1", "R-7.1.4")
def step_decadic_largest() -> Draft:
    """10^154, the largest decadic step."""
    return _levels(wire.decadic(0, 154))


@valid("8.1", "R-7.1.4")
def step_decadic_smallest() -> Draft:
    """10^-154, the smallest decadic step."""
    return _levels(wire.decadic(255, 101))


@valid("8.1")
def step_decadic_hard_to_round() -> Draft:
    """10^23 lies almost half-way between two binary64 numbers; powers by repeated multiplication miss it."""
    return _levels(wire.decadic(0, 23), (1, -1, 3))


@valid("8.1")
def step_decadic_every_tenth_power() -> Draft:
    """Own quantisers with 10^-20 to 10^-1 and 10^10 to 10^29: the nearest binary64 of each."""
    powers = (*range(-20, 0), *range(10, 30))
    items = [_own(f"e{power}", wire.decadic(max(-power, 0), max(power, 0))) for power in powers]
    return Draft(items, [Group(ONE)])


def _own(name: str, quantiser: bytes) -> Item:
    return replace(quantised(name, "float64", (1, -3), quantiser), quantiser=quantiser)


@valid("8.1")
def step_compact_ends() -> Draft:
    """Compact steps of code 0 (2^-48) and 65535 (2047 * 32), and their neighbours."""
    return Draft([_own(f"c{code}", wire.compact(code)) for code in (0, 1, 1023, 1024, 65535)], [Group(ONE)])


@valid("8.1")
def step_compact_middle() -> Draft:
    """A compact step with mantissa and exponent in use."""
    return _levels(wire.compact(45 << 10 | 389), dtype="float32")


@valid("8.1", "R-7.1.4")
def step_binary64_bounds() -> Draft:
    """Steps of 2^-512 and 2^512, the bounds, both allowed."""
    items = [_own("low", wire.binary64(2.0**-512)), _own("high", wire.binary64(2.0**512))]
    return Draft(items, [Group(ONE)])


@valid("8.1", "8.2")
def step_binary64_product_is_rounded() -> Draft:
    """A step of 0.1 (binary64): 3 * 0.1 is not the binary64 nearest to 0.3."""
    return _levels(wire.binary64(0.1))


@valid("6.6.1", "8.1")
def quantisers_of_every_kind() -> Draft:
    """The quantiser of the group and own quantisers of all three kinds, in one group."""
    items = [
        quantised("group", "float32", (1, -1), THOUSANDTH),
        _own("decadic", wire.decadic(2, 0, 3)),
        _own("compact", wire.compact(50 << 10, -3)),
        _own("binary64", wire.binary64(1 / 3, 5)),
    ]
    return Draft(items, [Group(THOUSANDTH)])


@valid("6.6.1")
def quantiser_of_group_unused() -> Draft:
    """Every tensor has its own quantiser; that of the group is there all the same."""
    return Draft([_own("a", wire.compact(7)), _own("b", wire.binary64(2.5))], [Group(wire.decadic(4, 4))])


def _declare_offsets() -> None:
    for name, offset in (("smallest", -128), ("minus_one", -1), ("one", 1), ("largest", 127)):

        def make(offset: int = offset) -> Draft:
            return _levels(wire.binary64(0.3, offset))

        make.__name__ = f"offset_{name}"
        make.__doc__ = f"A reconstruction offset of {offset}: levels move away from zero or towards it, 0 stays +0."
        valid("6.4.2", "8.2")(make)


_declare_offsets()


@valid("6.4.2", "8.2")
def offset_with_decadic_step() -> Draft:
    """Profile MAIN allows an offset with a decadic step."""
    return _levels(wire.decadic(12, 9, 33), dtype="float32")


@valid("8.2", "9.3")
def levels_lzma2_with_offset() -> Draft:
    """Levels of two bytes under LZMA2, with an offset, as bfloat16."""
    draft = _levels(wire.compact(40 << 10 | 5, 12), (0, 700, -701, 32767, -32768), "bfloat16", 2)
    return replace(draft, groups=[replace(draft.groups[0], pack=wire.stored)])
