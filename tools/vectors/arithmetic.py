"""What a decoder must compute (SPEC.md clauses 3.5 and 8.1 to 8.3), in exact fractions: no float arithmetic anywhere.

A number is a sign and an exact magnitude; a magnitude of None is infinity. Rounding is one function for every format.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final


@dataclass(frozen=True)
class Format:
    """An IEEE-754 binary format: bits in all, bits of the significand (the hidden one included), largest exponent."""

    bits: int
    precision: int
    max_exponent: int

    @property
    def quantum(self) -> int:
        """Exponent of the smallest subnormal number."""
        return 2 - self.max_exponent - self.precision

    @property
    def largest(self) -> Fraction:
        """Largest finite number."""
        return (2 - Fraction(2) ** (1 - self.precision)) * Fraction(2) ** self.max_exponent


BINARY64: Final = Format(64, 53, 1023)
FORMATS: Final = {
    "float64": BINARY64,
    "float32": Format(32, 24, 127),
    "float16": Format(16, 11, 15),
    "bfloat16": Format(16, 8, 127),
}


@dataclass(frozen=True)
class Number:
    """A signed number; zero has a sign, infinity has no magnitude."""

    negative: bool
    magnitude: Fraction | None

    @property
    def exact(self) -> Fraction:
        """The value; a finite one."""
        if self.magnitude is None:
            raise ValueError("infinity has no exact value")
        return -self.magnitude if self.negative else self.magnitude


ZERO: Final = Number(negative=False, magnitude=Fraction(0))


def number(value: Fraction | int) -> Number:
    """The number `value`; zero is positive."""
    return Number(value < 0, abs(Fraction(value)))


def exponent(value: Fraction) -> int:
    """floor(log2(value)) of a positive `value`."""
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


def nearest(value: Number, target: Format) -> Number:
    """`value` rounded once to `target`: to nearest, ties to even; overflow gives infinity, the sign stays."""
    if not value.magnitude:
        return value
    step = Fraction(2) ** max(exponent(value.magnitude) - target.precision + 1, target.quantum)
    rounded = round(value.magnitude / step) * step  # Fraction.__round__ goes to even on a tie
    return Number(value.negative, None if rounded > target.largest else rounded)


def encode(value: Number, target: Format) -> bytes:
    """Bits of a number that `target` has, little-endian."""
    sign = int(value.negative) << (target.bits - 1)
    bits = (2 * target.max_exponent + 1) << (target.precision - 1)
    if value.magnitude is not None:
        bits = _finite_bits(value.magnitude, target)
    return (sign | bits).to_bytes(target.bits // 8, "little")


def _finite_bits(magnitude: Fraction, target: Format) -> int:
    units = magnitude / Fraction(2) ** target.quantum
    shift = 0
    while units >= 2**target.precision:
        units, shift = units / 2, shift + 1
    if units.denominator != 1:
        raise ValueError(f"{magnitude} is not a number of {target}")
    # A normal number carries its hidden bit into the exponent field; a subnormal one has neither.
    return units.numerator + (shift << (target.precision - 1))


def decode(data: bytes, source: Format) -> list[Number | None]:
    """The numbers in `data`; None for a NaN."""
    size = source.bits // 8
    words = [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]
    return [_decode_word(word, source) for word in words]


def _decode_word(word: int, source: Format) -> Number | None:
    negative, rest = divmod(word, 1 << (source.bits - 1))
    field, fraction = divmod(rest, 1 << (source.precision - 1))
    if field == 2 * source.max_exponent + 1:
        return None if fraction else Number(bool(negative), None)
    hidden = (1 << (source.precision - 1)) if field else 0
    scale = Fraction(2) ** (source.quantum + max(field - 1, 0))
    return Number(bool(negative), (hidden + fraction) * scale)


def step_of(quantiser: bytes) -> Fraction:
    """8.1: the step of a quantiser record, a binary64 number."""
    if quantiser[0] == 0:
        power = Fraction(10) ** (quantiser[2] - quantiser[1])
        return nearest(number(power), BINARY64).exact
    if quantiser[0] == 1:
        high, low = divmod(int.from_bytes(quantiser[1:3], "little"), 1024)
        return (1024 + low) * Fraction(2) ** (high - 58)
    return Fraction(struct.unpack("<d", quantiser[1:9])[0])


def dequantise(level: int, quantiser: bytes) -> Number:
    """8.2: (256 n + sgn(n) offset) times a 256th of the step, rounded once to binary64."""
    offset = int.from_bytes(quantiser[-1:], "little", signed=True)
    scaled = 256 * level + ((level > 0) - (level < 0)) * offset
    return nearest(number(scaled * (step_of(quantiser) / 256)), BINARY64)


def add(left: Number, right: Number) -> Number:
    """The sum, rounded once to binary64. An exact zero is positive unless both terms are negative zeros."""
    total = left.exact + right.exact
    if total == 0:
        return Number(left.negative and right.negative, Fraction(0))
    return nearest(number(total), BINARY64)


def times(left: Number | None, right: Number) -> Number | None:
    """The product, rounded once to binary64; None where it is not finite."""
    if left is None or left.magnitude is None or right.magnitude is None:
        return None
    product = nearest(Number(left.negative != right.negative, left.magnitude * right.magnitude), BINARY64)
    return None if product.magnitude is None else product


def plus(left: Number | None, right: Number | None) -> Number | None:
    """The sum as `add` gives it; None where it is not finite."""
    if left is None or right is None or left.magnitude is None or right.magnitude is None:
        return None
    total = add(left, right)
    return None if total.magnitude is None else total


def reconstruct(
    levels: Sequence[int], quantiser: bytes, dtype: str, prediction: Sequence[Number] | None = None
) -> bytes:
    """8.3.4: the data of a tensor."""
    values = [dequantise(level, quantiser) for level in levels]
    if prediction is not None:
        values = [add(left, right) for left, right in zip(prediction, values, strict=True)]
    return rounded(values, dtype)


def rounded(values: Sequence[Number], dtype: str) -> bytes:
    """3.5: each value rounded once to an element type."""
    target = FORMATS[dtype]
    return b"".join(encode(nearest(value, target), target) for value in values)
