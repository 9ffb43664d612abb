"""SPEC.md clause 8.3: prediction from reference models, and reconstruction.

The paper's Algorithm 1 (difference of models), aligned by tensor instead of by layer number, with its inputs left as
they are; and beyond it: gains, two references, channel maps, exact differences.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.limits import MAX_EXPANSION
from nncodec.model import Model, Tensor, element_count
from nncodec.quantisation import HalfLevels, dequantise, step_of
from nncodec.rounding import Float64s, elements_of, round_to, widen_elements
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.syntax.tensor_table import ChannelMap, Term
from nncodec.tables import DTYPE_BITS, QUANTISABLE, DType

Array = npt.NDArray[Any]

BLOCK: Final = 1 << 16
"""Elements whose values are held in binary64 at a time."""

_LISTED: Final = 4


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
            ids = [content_id.hex() for content_id in given]
            more = f" and {len(ids) - _LISTED} others" if len(ids) > _LISTED else ""
            what = f"the stream is predicted from model {parent.hex()}; given: {', '.join(ids[:_LISTED])}{more}"
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


@dataclass(frozen=True)
class AlignedTerm:
    """A reference tensor in the shape of what it predicts, or a run of it.

    elements: flat, as `elements_of` gives them, from element `start` on. gains: none, one, or one for each row of
    `columns` elements.
    """

    elements: Array
    dtype: DType
    gains: Float64s
    columns: int
    start: int = 0

    def cut(self, start: int, count: int) -> AlignedTerm:
        """Elements `start` to `start + count` of these, not copied."""
        return replace(self, elements=self.elements[start : start + count], start=self.start + start)

    def values(self) -> Float64s:
        """The elements as binary64, multiplied by their gains."""
        values = widen_elements(self.elements, self.dtype)
        if self.gains.size == 1:
            values = self.gains * values
        elif self.gains.size:
            places = np.arange(self.start, self.start + values.size)
            values = self.gains[places // self.columns] * values
        return values


@dataclass(frozen=True)
class Predictor:
    """8.3.3: the prediction of a quantisable tensor, or of a run of it; nothing is computed before it is asked for."""

    terms: tuple[AlignedTerm, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self.terms[0].elements.size)

    def cut(self, start: int, count: int) -> Predictor:
        """The prediction of elements `start` to `start + count` of these."""
        return Predictor(tuple(term.cut(start, count) for term in self.terms))

    def values(self) -> Float64s:
        """The prediction in binary64; what is not finite predicts +0."""
        with np.errstate(over="ignore", invalid="ignore"):
            total = self.terms[0].values()
            for term in self.terms[1:]:
                total = total + term.values()
        return np.where(np.isfinite(total), total, 0.0)

    def blocks(self, most: int = BLOCK) -> Iterator[Float64s]:
        """The same, at most so many elements at a time; by default as many as fit the caches of a processor."""
        return (self.cut(start, most).values() for start in range(0, self.size, most))


def predictor(terms: Sequence[tuple[Term, Tensor]], shape: tuple[int, ...]) -> Predictor:
    """8.3.3: the prediction of a tensor of `shape`; each reference is aligned, multiplied by its gain, and added.

    Raises InvalidStreamError (R-8.3.2, R-8.3.3) where a term does not fit.
    """
    aligned = []
    for term, reference in terms:
        if reference.dtype not in QUANTISABLE:
            raise _invalid("R-8.3.3", reference.name, f"{reference.dtype.name} cannot predict numbers")
        elements = elements_of(reference.data, reference.dtype)
        if term.channel_map is not None or reference.shape != shape:
            elements = align(_as_array(reference, elements), term.channel_map, shape).ravel()
        aligned.append(AlignedTerm(elements, reference.dtype, _gains(term, shape), math.prod(shape[1:])))
    if not aligned:
        raise _invalid("R-8.3.3", "", "a prediction without a term")
    return Predictor(tuple(aligned))


def _gains(term: Term, shape: tuple[int, ...]) -> Float64s:
    gains = np.asarray(term.gains, np.float64)
    if gains.size > 1 and (not shape or gains.size != shape[0]):
        raise _invalid("R-8.3.3", "", f"{gains.size} gains for shape {shape}")
    return gains


def reconstruct(halves: HalfLevels, quantiser: Quantiser, prediction: Float64s | None, dtype: DType) -> bytes:
    """8.3.4: the bytes of a tensor from its half levels: dequantised, added to the prediction, rounded to `dtype`.

    `halves` and `prediction` are flat and row-major.
    """
    values = dequantise(halves, step_of(quantiser), quantiser.reconstruction_offset)
    if prediction is not None:
        values = prediction + values
    return round_to(values, dtype)


def reconstruct_run(halves: HalfLevels, quantiser: Quantiser, prediction: Predictor | None, dtype: DType) -> bytes:
    """8.3.4 for many elements, a block at a time."""
    parts = []
    for start in range(0, halves.size, BLOCK):
        predicted = None if prediction is None else prediction.cut(start, BLOCK).values()
        parts.append(reconstruct(halves[start : start + BLOCK], quantiser, predicted, dtype))
    return b"".join(parts)


def copied(reference: Tensor, term: Term, name: str, shape: tuple[int, ...]) -> Tensor:
    """8.3.5: the reference tensor, aligned to `shape`, bit for bit.

    Raises InvalidStreamError (R-8.3.4) where the type has no single elements to align.
    """
    if term.channel_map is None and reference.shape == shape:
        return Tensor(name, reference.dtype, shape, reference.data).known_as(reference.content_id)
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


@dataclass(frozen=True)
class WordPredictor:
    """8.3.6: the prediction of an exact tensor, or of a run of its words of `width` bytes.

    numbers: of a quantisable tensor, to be rounded to `dtype`; else copy: the bytes of the reference.
    """

    dtype: DType
    width: int
    numbers: Predictor | None
    copy: npt.NDArray[np.uint8]

    def cut(self, start: int, count: int) -> WordPredictor:
        """The prediction of words `start` to `start + count` of these."""
        if self.numbers is not None:
            return replace(self, numbers=self.numbers.cut(start, count))
        return replace(self, copy=self.copy[start * self.width : (start + count) * self.width])

    def words(self) -> bytes:
        """The words, as bytes."""
        if self.numbers is None:
            return self.copy.tobytes()
        return b"".join(round_to(values, self.dtype) for values in self.numbers.blocks())


def word_predictor(
    terms: Sequence[tuple[Term, Tensor]], dtype: DType, shape: tuple[int, ...], width: int
) -> WordPredictor:
    """8.3.6: the prediction of an exact tensor in words of `width` bytes.

    A quantisable tensor is predicted in binary64 and rounded; any other by a copy of one reference of its type.
    Raises InvalidStreamError (R-8.3.2 to R-8.3.5).
    """
    if dtype in QUANTISABLE:
        return WordPredictor(dtype, width, predictor(terms, shape), np.zeros(0, np.uint8))
    term, reference = terms[0]
    if len(terms) != 1 or term.gains or reference.dtype != dtype or dtype == DType.STRING:
        raise _invalid("R-8.3.5", reference.name, f"{dtype.name} cannot be predicted so")
    copy = copied(reference, term, reference.name, shape).data
    return WordPredictor(dtype, width, None, np.frombuffer(copy, np.uint8))


def _invalid(rule: str, name: str, what: str) -> InvalidStreamError:
    subject = f"tensor {name!r}: " if name else ""
    return InvalidStreamError(ErrorClass.VALUE_RANGE, subject + what, clause=rule)
