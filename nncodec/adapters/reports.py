"""SPEC.md Annex D.0 (informative), files: sentences that several adapters say about files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nncodec.errors import ModelFileError
from nncodec.model import Tensor
from nncodec.tables import DType


def reason(error: Exception) -> str:
    """What went wrong, without the path that OSError repeats."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__


def unknown_format(source: Path, detail: str = "") -> ModelFileError:
    """Error for a file that is none of the formats; `detail` says what it is instead."""
    looked_for = "a zip archive of .npy arrays, a safetensors header, an ONNX ModelProto with a graph"
    return ModelFileError(f"{str(source)!r} is no model file: looked for {looked_for}{detail}")


def damaged(source: str | os.PathLike[str], kind: str, what: object) -> ModelFileError:
    """Error for a file that begins as `kind` but breaks the rules of that format."""
    return ModelFileError(f"{os.fspath(source)!r} is not valid {kind}: {what}; fetch or export the file again")


def make_tensor(name: str, dtype: DType, shape: tuple[int, ...], data: bytes | memoryview) -> Tensor:
    """A Tensor; ModelFileError where `data` does not have the size that `dtype` and `shape` ask for."""
    try:
        return Tensor(name, dtype, shape, data)
    except ValueError as error:
        raise ModelFileError(f"{error}; the file is damaged or was exported wrongly") from error


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Context manager: turns the system's refusal to open or read `source` into ModelFileError."""
    try:
        yield
    except OSError as error:
        raise ModelFileError(f"cannot read {str(source)!r}: {reason(error)}; give the path of a model file") from error
