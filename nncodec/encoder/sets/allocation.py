"""SPEC.md clause E.17 (informative): rate allocation: the most utility of a set of models in a budget; eq. 10.

Each member of the set has operating points: so many bytes, such a utility. One is chosen for each, so that the weighted
sum of utilities is greatest and the bytes together do not exceed the budget: a multiple-choice knapsack. The root
cannot be treated like the others, as its own operating point moves the curves of all that are predicted from it; so the
caller enumerates roots and their operating points, and gives the curves that follow from each as one `Alternative`.

1. Steps along the upper convex hulls of the members' curves, all taken in the order of utility gained per byte, are
   what a Lagrangian multiplier that falls from infinity to 0 chooses. Up to the budget, the last step in part, they
   give a utility that no choice exceeds.
2. Those steps that fit, and then, while bytes are left over, the one change of a member that gains most, give a choice.
3. Between the two, member after member is added to a list of partial choices, without those that another beats in both
   bytes and utility, or that cannot exceed what step 2 found even with the bound of step 1 for the rest. What is left
   at the end is the best choice. No more than `MOST_STATES` partial choices are held, those of the highest bound;
   where some had to go, `Allocation.bound` says how much better an unseen choice might be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nncodec.errors import EncodeError

MOST_STATES: Final = 1 << 13

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]


class OperatingPoint(NamedTuple):
    """A way to code a model: the bytes that it takes, and the utility that is left, in any unit, greater is better."""

    bytes: int
    utility: float


@dataclass(frozen=True)
class Curve:
    """The operating points of one model (or tensor), in any order; those that others beat do no harm.

    weight: factor of its utilities in the sum. As utilities of different tasks do not compare, the paper's sum is best
    read with each as a share of that of the original: weight = importance / utility of the original.
    Raises EncodeError where there are no points, bytes are negative, or a utility or the weight is not finite.
    """

    name: str
    points: tuple[OperatingPoint, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not self.points:
            raise EncodeError(f"{self.name!r} has no operating point to choose")
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise EncodeError(f"{self.name!r}: weight {self.weight} is not a number of at least 0")
        for point in self.points:
            if point.bytes < 0 or not math.isfinite(point.utility):
                raise EncodeError(
                    f"{self.name!r}: {point.bytes} bytes of utility {point.utility} is no operating point"
                )


@dataclass(frozen=True)
class Alternative:
    """Curves of all members of a set that hold together: `label` says which root, at which operating point."""

    label: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Allocation:
    """What is chosen: for each curve of `alternative` the index of a point.

    bytes, utility: their sums, the latter weighted. bound: no choice within the budget has a greater utility; it is
    `utility` itself where the choice is known to be the best.
    """

    alternative: Alternative
    choice: tuple[int, ...]
    bytes: int
    utility: float
    bound: float


def allocate(alternatives: Iterable[Alternative], budget: int) -> Allocation:
    """The choice of greatest utility that takes at most `budget` bytes, of all `alternatives`.

    Raises EncodeError where there are no alternatives, or none fits; it then says the least budget that can be met.
    """
    problems = [_Problem(alternative) for alternative in alternatives]
    if not problems:
        raise EncodeError("there is no set of models to allocate bytes to")
    least = min(problem.least for problem in problems)
    if least > budget:
        raise EncodeError(f"max_bytes {budget}: the least that this set of models takes is {least} bytes")
    fitting = sorted((problem for problem in problems if problem.least <= budget), key=lambda each: -each.bound(budget))
    best: Allocation | None = None
    unseen = -math.inf
    for problem in fitting:
        if best is None or problem.bound(budget) > best.utility:
            found, bound = problem.solve(budget, -math.inf if best is None else best.utility)
            unseen = max(unseen, bound)
            best = best if found is None else problem.allocation(found)
    if best is None:  # the first problem has no utility to exceed, so that it always gives a choice
        raise EncodeError(f"max_bytes {budget}: no operating point fits")
    return Allocation(best.alternative, best.choice, best.bytes, best.utility, max(best.utility, unseen))


def rate_utility_curve(alternatives: Iterable[Alternative]) -> tuple[OperatingPoint, ...]:
    """The upper convex hull of what all `alternatives` offer, from the fewest bytes up: to be drawn, or looked up.

    Each point is one that a choice really has; `allocate` also reaches some between them, below the hull.
    """
    hulls = [_Problem(alternative).rests[0] for alternative in alternatives]
    if not hulls:
        return ()
    front = _front(np.concatenate([hull.sizes for hull in hulls]), np.concatenate([hull.utilities for hull in hulls]))
    places = _hull_places(front)
    return tuple(OperatingPoint(int(front.sizes[place]), float(front.utilities[place])) for place in places)


@dataclass(frozen=True, eq=False)
class _Points:
    """Sums or operating points, ascending in both `sizes`, in bytes, and (weighted) `utilities`; 1-D.

    origin: where each stood before.
    """

    sizes: Int64s
    utilities: Float64s
    origin: Int64s


class _Step(NamedTuple):
    """One step along the hull of a curve, up to the point `place` of its front."""

    curve: int
    place: int
    bytes: int
    gain: float


class _Hull(NamedTuple):
    """A concave curve through points of ascending size."""

    sizes: Int64s
    utilities: Float64s

    def bound(self, room: Int64s) -> Float64s:
        """The utility at `room` bytes; minus infinity where not even the least fits."""
        return np.interp(room, self.sizes, self.utilities, left=-math.inf)


class _Problem:
    """One alternative, prepared: what does not depend on the budget."""

    def __init__(self, alternative: Alternative) -> None:
        self.alternative = alternative
        self.fronts = [_front_of(curve) for curve in alternative.curves]
        self.steps = sorted(
            (step for index, front in enumerate(self.fronts) for step in _steps(index, front)),
            key=lambda step: -step.gain / step.bytes,
        )

    @cached_property
    def rests(self) -> list[_Hull]:
        """The hull of the sums over the curves from each one on; the last is of no curves."""
        firsts = [(int(front.sizes[0]), float(front.utilities[0])) for front in reversed(self.fronts)]
        starts = list(accumulate(firsts, lambda a, b: (a[0] + b[0], a[1] + b[1]), initial=(0, 0.0)))[::-1]
        return [_walk(start, [s for s in self.steps if s.curve >= index]) for index, start in enumerate(starts)]

    @property
    def least(self) -> int:
        """The fewest bytes of any choice."""
        return sum(int(front.sizes[0]) for front in self.fronts)

    def bound(self, budget: int) -> float:
        """A utility that no choice within `budget` exceeds."""
        return float(self.rests[0].bound(np.array(budget)))

    def allocation(self, places: Sequence[int]) -> Allocation:
        """What is at `places` of the fronts."""
        choice = tuple(int(front.origin[place]) for front, place in zip(self.fronts, places, strict=True))
        chosen = [(curve.weight, curve.points[at]) for curve, at in zip(self.alternative.curves, choice, strict=True)]
        utility = math.fsum(weight * point.utility for weight, point in chosen)
        return Allocation(self.alternative, choice, sum(point.bytes for _, point in chosen), utility, utility)

    def solve(self, budget: int, floor: float) -> tuple[list[int] | None, float]:
        """Places of the best choice, None where none has more utility than `floor`; a bound on all choices."""
        places = self._greedy(budget)
        utility = self.allocation(places).utility
        better, bound = self._search(budget, max(utility, floor))
        if better is not None:
            return better, bound
        return (places if utility > floor else None), bound

    def _greedy(self, budget: int) -> list[int]:
        """Places by the steps that fit, in the order of gain per byte; what is left over is spent by `_spend`."""
        places, room = [0] * len(self.fronts), budget - self.least
        ended = set()
        for step in self.steps:
            if step.curve in ended:
                continue
            if step.bytes > room:
                ended.add(step.curve)
                continue
            places[step.curve] = step.place
            room -= step.bytes
        return self._spend(places, room)

    def _spend(self, places: list[int], room: int) -> list[int]:
        """`places` after every change of one member that `room` more bytes allow, the greatest gain first."""
        while True:
            changes = []
            for index, (front, place) in enumerate(zip(self.fronts, places, strict=True)):
                reach = int(np.searchsorted(front.sizes, front.sizes[place] + room, side="right")) - 1
                changes.append((float(front.utilities[reach] - front.utilities[place]), index, reach))
            gain, index, reach = max(changes, default=(0.0, 0, 0))
            if gain <= 0:
                return places
            room -= int(self.fronts[index].sizes[reach] - self.fronts[index].sizes[places[index]])
            places[index] = reach

    def _search(self, budget: int, floor: float) -> tuple[list[int] | None, float]:
        """Places of the best choice of more utility than `floor`; None, where there is none; a bound on all."""
        states = _Points(np.zeros(1, np.int64), np.zeros(1), np.zeros(1, np.int64))
        trail: list[_Points] = []
        unseen = floor
        for front, rest in zip(self.fronts, self.rests[1:], strict=True):
            sizes = np.add.outer(states.sizes, front.sizes).ravel()
            utilities = np.add.outer(states.utilities, front.utilities).ravel()
            bounds = utilities + rest.bound(budget - sizes)
            hopeful = np.flatnonzero(bounds > floor)
            front_of_sums = _front(sizes[hopeful], utilities[hopeful])
            kept, lost = _of_highest_bound(hopeful[front_of_sums.origin], bounds)
            unseen = max(unseen, lost)
            states = _Points(sizes[kept], utilities[kept], kept)
            trail.append(states)
        if not states.sizes.size or not trail:
            return None, unseen
        places = self._back(trail, int(np.argmax(states.utilities)))
        return places, max(unseen, self.allocation(places).utility)

    def _back(self, trail: Sequence[_Points], last: int) -> list[int]:
        """Places that led to state `last` of the end of `trail`."""
        places = []
        for states, front in zip(reversed(trail), reversed(self.fronts), strict=True):
            last, place = divmod(int(states.origin[last]), front.sizes.size)
            places.append(place)
        return places[::-1]


def _front_of(curve: Curve) -> _Points:
    sizes = np.array([point.bytes for point in curve.points], np.int64)
    return _front(sizes, curve.weight * np.array([point.utility for point in curve.points], np.float64))


def _front(sizes: Int64s, utilities: Float64s) -> _Points:
    """Without the points that another beats or equals in both."""
    order = np.lexsort((-utilities, sizes))
    best = np.maximum.accumulate(utilities[order])
    kept = order[np.concatenate(([True], best[1:] > best[:-1]))] if order.size else order
    return _Points(sizes[kept], utilities[kept], kept)


def _hull_places(front: _Points) -> list[int]:
    """Places of the points of `front` on its upper convex hull, by Andrew's monotone chain."""
    points = list(zip(front.sizes.tolist(), front.utilities.tolist(), strict=True))
    hull: list[int] = []
    for place, (size, utility) in enumerate(points):
        while len(hull) >= 2:
            (first_size, first), (last_size, last) = points[hull[-2]], points[hull[-1]]
            if (last - first) * (size - first_size) > (utility - first) * (last_size - first_size):
                break
            hull.pop()
        hull.append(place)
    return hull


def _steps(curve: int, front: _Points) -> list[_Step]:
    return [
        _Step(curve, b, int(front.sizes[b] - front.sizes[a]), float(front.utilities[b] - front.utilities[a]))
        for a, b in pairwise(_hull_places(front))
    ]


def _walk(start: tuple[int, float], steps: Sequence[_Step]) -> _Hull:
    """From `start` along `steps`."""
    sizes = np.cumsum([start[0], *(step.bytes for step in steps)], dtype=np.int64)
    return _Hull(sizes, np.cumsum([start[1], *(step.gain for step in steps)]))


def _of_highest_bound(states: Int64s, bounds: Float64s) -> tuple[Int64s, float]:
    """Those of `states` that may stay, and the highest bound of one that may not."""
    if states.size <= MOST_STATES:
        return states, -math.inf
    order = states[np.argsort(-bounds[states], kind="stable")]
    return np.sort(order[:MOST_STATES]), float(bounds[order[MOST_STATES]])
