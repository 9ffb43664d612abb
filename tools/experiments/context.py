"""What every experiment is given: the networks, the coder, the seeds, and a place to say how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tools.experiments.coding import Coder
from tools.experiments.zoo import Zoo

Item = TypeVar("Item")


@dataclass(frozen=True)
class Context:
    """The surroundings of an experiment.

    data: folder with real related models (`pairs/`, `multi-task/`), or None: then those columns are left out, and the
    text says so. seeds: of the headline rows; the first alone is used elsewhere. track(items, what): the same items,
    with a progress bar. is_reduced: tiny networks, few points (tests).
    """

    zoo: Zoo
    coder: Coder
    seeds: tuple[int, ...]
    data: Path | None
    is_reduced: bool
    track: Callable[[Iterable[Item], str], Iterator[Item]]

    @property
    def seed(self) -> int:
        """The seed of all that is measured once."""
        return self.seeds[0]
