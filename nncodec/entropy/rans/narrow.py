"""SPEC.md clause 9.6 (informative): look-ups and counts of narrow integers, which numpy would first make wide."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans import kernels
from nncodec.kernel import numba

Integers = npt.NDArray[np.integer[Any]]
Kind = TypeVar("Kind", bound=np.generic)


def looked_up(table: npt.NDArray[Kind], symbols: Integers) -> npt.NDArray[Kind]:
    """The entry of `table` for each symbol."""
    if numba() is None:
        return table[symbols]
    found = np.empty(len(symbols), table.dtype)
    kernels.look_up(symbols, table, found)
    return found


def looked_up_within(table: npt.NDArray[Kind], width: int, rows: Integers, symbols: Integers) -> npt.NDArray[Kind]:
    """The entry for each symbol in its row; every row has `width` entries."""
    if numba() is None:
        return table[np.asarray(rows.astype(np.int64) * width + symbols)]
    found = np.empty(len(symbols), table.dtype)
    kernels.look_up_within(rows, symbols, table, width, found)
    return found


def extent(symbols: Integers) -> tuple[int, int]:
    """The least and the greatest of some symbols."""
    if numba() is None:
        return int(symbols.min()), int(symbols.max())
    least, greatest = kernels.extent(symbols)
    return int(least), int(greatest)


def counted(symbols: Integers, alphabet: int, first: int = 0) -> npt.NDArray[np.int64]:
    """How often each of `alphabet` symbols occurs, of which `first` is the first."""
    if numba() is None:
        return np.bincount(symbols.astype(np.int64) - first, minlength=alphabet)
    counts = np.zeros(alphabet, np.int64)
    signed = symbols.astype(np.int64) if symbols.dtype == np.uint64 else symbols  # of which differences are no integers
    kernels.count(signed, first, counts)
    return counts


def counted_within(contexts: Integers, symbols: Integers, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """How often each symbol occurs in each context; `shape`: contexts, symbols."""
    counts = np.zeros(shape, np.int64)
    if numba() is None:
        np.add.at(counts, (contexts, symbols), 1)
    else:
        kernels.count_within(contexts, symbols, counts)
    return counts
