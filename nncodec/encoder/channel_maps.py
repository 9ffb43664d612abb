"""SPEC.md clause E.4 (informative): the search for channel maps: which channel of the reference each channel came from.

Pruned or reordered channels of one layer are the input channels of the next: a map found for the rows of a tensor is
tried for the columns of those behind it, and for the vectors (biases, scales, statistics) of the same layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np
import numpy.typing as npt

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

    def propose(self, values: Float64s, reference: Float64s) -> Iterator[tuple[ChannelMap, Positions | None]]:
        """Maps that may predict `values` from `reference` (both in shape), with the rows of each."""
        if not values.ndim:
            return
        for axes in _axis_orders(values.shape, reference.shape):
            turned = reference.transpose(axes) if axes else reference
            if axes:
                yield channel_map(axes), None
            if values.ndim == 1:
                yield from ((channel_map(axes, rows), rows) for rows in self._columns_for(values.size, turned.shape[0]))
            elif turned.ndim == values.ndim:
                yield from self._matched(values, turned, axes)

    def _matched(
        self, values: Float64s, turned: Float64s, axes: tuple[int, ...]
    ) -> Iterator[tuple[ChannelMap, Positions | None]]:
        columns: Positions | None
        for columns in [None, *self._columns_for(values.shape[1], turned.shape[1])]:
            picked = align(turned, channel_map((), None, columns), (turned.shape[0], *values.shape[1:]))
            rows = match_rows(values, picked)
            if rows is not None:
                yield channel_map(axes, rows, columns), rows
            if columns is not None:
                yield channel_map(axes, None, columns), None
        swapped = match_rows(values.swapaxes(0, 1), _cropped(turned, values.shape).swapaxes(0, 1))
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


def _cropped(reference: Float64s, shape: tuple[int, ...]) -> Float64s:
    """`reference` with the rows of `shape` and all its own columns, so that columns can be matched."""
    return align(reference, None, (shape[0], reference.shape[1], *shape[2:]))


def match_rows(values: Float64s, reference: Float64s) -> Positions | None:
    """For each row of `values`, the 1-based row of `reference` nearest to it, 0 where nothing is nearer than zero.

    None where the match is the identity, or too large to be searched.
    """
    rows = values.reshape(values.shape[0], -1)
    others = reference.reshape(reference.shape[0], -1)
    if rows.shape[1] != others.shape[1] or not rows.size or not others.size:
        return None
    if rows.shape[0] * others.shape[0] * rows.shape[1] > _MOST_PRODUCTS:
        return None
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
