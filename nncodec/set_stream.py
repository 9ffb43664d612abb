"""SPEC.md clause 7.4: what is known of a set of models before any of them is read: names, places, totals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nncodec.constraints import check_limit, invalid
from nncodec.errors import BitstreamError, ErrorClass, shifted
from nncodec.limits import ANCILLARY_ROOM, LEVELS, MAX_MODEL_NAME_BYTES, Limits
from nncodec.stream import Ranges
from nncodec.syntax.descriptors import Element, Session
from nncodec.syntax.model_index import CLAUSE, ModelEntry, parse_model_index
from nncodec.syntax.start import LONGEST_START, Start, parse_start
from nncodec.syntax.units import Unit, parse_unit
from nncodec.tables import ANCILLARY_UNIT, UnitType

_NO_NAMES: Final = frozenset({"", ".", ".."})
_FORBIDDEN: Final = frozenset({*map(chr, range(0x20)), "\x7f", "/", "\\", ":"})
_FIRST_WINDOW: Final = 2**16


@dataclass(frozen=True)
class Member:
    """A model of a set: its name, where its stream stands, and what that says of itself."""

    name: str
    offset: int
    size: int
    start: Start


def is_set(data: bytes | memoryview) -> bool:
    """Whether `data` begins like a set of models: with a start that is in order and declares several (clause 6.9)."""
    try:
        return parse_start(memoryview(data)[:LONGEST_START], LEVELS[-1])[0].model_count > 1
    except BitstreamError:
        return False  # who reads it as the stream of one model will say what is wrong


def name_flaw(name: str) -> str | None:
    """R-7.4.3: why no model of a set can be called `name`; None where one can."""
    if name in _NO_NAMES:
        return "is no name of a file"
    found = sorted(_FORBIDDEN.intersection(name))
    if found:
        return f"has the character {found[0]!r}"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "has no form in UTF-8"
    return f"takes {size} bytes, {MAX_MODEL_NAME_BYTES} at most are allowed" if size > MAX_MODEL_NAME_BYTES else None


def read_members(ranges: Ranges, size: int, limits: Limits, trace: list[Element]) -> tuple[Start, list[Member]]:
    """Start and members of the set of `size` bytes that `ranges` reads; the elements of its headers go to `trace`.

    Of the members only the starts are read. Raises BitstreamError, for a stream of one model too.
    """
    start, entries, begin = _read_front(ranges, size, limits, trace)
    _check_names(entries)
    end = begin + sum(entry.stream_size for entry in entries)
    if end != size:
        error_class = ErrorClass.TRUNCATED if end > size else ErrorClass.TRAILING_DATA
        raise invalid(error_class, "R-7.4.5", f"the streams of the set end at byte {end}, the set at {size}", size)
    members = list(_read_starts(ranges, entries, begin, (start, limits)))
    _check_totals(start, members)
    return start, members


def _read_front(ranges: Ranges, size: int, limits: Limits, trace: list[Element]) -> tuple[Start, list[ModelEntry], int]:
    """Start and index, from a window as wide as they need; the position behind them."""
    window = min(_FIRST_WINDOW, size)
    while True:
        elements: list[Element] = []
        try:
            found = _parse_front(ranges(0, window), limits, elements)
        except BitstreamError as error:
            if error.error_class != ErrorClass.TRUNCATED or window == size:
                raise
            window = min(16 * window, size)
            check_limit("size of headers", min(window, size), limits.header_bytes + ANCILLARY_ROOM)
        else:
            trace += elements
            return found


def _parse_front(data: memoryview, limits: Limits, trace: list[Element]) -> tuple[Start, list[ModelEntry], int]:
    start, position = parse_start(data, limits, trace)
    if start.model_count == 1:
        raise invalid(ErrorClass.UNIT_ORDER, "R-7.4.1", "this is the stream of one model, not a set")
    unit = _critical_unit(data, position, trace)
    if unit.unit_type != UnitType.MODEL_INDEX:
        what = f"unit type {unit.unit_type} where the model index must stand"
        raise invalid(ErrorClass.UNIT_ORDER, "R-7.4.1", what, unit.offset)
    index = parse_model_index(unit, Session(unit.payload_offset, CLAUSE, trace))
    if index.model_count != start.model_count:
        what = f"the start declares {start.model_count} models, the index lists {index.model_count}"
        raise invalid(ErrorClass.SIZE_MISMATCH, "R-7.4.2", what, unit.payload_offset)
    return start, index.models, unit.end


def _critical_unit(data: memoryview, position: int, trace: list[Element]) -> Unit:
    """The first unit from `position` on that is not ancillary."""
    while (unit := parse_unit(data, position, trace)).unit_type >= ANCILLARY_UNIT:
        position = unit.end
    return unit


def _check_names(entries: list[ModelEntry]) -> None:
    known = set()
    for entry in entries:
        flaw = name_flaw(entry.name)
        if flaw is not None:
            raise invalid(ErrorClass.BAD_NAME, "R-7.4.3", f"the name of model {entry.name!r} {flaw}")
        if entry.name in known:
            raise invalid(ErrorClass.DUPLICATE, "R-7.4.4", f"two models are called {entry.name!r}")
        known.add(entry.name)


def _read_starts(
    ranges: Ranges, entries: list[ModelEntry], begin: int, outer: tuple[Start, Limits]
) -> Iterator[Member]:
    whole, limits = outer
    offset = begin
    for entry in entries:
        with shifted(offset):
            start, _ = parse_start(ranges(offset, min(LONGEST_START, entry.stream_size)), limits)
        _check_member(start, whole, entry.name, offset)
        yield Member(entry.name, offset, entry.stream_size, start)
        offset += entry.stream_size


def _check_member(start: Start, whole: Start, name: str, offset: int) -> None:
    if start.model_count != 1:
        what = f"model {name!r} is a set itself"
    elif start.profile > whole.profile or start.level > whole.level:
        what = f"model {name!r} has a profile or a level above that of the set"
    else:
        return
    raise invalid(ErrorClass.VALUE_RANGE, "R-7.4.6", what, offset)


def _check_totals(start: Start, members: list[Member]) -> None:
    for name in ("tensor_count", "element_count", "decoded_size"):
        declared, actual = getattr(start, name), sum(getattr(member.start, name) for member in members)
        if declared != actual:
            what = f"the start of the set declares {name} {declared}, those of its models {actual} together"
            raise invalid(ErrorClass.SIZE_MISMATCH, "R-7.4.7", what)
