"""SPEC.md Annex D.0 (informative), files: tensors written into places of a file that are known before their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

_COPY: Final = 1 << 22


class PlacedFile:
    """A sink: `places` gives offset and size in bytes of each tensor in `file`, which is open for reading and writing.

    What no tensor covers stays zero.
    """

    def __init__(self, file: BinaryIO, places: Mapping[int, tuple[int, int]]) -> None:
        self._file, self._places = file, places
        self._written: dict[int, int] = {}
        file.truncate(max([file.tell(), *(offset + size for offset, size in places.values())]))

    def write(self, place: int, data: bytes | memoryview) -> None:
        """Write the next bytes of a tensor."""
        written = self._written.get(place, 0)
        self._file.seek(self._places[place][0] + written)
        self._file.write(data)
        self._written[place] = written + memoryview(data).nbytes

    def copy(self, place: int, original: int) -> None:
        """Write a tensor that has the bytes of another one."""
        for data in self.read(original):
            self.write(place, data)

    def room(self, place: int, size: int) -> None:
        """None: what is written goes to the file."""

    def flush(self) -> None:
        """Have everything reach the file system, which may still find that there is no space. Raises OSError."""
        self._file.flush()

    def read(self, place: int) -> Iterator[bytes]:
        """The bytes of a tensor that is whole, some at a time."""
        offset, size = self._places[place]
        for start in range(0, size, _COPY):
            self._file.seek(offset + start)
            yield self._file.read(min(_COPY, size - start))
