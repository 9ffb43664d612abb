"""SPEC.md clause 8.5 (informative): where decoded tensors go, part by part: into memory, or into a file."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nncodec import memory
from nncodec.memory import Octets


class Sink(Protocol):
    """Takes the data of tensors; `place` is that of a tensor among all tensors of the model."""

    def write(self, place: int, data: bytes | memoryview) -> None:
        """The next bytes of a tensor: they come in order, those of one tensor without others between."""

    def copy(self, place: int, original: int) -> None:
        """A tensor has the bytes of another one, which is whole."""

    def room(self, place: int, size: int) -> Octets | None:
        """Memory where all `size` bytes of a tensor may stand already when they are written; None where there is none.

        It is asked for before anything of the tensor is written.
        """


class Gathered:
    """A sink that keeps everything in memory."""

    def __init__(self) -> None:
        self._parts: dict[int, list[bytes | memoryview]] = {}
        self._rooms: dict[int, Octets] = {}
        self._written: dict[int, int] = {}

    def write(self, place: int, data: bytes | memoryview) -> None:
        """Keep `data`."""
        if place in self._rooms:
            self._put(place, np.frombuffer(data, np.uint8))
        else:
            self._parts.setdefault(place, []).append(data)

    def _put(self, place: int, data: Octets) -> None:
        begin = self._written.get(place, 0)
        there = self._rooms[place][begin : begin + data.size]
        if not np.may_share_memory(there, data):
            there[:] = data
        self._written[place] = begin + data.size

    def room(self, place: int, size: int) -> Octets | None:
        """Memory for all of a tensor, the same whenever it is asked for; None where the system has not as much."""
        try:
            if place not in self._rooms:
                self._rooms[place] = memory.room(size)
        except MemoryError:
            return None
        return self._rooms[place]

    def copy(self, place: int, original: int) -> None:
        """Keep the same bytes for two tensors."""
        self._parts[place] = [self.data(original)]

    def data(self, place: int) -> bytes | memoryview:
        """All bytes of a tensor, not copied where they came at once."""
        if place in self._rooms:
            self._parts[place] = [self._rooms.pop(place).data.toreadonly()]
        parts = self._parts[place]
        if len(parts) != 1:
            self._parts[place] = parts = [b"".join(parts)]
        return parts[0]
