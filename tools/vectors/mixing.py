"""Drafts whose levels are coded by the mixing coder, or stand for the half levels of the trellis (8.2.1, 9.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Final

import numpy as np

from nncodec.entropy.mixing.coder import Area, encode_areas
from nncodec.tables import Trellis
from tools.vectors.arithmetic import reconstruct
from tools.vectors.bases import THOUSANDTH
from tools.vectors.draft import Draft, Group, Item
from tools.vectors.wire import u8

Levels = Sequence[int]

TRELLIS: Final = 2
TRELLIS_64: Final = 3
MOVES: Final = {TRELLIS: (5, 2), TRELLIS_64: (33, 10)}
"""What an odd state and an odd level add to the next state."""
MIXING: Final = 2
GROUP: Final = "parameters.groups0"


def half_levels(levels: Levels, trellis: int) -> list[int]:
    """8.2.1, from state 0."""
    halves, state = [], 0
    feedback, drive = MOVES[trellis]
    for level in levels:
        sign = (level > 0) - (level < 0)
        halves.append(2 * level - sign * (state & 1))
        state = (state >> 1) ^ (feedback * (state & 1)) ^ (drive * (level & 1))
    return halves


def item_of(
    name: str, dims: tuple[int, ...], levels: Levels, quantiser: bytes, walk: tuple[int, Sequence[int]] | None = None
) -> Item:
    """A FLOAT32 tensor of levels; walk: of trellis levels their representation, and counts of those in one slice."""
    values = [Fraction(level) for level in levels]
    if walk is not None:
        values, first = [], 0
        for count in walk[1]:
            values += [Fraction(half, 2) for half in half_levels(levels[first : first + count], walk[0])]
            first += count
    data = reconstruct(values, quantiser, "float32")
    return Item(name, "float32", dims, data, levels=tuple(levels), width=4)


def mixed(items: Sequence[Item], quantiser: bytes, cuts: Sequence[int] = (), trellis: int = 0) -> Draft:
    """One group of `items` under the mixing coder, in slices of `cuts` symbols; trellis: its representation, or 0."""
    total = sum(prod(item.dims) for item in items)
    draft = Draft(items, [Group(quantiser)], cuts={0: list(cuts)} if cuts else {})
    patches = {f"{GROUP}.entropy_coder": u8(MIXING)}
    if trellis:
        patches[f"{GROUP}.representation"] = u8(trellis)
    first = 0
    for index, count in enumerate(cuts or [total]):
        patches[f"slice{index}.payload"] = encode_areas(_areas(items, first, count, trellis))
        first += count
    return replace(draft, patches=patches)


def _areas(items: Sequence[Item], first: int, count: int, trellis: int) -> list[tuple[np.ndarray, Area]]:
    areas, begin = [], 0
    moves = Trellis(*MOVES[trellis]) if trellis else None
    for item in items:
        levels = item.levels or ()
        start, stop = max(first - begin, 0), min(first + count - begin, len(levels))
        if start < stop:
            part = np.array(levels[start:stop], np.int32)
            areas.append((part, Area(item.dims, start, stop - start, moves)))
        begin += len(levels)
    return areas


def spread(count: int, scale: int) -> list[int]:
    """Levels of either sign, most of them small, up to about `scale`."""
    return [((n * 2654435761) % 1000003 % (2 * scale + 1) - scale) // (1 + n * 7 % 5) for n in range(count)]


def zeros(count: int, width: int) -> Draft:
    """`count` levels of 0 with a level_width of `width` bytes, in a payload of few bytes."""
    return mixed([replace(item_of("w", (count,), [0] * count, THOUSANDTH), width=width)], THOUSANDTH)
