"""SPEC.md clause E.12: what is kept of levels from pass to pass."""

from __future__ import annotations

import numpy as np

from nncodec.encoder.kept import Kept


def test_levels_are_kept_for_whoever_asks_as_long_as_there_is_room() -> None:
    kept = Kept(room=6)
    kept.put((0, 0), np.array([1, 2, 3], np.int8))
    kept.put((0, 3), None)
    kept.put((1, 0), np.array([4, 5, 6], np.int8))
    assert kept.has_room
    for _ in range(2):
        assert [found.tolist() for found in map(kept.get, [(0, 0), (1, 0)]) if found is not None] == [
            [1, 2, 3],
            [4, 5, 6],
        ]
    assert kept.get((0, 3)) is None


def test_beyond_the_room_levels_are_let_go_of_when_they_are_used() -> None:
    kept = Kept(room=6)
    kept.put((0, 0), np.array([1, 2, 3], np.int8))
    kept.put((1, 0), np.array([4, 5], np.int16))
    kept.put((2, 0), np.array([6], np.int8))  # there would be room, but passes go on in order
    assert not kept.has_room
    assert kept.levels.keys() == {(0, 0)}
    found = kept.get((0, 0))
    assert found is not None
    assert found.tolist() == [1, 2, 3]
    assert kept.get((0, 0)) is None
    assert kept.get((2, 0)) is None
