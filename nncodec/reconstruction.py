"""SPEC.md clauses 8.2 and 8.3.4: tensor parts that nothing predicts, from their levels to their bytes, all at once.

What `quantisation` and `prediction` do step by step is one loop here where code is compiled; the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nncodec.entropy.binarisation import Levels
from nncodec.kernel import index, inlined, kernel, numba
from nncodec.memory import Octets
from nncodec.prediction import reconstruct_run
from nncodec.quantisation import OFFSET_SCALE, half_levels, step_of
from nncodec.rounding import Float64s, round_to
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import DType, Trellis

Parts = Sequence[tuple[int, Quantiser]]
"""Tensor parts one behind the other: how many levels each has, and the quantiser that they are told by."""


def reconstructed(levels: Levels, parts: Parts, trellis: Trellis | None, dtype: DType) -> list[Octets]:
    """The bytes of each part, of elements of a quantisable `dtype`; `levels` are those of all. Not to be written to."""
    form = _plainly if numba() is None else _compiled
    octets = form(levels, parts, trellis, dtype)
    octets.flags.writeable = False
    width = octets.size // max(levels.size, 1)
    return [octets[begin * width : end * width] for begin, end in _spans(parts)]


def _spans(parts: Parts) -> Iterator[tuple[int, int]]:
    """Where each part begins and ends."""
    end = 0
    for count, _ in parts:
        begin, end = end, end + count
        yield begin, end


def _plainly(levels: Levels, parts: Parts, trellis: Trellis | None, dtype: DType) -> Octets:
    found = [
        reconstruct_run(half_levels(levels[begin:end], trellis), quantiser, None, dtype)
        for (begin, end), (_, quantiser) in zip(_spans(parts), parts, strict=True)
    ]
    return np.frombuffer(b"".join(found), np.uint8)


def _compiled(levels: Levels, parts: Parts, trellis: Trellis | None, dtype: DType) -> Octets:
    is_single = dtype == DType.FLOAT32  # to which compiled code rounds
    values = np.empty(levels.size, np.float32 if is_single else np.float64)
    fill_values(levels, *_quantisers(parts), *(trellis or (0, 0)), values)
    if is_single:
        return values.astype("<f4", copy=False).view(np.uint8)
    return np.frombuffer(round_to(values.astype(np.float64, copy=False), dtype), np.uint8)


def _quantisers(parts: Parts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Float64s]:
    """Of every part where it ends, its offset, and what one 1/256 of its step is."""
    ends = np.array([end for _, end in _spans(parts)], np.int64)
    offsets = np.array([quantiser.reconstruction_offset for _, quantiser in parts], np.int64)
    return ends, offsets, np.array([step_of(quantiser) / OFFSET_SCALE for _, quantiser in parts], np.float64)


@kernel
def fill_values(levels, ends, offsets, scales, feedback, drive, values):  # type: ignore[no-untyped-def]
    """Write the value of every level: its half level of state 0 on, as clauses 8.2.1 and 8.2.2 say."""
    begin = 0
    for part in range(len(ends)):
        count, offset, scale = ends[part] - begin, offsets[part], scales[part]
        if feedback == 0:  # no trellis: nothing follows from the level before, and several are done at a time
            for i in range(count):
                at = index(begin + i)
                values[at] = value_of(levels[at], offset, scale)
        else:
            state = 0
            for i in range(count):
                at = index(begin + i)
                level, odd = levels[at], state & 1
                values[at] = value_of(level, offset - odd * (OFFSET_SCALE // 2), scale)
                state = (state >> 1) ^ (-odd & feedback) ^ (-(level & 1) & drive)
        begin = ends[part]


@inlined
def value_of(level, offset, scale):  # type: ignore[no-untyped-def]
    """The value of a level; in odd states its half level is one nearer to 0, and `offset` less by half a step."""
    sign = (1 if level > 0 else 0) - (1 if level < 0 else 0)
    return (OFFSET_SCALE * int(level) + offset * sign) * scale
