"""SPEC.md clause 8.5 (informative): memory: pages of mapped files are let go once they were used.

One rule: whoever walks through data that may lie in a mapped file says so behind each part of it; the pages leave this
process, not the system's cache, and come back when they are asked for again.
"""

from __future__ import annotations

import mmap
from typing import Final

import numpy as np
import numpy.typing as npt

Octets = npt.NDArray[np.uint8]

RELEASE_EVERY: Final = 1 << 23
"""Bytes that are read of mapped files before their pages are let go."""


LARGE_PAGE: Final = 1 << 21
"""Bytes of a large page on x86-64 and most 64-bit ARM systems."""


def room(size: int) -> Octets:
    """Fresh memory for `size` bytes, which mean nothing yet; from a large page's beginning on, where it may have some.

    A page that is touched for the first time costs as much as decoding what goes into it, and a large one hardly more
    than a small one. numpy asks for large ones where an array is twice as large.
    """
    if size < 2 * LARGE_PAGE:
        return np.empty(size, np.uint8)
    found = np.empty(size + LARGE_PAGE, np.uint8)
    begin = -found.ctypes.data % LARGE_PAGE
    return found[begin : begin + size]


def viewed(data: bytes | Octets) -> bytes | memoryview:
    """`data` as a buffer; nothing is copied."""
    return data if isinstance(data, bytes) else data.data


def release(data: bytes | memoryview) -> None:
    """Let go of the pages of the file that `data` is a view of, if it is one; what it shows stays the same."""
    file = _file_of(data)
    if file is not None and hasattr(mmap, "MADV_DONTNEED"):
        file.madvise(mmap.MADV_DONTNEED)


def is_mapped(data: bytes | memoryview) -> bool:
    """Whether `data` is a view of a mapped file."""
    return _file_of(data) is not None


def _file_of(data: bytes | memoryview) -> mmap.mmap | None:
    """The mapped file that `data` is a view of."""
    return data.obj if isinstance(data, memoryview) and isinstance(data.obj, mmap.mmap) else None


class Releaser:
    """Lets pages go now and then: each time that costs a little."""

    def __init__(self) -> None:
        self._used = 0
        self._views: dict[int, memoryview] = {}

    def used(self, data: bytes | memoryview, size: int | None = None) -> None:
        """`size` bytes (None: all) of `data` were read; what is no view of a file is not held on to."""
        if not isinstance(data, memoryview) or not is_mapped(data):
            return
        self._used += data.nbytes if size is None else size
        self._views[id(data.obj)] = data
        if self._used >= RELEASE_EVERY:
            self.all()

    def all(self) -> None:
        """Let go of all that was used."""
        for view in self._views.values():
            release(view)
        self._views.clear()
        self._used = 0
