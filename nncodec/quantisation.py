"""SPEC.md clauses 8.1 and 8.2: steps, levels and values, both directions side by side.

The normative half is `step_of` and `dequantise`. `quantise` is the paper's eq. 1 as clause E.2 resolves it; an encoder
may choose its levels in any other way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.entropy.binarisation import Levels
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.kernel import inlined, kernel, numba, sequence
from nncodec.limits import MAX_LEVEL_MAGNITUDE, MAX_STEP, MIN_STEP
from nncodec.rounding import Float64s
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import StepKind, Trellis

HalfLevels = npt.NDArray[np.signedinteger[Any]]

OFFSET_SCALE = 256
"""`reconstruction_offset` counts in 1/256 of a step."""

_COMPACT_MANTISSA_BITS = 10
_COMPACT_EXPONENT_BIAS = 58
COMPACT_CODES = 1 << 16
"""Codes of COMPACT steps, in the order of the steps."""


def step_of(quantiser: Quantiser) -> float:
    """8.1: the quantisation step in units of the weights, as binary64. Raises InvalidStreamError (VALUE_RANGE)."""
    if quantiser.step_kind == StepKind.DECADIC:
        step = decadic_step(quantiser.s_bits or 0, quantiser.q_bits or 0)
    elif quantiser.step_kind == StepKind.COMPACT:
        step = compact_step(quantiser.step_code or 0)
    else:
        step = quantiser.step_value or 0.0
    if not MIN_STEP <= step <= MAX_STEP:
        what = f"quantisation step {step!r} is not within 2^-512 to 2^512"
        raise InvalidStreamError(ErrorClass.VALUE_RANGE, what, clause="R-7.1.4")
    return step


def decadic_step(s_bits: int, q_bits: int) -> float:
    """The binary64 nearest to 10^(q_bits - s_bits) (paper eq. 2, in weight units)."""
    return float(f"1e{q_bits - s_bits}")


def compact_step(code: int) -> float:
    """(1024 + m) * 2^(e - 58), with m the low 10 and e the high 6 bits of the 16-bit `code`; exact."""
    mantissa = code & ((1 << _COMPACT_MANTISSA_BITS) - 1)
    exponent = code >> _COMPACT_MANTISSA_BITS
    return math.ldexp(mantissa + (1 << _COMPACT_MANTISSA_BITS), exponent - _COMPACT_EXPONENT_BIAS)


def compact_code(step: float) -> int | None:
    """The code whose `compact_step` is exactly `step`; None where there is none."""
    mantissa, exponent = math.frexp(step)
    scaled = mantissa * (1 << (_COMPACT_MANTISSA_BITS + 1))
    field = exponent - _COMPACT_MANTISSA_BITS - 1 + _COMPACT_EXPONENT_BIAS
    if scaled != int(scaled) or not 0 <= field < 1 << 6:
        return None
    return field << _COMPACT_MANTISSA_BITS | int(scaled) - (1 << _COMPACT_MANTISSA_BITS)


def compact_quantiser(step: float) -> Quantiser | None:
    """The COMPACT quantiser with the greatest step up to `step`; None where there is none."""
    if not 0 < step < math.inf:
        return None
    mantissa, exponent = math.frexp(step)
    code = compact_code(math.ldexp(math.floor(mantissa * 2048) / 2048, exponent))
    return None if code is None else Quantiser(StepKind.COMPACT, None, None, code, None, 0)


def quantiser_near(step: float) -> Quantiser:
    """COMPACT, rounded down; BINARY64 where COMPACT does not reach; within the bounds of a step. `step` is above 0."""
    step = min(max(step, MIN_STEP), MAX_STEP)
    return compact_quantiser(step) or exact_quantiser(step)


def exact_quantiser(step: float) -> Quantiser:
    """BINARY64, of exactly this step."""
    return Quantiser(StepKind.BINARY64, None, None, None, step, 0)


def half_levels(levels: Levels, trellis: Trellis | None) -> HalfLevels:
    """8.2.1: what the levels of one slice's part of a tensor stand for, in half steps.

    Twice the level; with a trellis, in its odd states, one less for what is above 0 and one more for what is below.
    In 32 bits, or in 64 where a level asks for that.
    """
    for integer in (np.int32, np.int64):
        halves = _halved(levels, trellis, integer)
        if halves is not None:
            return halves
    raise OverflowError("a level of more than 32 bits")


def _halved(levels: Levels, trellis: Trellis | None, integer: type[np.signedinteger[Any]]) -> HalfLevels | None:
    """Half levels as an `integer`; None where twice a level may not fit it."""
    most = int(np.iinfo(integer).max) // 2
    if trellis is None:
        fits = not levels.size or max(int(levels.max()), -int(levels.min())) <= most
        return np.multiply(levels, 2, dtype=integer) if fits else None
    halves = sequence(np.zeros(levels.size, integer))
    fits = halve(sequence(levels), halves, most, *trellis)
    return np.asarray(halves, integer) if fits else None


@kernel
def halve(levels, halves, most, feedback, drive):  # type: ignore[no-untyped-def]
    """Write what levels stand for, from state 0 on; False where the magnitude of one is greater than `most`."""
    state = 0
    for i in range(len(levels)):
        level = levels[i]
        if level > most or level < -most:
            return False
        halves[i] = half_level(level, state & 1)
        state = next_state(state, level, feedback, drive)
    return True


@inlined
def half_level(level, odd):  # type: ignore[no-untyped-def]
    """8.2.1: what a level stands for; `odd` is 1 in an odd state. A branch would be taken wrongly half of the time."""
    return 2 * int(level) - odd * sign_of(level)


@inlined
def next_state(state, level, feedback, drive):  # type: ignore[no-untyped-def]
    """8.2.1: the state behind a level that was met in `state`."""
    return (state >> 1) ^ (-(state & 1) & feedback) ^ (-(level & 1) & drive)


@inlined
def sign_of(number):  # type: ignore[no-untyped-def]
    """-1, 0 or 1."""
    return (1 if number > 0 else 0) - (1 if number < 0 else 0)


@inlined
def value_of(number, unit, offset, scale):  # type: ignore[no-untyped-def]
    """8.2.2: the value of a number of units and, away from 0, an offset, all in 1/256 of a step, which is `scale`."""
    return (unit * int(number) + offset * sign_of(number)) * scale


def dequantise(halves: HalfLevels, step: float, offset: int) -> Float64s:
    """8.2.2: (128 h + sgn(h) offset) * (step / 256), the integer exact, the division exact, one rounded product."""
    scale = step / OFFSET_SCALE
    if numba() is not None:
        values = np.empty(halves.size)
        dequantise_all(halves, offset, scale, values)
        return values
    values = halves.astype(np.float64)  # the integers stay exact: they are below 2^53
    signs = np.sign(values)
    values *= OFFSET_SCALE // 2
    signs *= offset
    values += signs
    values *= scale
    return values


@kernel
def dequantise_all(halves, offset, scale, values):  # type: ignore[no-untyped-def]
    """As `dequantise`, into `values`."""
    for i in range(len(halves)):
        values[i] = value_of(halves[i], OFFSET_SCALE // 2, offset, scale)


def quantise(values: Float64s, step: float, rounding: float) -> Levels | None:
    """Levels sgn(x) floor(|x| / step + f) with f = `rounding` in [0, 0.5] (paper eq. 1; half-open cells, -0 gives 0).

    Returns None where a value is not finite or its level does not fit 32 bits.
    """
    if numba() is not None:
        levels = np.empty(values.size, np.int32)
        return levels if quantise_all(values, step, rounding, MAX_LEVEL_MAGNITUDE, levels) else None
    if not np.isfinite(values).all():
        return None
    with np.errstate(over="ignore"):
        magnitudes = np.floor(np.abs(values) / step + rounding)
    if magnitudes.size and magnitudes.max() > MAX_LEVEL_MAGNITUDE:
        return None
    return (np.sign(values) * magnitudes).astype(np.int32)


@kernel
def quantise_all(values, step, rounding, most, levels):  # type: ignore[no-untyped-def]
    """As `quantise`; False where a value is not finite or a level is greater than `most`."""
    for i in range(len(values)):
        magnitude = np.floor(abs(values[i]) / step + rounding)
        if not magnitude <= most:
            return False
        levels[i] = -magnitude if values[i] < 0 else magnitude
    return True
