"""SPEC.md clause 8.6: the decoding process of sets: each model from those before it, all of them or those asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO, Final

from nncodec.adapters.streams import FileOwner, reader_of
from nncodec.decoder import decode, distinct
from nncodec.errors import BitstreamError, UnknownNameError, shifted
from nncodec.limits import DEFAULT_LEVEL, LEVELS, Limits
from nncodec.model import Model
from nncodec.set_stream import Member, read_members
from nncodec.stream import Ranges, find_end, ranges_of, ranges_of_bytes, read_parents
from nncodec.syntax.descriptors import Element
from nncodec.syntax.end import End
from nncodec.work import Work

_FIRST_WINDOW: Final = 2**12
"""Bytes of a stream in which its parents are sought first: nearly all starts and parameter sets are shorter."""


class SetReader(FileOwner):
    """A set of models of which any are decoded, with those that they are predicted from; the rest is not read.

    source: a file, seekable and open for reading in binary, or its bytes (mapped, perhaps). references: models that the
    receiver holds besides, as for `decode`. Raises BitstreamError for what is not a valid set.
    """

    def __init__(
        self,
        source: BinaryIO | bytes | bytearray | memoryview,
        references: Sequence[Model] = (),
        limits: Limits = LEVELS[DEFAULT_LEVEL],
    ) -> None:
        super().__init__()
        if isinstance(source, (bytes, bytearray, memoryview)):
            view = memoryview(source).cast("B")
            self._ranges, size = ranges_of_bytes(view), view.nbytes
        else:
            self._ranges, size = ranges_of(source), source.seek(0, SEEK_END)
        self._references, self.limits = list(references), limits
        elements: list[Element] = []
        self.start, members = read_members(self._ranges, size, limits, elements)
        self.members, self.elements = tuple(members), tuple(elements)
        self._places = {member.name: place for place, member in enumerate(self.members)}
        self._ids: dict[int, bytes | None] = {}
        self._first: dict[bytes | None, int] = {}
        self._indexed = 0

    @property
    def names(self) -> list[str]:
        """Names of the models, in order."""
        return list(self._places)

    def model(self, name: str, work: Work | None = None) -> Model:
        """The model called `name`. Raises UnknownNameError where there is none, BitstreamError."""
        return next(model for _, model in self.models([name], work))

    def models(self, names: Collection[str] | None = None, work: Work | None = None) -> Iterator[tuple[str, Model]]:
        """The models called `names` (None: all) with their names, in the order of the set, as they are decoded.

        A model is kept as long as one that follows is predicted from it. Raises UnknownNameError for a
        name that the set does not have, BitstreamError.
        """
        names = None if names is None else distinct(names)
        parents = self._parents_of([self._place(name) for name in (self.names if names is None else names)])
        needed = sorted(parents)
        last_use = {parent: place for place in needed for parent in parents[place]}
        held: dict[int, Model] = {}
        for place in needed:
            member = self.members[place]
            held[place] = self._decode(member, [held[parent] for parent in sorted(parents[place])], work)
            if names is None or member.name in names:
                yield member.name, held[place]
            held = {kept: model for kept, model in held.items() if last_use.get(kept, place) > place}

    def stream(self, name: str) -> memoryview:
        """The stream of the model called `name`, as it stands in the set. Raises UnknownNameError."""
        return self._stream_of(self.members[self._place(name)])

    def content_id(self, name: str) -> bytes | None:
        """Content id that its stream gives for the model called `name`; None where that is damaged.

        Raises UnknownNameError.
        """
        return self._content_id(self._place(name))

    def parents(self, name: str) -> list[str]:
        """Models of the set that the one called `name` is predicted from. Raises UnknownNameError."""
        return [self.members[place].name for place in sorted(self._parents(self._place(name)))]

    def needs(self, names: Collection[str] | None = None) -> list[bytes]:
        """Content ids of the models outside the set that those called `names` (None: all) are predicted from.

        Raises UnknownNameError.
        """
        places = sorted(self._parents_of([self._place(name) for name in (self.names if names is None else names)]))
        wanted = [(parent, place) for place in places for parent in self._ids_named_by(place)]
        return list(dict.fromkeys(parent for parent, place in wanted if self._earlier(parent, place) is None))

    def _place(self, name: str) -> int:
        if name not in self._places:
            raise UnknownNameError(f"the set has no model {name!r}")
        return self._places[name]

    def _parents_of(self, wanted: list[int]) -> dict[int, set[int]]:
        """For the members at `wanted`, and all that they need, which members before them they are predicted from."""
        waiting, parents = list(wanted), dict[int, set[int]]()
        while waiting:
            place = waiting.pop()
            if place not in parents:
                parents[place] = self._parents(place)
                waiting += parents[place]
        return parents

    def _parents(self, place: int) -> set[int]:
        """Members before that at `place` which its stream names, but for those that were given as references."""
        given = {reference.content_id for reference in self._references}
        found = [self._earlier(parent, place) for parent in self._ids_named_by(place) if parent not in given]
        return {earlier for earlier in found if earlier is not None}

    def _earlier(self, content_id: bytes, place: int) -> int | None:
        """The first member before that at `place` whose stream gives `content_id`."""
        for known in range(self._indexed, place):
            self._first.setdefault(self._content_id(known), known)
        self._indexed = max(self._indexed, place)
        found = self._first.get(content_id)
        return found if found is not None and found < place else None

    def _ids_named_by(self, place: int) -> tuple[bytes, ...]:
        """The parents of the stream at `place`; none where it is invalid, as decoding will say."""
        member = self.members[place]
        for size in (_FIRST_WINDOW, member.size):
            try:
                return read_parents(self._ranges(member.offset, min(size, member.size)), self.limits)
            except BitstreamError:
                continue  # it may only have been cut off
        return ()

    def _content_id(self, place: int) -> bytes | None:
        """That which the stream at `place` gives for its model; None where it is invalid."""
        if place not in self._ids:
            member = self.members[place]
            try:
                self._ids[place] = self._end_of(member).content_id
            except BitstreamError:
                self._ids[place] = None
        return self._ids[place]

    def _end_of(self, member: Member) -> End:
        return find_end(_part(self._ranges, member.offset), member.size, self.limits.slices)[0]

    def _decode(self, member: Member, before: Sequence[Model], work: Work | None) -> Model:
        with shifted(member.offset):
            return decode(self._stream_of(member), [*self._references, *before], limits=self.limits, work=work)

    def _stream_of(self, member: Member) -> memoryview:
        return self._ranges(member.offset, member.size)


def _part(ranges: Ranges, begin: int) -> Ranges:
    """Ranges of what begins at `begin`."""
    return lambda offset, size: ranges(begin + offset, size)


def decode_set(
    data: bytes | memoryview,
    references: Sequence[Model] = (),
    *,
    limits: Limits = LEVELS[DEFAULT_LEVEL],
    names: Collection[str] | None = None,
    work: Work | None = None,
) -> dict[str, Model]:
    """The models of the set `data` by name, in order; with `names` only those.

    Raises BitstreamError for any `data` that is not a valid set within `limits`, UnknownNameError for a name that
    it does not have.
    """
    return dict(SetReader(data, references, limits).models(names, work))


def open_set(
    place: str | Path | BinaryIO, references: Sequence[Model] = (), limits: Limits = LEVELS[DEFAULT_LEVEL]
) -> SetReader:
    """A reader of the set at a path, a URL (extra `remote`) or in a seekable file; use it in a `with`, or close it.

    Raises BitstreamError, OSError, UnsupportedModelError where a package for the URL is missing.
    """
    return reader_of(place, lambda file: SetReader(file, references, limits))
