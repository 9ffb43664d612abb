"""SPEC.md clause E.12 (informative): coded slices wait in a file until what stands before them is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Stored:
    """A slice unit in a spool."""

    offset: int
    size: int


class Spool:
    """Keeps bytes in `file`, open for reading and writing; with None in memory, as they are."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self._held: dict[int, tuple[bytes, ...]] = {}
        self._end = 0

    def add(self, *parts: bytes) -> Stored:
        """Keep `parts`, one behind the other."""
        stored = Stored(self._end, sum(map(len, parts)))
        if self._file is None:
            self._held[self._end] = parts
        else:
            self._file.seek(self._end)
            self._file.writelines(parts)
        self._end += stored.size
        return stored

    def read(self, stored: Iterable[Stored]) -> Iterator[bytes]:
        """What was kept, one after another."""
        for each in stored:
            if self._file is None:
                yield from self._held[each.offset]
            else:
                self._file.seek(each.offset)
                yield self._file.read(each.size)

    def close(self) -> None:
        """Nothing of it is needed any more."""
        self._held.clear()
        if self._file is not None:
            self._file.close()
