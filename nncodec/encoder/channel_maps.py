"""SPEC.md clause E.4 (informative): the search for channel maps: which channel of the reference each channel came from.

Pruned or reordered channels of one layer are the input channels of the next: a map found for the rows of a tensor is
tried for the columns of those behind it, and for the vectors (biases, scales, statistics) of the same layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import numpy as np
import numpy.typing as npt

from nncodec.encoder.values import finite_blocks, whole
from nncodec.model import Tensor
from nncodec.prediction import align, pick_codes
from nncodec.rounding import Float64s
from nncodec.syntax.tensor_table import ChannelMap

Positions = npt.NDArray[np.int64]

_MOST_PRODUCTS = 2**32
_MOST_AXES = 4
_REMEMBERED = 4
GOOD_ENOUGH = 0.5
"""A reference that leaves less than this share of the energy needs no map; the search would cost time for little."""


def channel_map(
    axes: tuple[int, ...] = (), rows: Positions | None = None, columns: Positions | None = None
) -> ChannelMap:
    """The syntax record; rows and columns are 1-based positions in the reference, 0 for none."""
    row_codes = [] if rows is None else pick_codes(rows.tolist())
    column_codes = [] if columns is None else pick_codes(columns.tolist())
    return ChannelMap(len(axes), list(axes), len(row_codes), row_codes, len(column_codes), column_codes)


class MapSearch:
    """Proposes maps, and remembers row maps that were found (by their own size and the reference's)."""

    def __init__(self) -> None:
        self._found: list[tuple[int, Positions]] = []

    def remember(self, source_rows: int, rows: Positions) -> None:
        """A row map that paid: 1-based positions among the `source_rows` of the reference."""
        self._found = [(source_rows, rows), *self._found][:_REMEMBERED]

    def propose(self, tensor: Tensor, reference: Tensor) -> Iterator[tuple[ChannelMap, Positions | None]]:
        """Maps that may predict `tensor` from `reference`, with the rows of each."""
        if not tensor.shape:
            return
        for axes in _axis_orders(tensor.shape, reference.shape):
            if axes:
                yield channel_map(axes), None
            turned = tuple(reference.shape[axis] for axis in axes) if axes else reference.shape
            if len(tensor.shape) == 1:
                yield from ((channel_map(axes, rows), rows) for rows in self._columns_for(tensor.size, turned[0]))
            elif len(turned) == len(tensor.shape):
                yield from self._matched(_Pair(tensor, reference, axes, turned), axes)

    def _matched(self, pair: _Pair, axes: tuple[int, ...]) -> Iterator[tuple[ChannelMap, Positions | None]]:
        shape, columns = pair.tensor.shape, None
        for columns in [None, *self._columns_for(shape[1], pair.turned[1])]:
            rows = pair.matched_rows(columns)
            if rows is not None:
                yield channel_map(axes, rows, columns), rows
            if columns is not None:
                yield channel_map(axes, None, columns), None
        swapped = pair.matched_columns()
        if swapped is not None:
            yield channel_map(axes, None, swapped), None

    def _columns_for(self, count: int, source: int) -> list[Positions]:
        """Remembered maps for an axis of `count` out of `source`, or of whole blocks of them (flattened channels)."""
        columns = []
        for source_rows, rows in self._found:
            block = count // rows.size if rows.size else 0
            if block and block * rows.size == count and block * source_rows == source:
                expanded = (rows[:, None] - 1) * block + np.arange(block) + 1
                columns.append(np.where(rows[:, None] > 0, expanded, 0).ravel())
        return columns


@dataclass(frozen=True)
class _Pair:
    """A tensor and a reference with its axes in order, which has the shape `turned`; values are loaded when needed."""

    tensor: Tensor
    reference: Tensor
    axes: tuple[int, ...]
    turned: tuple[int, ...]

    def matched_rows(self, columns: Positions | None) -> Positions | None:
        """The rows of the reference, its columns picked, that are nearest to those of the tensor."""
        rest = self.tensor.shape[1:]
        if not _can_be_searched(self.tensor.shape[0], self.turned[0], math.prod(rest)):
            return None
        picked = align(self._others, channel_map((), None, columns), (self.turned[0], *rest))
        return match_rows(self._values, picked)

    def matched_columns(self) -> Positions | None:
        """The columns of the reference, cropped to the rows of the tensor, that are nearest to those of the tensor."""
        shape = (self.tensor.shape[0], self.turned[1], *self.tensor.shape[2:])
        if not _can_be_searched(self.tensor.shape[1], shape[1], shape[0] * math.prod(shape[2:])):
            return None
        return match_rows(self._values.swapaxes(0, 1), align(self._others, None, shape).swapaxes(0, 1))

    @cached_property
    def _values(self) -> Float64s:
        return whole(finite_blocks(self.tensor), self.tensor.shape)

    @cached_property
    def _others(self) -> Float64s:
        values = whole(finite_blocks(self.reference), self.reference.shape)
        return values.transpose(self.axes) if self.axes else values


def _can_be_searched(rows: int, others: int, columns: int) -> bool:
    """Whether so many rows can be compared with so many others, all of so many columns."""
    return 0 < rows * others * columns <= _MOST_PRODUCTS


def match_rows(values: Float64s, reference: Float64s) -> Positions | None:
    """For each row of `values`, the 1-based row of `reference` nearest to it, 0 where nothing is nearer than zero.

    None where the match is the identity.
    """
    rows = values.reshape(values.shape[0], -1)
    others = reference.reshape(reference.shape[0], -1)
    gain = 2 * (rows @ others.T) - np.square(others).sum(1)
    best = gain.argmax(1)
    positions = np.where(gain[np.arange(len(best)), best] > 0, best + 1, 0).astype(np.int64)
    if np.array_equal(positions, np.arange(1, len(best) + 1)):
        return None
    return positions


def _axis_orders(shape: tuple[int, ...], source: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """No permutation first; then, where sizes allow and there are few axes, every permutation that gives `shape`."""
    yield ()
    if len(shape) != len(source) or not 2 <= len(shape) <= _MOST_AXES:
        return
    for axes in list(permutations(range(len(shape))))[1:]:
        if tuple(source[axis] for axis in axes) == shape:
            yield axes
