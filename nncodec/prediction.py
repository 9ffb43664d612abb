"""SPEC.md clause 8.3: prediction from reference models, and reconstruction.

The paper's Algorithm 1 (difference of models), aligned by tensor instead of by layer number, with its inputs left as
they are; and beyond it: gains, two references, channel maps, exact differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.limits import MAX_EXPANSION
from nncodec.model import Model, Tensor, element_count
from nncodec.quantisation import HalfLevels, dequantise, step_of
from nncodec.rounding import Float64s, round_to, widen
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.syntax.tensor_table import ChannelMap, Term
from nncodec.tables import DTYPE_BITS, QUANTISABLE, DType

Array = npt.NDArray[Any]


def resolve_parents(parents: Sequence[bytes], references: Sequence[Model]) -> list[Model]:
    """The reference model of each parent id, in the order of `parents`.

    Raises InvalidStreamError (REF_MISSING where no reference is given, REF_MISMATCH where none given has the id).
    """
    if not parents:
        return []
    if not references:
        what = f"the stream is predicted from model {parents[0].hex()}, and no reference was given"
        raise InvalidStreamError(ErrorClass.REF_MISSING, what, clause="R-7.2.3")
    given = {reference.content_id: reference for reference in references}
    for parent in parents:
        if parent not in given:
            ids = ", ".join(content_id.hex() for content_id in given)
            what = f"the stream is predicted from model {parent.hex()}; given: {ids}"
            raise InvalidStreamError(ErrorClass.REF_MISMATCH, what, clause="R-7.2.3")
    return [given[parent] for parent in parents]


def referenced(term: Term, name: str, parents: Sequence[Model]) -> Tensor:
    """The tensor that `term` names: 0 the parent's tensor called `name`, k the one at position k - 1.

    Raises InvalidStreamError (R-8.3.1) where there is none.
    """
    parent, place = parents[term.parent], term.reference_tensor
    tensor = parent.by_name.get(name) if place == 0 else None
    if 0 < place <= len(parent.tensors):
        tensor = parent.tensors[place - 1]
    if tensor is None:
        raise _invalid("R-8.3.1", name, f"the parent has no tensor {place or name!r}")
    return tensor


def align(values: Array, channel_map: ChannelMap | None, shape: tuple[int, ...]) -> Array:
    """8.3.2: `values` with axes permuted, rows and columns picked, cropped and zero-padded to `shape`.

    Raises InvalidStreamError (R-8.3.2) where the map or the ranks do not fit.
    """
    check_alignment(values.shape, channel_map, shape)
    aligned = np.zeros(shape, values.dtype)
    if channel_map is not None and channel_map.axes:
        values = values.transpose(channel_map.axes)
    common = tuple(slice(0, min(ours, theirs)) for ours, theirs in zip(shape, values.shape, strict=True))
    if channel_map is None or not (channel_map.rows or channel_map.columns):
        aligned[common] = values[common]
        return aligned
    # All axes at once: rows, then columns, would for a moment need more than reference and result together.
    maps = list(zip((channel_map.rows, channel_map.columns), shape, values.shape, strict=False))
    places = [_places(codes, min(ours, theirs)) for codes, ours, theirs in maps]
    target, source = (np.ix_(*picks) for picks in zip(*places, strict=True))
    rest = common[len(places) :]
    aligned[(*target, *rest)] = values[(*source, *rest)]
    return aligned


def _places(codes: Sequence[int], common: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where values go along an axis, and where they come from; without a map, from the same place."""
    if not codes:
        return np.arange(common), np.arange(common)
    positions = _positions(codes)
    (target,) = np.nonzero(positions)
    return target, positions[target] - 1


def check_alignment(source: tuple[int, ...], channel_map: ChannelMap | None, shape: tuple[int, ...]) -> None:
    """R-8.3.2: whether a reference of shape `source` can be aligned to `shape`."""
    if channel_map is not None:
        if channel_map.axes:
            if sorted(channel_map.axes) != list(range(len(source))):
                raise _invalid("R-8.3.2", "", f"axes {channel_map.axes} are no permutation of {len(source)} axes")
            source = tuple(source[axis] for axis in channel_map.axes)
        for axis, codes in ((0, channel_map.rows), (1, channel_map.columns)):
            if codes:
                _check_picks(axis, codes, source, shape)
    if len(source) != len(shape):
        raise _invalid("R-8.3.2", "", f"a reference of rank {len(source)} cannot predict rank {len(shape)}")


def _check_picks(axis: int, codes: Sequence[int], source: tuple[int, ...], shape: tuple[int, ...]) -> None:
    fits = axis < len(source) and axis < len(shape) and len(codes) == shape[axis]
    positions = _positions(codes)
    if not fits or positions.min() < 0 or positions.max() > source[axis]:
        raise _invalid("R-8.3.2", "", f"a channel map of {len(codes)} entries does not fit axis {axis} of {shape}")


