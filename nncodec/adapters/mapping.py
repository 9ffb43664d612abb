"""SPEC.md Annex D.0 (informative), files: the bytes of a file on demand, without reading it whole."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final

MAP_FROM: Final = 1 << 20
"""Files of at least this many bytes are mapped into memory; smaller ones are read, which is faster."""


def map_file(path: str | os.PathLike[str]) -> memoryview:
    """Read-only bytes of the regular file at `path`, as by `file_view`."""
    with Path(path).open("rb") as file:
        return file_view(file.fileno())


def file_view(handle: int) -> memoryview:
    """Read-only bytes of the whole regular file open as descriptor `handle`, which may be closed afterwards.

    A mapped file must not be cut short while the view lives; replacing it by another file is harmless.
    Raises OSError.
    """
    size = os.fstat(handle).st_size
    if size >= MAP_FROM:
        return memoryview(mmap.mmap(handle, size, access=mmap.ACCESS_READ))
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle), "rb") as file:
        return memoryview(file.read(size))
