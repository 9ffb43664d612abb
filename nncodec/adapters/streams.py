"""SPEC.md clause 6.8 (informative): files of streams: opened for reading in any order, or by a URL; written whole."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import BinaryIO, TypeVar, cast

from nncodec.adapters.atomic import replace_on_success
from nncodec.errors import UnsupportedModelError


class FileOwner:
    """Something that reads a file, and closes it if it was opened for it: by `close`, or at the end of a `with`."""

    def __init__(self) -> None:
        self._owned = ExitStack()

    def own(self, file: BinaryIO) -> None:
        """Close `file` some time."""
        self._owned.callback(file.close)

    def close(self) -> None:
        """Close what was opened; nothing can be read any more then."""
        self._owned.close()

    def __enter__(self: Owner) -> Owner:  # noqa: PYI019 - typing has Self from 3.11 on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


Owner = TypeVar("Owner", bound=FileOwner)


@contextmanager
def writing_stream(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Context manager: yields a file to be written, which takes its place at `path` when the block ends.

    Leaving the block by an exception writes nothing. Raises ModelFileError where `path` cannot be written.
    """
    with replace_on_success(path) as fresh, fresh.open("wb") as file:
        yield file


def temporary_beside(path: str | os.PathLike[str]) -> BinaryIO:
    """A file without a name in the folder of `path`, for what may be too large for memory. Raises OSError."""
    return cast("BinaryIO", TemporaryFile(dir=Path(path).parent))


def reader_of(place: str | Path | BinaryIO, make: Callable[[BinaryIO], Owner]) -> Owner:
    """What `make` makes of the file at a path or a URL, which it then owns, or of an open file, which is the caller's.

    Raises as `open_binary`, and what `make` raises.
    """
    if not isinstance(place, (str, Path)):
        return make(place)
    with ExitStack() as opened:
        file = open_binary(place)
        opened.callback(file.close)
        made = make(file)
        opened.pop_all()
    made.own(file)
    return made


def open_binary(place: str | Path) -> BinaryIO:
    """The file at a path or a URL, which fsspec then opens (extra `remote`).

    Raises OSError where there is none, UnsupportedModelError where fsspec or what it needs for the URL is missing.
    """
    if "://" not in str(place):
        return Path(place).open("rb")
    try:
        opened = importlib.import_module("fsspec").open(str(place), "rb", cache_type="none")
        return cast("BinaryIO", opened.open())
    except ImportError as error:
        raise UnsupportedModelError(f"{place}: {error}; pip install 'nmc-codec[remote]'") from None
