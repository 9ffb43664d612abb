"""Command line (informative): reference models: those that are given, and those that a folder holds, by content id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nncodec.adapters.files import SUFFIXES, format_of_name, load
from nncodec.cli.common import UsageError, view_stream
from nncodec.decoder import decode
from nncodec.errors import BitstreamError, ErrorClass, InvalidStreamError, NncodecError
from nncodec.limits import Limits
from nncodec.model import Model
from nncodec.set_decoder import SetReader, decode_set
from nncodec.set_stream import is_set
from nncodec.stream import read_identity, read_parents
from nncodec.tables import FILE_EXTENSION, MAGIC

NO_REFERENCE = frozenset({ErrorClass.REF_MISSING, ErrorClass.REF_MISMATCH})
"""Classes of errors of streams that are predicted from models not at hand."""


@dataclass(frozen=True)
class Link:
    """One model that a stream needs, directly (depth 1) or through another; the file that holds it, if found."""

    depth: int
    content_id: bytes
    path: Path | None


@dataclass(frozen=True)
class Source:
    """A stream in a file, or a model of a set of streams there (`name`), and the models that it needs besides."""

    path: Path
    content_id: bytes
    parents: tuple[bytes, ...]
    name: str | None = None

    def decode(self, references: Sequence[Model], limits: Limits) -> Model:
        """Its model. Raises BitstreamError."""
        data = view_stream(self.path)
        if self.name is None:
            return decode(data, references, limits=limits)
        return decode_set(data, references, limits=limits, names=[self.name])[self.name]


class References:
    """The reference models at hand. Files of the folder are opened when a content id is asked for, not before."""

    def __init__(self, given: Sequence[Path], folder: Path | None, limits: Limits) -> None:
        """Raises UsageError where `folder` is none."""
        if folder is not None and not folder.is_dir():
            raise UsageError(f"--refs {folder}: not a folder")
        self._limits = limits
        self._models: dict[bytes, Model] = {}
        self._paths: dict[bytes, Path] = {}
        self._folder = folder
        self._streams: dict[bytes, Source] | None = None
        self._unread: Iterator[Path] = iter(_model_files(folder))
        self.given = self._load_all(given)

    def _load_all(self, paths: Sequence[Path]) -> list[Model]:
        """The models of all files, in their order; one may be predicted from any other.

        Raises UsageError where what one is predicted from is not at hand.
        """
        found: dict[Path, list[Model]] = {}
        waiting = list(dict.fromkeys(paths))
        while waiting:
            errors: dict[Path, InvalidStreamError] = {}
            for path in waiting:
                try:
                    found[path] = self._load(path)
                except InvalidStreamError as error:
                    if error.error_class not in NO_REFERENCE:
                        raise
                    errors[path] = error
            if len(errors) == len(waiting):
                path, what = next(iter(errors.items()))
                raise UsageError(f"--ref {path}: {what}; give that too, or its folder by --refs")
            waiting = list(errors)
        return [model for path in paths for model in found[path]]

    def _load(self, path: Path) -> list[Model]:
        """The model in the file at `path`; all models of a set."""
        if not is_stream(path):
            models = [load(path)]
        elif is_set(data := view_stream(path)):
            models = list(decode_set(data, self.needed_by(data), limits=self._limits).values())
        else:
            models = [decode(data, self.needed_by(data), limits=self._limits)]
        for model in models:
            self.add(model, path)
        return models

    def needed_by(self, data: bytes | memoryview, names: Sequence[str] | None = None) -> list[Model]:
        """The reference models at hand for the stream or set `data`: its parents as far as they can be found.

        names: models of the set that are wanted, None for all. Those that were given come too, so that a decoder can
        say what it was given instead. Follows a chain of updates from its oldest stream on. Raises BitstreamError
        where `data` or a stream of the chain is invalid, UnknownNameError for a name that the set does not have.
        """
        for parent in _needs(data, self._limits, names):
            self._provide(parent)
        return list(self._models.values())

    @property
    def files(self) -> list[Path]:
        """The files of all models at hand."""
        return list(self._paths.values())

    def chain(self, needs: Iterable[bytes]) -> Iterator[Link]:
        """The models called for, and what they are predicted from in turn, nearest first, as far as it is at hand."""
        waiting = [(1, parent) for parent in needs]
        seen: set[bytes] = set()
        while waiting:
            depth, content_id = waiting.pop(0)
            path = self._paths.get(content_id)
            yield Link(depth, content_id, path)
            if path is not None and content_id not in seen and is_stream(path):
                sources = [each for each in _sources(path, self._limits) if each.content_id == content_id]
                waiting = [(depth + 1, parent) for source in sources for parent in source.parents] + waiting
            seen.add(content_id)

    def _provide(self, content_id: bytes) -> None:
        """Have the model `content_id` at hand if it can be: what its stream is predicted from comes first."""
        waiting, seen = [content_id], {content_id}
        while waiting:
            wanted = waiting[-1]
            source = None if wanted in self._models else self._stream_of(wanted)
            if source is None:
                self._find_model_file(wanted)
                waiting.pop()
                continue
            parents = [parent for parent in source.parents if parent not in seen]
            if not parents:
                waiting.pop()
                self.add(source.decode(list(self._models.values()), self._limits), source.path)
            seen.update(parents)
            waiting += parents

    def add(self, model: Model, path: Path) -> None:
        """Have `model`, which the file at `path` holds, at hand."""
        self._models.setdefault(model.content_id, model)
        self._paths.setdefault(model.content_id, path)

    def _stream_of(self, content_id: bytes) -> Source | None:
        """The stream of the folder that decodes to `content_id`."""
        if self._streams is None:
            self._streams = {}
            for path in (path for path in _files(self._folder) if path.suffix == FILE_EXTENSION):
                for source in _sources(path, self._limits):
                    self._streams.setdefault(source.content_id, source)
        return self._streams.get(content_id)

    def _find_model_file(self, content_id: bytes) -> None:
        """Load model files of the folder until one has `content_id`; those on the way are kept."""
        while content_id not in self._models and (path := next(self._unread, None)) is not None:
            try:
                self.add(load(path), path)
            except NncodecError:
                continue


def is_stream(path: Path) -> bool:
    """Whether the file at `path` begins like an NMC stream."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _needs(data: bytes | memoryview, limits: Limits, names: Sequence[str] | None) -> Sequence[bytes]:
    """Content ids of the models that the stream `data`, or those models of the set `data`, are predicted from."""
    return SetReader(data, (), limits).needs(names) if is_set(data) else read_parents(data, limits)


def _files(folder: Path | None) -> list[Path]:
    return [] if folder is None else sorted(folder.iterdir())


def _model_files(folder: Path | None) -> list[Path]:
    """The model files of a folder; an index of shards before all shards, which are models of their own."""
    found = [path for path in _files(folder) if format_of_name(path) is not None]
    return sorted(found, key=lambda path: path.suffix.lower() in SUFFIXES)


def _sources(path: Path, limits: Limits) -> list[Source]:
    """What the stream or set at `path` holds; nothing for a file that is no valid stream and so no candidate."""
    try:
        data = view_stream(path)
        if not is_set(data):
            identity = read_identity(data, limits)
            return [Source(path, identity.content_id, identity.parents)]
        reader = SetReader(data, (), limits)
        found = [(name, reader.content_id(name)) for name in reader.names]
        return [Source(path, content, tuple(reader.needs([name])), name) for name, content in found if content]
    except (BitstreamError, OSError):
        return []
