"""The vectors of the suite, as the manifest lists them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from conformance.tds import Model, Tensor

SUITE: Final = Path(__file__).resolve().parent


class HarnessError(Exception):
    """The suite, the command line or the machine is at fault, not the decoder."""


@dataclass(frozen=True)
class Vector:
    """One vector; `models` for a valid one, `classes` (the expected class first, then the accepted) for an invalid."""

    id: str
    valid: bool
    file: str
    refs: tuple[str, ...]
    tests: str
    clauses: tuple[str, ...]
    profile: str
    level: int
    models: tuple[Model, ...]
    classes: tuple[str, ...]

    @property
    def expectation(self) -> str:
        """What a decoder must do, in a word or two."""
        if not self.valid:
            return " or ".join(self.classes)
        tensors = f"{sum(len(model.tensors) for model in self.models)} tensors"
        return tensors if len(self.models) == 1 else f"{len(self.models)} models, {tensors}"


def load(folder: Path = SUITE) -> list[Vector]:
    """All vectors, their files checked. Raises HarnessError."""
    try:
        entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["vectors"]
    except (OSError, ValueError, KeyError) as error:
        raise HarnessError(f"the manifest cannot be read: {error}") from error
    for entry in entries:
        _check_file(folder, entry)
    return [_vector(entry) for entry in entries]


def _check_file(folder: Path, entry: dict[str, Any]) -> None:
    try:
        data = (folder / entry["file"]).read_bytes()
    except OSError as error:
        raise HarnessError(f"{entry['id']}: {error}") from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise HarnessError(f"{entry['file']} is not the file that the manifest lists: the suite is damaged")


def _vector(entry: dict[str, Any]) -> Vector:
    expect = entry["expect"]
    rejections = (expect["error"], *expect["accept"]) if "error" in expect else ()
    return Vector(
        id=entry["id"],
        valid=entry["kind"] == "valid",
        file=entry["file"],
        refs=tuple(ref["file"] for ref in entry["refs"]),
        tests=entry["tests"],
        clauses=tuple(entry["clauses"]),
        profile=entry["profile"],
        level=entry["level"],
        models=() if "error" in expect else tuple(_model(model) for model in expect.get("models", [expect])),
        classes=rejections,
    )


def _model(entry: dict[str, Any]) -> Model:
    """What `entry` says of a model; only those of a set have names."""
    return Model(entry.get("name"), tuple(_tensor(tensor) for tensor in entry["tensors"]))


def _tensor(entry: dict[str, Any]) -> Tensor:
    return Tensor(entry["name"], entry["dtype"], tuple(entry["shape"]), entry["sha256"])


def select(vectors: list[Vector], patterns: list[str]) -> list[Vector]:
    """Vectors whose id matches one of the shell-style `patterns`; all without patterns. Raises HarnessError."""
    chosen = [v for v in vectors if not patterns or any(fnmatchcase(v.id, pattern) for pattern in patterns)]
    if not chosen:
        raise HarnessError(f"no vector matches {', '.join(patterns)}; 'list' shows them all")
    return chosen


def fingerprint(folder: Path = SUITE) -> dict[str, tuple[int, int]]:
    """Size and time of every file of the suite: shows whether a decoder wrote into it."""
    files = (path for path in folder.rglob("*") if "__pycache__" not in path.parts and path.is_file())
    return {path.relative_to(folder).as_posix(): _stamp(path) for path in files}


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
