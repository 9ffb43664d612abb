"""Structures of sets: trees against brute force, bounds of depth, second parents, on made up costs and on real ones."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec import EncodeError, EncoderConfig, SetConfig, SetStructure, encode_set_with_report
from nncodec.encoder.sets.structure import NOTHING, Costs, Node, Shape, plan_structure
from nncodec.encoder.sets.survey import Estimate, Survey
from tests.core.encoder.sets.related import arrays_of, chain, changed, model_of, random_model


class MadeUp:
    """Stands for a Survey: bits of each model alone (the diagonal) and from each other; two parents save nothing."""

    def __init__(self, bits: Sequence[Sequence[float]]) -> None:
        self.bits = bits

    def predicted(self, index: int, parents: Sequence[int]) -> Estimate:
        """As that of Survey."""
        bits = min(self.bits[index][parent] for parent in parents or [index])
        return Estimate(np.array([float(bits)]), np.zeros(1))


@st.composite
def costs(draw: st.DrawFn, most: int = 5) -> Costs:
    """Of two to `most` models, none of which costs less alone than from the one that suits it best."""
    count = draw(st.integers(2, most))
    row = st.lists(st.integers(0, 100_000), min_size=count, max_size=count)
    return Costs(MadeUp(draw(st.lists(row, min_size=count, max_size=count))), count)


def planned(costs: Costs, root: int | None = None, depth: int = 8, parents: int = 1) -> list[Node]:
    """A tree, its order and depth as they must be."""
    nodes = plan_structure(costs, Shape(SetStructure.TREE, root, depth, parents))
    depths: dict[int, int] = {}
    for node in nodes:
        assert set(node.parents) <= set(depths), "a model stands before a parent"
        depths[node.place] = max((depths[parent] + 1 for parent in node.parents), default=0)
    assert sorted(depths) == list(range(costs.count))
    assert max(depths.values()) <= depth
    return nodes


def total(nodes: Sequence[Node]) -> float:
    """Predicted bits of all."""
    return sum(node.predicted_bits for node in nodes)


def forests(costs: Costs, root: int | None, depth: int) -> Iterator[float]:
    """Bits of every way to give each model one parent or none, with at most `depth` predictions in a row."""
    places = range(costs.count)
    for parents in itertools.product([NOTHING, *places], repeat=costs.count):
        deepest = max(map(lambda place: _depth(parents, place), places))  # noqa: C417 - reads as: the depth of each
        roots = [place for place in places if parents[place] == NOTHING]
        if deepest <= depth and (root is None or roots == [root]):
            yield sum(costs.of(place, parent) for place, parent in enumerate(parents))


def _depth(parents: Sequence[int], place: int) -> int:
    for deep in range(len(parents) + 1):
        if parents[place] == NOTHING:
            return deep
        place = parents[place]
    return 10**6


@settings(max_examples=40, deadline=None)
@given(costs(), st.data())
def test_tree_is_the_best_there_is(costs, data):
    root = data.draw(st.sampled_from([None, *range(costs.count)]))
    nodes = planned(costs, root)
    assert total(nodes) == pytest.approx(min(forests(costs, root, 8)))
    if root is not None:
        assert [node.place for node in nodes if not node.parents] == [root]


@settings(max_examples=40, deadline=None)
@given(costs(), st.integers(1, 3), st.data())
def test_bounded_tree_is_between_the_best_and_every_star(costs, depth, data):
    root = data.draw(st.sampled_from([None, *range(costs.count)]))
    bits = total(planned(costs, root, depth))
    roots = range(costs.count) if root is None else [root]
    stars = [sum(costs.of(p, NOTHING if p == root else root) for p in range(costs.count)) for root in roots]
    assert bits <= min(stars) * (1 + 1e-12)
    assert bits >= min(forests(costs, root, depth)) * (1 - 1e-12)


@settings(max_examples=20, deadline=None)
@given(costs(12), st.integers(1, 4))
def test_bounded_tree_of_many_is_never_worse_than_a_star(costs, depth):
    stars = [
        sum(costs.of(p, NOTHING if p == root else root) for p in range(costs.count)) for root in range(costs.count)
    ]
    assert total(planned(costs, None, depth)) <= min(stars) * (1 + 1e-12)


@settings(max_examples=20, deadline=None)
@given(costs())
def test_star_is_the_best_star_and_separate_is_separate(costs):
    star = plan_structure(costs, Shape(SetStructure.STAR, None, 8, 3))
    stars = [
        sum(costs.of(p, NOTHING if p == root else root) for p in range(costs.count)) for root in range(costs.count)
    ]
    assert total(star) == pytest.approx(min(stars))
    assert {node.parents for node in star[1:]} == {(star[0].place,)}
    for structure in (SetStructure.STAR, SetStructure.PAPER):
        assert plan_structure(costs, Shape(structure, 1, 8, 2))[0].place == 1
    separate = plan_structure(costs, Shape(SetStructure.SEPARATE, None, 8, 2))
    assert [(node.place, node.parents) for node in separate] == [(place, ()) for place in range(costs.count)]


@settings(max_examples=20, deadline=None)
@given(costs())
def test_order_is_that_given_where_nothing_stands_against_it(costs):
    nodes = planned(costs)
    done: set[int] = set()
    for node in nodes:
        ready = [other.place for other in nodes if other.place not in done and set(other.parents) <= done]
        assert node.place == min(ready)
        done.add(node.place)


def test_chain_of_versions_is_a_chain():
    members = chain(5, amount=0.3)
    nodes = planned(Costs(Survey(list(members.values()), EncoderConfig(quality=30)), 5))
    neighbours = {(node.place, node.parents[0]) for node in nodes if node.parents}
    assert all(abs(place - parent) == 1 for place, parent in neighbours)
    assert len(neighbours) == 4


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_depth_of_a_chain_is_bounded(depth):
    members = chain(6, amount=0.3)
    planned(Costs(Survey(list(members.values()), EncoderConfig(quality=30)), 6), None, depth, 3)


def test_second_parent_where_two_versions_lead_to_a_third():
    """V3 = 2 V2 - V1: neither alone says it, both together do."""
    first = random_model(1)
    second = changed(first, 2, 0.5)
    old, new = arrays_of(first), arrays_of(second)
    third = changed(model_of({name: 2 * new[name] - old[name] for name in new}), 3, 0.001)
    members = {"v1": first, "v2": second, "v3": third}
    config = EncoderConfig(quality=45)
    two, one = (encode_set_with_report(members, SetConfig(config, parents=n)) for n in (2, 1))
    assert sorted(len(member.parents) for member in two.members.values()) == [0, 1, 2]
    assert all(len(member.parents) <= 1 for member in one.members.values())
    assert len(two.data) < 0.97 * len(one.data)


def test_no_second_parent_where_it_saves_nothing():
    members = {f"m{seed}": changed(random_model(0), seed, 0.05) for seed in range(1, 4)} | {"base": random_model(0)}
    found = encode_set_with_report(members, SetConfig(EncoderConfig(quality=30), root="base", depth=1)).members
    assert {name: member.parents for name, member in found.items() if name != "base"} == dict.fromkeys(
        ["m1", "m2", "m3"], ("base",)
    )


def test_without_networkx_a_tree_is_refused_and_a_star_is_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    members = chain(2)
    with pytest.raises(EncodeError, match=r"pip install 'nmc-codec\[set\]', or ask for the structure star"):
        encode_set_with_report(members)
    for structure in (SetStructure.STAR, SetStructure.PAPER, SetStructure.SEPARATE):
        assert encode_set_with_report(members, SetConfig(structure=structure)).data
