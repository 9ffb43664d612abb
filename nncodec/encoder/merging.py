"""SPEC.md clause E.10 (informative): what tokens cost under tables of their own, and contexts that share a table.

Costs are whole numbers, so that both forms of the search, by numpy and compiled, take the same ways.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from nncodec.encoder.entropies import UNIT, entropy_of, logarithms, weight_of, weights
from nncodec.kernel import inlined, kernel, numba

Integers = npt.NDArray[np.int64]

ENTRY_BITS: Final = 7.0
"""What a token costs in the head, roughly."""


def table_bits(counts: Integers) -> float:
    """Bits of tokens that occur `counts` times under a table of their own, and of the table."""
    bits, distinct = entropy_of(counts)
    return bits + ENTRY_BITS * distinct


def tables_bits(histograms: Integers) -> float:
    """The same for all of several tables."""
    return sum(map(table_bits, histograms))


def merged(histograms: Integers, entry_bits: float = ENTRY_BITS) -> list[int]:
    """For each histogram the number of the table it shares: merged two by two as long as that saves bits."""
    sums = np.array(histograms, np.int64)
    places = np.arange(len(sums))
    entry = round(entry_bits * UNIT)
    if numba() is None:
        _merge(sums, places, entry)
    else:
        costs, savings = np.empty(len(sums), np.int64), np.empty(len(sums) ** 2, np.int64)
        merge(sums.ravel(), logarithms(), entry, costs, savings, places)
    numbers: list[int] = np.unique(places, return_inverse=True)[1].tolist()
    return numbers


def _merge(sums: Integers, places: Integers, entry: int) -> None:
    """As `merge`, by numpy."""
    alive, costs = np.ones(len(sums), bool), _costs(sums, entry)
    savings = np.stack([_savings(sums, costs, place, entry) for place in range(len(sums))])
    while alive.sum() > 1:
        pairs = np.where(np.triu(np.outer(alive, alive), 1), savings, -1)
        first, second = (int(place) for place in np.unravel_index(np.argmax(pairs), pairs.shape))
        if pairs[first, second] < 0:
            return
        sums[first] += sums[second]
        places[places == second] = first
        alive[second] = False
        costs[first] = _costs(sums[first : first + 1], entry)[0]
        savings[first] = savings[:, first] = _savings(sums, costs, first, entry)


def _savings(sums: Integers, costs: Integers, place: int, entry: int) -> Integers:
    """What merging histogram `place` with each other one saves."""
    saved: Integers = costs + costs[place] - _costs(sums + sums[place], entry)
    return saved


def _costs(histograms: Integers, entry: int) -> Integers:
    """The cost of each histogram under a table of its own: order-0 entropy, and the table."""
    listed = entry * np.count_nonzero(histograms, 1)
    costs: Integers = weights(histograms.sum(1)) - weights(histograms).sum(1) + listed
    return costs


@kernel
def merge(sums, logs, entry, costs, savings, places):  # type: ignore[no-untyped-def]
    """Add up histograms two by two, those first that save most, and tell in `places` which one each went into.

    sums: one behind the other. costs, savings: room for a number for each, and for each pair.
    """
    count = len(costs)
    size = len(sums) // count
    for i in range(count):
        costs[i] = cost_of(sums, i * size, i * size, size, logs, entry)
    for i in range(count):
        for j in range(i + 1, count):
            savings[i * count + j] = costs[i] + costs[j] - cost_of(sums, i * size, j * size, size, logs, entry)
    while True:
        first, second = greatest(savings, places)
        if second == 0:
            return
        for k in range(size):
            sums[first * size + k] += sums[second * size + k]
        for i in range(count):
            if places[i] == second:
                places[i] = first
        costs[first] = cost_of(sums, first * size, first * size, size, logs, entry)
        for i in range(count):
            if places[i] == i and i != first:
                saved = costs[first] + costs[i] - cost_of(sums, first * size, i * size, size, logs, entry)
                savings[min(first, i) * count + max(first, i)] = saved


@inlined
def greatest(savings, places):  # type: ignore[no-untyped-def]
    """The first pair of those that save most, of histograms that are still apart; 0 and 0 where none saves."""
    count, most, first, second = len(places), -1, 0, 0
    for i in range(count):
        if places[i] == i:
            for j in range(i + 1, count):
                if places[j] == j and savings[i * count + j] > most:
                    most, first, second = savings[i * count + j], i, j
    return first, second


@inlined
def cost_of(sums, one, other, size, logs, entry):  # type: ignore[no-untyped-def]
    """The cost of two histograms together, which begin at `one` and `other`; of one where these are the same."""
    total = weights = 0
    for k in range(size):
        number = sums[one + k] + (sums[other + k] if other != one else 0)
        if number > 0:
            total += number
            weights += weight_of(number, logs) - entry
    return weight_of(total, logs) - weights
