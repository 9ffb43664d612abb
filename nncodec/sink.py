"""SPEC.md clause 8.5 (informative): where decoded tensors go, part by part: into memory, or into a file."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Takes the data of tensors; `place` is that of a tensor among all tensors of the model."""

    def write(self, place: int, data: bytes | memoryview) -> None:
        """The next bytes of a tensor: they come in order, those of one tensor without others between."""

    def copy(self, place: int, original: int) -> None:
        """A tensor has the bytes of another one, which is whole."""


class Gathered:
    """A sink that keeps everything in memory."""

    def __init__(self) -> None:
        self._parts: dict[int, list[bytes | memoryview]] = {}

    def write(self, place: int, data: bytes | memoryview) -> None:
        """Keep `data`."""
        self._parts.setdefault(place, []).append(data)

    def copy(self, place: int, original: int) -> None:
        """Keep the same bytes for two tensors."""
        self._parts[place] = [self.data(original)]

    def data(self, place: int) -> bytes | memoryview:
        """All bytes of a tensor, not copied where they came at once."""
        parts = self._parts[place]
        if len(parts) != 1:
            self._parts[place] = parts = [b"".join(parts)]
        return parts[0]
