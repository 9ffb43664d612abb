"""SPEC.md clause E.5 (informative): candidate predictions of a tensor: plain, gained, mapped, of two references."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.encoder.channel_maps import GOOD_ENOUGH, MapSearch, Positions
from nncodec.encoder.matching import Relative
from nncodec.encoder.values import energy_of, finite_blocks, finite_residual_blocks, largest_of, row_blocks, row_sums
from nncodec.model import Tensor
from nncodec.prediction import Predictor, predictor
from nncodec.rounding import Float64s
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

    pairs: terms of the syntax with the reference tensors they name. predictor: the values they give; None where the
    type is not quantisable. side_bits: what the terms cost, roughly. rows: a row map that was found, with the rows of
    its reference.
    """

    pairs: tuple[tuple[Term, Tensor], ...]
    predictor: Predictor | None
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
    return Candidate(pairs, predictor(pairs, tensor.shape), side_bits)


def _term_bits(term: Term) -> float:
    bits = 8.0 + 16 * term.gain_count
    if term.channel_map is not None:
        for codes in (term.channel_map.rows, term.channel_map.columns):
            jumps = sum(1 for code in codes if code)
            bits += 16 + len(codes) * 0.25 + jumps * (2 + np.log2(len(codes) + 1))
    return bits


def candidates(tensor: Tensor, relatives: Sequence[Relative], search: MapSearch | None) -> Iterator[Candidate]:
    """Candidate predictions of `tensor`. Without `search`, plain differences only."""
    fitting = [relative for relative in relatives if _usable(tensor, relative)]
    tame = search is not None and bool(fitting) and _is_tame(finite_blocks(tensor))
    for relative in fitting:
        term = plain_term(relative, tensor.name)
        plain = _make(tensor, (term, relative.tensor))
        yield plain
        if search is None or plain.predictor is None or not (tame and _is_tame(plain.predictor.blocks())):
            continue
        yield from _gained((term, relative.tensor), tensor, plain.predictor)
        if _left_over(tensor, plain.predictor) > GOOD_ENOUGH:
            yield from _mapped(tensor, relative, search)
    if tame and len(fitting) > 1:
        known = [(relative, predictor([_plain_pair(relative, tensor)], tensor.shape)) for relative in fitting]
        yield from _pairs(tensor, [(relative, values) for relative, values in known if _is_tame(values.blocks())])


def _is_tame(parts: Iterator[Float64s]) -> bool:
    """Whether sums of products of such values stay finite: the searches below divide by them."""
    return largest_of(parts) < _LARGEST_SEARCHED


def _left_over(tensor: Tensor, plain: Predictor) -> float:
    total = energy_of(finite_blocks(tensor))
    return energy_of(finite_residual_blocks(tensor, plain)) / total if total else 0.0


def _mapped(tensor: Tensor, relative: Relative, search: MapSearch) -> Iterator[Candidate]:
    reference = relative.tensor
    for channel_map, rows in search.propose(tensor, reference):
        term = plain_term(relative, tensor.name, channel_map)
        found = None if rows is None else (reference.shape[channel_map.axes[0] if channel_map.axes else 0], rows)
        yield replace(_make(tensor, (term, reference)), rows=found)


def _gained(pair: tuple[Term, Tensor], tensor: Tensor, plain: Predictor) -> Iterator[Candidate]:
    """Least-squares gains, one for the tensor and one for each row, where they differ from 1 enough to matter."""
    rows = tensor.shape[0] if tensor.shape else 1
    if not tensor.size:
        return
    products, energies = _row_products(tensor, plain, rows)
    for count in sorted({1, rows}):
        if count > 1 and tensor.size // rows < _SMALLEST_ROW:
            continue
        sums = (products, energies) if count == rows else (products.sum(keepdims=True), energies.sum(keepdims=True))
        gains = _least_squares(*sums)
        if any(abs(gain - 1) > _GAIN_MATTERS for gain in gains):
            yield _make(tensor, (replace(pair[0], gain_count=count, gains=gains), pair[1]))


def _row_products(tensor: Tensor, plain: Predictor, rows: int) -> tuple[Float64s, Float64s]:
    """Of each row the product with its prediction, and the energy of that."""
    columns, most = tensor.size // rows, row_blocks(rows, tensor.size)
    products = (values * part for values, part in zip(finite_blocks(tensor, most), plain.blocks(most), strict=True))
    return row_sums(products, columns), row_sums(map(np.square, plain.blocks(most)), columns)


def _least_squares(products: Float64s, energies: Float64s) -> list[float]:
    gains = np.divide(products, energies, out=np.ones_like(products), where=energies > 0)
    return _gain_codes(gains)


def _gain_codes(gains: npt.NDArray[np.floating[Any]]) -> list[float]:
    """The gains as the syntax can hold them (binary16)."""
    return [float(gain) for gain in np.clip(gains, -_LARGEST_GAIN, _LARGEST_GAIN).astype(np.float16)]


def _pairs(tensor: Tensor, fitting: Sequence[tuple[Relative, Predictor]]) -> Iterator[Candidate]:
    """Two references with least-squares gains: between two earlier versions, or beyond them (extrapolation)."""
    for (one, first), (other, second) in pairwise(fitting):
        matrix, right = np.zeros((2, 2)), np.zeros(2)
        for values, *basis in zip(finite_blocks(tensor), first.blocks(), second.blocks(), strict=True):
            stacked = np.stack(basis, 1)
            matrix += stacked.T @ stacked
            right += stacked.T @ values
        gains = _gain_codes(np.linalg.lstsq(matrix, right, rcond=None)[0])
        terms = [_plain_pair(relative, tensor) for relative in (one, other)]
        gained = [
            (replace(term, gain_count=1, gains=[gain]), ref) for (term, ref), gain in zip(terms, gains, strict=True)
        ]
        yield _make(tensor, *gained)
