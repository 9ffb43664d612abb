"""SPEC.md Annex D.0 (informative), files: a model file on disk, whatever its format, becomes a Model, and back.

What a file holds is told by its content, never by its name; the format to write is told by the suffix. The packages
that know a format are imported when a file of that format is met, not before.
"""

from __future__ import annotations

import importlib
import os
import stat
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from glob import escape
from pathlib import Path
from typing import Final, Protocol, cast

from nncodec.adapters.atomic import folder_on_success
from nncodec.adapters.reports import damaged, reading, reason, unknown_format
from nncodec.errors import ModelFileError
from nncodec.memory import release
from nncodec.model import NUMPY_DTYPES, Model, TensorHeader, Topology
from nncodec.set_stream import name_flaw
from nncodec.sink import Sink
from nncodec.tables import MAGIC, DType, TopologyFormat

SUFFIXES: Final = {".onnx": "onnx", ".safetensors": "safetensors", ".npz": "npz"}
"""Suffix of a file name -> name of the format."""

INDEX_SUFFIX: Final = ".safetensors.index.json"
"""End of the name of an index of safetensors shards, which is a model file too."""

_INDEX: Final = "safetensors_index"

_FOREIGN: Final = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras)"),
    (b"\x80\x02", "a Python pickle (PyTorch)"),
    (b"GGUF", "a GGUF file"),
    (MAGIC, "an NMC bitstream, which nndec decodes,"),
)
"""First bytes of files that are often given by mistake. No format here starts like one of them."""


_SAFETENSORS_HEADER_MAX: Final = 100_000_000
"""Bytes of a safetensors header at most, as the safetensors package has it."""


class _Adapter(Protocol):
    """What each module of this room offers."""

    def load(self, path: Path) -> Model: ...
    def writing(
        self, tensors: Sequence[TensorHeader], topology: Topology, path: Path
    ) -> AbstractContextManager[Sink]: ...


def load(path: str | os.PathLike[str]) -> Model:
    """Model in the file `path`: ONNX, safetensors (or an index of its shards) or numpy .npz, told apart by content.

    Raises ModelFileError where the file is missing, unreadable, damaged, unsafe or of no known format, or where the
    package for its format is not installed; UnsupportedModelError where it holds something a Model has no place for.
    """
    source = Path(path)
    with reading(source):
        return _adapter(_format_of_file(source)).load(source)


def size_of(path: Path, model: Model) -> int:
    """Bytes of the file that `model` was loaded from, or of its tensors where these stand in other files."""
    may_be_packed = _format_of_file(path) == SUFFIXES[".npz"]
    return path.stat().st_size if may_be_packed else max(path.stat().st_size, model.nbytes)


def save(model: Model, path: str | os.PathLike[str], format: str | None = None) -> None:  # noqa: A002  users look for this word
    """Write `model` to the file `path`, whole or not at all.

    `format` is "onnx", "safetensors" or "npz"; without it the suffix of `path` decides: .safetensors.index.json is an
    index, beside which the tensors go to shards.

    Raises ModelFileError where neither names a format, the file cannot be written or the package is not installed;
    UnsupportedModelError where the format has no place for something in `model`.
    """
    with writing([tensor.header for tensor in model.tensors], model.topology, path, format) as sink:
        for place, tensor in enumerate(model.tensors):
            sink.write(place, tensor.data)
            release(tensor.data)


def writing(
    tensors: Sequence[TensorHeader],
    topology: Topology,
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - as in `save`
) -> AbstractContextManager[Sink]:
    """Context manager: yields the sink for the data of `tensors`, in any order; the file appears when the block ends.

    Leaving the block by an exception writes nothing. Only .npz keeps the data in memory until then. Raises as `save`.
    """
    target = Path(path)
    return _adapter(_format_to_write(target, format)).writing(tensors, topology, target)