def _positions(codes: Sequence[int]) -> npt.NDArray[np.int64]:
    """1-based positions from what the syntax stores; the maximum of a code keeps the sum within 64 bits."""
    return np.cumsum(np.asarray(codes, np.int64) + 1)


def pick_codes(positions: Sequence[int]) -> list[int]:
    """What the syntax stores for 1-based `positions` (0: no counterpart): the inverse of `_positions`."""
    return [int(code) for code in np.diff(np.asarray(positions, np.int64), prepend=0) - 1]


def predict(terms: Sequence[tuple[Term, Tensor]], shape: tuple[int, ...]) -> Float64s:
    """8.3.3: the prediction of a quantisable tensor in binary64; flat, row-major.

    Each reference is aligned, multiplied by its gain, and added. What is not finite predicts +0.
    Raises InvalidStreamError (R-8.3.2, R-8.3.3) where a term does not fit.
    """
    total: Float64s | None = None
    with np.errstate(over="ignore", invalid="ignore"):
        for term, reference in terms:
            if reference.dtype not in QUANTISABLE:
                raise _invalid("R-8.3.3", reference.name, f"{reference.dtype.name} cannot predict numbers")
            values = align(_as_array(reference, widen(reference.data, reference.dtype)), term.channel_map, shape)
            if term.gains:
                values = _gains(term, shape) * values
            total = values if total is None else total + values
    if total is None:
        raise _invalid("R-8.3.3", "", "a prediction without a term")
    return np.where(np.isfinite(total), total, 0.0).ravel()


def _gains(term: Term, shape: tuple[int, ...]) -> Float64s:
    gains = np.asarray(term.gains, np.float64)
    if gains.size == 1:
        return gains.reshape((1,) * len(shape))
    if not shape or gains.size != shape[0]:
        raise _invalid("R-8.3.3", "", f"{gains.size} gains for shape {shape}")
    return gains.reshape((-1,) + (1,) * (len(shape) - 1))


def reconstruct(halves: HalfLevels, quantiser: Quantiser, prediction: Float64s | None, dtype: DType) -> bytes:
    """8.3.4: the bytes of a tensor from its half levels: dequantised, added to the prediction, rounded to `dtype`.

    `halves` and `prediction` are flat and row-major.
    """
    values = dequantise(halves, step_of(quantiser), quantiser.reconstruction_offset)
    if prediction is not None:
        values = prediction + values
    return round_to(values, dtype)


def copied(reference: Tensor, term: Term, name: str, shape: tuple[int, ...]) -> Tensor:
    """8.3.5: the reference tensor, aligned to `shape`, bit for bit.

    Raises InvalidStreamError (R-8.3.4) where the type has no single elements to align.
    """
    if term.channel_map is None and reference.shape == shape:
        return Tensor(name, reference.dtype, shape, reference.data)
    if element_count(shape) > MAX_EXPANSION * reference.size:
        raise _invalid("R-8.3.4", name, f"{reference.size} elements cannot be copied to {element_count(shape)}")
    bits = DTYPE_BITS[reference.dtype]
    if bits < 8:
        raise _invalid("R-8.3.4", name, f"{reference.dtype.name} can be copied as a whole only")
    elements = np.frombuffer(reference.data, np.dtype((np.void, bits // 8)), reference.size)
    aligned = align(_as_array(reference, elements), term.channel_map, shape)
    return Tensor(name, reference.dtype, shape, aligned.tobytes())


def _as_array(reference: Tensor, elements: Array) -> Array:
    """`elements` in the shape of `reference`. Raises InvalidStreamError (R-8.3.2) for a shape that numpy cannot have.

    Such a shape has no elements, and dimensions beyond all levels of Annex A.
    """
    try:
        return elements.reshape(reference.shape)
    except ValueError as error:
        raise _invalid("R-8.3.2", reference.name, str(error)) from None


def predicted_words(terms: Sequence[tuple[Term, Tensor]], dtype: DType, shape: tuple[int, ...]) -> bytes:
    """8.3.6: the prediction of an exact tensor, as bytes of the tensor's own type.

    A quantisable tensor is predicted in binary64 and rounded; any other by a copy of one reference of its type.
    Raises InvalidStreamError (R-8.3.2 to R-8.3.5).
    """
    if dtype in QUANTISABLE:
        return round_to(predict(terms, shape), dtype)
    term, reference = terms[0]
    if len(terms) != 1 or term.gains or reference.dtype != dtype or dtype == DType.STRING:
        raise _invalid("R-8.3.5", reference.name, f"{dtype.name} cannot be predicted so")
    return bytes(copied(reference, term, reference.name, shape).data)


def _invalid(rule: str, name: str, what: str) -> InvalidStreamError:
    subject = f"tensor {name!r}: " if name else ""
    return InvalidStreamError(ErrorClass.VALUE_RANGE, subject + what, clause=rule)
