"""SPEC.md clause 6.8 (informative): files of streams, opened for reading in any order: on disk, or by a URL."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import BinaryIO, cast

from nncodec.errors import UnsupportedModelError


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