def save_all(
    models: Iterable[tuple[str, Model]],
    folder: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - as in `save`
) -> list[Path]:
    """Write each model, called by its name, to a file in `folder`.

    Without `format` the topology says which; without a topology .npz, or .safetensors for types that numpy lacks.
    Nothing appears in `folder` before the last model is written whole. Gives the files. Raises as
    `save`, ModelFileError for a name that no model of a set has (R-7.4.3) or that leads to the file of another, and
    what drawing from `models` raises.
    """
    with folder_on_success(folder) as fresh:
        written = []
        for name, model in models:
            flaw, file = name_flaw(name), f"{name}.{format or _natural_format(model)}"
            if flaw is not None or os.path.lexists(fresh / file):
                raise ModelFileError(f"cannot write model {name!r}: its name {flaw or 'is that of another'}")
            save(model, fresh / file)
            written.append(Path(folder) / file)
    return written


def _natural_format(model: Model) -> str:
    if model.topology.format == TopologyFormat.ONNX:
        return "onnx"
    has_metadata = model.topology.format == TopologyFormat.SAFETENSORS_METADATA
    needs_more = any(tensor.dtype not in NUMPY_DTYPES and tensor.dtype != DType.STRING for tensor in model.tensors)
    return "safetensors" if has_metadata or needs_more else "npz"


def _format_to_write(target: Path, name: str | None) -> str:
    chosen = format_of_name(target) if name is None else name
    if chosen is None or chosen not in (*SUFFIXES.values(), _INDEX):
        asked = f"{str(target)!r}" if name is None else f"format {name!r}"
        raise ModelFileError(f"no model format for {asked}; choose one of {', '.join((*SUFFIXES, INDEX_SUFFIX))}")
    return chosen


def format_of_name(path: Path) -> str | None:
    """The format of a model file that is to have this name; None where it names none."""
    return _INDEX if path.name.lower().endswith(INDEX_SUFFIX) else SUFFIXES.get(path.suffix.lower())


def model_name(path: Path) -> str:
    """The name of a model file without what says its format."""
    return path.name[: -len(INDEX_SUFFIX)] if format_of_name(path) == _INDEX else path.stem


def files_of(path: Path) -> list[Path]:
    """The file at `path`, and those that are shards of it by their names if it is an index."""
    if format_of_name(path) != _INDEX:
        return [path]
    return [path, *sorted(path.parent.glob(f"{escape(model_name(path))}-*-of-*.safetensors"))]


def _adapter(name: str) -> _Adapter:
    """Module for the format `name`, imported now; its package may be missing."""
    try:
        return cast("_Adapter", importlib.import_module(f"nncodec.adapters.{name}_model"))
    except ModuleNotFoundError as error:
        extra = name.partition("_")[0]
        hint = f"pip install 'nmc-codec[{extra}]'"
        raise ModelFileError(
            f"{extra} files need the package {error.name!r}, which is not installed: {hint}"
        ) from error


def _format_of_file(source: Path) -> str:
    """Name of the format of the file `source`, from its first bytes; what is nothing else is taken for ONNX."""
    try:
        what = source.stat()
    except ValueError as error:  # a NUL in the path
        raise ModelFileError(f"cannot read {str(source)!r}: {reason(error)}; give the path of a model file") from error
    if not stat.S_ISREG(what.st_mode):
        kind = "a folder" if stat.S_ISDIR(what.st_mode) else "not a regular file"
        held = next((path for path in sorted(source.glob(f"*{INDEX_SUFFIX}"))), "a model file")
        raise ModelFileError(f"cannot read {str(source)!r}: it is {kind}; give the path of {held}")
    if what.st_size == 0:
        raise ModelFileError(f"{str(source)!r} is empty; it was probably never written or copied completely")
    with source.open("rb") as file:
        start = file.read(16)
    return _format_of_start(start, source)


def _format_of_start(start: bytes, source: Path) -> str:
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        _check_npz(source)
        return "npz"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= _SAFETENSORS_HEADER_MAX:
        return "safetensors"
    if start.lstrip().startswith(b"{"):
        return _INDEX
    for magic, what in _FOREIGN:
        if start.startswith(magic):
            raise unknown_format(source, f"; it looks like {what} and must be converted first")
    return "onnx"


def _check_npz(source: Path) -> None:
    """An archive is npz when its members are arrays; PyTorch and Keras also write archives."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise damaged(source, "zip", error) from error
    if names and not any(name.endswith(".npy") for name in names):
        raise unknown_format(source, "; it is a zip archive (PyTorch?) without any .npy member")
