"""SPEC.md clause E.5 (informative): candidate predictions of a tensor: plain, gained, mapped, of two references."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.encoder.channel_maps import GOOD_ENOUGH, MapSearch, Positions
from nncodec.encoder.estimate import energy
from nncodec.encoder.matching import Relative
from nncodec.model import Tensor
from nncodec.prediction import predict
from nncodec.rounding import Float64s, widen
from nncodec.syntax.tensor_table import ChannelMap, Term
from nncodec.tables import QUANTISABLE

_SMALLEST_ROW = 16
"""Elements of a row at least, for a gain of its own: 16 bits must be earned back."""
_GAIN_MATTERS = 1 / 256
_LARGEST_GAIN = 65504.0
_LARGEST_SEARCHED = 2.0**480


@dataclass(frozen=True)
class Candidate:
    """One way to predict a tensor.

    pairs: terms of the syntax with the reference tensors they name. predicted: the values they give, flat; None where
    the type is not quantisable. side_bits: what the terms cost, roughly. rows: a row map that was found, with the rows
    of its reference.
    """

    pairs: tuple[tuple[Term, Tensor], ...]
    predicted: Float64s | None
    side_bits: float
    rows: tuple[int, Positions] | None = None

    @property
    def is_ungained(self) -> bool:
        """Whether it is one reference as it is, apart from its alignment: what a COPY can be."""
        return len(self.pairs) == 1 and not self.pairs[0][0].gains


def plain_term(relative: Relative, name: str, channel_map: ChannelMap | None = None) -> Term:
    """A term without gains; the reference tensor goes by name where names agree."""
    place = 0 if relative.tensor.name == name else relative.place + 1
    return Term(relative.parent, place, channel_map is not None, channel_map, 0, [])


def plain_candidate(tensor: Tensor, relative: Relative) -> Candidate:
    """The whole of `relative` as it is, without its values."""
    term = plain_term(relative, tensor.name)
    return Candidate(((term, relative.tensor),), None, _term_bits(term))


def _plain_pair(relative: Relative, tensor: Tensor) -> tuple[Term, Tensor]:
    return plain_term(relative, tensor.name), relative.tensor


def _usable(tensor: Tensor, relative: Relative) -> bool:
    reference = relative.tensor
    return reference.dtype in QUANTISABLE and len(reference.shape) == len(tensor.shape) and reference.size > 0


def _make(tensor: Tensor, *pairs: tuple[Term, Tensor]) -> Candidate:
    side_bits = sum(_term_bits(term) for term, _ in pairs)
    return Candidate(pairs, predict(pairs, tensor.shape), side_bits)


def _term_bits(term: Term) -> float:
    bits = 8.0 + 16 * term.gain_count
    if term.channel_map is not None:
        for codes in (term.channel_map.rows, term.channel_map.columns):
            jumps = sum(1 for code in codes if code)
            bits += 16 + len(codes) * 0.25 + jumps * (2 + np.log2(len(codes) + 1))
    return bits


def candidates(
    tensor: Tensor, values: Float64s, relatives: Sequence[Relative], search: MapSearch | None
) -> Iterator[Candidate]:
    """Candidate predictions of `tensor` (`values`: its elements, flat). Without `search`, plain differences only."""
    fitting = [relative for relative in relatives if _usable(tensor, relative)]
    for relative in fitting:
        term = plain_term(relative, tensor.name)
        plain = _make(tensor, (term, relative.tensor))
        yield plain
        if search is None or plain.predicted is None or not (_is_tame(values) and _is_tame(plain.predicted)):
            continue
        yield from _gained(values, (term, relative.tensor), tensor)
        if _left_over(values, plain.predicted) > GOOD_ENOUGH:
            yield from _mapped(tensor, values, relative, search)
    if search is not None and _is_tame(values):
        tame = [relative for relative in fitting if _is_tame(predict([_plain_pair(relative, tensor)], tensor.shape))]
        yield from _pairs(tensor, values, tame)


def finite_values(tensor: Tensor) -> Float64s:
    """The elements of a quantisable tensor, flat; 0 for those that are not finite."""
    return np.nan_to_num(widen(tensor.data, tensor.dtype), nan=0.0, posinf=0.0, neginf=0.0)


def _is_tame(values: Float64s) -> bool:
    """Whether sums of products of such values stay finite: the searches below divide by them."""
    return not values.size or float(np.abs(values).max()) < _LARGEST_SEARCHED


def _left_over(values: Float64s, predicted: Float64s) -> float:
    total = energy(values)
    return energy(values - predicted) / total if total else 0.0


def _mapped(tensor: Tensor, values: Float64s, relative: Relative, search: MapSearch) -> Iterator[Candidate]:
    reference = relative.tensor
    finite = finite_values(reference)
    for channel_map, rows in search.propose(values.reshape(tensor.shape), finite.reshape(reference.shape)):
        term = plain_term(relative, tensor.name, channel_map)
        found = None if rows is None else (reference.shape[channel_map.axes[0] if channel_map.axes else 0], rows)
        yield replace(_make(tensor, (term, reference)), rows=found)


def _gained(values: Float64s, pair: tuple[Term, Tensor], tensor: Tensor) -> Iterator[Candidate]:
    """Least-squares gains, one for the tensor and one for each row, where they differ from 1 enough to matter."""
    reference = predict([pair], tensor.shape)
    rows = tensor.shape[0] if tensor.shape else 1
    for count in (1, rows):
        if not tensor.size or (count > 1 and tensor.size // rows < _SMALLEST_ROW):
            continue
        gains = _least_squares(values.reshape(count, -1), reference.reshape(count, -1))
        if any(abs(gain - 1) > _GAIN_MATTERS for gain in gains):
            yield _make(tensor, (replace(pair[0], gain_count=count, gains=gains), pair[1]))


def _least_squares(values: Float64s, reference: Float64s) -> list[float]:
    products, energies = (values * reference).sum(1), np.square(reference).sum(1)
    gains = np.divide(products, energies, out=np.ones_like(products), where=energies > 0)
    return _gain_codes(gains)


def _gain_codes(gains: npt.NDArray[np.floating[Any]]) -> list[float]:
    """The gains as the syntax can hold them (binary16)."""
    return [float(gain) for gain in np.clip(gains, -_LARGEST_GAIN, _LARGEST_GAIN).astype(np.float16)]


def _pairs(tensor: Tensor, values: Float64s, fitting: Sequence[Relative]) -> Iterator[Candidate]:
    """Two references with least-squares gains: between two earlier versions, or beyond them (extrapolation)."""
    for pair in pairwise(fitting):
        terms = [_plain_pair(relative, tensor) for relative in pair]
        basis = np.stack([predict([term], tensor.shape) for term in terms], 1)
        solution = np.linalg.lstsq(basis.T @ basis, basis.T @ values, rcond=None)[0]
        gains = _gain_codes(solution)
        gained = [
            (replace(term, gain_count=1, gains=[gain]), ref) for (term, ref), gain in zip(terms, gains, strict=True)
        ]
        yield _make(tensor, *gained)
