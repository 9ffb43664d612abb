"""SPEC.md clause E.16 (informative): which model of a set is predicted from which."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nncodec.encoder.sets.survey import Estimate, Survey
from nncodec.errors import EncodeError

NOTHING: Final = -1
"""Stands for no parent."""

_SHARE_WORTH_A_PARENT: Final = 0.01
_BITS_WORTH_A_PARENT: Final = 8 * 64.0

Parents = list[int]
"""For every model the place of the one that it is predicted from, or NOTHING."""


class SetStructure(str, Enum):
    """What the models of a set are predicted from.

    TREE: each from one other, so that the predicted bits of all are the fewest (a minimum spanning arborescence).
    STAR: all from one root, by predicted bits too. PAPER: all from one root, that of the paper's eq. 11. SEPARATE: from
    none.
    """

    TREE = "tree"
    STAR = "star"
    PAPER = "paper"
    SEPARATE = "separate"


@dataclass(frozen=True)
class Shape:
    """What to choose from. root: its place, None: the best. depth: of predictions, parents: of a model; at most."""

    structure: SetStructure
    root: int | None
    depth: int
    parents: int


@dataclass(frozen=True)
class Node:
    """One model of a set, by its place: what it is predicted from, the best first, and the bits predicted for it."""

    place: int
    parents: tuple[int, ...]
    predicted_bits: float


class Costs:
    """Predicted bits of each of `count` models, alone and from every other, tensor by tensor."""

    def __init__(self, survey: Survey, count: int) -> None:
        self.count = count
        self._survey = survey

    def of(self, place: int, parent: int) -> float:
        """Bits of the stream of the model at `place`, predicted from that at `parent` (NOTHING: alone)."""
        parents = () if parent == NOTHING else (parent,)
        return self.estimate(place, *parents).stream_bits(len(parents))

    def estimate(self, place: int, *parents: int) -> Estimate:
        """The same, tensor by tensor; predicted from none, one or two parents."""
        return self._survey.predicted(place, parents)

    def node(self, place: int, parent: int, others: Sequence[int], most: int) -> Node:
        """The model at `place`: beside `parent` it gets those of `others` that save enough, `most` parents in all."""
        if parent == NOTHING:
            return Node(place, (), self.of(place, NOTHING))
        parents, estimate, candidates = [parent], self.estimate(place, parent), sorted(set(others) - {parent})
        while candidates and len(parents) < most:
            joint = [estimate.or_less_of(self.estimate(place, parents[-1], other)) for other in candidates]
            best = min(range(len(joint)), key=lambda index: float(joint[index].bits.sum()))
            saved, total = float((estimate.bits - joint[best].bits).sum()), float(estimate.bits.sum())
            if saved < _BITS_WORTH_A_PARENT + _SHARE_WORTH_A_PARENT * total:
                break
            parents.append(candidates.pop(best))
            estimate = joint[best]
        return Node(place, tuple(parents), estimate.stream_bits(len(parents)))


def plan_structure(costs: Costs, shape: Shape) -> list[Node]:
    """All models in an order in which each comes behind its parents. Raises EncodeError where networkx is missing."""
    parents = _parents(costs, shape)
    order = list(_behind_parents(parents))
    nodes: list[Node] = []
    for position, place in enumerate(order):
        others = order[:position] if shape.structure == SetStructure.TREE else []
        nodes.append(costs.node(place, parents[place], _shallow(others, nodes, shape.depth), shape.parents))
    return nodes


def _parents(costs: Costs, shape: Shape) -> Parents:
    if shape.structure == SetStructure.SEPARATE:
        return [NOTHING] * costs.count
    if shape.structure in {SetStructure.STAR, SetStructure.PAPER}:
        stars = [_star(costs.count, root) for root in range(costs.count)]
        return min(stars, key=lambda star: _total(star, costs)) if shape.root is None else stars[shape.root]
    return _bounded(_arborescence(costs, shape.root), costs, shape)


def _arborescence(costs: Costs, root: int | None) -> Parents:
    """The parents of the fewest predicted bits in all, by Edmonds' algorithm from a node that stands for NOTHING."""
    try:
        networkx = importlib.import_module("networkx")
    except ModuleNotFoundError:
        hint = "pip install 'nmc-codec[set]', or ask for the structure star"
        raise EncodeError(f"a tree of models needs the package 'networkx', which is not installed: {hint}") from None
    graph = networkx.DiGraph()
    for place in range(costs.count):
        if root in (None, place):
            graph.add_edge(NOTHING, place, weight=costs.of(place, NOTHING))
        for parent in range(costs.count):
            if place not in {parent, root}:
                graph.add_edge(parent, place, weight=costs.of(place, parent))
    tree = networkx.minimum_spanning_arborescence(graph)
    return [next(iter(tree.predecessors(place))) for place in range(costs.count)]


