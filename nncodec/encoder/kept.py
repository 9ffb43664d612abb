"""SPEC.md clause E.12 (informative): levels that one pass keeps for the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Narrow = npt.NDArray[np.signedinteger[Any]]
Place = tuple[int, int]
"""Of the tensor, and of the first element in it."""

ROOM: Final = 1 << 24
"""Bytes of levels that are kept at most; those of large models are found once more."""


@dataclass
class Kept:
    """Levels by their places, as many as there is room for."""

    levels: dict[Place, Narrow] = field(default_factory=dict)
    room: int = field(default_factory=lambda: ROOM)

    @property
    def has_room(self) -> bool:
        """Whether all levels found so far were kept."""
        return self.room >= 0

    def put(self, place: Place, levels: Narrow | None) -> None:
        """Keep levels in the narrowest type, if there are any and nothing was turned away before."""
        if levels is None or not self.has_room:
            return
        self.room -= levels.nbytes
        if self.has_room:
            self.levels[place] = levels

    def get(self, place: Place) -> Narrow | None:
        """The levels; None where they are to be found. Not all are kept: then they are let go of."""
        return self.levels.get(place) if self.has_room else self.levels.pop(place, None)
