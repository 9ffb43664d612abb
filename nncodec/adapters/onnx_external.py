"""SPEC.md Annex D.1 (informative), external data: bytes that an ONNX model keeps in files beside it.

A model from a stranger names these files, so the names are hostile: only plain files inside the model's own folder are
read, and only bytes that are there. Does not import onnx.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Final

from nncodec.adapters.mapping import file_view
from nncodec.adapters.reports import reason
from nncodec.errors import ModelFileError

_KEYS: Final = ("location", "offset", "length")
"""Entries that say where bytes are. Others (checksum, basepath, a runtime's own) are not used."""

_NUMBER: Final = re.compile(r"[0-9]{1,19}", re.ASCII)

_PAGE: Final = 4096
_ALIGNED_FROM: Final = 1 << 20
"""Tensors of at least this many bytes start at a multiple of a page, so that a runtime can map them."""


@dataclass(frozen=True)
class Location:
    """Where a tensor's bytes are: file name relative to the model's folder, offset and length in bytes."""

    file: str
    offset: int
    length: int | None


def parse_entries(entries: Iterable[tuple[object, object]], name: str) -> Location:
    """Location in the external_data entries of tensor `name`. Raises ModelFileError for missing or garbled ones."""
    found: dict[str, str] = {}
    for key, value in entries:
        if key not in _KEYS:
            continue
        if key in found or not isinstance(value, str):
            raise _unsafe(name, value, f"its entry {key!r} occurs twice or is not text")
        found[str(key)] = value
    if "location" not in found:
        raise _unsafe(name, "", "no location is given")
    return Location(found["location"], _number(found, "offset", name) or 0, _number(found, "length", name))


def _number(found: dict[str, str], key: str, name: str) -> int | None:
    value = found.get(key)
    if value is not None and not _NUMBER.fullmatch(value):
        raise _unsafe(name, found["location"], f"{key} {value[:40]!r} is not a count of bytes")
    return None if value is None else int(value)


def _unsafe(name: str, location: object, why: str) -> ModelFileError:
    shown = str(location)[:200]
    return ModelFileError(
        f"tensor {name!r} has external data at {shown!r}: {why}; nncodec reads plain files in the model's folder only"
    )


@dataclass
class ExternalFolder:
    """The files that a model in `folder` may use; None where the model did not come from a folder."""

    folder: Path | None
    _views: dict[Path, memoryview] = field(default_factory=dict, repr=False)

    def read(self, location: Location, nbytes: int, name: str) -> memoryview:
        """The `nbytes` bytes of tensor `name`; large files stay on disk and are mapped.

        Raises ModelFileError where the location leaves the folder, is no plain file or has not that many bytes.
        """
        if location.length not in {None, nbytes}:
            raise _unsafe(name, location.file, f"length is {location.length}, dtype and shape ask for {nbytes} bytes")
        view = self._view(location.file, name)
        if location.offset + nbytes > len(view):
            end = location.offset + nbytes
            raise _unsafe(name, location.file, f"bytes {location.offset} to {end} of a file of {len(view)} bytes")
        return view[location.offset : location.offset + nbytes]

    def _view(self, location: str, name: str) -> memoryview:
        path = self._inside(location, name)
        if path not in self._views:
            try:
                self._views[path] = _open(path, location, name)
            except OSError as error:
                raise _unsafe(name, location, f"cannot be read ({reason(error)})") from error
        return self._views[path]

    def _inside(self, location: str, name: str) -> Path:
        """Path of the file, all links followed, which lies inside the folder."""
        if self.folder is None:
            raise _unsafe(name, location, "the model was not read from a folder")
        if fault := _fault_of_name(location):
            raise _unsafe(name, location, fault)
        try:
            folder = self.folder.resolve(strict=True)
            path = (folder / location).resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
            raise _unsafe(name, location, f"cannot be found ({reason(error)})") from error
        if not path.is_relative_to(folder):
            raise _unsafe(name, location, "a symbolic link leads out of the model's folder")
        return path


def _fault_of_name(location: str) -> str | None:
    """What is wrong with a location as written, before any file is looked at; the rules are those of every system."""
    if not location or "\x00" in location:
        return "the name is empty or holds a NUL"
    windows = PureWindowsPath(location)
    if location.startswith("/") or windows.drive or windows.root:
        return "the path is absolute"
    if ".." in re.split(r"[/\\]", location):
        return "the path goes up with '..'"
    return None


def _open(path: Path, location: str, name: str) -> memoryview:
    """Bytes of `path`. It is looked at before it is opened (opening a device acts) and again after."""
    _check_plain(path.stat(), location, name)
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        _check_plain(os.fstat(handle), location, name)
        return file_view(handle)
    finally:
        os.close(handle)


def _check_plain(what: os.stat_result, location: str, name: str) -> None:
    if not stat.S_ISREG(what.st_mode):
        raise _unsafe(name, location, "it is not a plain file")
    if what.st_nlink > 1:
        raise _unsafe(name, location, "it is a hard link, which may lead out of the folder (copy it)")


@dataclass
class SideFile:
    """The file of external data to be written beside a model: `name` is its bare name."""

    name: str
    _end: int = 0

    def place(self, nbytes: int) -> Location:
        """Reserve room for `nbytes` bytes, and say where."""
        step = _PAGE if nbytes >= _ALIGNED_FROM else 1
        offset = -(-self._end // step) * step
        self._end = offset + nbytes
        return Location(self.name, offset, nbytes)