def _bounded(parents: Parents, costs: Costs, shape: Shape) -> Parents:
    """`parents` if no model is too deep; else the best that moves of single models make of stars and of what grows.

    The bound makes the problem a hard one (Steiner trees reduce to it), so this is good, not always best.
    """
    places = range(costs.count)
    if max(_depth(parents, place) for place in places) <= shape.depth:
        return parents
    roots = places if shape.root is None else [shape.root]
    starts = [_star(costs.count, root) for root in roots] + [_grown(costs, root, shape.depth) for root in roots]
    found = [_moved(start, costs, shape) for start in starts]
    return min(found, key=lambda each: _total(each, costs))


def _total(parents: Parents, costs: Costs) -> float:
    return sum(costs.of(place, parent) for place, parent in enumerate(parents))


def _star(count: int, root: int) -> Parents:
    return [NOTHING if place == root else root for place in range(count)]


def _grown(costs: Costs, root: int, depth: int) -> Parents:
    """From `root` on, always the model next that costs least from one that is there and not too deep (as Prim does)."""
    parents, depths = [NOTHING] * costs.count, {root: 0}
    while len(depths) < costs.count:
        edges = [
            (costs.of(place, parent), place, parent)
            for place in range(costs.count)
            for parent, deep in depths.items()
            if place not in depths and deep < depth
        ]
        _, place, parent = min(edges)
        parents[place], depths[place] = parent, depths[parent] + 1
    return parents


def _moved(parents: Parents, costs: Costs, shape: Shape) -> Parents:
    """`parents` after all moves of a model, with what hangs on it, to where it costs less; nothing gets too deep."""
    parents, has_moved = list(parents), True
    while has_moved:
        has_moved = False
        for place in range(costs.count):
            best = min(_places_for(place, parents, shape), key=lambda other: costs.of(place, other))
            if costs.of(place, best) < costs.of(place, parents[place]):
                parents[place], has_moved = best, True
    return parents


def _places_for(place: int, parents: Parents, shape: Shape) -> Iterator[int]:
    """What the model at `place` may hang on: its parent is one of them."""
    lines = [_line(parents, other) for other in range(len(parents))]
    height = max(line.index(place) for line in lines if place in line)
    if shape.root in {None, place}:
        yield NOTHING
    for other, line in enumerate(lines):
        if place != shape.root and place not in line and len(line) + height <= shape.depth:
            yield other


def _line(parents: Parents, place: int) -> list[int]:
    """The model at `place`, its parent, the parent of that, and so on."""
    line = [place]
    while (place := parents[place]) != NOTHING:
        line.append(place)
    return line


def _depth(parents: Parents, place: int) -> int:
    """Predictions in a row that lead to the model at `place`."""
    return len(_line(parents, place)) - 1


def _behind_parents(parents: Parents) -> Iterator[int]:
    """Every place behind its parent, otherwise in order."""
    waiting, done = list(range(len(parents))), {NOTHING}
    while waiting:
        place = next(place for place in waiting if parents[place] in done)
        waiting.remove(place)
        done.add(place)
        yield place


def _shallow(others: Sequence[int], nodes: Sequence[Node], depth: int) -> list[int]:
    """Those of `others` from which a model may be predicted that is to be at most `depth` predictions deep."""
    depths: dict[int, int] = {}
    for node in nodes:
        depths[node.place] = max((depths[parent] + 1 for parent in node.parents), default=0)
    return [other for other in others if depths[other] < depth]
