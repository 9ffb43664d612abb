"""SPEC.md clauses 8.2 and 8.3.4: the levels of a slice → the bytes of its tensor parts, for decoder and encoder.

Where nothing is predicted and code is compiled, what `quantisation` and `prediction` do step by step is one loop here;
the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from nncodec.entropy.binarisation import Levels
from nncodec.kernel import index, kernel, numba
from nncodec.memory import Octets
from nncodec.prediction import Predictor, reconstruct_run
from nncodec.quantisation import OFFSET_SCALE, half_levels, next_state, step_of, value_of
from nncodec.rounding import round_to
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import DType, Trellis


@dataclass(frozen=True)
class Part:
    """A part of a tensor of a quantisable `dtype`: how many levels it has, and what becomes of them.

    quantiser: None for a part whose quantiser or prediction is invalid: it yields no bytes.
    """

    count: int
    dtype: DType
    quantiser: Quantiser | None
    prediction: Predictor | None


def reconstructed(levels: Levels, parts: Sequence[Part], trellis: Trellis | None) -> list[bytes | Octets]:
    """The bytes of each part of a slice; `levels` are those of all, flat. They are not to be written to."""
    plain = [part.quantiser for part in parts if part.quantiser is not None and part.prediction is None]
    if numba() is not None and len(plain) == len(parts) and len({part.dtype for part in parts}) == 1:
        return list(_at_once(levels, parts, plain, trellis))
    return [_of_part(levels[its], part, trellis) for part, its in zip(parts, _places(parts), strict=True)]


def _of_part(levels: Levels, part: Part, trellis: Trellis | None) -> bytes:
    if part.quantiser is None:
        return b""
    return reconstruct_run(half_levels(levels, trellis), part.quantiser, part.prediction, part.dtype)


def _places(parts: Sequence[Part]) -> Iterator[slice]:
    """Where the levels of each part stand."""
    return (slice(*ends) for ends in pairwise(accumulate((part.count for part in parts), initial=0)))


def _at_once(
    levels: Levels, parts: Sequence[Part], quantisers: Sequence[Quantiser], trellis: Trellis | None
) -> Iterator[Octets]:
    """The same by one loop, for parts of one type that nothing predicts."""
    dtype = parts[0].dtype
    is_single = dtype == DType.FLOAT32  # to which compiled code rounds
    values = np.empty(levels.size, np.float32 if is_single else np.float64)
    ends = np.array([its.stop for its in _places(parts)], np.int64)
    offsets = np.array([quantiser.reconstruction_offset for quantiser in quantisers], np.int64)
    scales = np.array([step_of(quantiser) / OFFSET_SCALE for quantiser in quantisers], np.float64)
    fill_values(levels, ends, offsets, scales, *(trellis or (0, 0)), values)
    if is_single:
        octets = values.astype("<f4", copy=False).view(np.uint8)
        octets.flags.writeable = False
    else:
        octets = np.frombuffer(round_to(values.astype(np.float64, copy=False), dtype), np.uint8)
    width = octets.size // max(levels.size, 1)
    return (octets[its.start * width : its.stop * width] for its in _places(parts))


@kernel
def fill_values(levels, ends, offsets, scales, feedback, drive, values):  # type: ignore[no-untyped-def]
    """Write the value of every level, each part from state 0 on.

    What a level stands for is one half nearer to 0 in an odd state: its offset is so much less.
    """
    begin = 0
    for part in range(len(ends)):
        count, offset, scale = ends[part] - begin, offsets[part], scales[part]
        if feedback == 0:  # no trellis: nothing follows from the level before, and several are done at a time
            for i in range(count):
                at = index(begin + i)
                values[at] = value_of(levels[at], OFFSET_SCALE, offset, scale)
        else:
            state = 0
            for i in range(count):
                at = index(begin + i)
                values[at] = value_of(levels[at], OFFSET_SCALE, offset - (state & 1) * (OFFSET_SCALE // 2), scale)
                state = next_state(state, levels[at], feedback, drive)
        begin = ends[part]
