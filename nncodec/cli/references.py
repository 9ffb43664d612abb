"""Command line (informative): reference models: those that are given, and those that a folder holds, by content id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nncodec.adapters.files import SUFFIXES, load
from nncodec.cli.common import UsageError, read_bytes
from nncodec.decoder import decode
from nncodec.errors import BitstreamError, NncodecError
from nncodec.limits import Limits
from nncodec.model import Model
from nncodec.stream import Identity, read_identity, read_parents
from nncodec.tables import FILE_EXTENSION, MAGIC


@dataclass(frozen=True)
class Link:
    """One model that a stream needs, directly (depth 1) or through another; the file that holds it, if found."""

    depth: int
    content_id: bytes
    path: Path | None


class References:
    """The reference models at hand. Files of the folder are opened when a content id is asked for, not before."""

    def __init__(self, given: Sequence[Path], folder: Path | None, limits: Limits) -> None:
        """Raises UsageError where `folder` is none."""
        if folder is not None and not folder.is_dir():
            raise UsageError(f"--refs {folder}: not a folder")
        self._limits = limits
        self._models: dict[bytes, Model] = {}
        self._sources: dict[bytes, Path] = {}
        self._folder = folder
        self._streams: dict[bytes, Path] | None = None
        self._unread: Iterator[Path] = iter(_files(folder, tuple(SUFFIXES)))
        self.given = [self._load(path) for path in given]

    def _load(self, path: Path) -> Model:
        model = self.decode(read_bytes(path)) if is_stream(path) else load(path)
        self._keep(model, path)
        return model

    def decode(self, data: bytes) -> Model:
        """The model of the stream `data`, with all that it needs. Raises BitstreamError."""
        return decode(data, self.needed_by(data), limits=self._limits)

    def needed_by(self, data: bytes) -> list[Model]:
        """The reference models at hand for the stream `data`: its parents as far as they can be found.

        Those that were given come too, so that a decoder can say what it was given instead. Follows a chain of updates
        from its oldest stream on. Raises BitstreamError where `data` or a stream of the chain is invalid.
        """
        for parent in read_parents(data, self._limits):
            self._provide(parent)
        return list(self._models.values())

    def chain(self, data: bytes) -> Iterator[Link]:
        """What the stream `data` is predicted from, and that in turn, nearest first, as far as it is at hand."""
        waiting = [(1, parent) for parent in read_identity(data, self._limits).parents]
        seen: set[bytes] = set()
        while waiting:
            depth, content_id = waiting.pop(0)
            path = self._sources.get(content_id)
            yield Link(depth, content_id, path)
            if path is not None and content_id not in seen and is_stream(path):
                parents = read_identity(read_bytes(path), self._limits).parents
                waiting = [(depth + 1, parent) for parent in parents] + waiting
            seen.add(content_id)

    def _provide(self, content_id: bytes) -> None:
        """Have the model `content_id` at hand if it can be: what its stream is predicted from comes first."""
        waiting, seen = [content_id], {content_id}
        while waiting:
            wanted = waiting[-1]
            path = None if wanted in self._models else self._stream_of(wanted)
            if path is None:
                self._find_model_file(wanted)
                waiting.pop()
                continue
            data = read_bytes(path)
            parents = [parent for parent in read_identity(data, self._limits).parents if parent not in seen]
            if not parents:
                waiting.pop()
                self._keep(decode(data, list(self._models.values()), limits=self._limits), path)
            seen.update(parents)
            waiting += parents

    def _keep(self, model: Model, path: Path) -> None:
        self._models.setdefault(model.content_id, model)
        self._sources.setdefault(model.content_id, path)

    def _stream_of(self, content_id: bytes) -> Path | None:
        """The stream of the folder that decodes to `content_id`."""
        if self._streams is None:
            self._streams = {}
            for path in _files(self._folder, (FILE_EXTENSION,)):
                identity = _identity_of(path, self._limits)
                if identity is not None:
                    self._streams.setdefault(identity.content_id, path)
        return self._streams.get(content_id)

    def _find_model_file(self, content_id: bytes) -> None:
        """Load model files of the folder until one has `content_id`; those on the way are kept."""
        while content_id not in self._models and (path := next(self._unread, None)) is not None:
            try:
                self._keep(load(path), path)
            except NncodecError:
                continue


def is_stream(path: Path) -> bool:
    """Whether the file at `path` begins like an NMC stream."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _files(folder: Path | None, suffixes: Sequence[str]) -> list[Path]:
    return [] if folder is None else sorted(path for path in folder.iterdir() if path.suffix in suffixes)


def _identity_of(path: Path, limits: Limits) -> Identity | None:
    """Identity of a stream of the folder; None for a file that is no valid stream and so no candidate."""
    try:
        return read_identity(read_bytes(path), limits)
    except (BitstreamError, OSError):
        return None
