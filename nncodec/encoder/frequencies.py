"""SPEC.md clause E.10 (informative): frequency tables for counted tokens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans.tables import FrequencyTable, cut, free_place

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_FACTORS = (1.0, 0.995, 0.99, 0.98, 0.96, 0.92, 0.85, 0.7, 0.5, 0.25, 0.0)


def fit_table(counts: Integers, scale: int, precision: int) -> FrequencyTable:
    """The table nearest to `counts`, how often tokens occur, of those that can be told."""
    (tokens,) = np.nonzero(counts)
    if not tokens.size:
        return FrequencyTable(np.zeros(1, np.int64), np.array([1 << scale]))
    wanted = counts[tokens] * ((1 << scale) / counts.sum())
    fitted = (_on_grid(wanted * factor, scale, precision) for factor in _FACTORS)
    return FrequencyTable(tokens, next(frequencies for frequencies in fitted if frequencies is not None))


def _on_grid(wanted: Floats, scale: int, precision: int) -> Integers | None:
    """Frequencies near `wanted` that a table can hold; None where the one left to the sum is not the longest."""
    lengths = np.frexp(np.maximum(wanted, 1))[1]
    unit = 2.0 ** np.maximum(lengths - 1 - precision, 0)
    frequencies = cut((np.rint(np.maximum(wanted, 1) / unit) * unit).astype(np.int64), precision)
    free = free_place(frequencies)
    frequencies[free] += (1 << scale) - frequencies.sum()
    if frequencies[free] < 1 or free_place(frequencies) != free:
        return None
    return frequencies
