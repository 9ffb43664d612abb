"""SPEC.md clauses 6.8, 8.7: random access: end and headers of a stream, and the slices that are asked for, or whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from io import SEEK_END
from pathlib import Path
from typing import BinaryIO

from nncodec.adapters.streams import FileOwner, reader_of
from nncodec.concealment import Concealed, conceal
from nncodec.constraints import check_coverage, check_limit, invalid
from nncodec.decoder import check_content_id, decode_tensors, distinct, wanted_tensors
from nncodec.entropy.lzma2 import check_expansion
from nncodec.errors import BitstreamError, ErrorClass, shifted
from nncodec.limits import ANCILLARY_ROOM, DEFAULT_LEVEL, LEVELS, Limits
from nncodec.model import Model, Tensor
from nncodec.stream import Coverage, Slice, find_end, pieces_of, ranges_of, read_headers, read_slice
from nncodec.syntax.end import IndexEntry
from nncodec.syntax.units import parse_unit
from nncodec.tables import ANCILLARY_UNIT, DType, UnitType
from nncodec.work import Work


class Reader(FileOwner):
    """A stream of which single tensors are decoded, each from the ranges of the file that it needs.

    file: seekable, open for reading in binary. references: as for `decode`. The content id of the whole model is not
    checked; every slice has its CRC. Raises BitstreamError for what is not a valid stream.
    """

    def __init__(
        self, file: BinaryIO, references: Sequence[Model] = (), limits: Limits = LEVELS[DEFAULT_LEVEL]
    ) -> None:
        super().__init__()
        self._range = ranges_of(file)
        end, self._end_offset = find_end(self._range, file.seek(0, SEEK_END), limits.slices)
        index = end.index
        first = index[0].unit_offset if index else self._end_offset
        check_limit("size of headers", first, limits.header_bytes + ANCILLARY_ROOM)
        self._units, self._stream = read_headers(self._range(0, first), limits, references)
        while self._units.position < first:
            if self._units.any().unit_type < ANCILLARY_UNIT:
                raise _mismatch("the index does not begin where the headers end", first)
        self._stream.end = end
        self._places = list(self._located(index))

    @property
    def names(self) -> list[str]:
        """Names of all tensors, in order."""
        return [record.name for record in self._stream.records]

    def tensor(self, name: str) -> Tensor:
        """The tensor called `name`. Raises UnknownNameError where there is none, BitstreamError."""
        return self.tensors([name]).by_name[name]

    def tensors(self, names: Collection[str], work: Work | None = None) -> Model:
        """The tensors called `names`, without a topology.

        Raises UnknownNameError where one is missing, BitstreamError.
        """
        names = distinct(names)
        needed = set(wanted_tensors(self._stream, names))
        parts = [self._slice(entry) for entry, tensors in self._places if not needed.isdisjoint(tensors)]
        return decode_tensors(replace(self._stream, slices=parts), names, work or Work())

    def concealed(self, work: Work | None = None) -> Concealed:
        """The whole model, even where slices are damaged: what they held is made up (clause 8.7).

        It is as it was predicted, or as in the reference, or 0 where there is none. Raises BitstreamError where more
        than slices is damaged, or a lost slice holds strings.
        """
        stream = replace(self._stream, slices=[self._slice_or_lost(entry) for entry, _ in self._places])
        found = conceal(stream, decode_tensors(stream, None, work or Work()).tensors)
        if not found.gaps:
            check_content_id(stream, found.model.content_id)
        return found

    def _located(self, index: Sequence[IndexEntry]) -> Iterator[tuple[IndexEntry, frozenset[int]]]:
        """Each slice that the index lists with the tensors that it holds parts of; together they hold all."""
        coverage, behind = Coverage(self._stream), self._units.position
        check_limit("count of slices", len(index), self._units.bounds.slices)
        for entry in index:
            if entry.unit_offset < behind or entry.unit_offset + entry.unit_size > self._end_offset:
                raise _mismatch("the index lists a slice where none can be", entry.unit_offset)
            behind = entry.unit_offset + entry.unit_size
            pieces = pieces_of(entry.header, self._stream, self._units.bounds, entry.unit_offset)
            coverage.add(entry.header, entry.unit_offset)
            yield entry, frozenset(piece.tensor for piece in pieces)
        check_coverage(coverage.covered, self._stream.layouts)

    def _slice(self, entry: IndexEntry) -> Slice:
        with shifted(entry.unit_offset):
            unit = parse_unit(self._range(entry.unit_offset, entry.unit_size), 0)
            if unit.unit_type != UnitType.SLICE or unit.size != entry.unit_size:
                raise _mismatch("the index leads to no slice of the size that it says", 0)
            part = read_slice(self._units, unit, self._stream)
            if part.header != entry.header:
                raise _mismatch("the index does not list the slice as it stands in the stream", 0)
            return replace(part, payload_offset=part.payload_offset + entry.unit_offset, unit_offset=entry.unit_offset)

    def _slice_or_lost(self, entry: IndexEntry) -> Slice:
        try:
            return self._slice(entry)
        except BitstreamError:
            offset, size = entry.unit_offset, entry.unit_size
            pieces, unit = pieces_of(entry.header, self._stream, self._units.bounds, offset), self._range(offset, size)
            check_expansion(sum(piece.nbytes for piece in pieces), unit, offset)
            if any(self._stream.records[piece.tensor].dtype == DType.STRING for piece in pieces):
                raise
            return Slice(entry.header, pieces, unit, offset, offset, size, is_lost=True)


def _mismatch(what: str, offset: int) -> BitstreamError:
    return invalid(ErrorClass.INDEX_MISMATCH, "R-7.2.6", what, offset)


def open_stream(
    place: str | Path | BinaryIO, references: Sequence[Model] = (), limits: Limits = LEVELS[DEFAULT_LEVEL]
) -> Reader:
    """A reader of the stream at a path, a URL (extra `remote`) or in a seekable file; use it in a `with`, or close it.

    Raises BitstreamError, OSError, UnsupportedModelError where a package for the URL is missing.
    """
    return reader_of(place, lambda file: Reader(file, references, limits))
