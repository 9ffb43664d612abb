"""SPEC.md clause E.12 (informative): coded slices wait in a file until what stands before them is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Stored:
    """A slice unit in a spool."""

    offset: int
    size: int


class Spool:
    """Keeps bytes in `file`, open for reading and writing, which may as well be memory (BytesIO)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = 0

    def add(self, data: bytes) -> Stored:
        """Keep `data`."""
        stored = Stored(self._end, len(data))
        self._file.seek(self._end)
        self._file.write(data)
        self._end += len(data)
        return stored

    def close(self) -> None:
        """Nothing of it is needed any more."""
        self._file.close()

    def read(self, stored: Iterator[Stored]) -> Iterator[bytes]:
        """What was kept, one after another."""
        for each in stored:
            self._file.seek(each.offset)
            yield self._file.read(each.size)
