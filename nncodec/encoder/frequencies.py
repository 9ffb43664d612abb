"""SPEC.md clause E.10 (informative): frequency tables for counted tokens, and contexts that share a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans.tables import FrequencyTable, cut, free_place

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ENTRY_BITS = 7.0
"""What a token costs in the head, roughly."""

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


def table_bits(counts: Integers) -> float:
    """Bits of tokens that occur `counts` times under a table of their own, and of the table."""
    return float(_costs(counts[None, :])[0])


def tables_bits(histograms: Integers) -> float:
    """The same for all of several tables."""
    return float(_costs(histograms).sum())


def merged(histograms: Integers, entry_bits: float = ENTRY_BITS) -> list[int]:
    """For each histogram the number of the table it shares: merged two by two as long as that saves bits."""
    groups = [[index] for index in range(len(histograms))]
    sums, costs = histograms.copy(), _costs(histograms, entry_bits)
    gains = np.stack([_gains(sums, costs, index, entry_bits) for index in range(len(sums))])
    while len(groups) > 1:
        first, second = (int(place) for place in np.unravel_index(np.argmax(gains), gains.shape))
        if gains[first, second] < 0:
            break
        first, second = min(first, second), max(first, second)
        groups[first] += groups.pop(second)
        sums[first] += sums[second]
        sums, costs = np.delete(sums, second, 0), np.delete(costs, second)
        costs[first] = _costs(sums[first : first + 1], entry_bits)[0]
        gains = np.delete(np.delete(gains, second, 0), second, 1)
        gains[first] = gains[:, first] = _gains(sums, costs, first, entry_bits)
    places = [0] * len(histograms)
    for number, group in enumerate(groups):
        for index in group:
            places[index] = number
    return places


def _costs(histograms: Integers, entry_bits: float = ENTRY_BITS) -> Floats:
    """Bits of each histogram under a table of its own: order-0 entropy, and the table."""
    totals = histograms.sum(1)
    bits = _entropy_parts(totals) - _entropy_parts(histograms).sum(1)
    costs: Floats = bits + entry_bits * np.count_nonzero(histograms, 1)
    return costs


def _entropy_parts(counts: npt.NDArray[Any]) -> Floats:
    parts: Floats = counts * np.log2(np.maximum(counts, 1))
    return parts


def _gains(sums: Integers, costs: Floats, index: int, entry_bits: float) -> Floats:
    """What merging histogram `index` with each other one saves; minus infinity for itself."""
    gains: Floats = costs + costs[index] - _costs(sums + sums[index], entry_bits)
    gains[index] = -np.inf
    return gains
