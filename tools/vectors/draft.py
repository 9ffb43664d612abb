"""Streams as plain data (SPEC.md clause 6): what a vector says, every default filled in, every field open to surgery.

A `Draft` describes a valid stream; `patches` then replace single fields by any bytes ("start.level", "record0.dtype",
"slice1.crc"). Sizes and CRCs around a patched field are computed after it, so that it is the only defect.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final

from tools.vectors import wire
from tools.vectors.arithmetic import reconstruct

Fields = dict[str, bytes]
"""Syntax elements of one record or unit by name, in order."""

Pack = Callable[[bytes], bytes]
"""A way to write LZMA2: `wire.stored`, `wire.packed`."""

COMPLEX_WORD: Final = {"complex64": 4, "complex128": 8}


@dataclass(frozen=True)
class Term:
    """One reference tensor of a prediction: parent, place in it (0: by name), channel map, gains.

    rows, columns: for each row the place of its reference row from 1, or 0 for none.
    """

    parent: int = 0
    reference: int = 0
    axes: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    gains: tuple[float, ...] = ()
    map_of_nothing: bool = False

    @property
    def mapped(self) -> bool:
        """Whether there is a channel map, be it one of nothing."""
        return bool(self.axes or self.rows or self.columns or self.map_of_nothing)


@dataclass(frozen=True)
class Item:
    """A tensor: what a decoder must deliver (`data`), and how the stream says it.

    coded: the words that an exact tensor has in its slices where they are not those of its data.
    """

    name: str
    dtype: str
    dims: tuple[int, ...]
    data: bytes
    group: int = 0
    levels: tuple[int, ...] | None = None
    width: int = 0
    quantiser: bytes | None = None
    prediction: int = wire.PREDICT_NONE
    terms: tuple[Term, ...] = ()
    coded: bytes | None = None

    @property
    def content_id(self) -> bytes:
        """Content id of the tensor."""
        return wire.tensor_id(self.dtype, self.dims, self.data)

    def symbols(self) -> list[tuple[int, bytes]]:
        """Width and bytes of every symbol (clause 7.2)."""
        if self.prediction == wire.PREDICT_COPY:
            return []
        if self.levels is not None:
            return [(self.width, level.to_bytes(self.width, "little", signed=True)) for level in self.levels]
        width = COMPLEX_WORD.get(self.dtype, max(1, wire.DTYPES[self.dtype][1] // 8))
        data = self.data if self.coded is None else self.coded
        return [(width, data[at : at + width]) for at in range(0, len(data), width)]


def exact(name: str, dtype: str, dims: tuple[int, ...], data: bytes, group: int = 0) -> Item:
    """A tensor that is coded as it is."""
    return Item(name, dtype, dims, data, group)


def quantised(name: str, dtype: str, levels: Sequence[int], quantiser: bytes, width: int = 1) -> Item:
    """A vector of `levels`, its data from exact arithmetic."""
    data = reconstruct(levels, quantiser, dtype)
    return Item(name, dtype, (len(levels),), data, levels=tuple(levels), width=width)


@dataclass(frozen=True)
class Group:
    """A slice group: levels if it has a quantiser; raw, or LZMA2 as `pack` writes it."""

    quantiser: bytes | None = None
    pack: Pack | None = None


@dataclass(frozen=True)
class Edit:
    """One edit of an inherited tensor table; `item` is the tensor that it gives (none for a deletion)."""

    kind: int
    skip: int = 0
    item: Item | None = None


@dataclass(frozen=True)
class Draft:
    """A stream of one model.

    edits, with table_parent: how the table is said; `items` are all tensors that come of it. topology_parent: where the
    topology comes from; `topology` is what it must be.
    cuts: symbols of each slice of a group; one slice with all of them where nothing is said.
    extra: bytes before the unit named; order: units by name where it is not the natural one.
    post: what is done to the bytes of the finished stream.
    """

    items: Sequence[Item] = ()
    groups: Sequence[Group] = ()
    profile: int = wire.MAIN
    level: int = 0
    parents: Sequence[bytes] = ()
    topology: tuple[int, bytes] | None = None
    header_pack: Pack | None = None
    cuts: Mapping[int, Sequence[int]] = field(default_factory=dict)
    extra: Mapping[str, bytes] = field(default_factory=dict)
    order: Sequence[str] | None = None
    patches: Mapping[str, bytes] = field(default_factory=dict)
    post: Pack | None = None
    table_parent: int = 0
    edits: Sequence[Edit] = ()
    topology_parent: int = 0

    @property
    def content_id(self) -> bytes:
        """5.3: content id of the model."""
        topology = wire.topology_id(*(self.topology or (wire.NO_TOPOLOGY, b"")))
        head = b"NMC model\0" + topology + wire.u64(len(self.items))
        names = [(item.name.encode(), item.content_id) for item in self.items]
        return hashlib.sha256(head + b"".join(wire.u32(len(name)) + name + tid for name, tid in names)).digest()


class Surgeon:
    """Applies patches, and complains about one that met no field: a typing error would make a valid stream."""

    def __init__(self, patches: Mapping[str, bytes]) -> None:
        self._patches = dict(patches)
        self._unused = set(patches)

    def treat(self, block: str, fields: Fields) -> Fields:
        """`fields` with the patches for `block`."""
        for name in fields:
            key = f"{block}.{name}"
            if key in self._patches:
                fields[name] = self._patches[key]
                self._unused.discard(key)
        return fields

    def finish(self) -> None:
        """Raises KeyError if a patch was not used."""
        if self._unused:
            raise KeyError(f"no such field: {sorted(self._unused)}")

    def seal(self, name: str, unit_type: int, payload: Fields) -> bytes:
        """The unit `name`."""
        body = b"".join(payload.values())
        head = self.treat(name, {"unit_type": wire.u8(unit_type), "payload_size": wire.leb(len(body))})
        whole = b"".join(head.values()) + body
        return whole + self.treat(name, {"crc": wire.crc32c(whole)})["crc"]


def assemble(draft: Draft) -> bytes:
    """The bytes of the stream."""
    surgeon = Surgeon(draft.patches)
    units = {"parameters": _parameters(surgeon, draft)}
    if draft.topology is not None and not draft.topology_parent:
        units["topology"] = _topology(surgeon, draft)
    units["table"] = _table(surgeon, draft)
    units |= _slices(surgeon, draft)
    out = build_start(surgeon, draft.profile, draft.level, draft.items)
    places = []
    for name in units if draft.order is None else draft.order:
        out += draft.extra.get(name, b"")
        data = surgeon.seal(name, _type(name), units[name])
        if _type(name) == wire.SLICE:
            places.append((len(out), len(data), units[name]))
        out += data
    out += draft.extra.get("end", b"") + _end(surgeon, draft, places)
    surgeon.finish()
    return draft.post(out) if draft.post else out


def table_body(draft: Draft) -> bytes:
    """The records or edits of the tensor table, before they are coded."""
    return _body(Surgeon({}), draft)


def _body(surgeon: Surgeon, draft: Draft) -> bytes:
    if draft.table_parent:
        return b"".join(_edit(surgeon, f"edit{index}", edit) for index, edit in enumerate(draft.edits))
    records = [(f"record{index}", _identity(item) | _coding(item)) for index, item in enumerate(draft.items)]
    return b"".join(b"".join(surgeon.treat(name, fields | {"tail": b""}).values()) for name, fields in records)


def _type(name: str) -> int:
    fixed = {"parameters": wire.PARAMETERS, "topology": wire.TOPOLOGY, "table": wire.TABLE}
    return fixed.get(name, wire.SLICE)


def build_start(surgeon: Surgeon, profile: int, level: int, items: Sequence[Item], models: int = 1) -> bytes:
    """The start of a stream, or of a set of `models`, that holds `items`."""
    fields = surgeon.treat(
        "start",
        {
            "profile": wire.u8(profile),
            "level": wire.u8(level),
            "incompatible_features": wire.leb(0),
            "rewrite_features": wire.leb(0),
            "compatible_features": wire.leb(0),
            "model_count": wire.leb(models),
            "tensor_count": wire.leb(len(items)),
            "element_count": wire.leb(sum(prod(item.dims) for item in items)),
            "decoded_size": wire.leb(sum(len(item.data) for item in items)),
            "tail": b"",
        },
    )
    body = b"".join(fields.values())
    prefix = {"magic": wire.MAGIC, "version": wire.u8(wire.VERSION), "start_size": wire.u8(len(body))}
    whole = b"".join(surgeon.treat("start", prefix).values()) + body
    return whole + surgeon.treat("start", {"crc": wire.crc32c(whole)})["crc"]


def _parameters(surgeon: Surgeon, draft: Draft) -> Fields:
    fields = {"parent_count": wire.leb(len(draft.parents))}
    fields |= {f"parents{index}": parent for index, parent in enumerate(draft.parents)}
    fields["topology_parent"] = wire.leb(draft.topology_parent)
    fields["group_count"] = wire.leb(len(draft.groups))
    for index, group in enumerate(draft.groups):
        fields[f"groups{index}.representation"] = wire.u8(wire.EXACT if group.quantiser is None else wire.LEVELS)
        fields[f"groups{index}.entropy_coder"] = wire.u8(wire.LZMA2 if group.pack else wire.RAW)
        fields[f"groups{index}.quantiser"] = group.quantiser or b""
    return surgeon.treat("parameters", fields | {"tail": b""})


def _topology(surgeon: Surgeon, draft: Draft) -> Fields:
    topology_format, data = draft.topology or (0, b"")
    fields = {"topology_format": wire.u8(topology_format)}
    return surgeon.treat("topology", fields | _coded(draft.header_pack, data))


def _table(surgeon: Surgeon, draft: Draft) -> Fields:
    fields = {"table_parent": wire.leb(draft.table_parent)}
    return surgeon.treat("table", fields | _coded(draft.header_pack, _body(surgeon, draft)))


def _coded(pack: Pack | None, body: bytes) -> Fields:
    return {
        "header_coding": wire.u8(wire.LZMA2 if pack else wire.RAW),
        "body_size": wire.leb(len(body)),
        "body": pack(body) if pack else body,
        "tail": b"",
    }


def _edit(surgeon: Surgeon, name: str, edit: Edit) -> bytes:
    fields = {"skip": wire.leb(edit.skip), "edit": wire.u8(edit.kind)}
    if edit.item is not None:
        fields |= _identity(edit.item) if edit.kind in (wire.REPLACE, wire.INSERT) else {}
        fields |= _coding(edit.item)
    return b"".join(surgeon.treat(name, fields | {"tail": b""}).values())


def _identity(item: Item) -> Fields:
    fields = {"name": wire.text(item.name), "dtype": wire.u8(wire.DTYPES[item.dtype][0])}
    fields |= {"rank": wire.u8(len(item.dims)), "dims": b"".join(map(wire.leb, item.dims))}
    if item.dtype == "string":
        fields["string_size"] = wire.leb(len(item.data))
    return fields


def _coding(item: Item) -> Fields:
    fields = {"prediction": wire.u8(item.prediction)}
    if item.prediction != wire.PREDICT_NONE:
        fields["term_count"] = wire.u8(len(item.terms))
        for index, term in enumerate(item.terms):
            fields |= {f"terms{index}.{name}": value for name, value in _term(term).items()}
    if item.prediction != wire.PREDICT_COPY:
        fields |= {"slice_group": wire.leb(item.group), "level_width": wire.u8(item.width)}
    if item.levels is not None:
        fields |= {"own_quantiser": wire.u8(item.quantiser is not None), "quantiser": item.quantiser or b""}
    return fields


def _term(term: Term) -> Fields:
    fields = {"parent": wire.leb(term.parent), "reference_tensor": wire.leb(term.reference)}
    fields["mapped"] = wire.u8(term.mapped)
    if term.mapped:
        fields |= {"axis_count": wire.u8(len(term.axes)), "axes": bytes(term.axes)}
        fields |= {"row_count": wire.leb(len(term.rows)), "rows": positions(term.rows)}
        fields |= {"column_count": wire.leb(len(term.columns)), "columns": positions(term.columns)}
    return fields | {"gain_count": wire.leb(len(term.gains)), "gains": b"".join(map(half, term.gains))}


def positions(places: Sequence[int]) -> bytes:
    """6.6.3: places of rows or columns, each as what it exceeds the place behind the last by."""
    codes = [place - last - 1 for last, place in zip((0, *places), places, strict=False)]
    return b"".join(wire.leb(wire.zigzag(code)) for code in codes)


def half(gain: float) -> bytes:
    """A gain as binary16."""
    return struct.pack("<e", gain)


def _slices(surgeon: Surgeon, draft: Draft) -> dict[str, Fields]:
    units: dict[str, Fields] = {}
    for index, group in enumerate(draft.groups):
        members = [item for item in draft.items if item.group == index and item.prediction != wire.PREDICT_COPY]
        symbols = [symbol for item in members for symbol in item.symbols()]
        first = 0
        for count in draft.cuts.get(index, [len(symbols)] if symbols else []):
            name = f"slice{len(units)}"
            head = {"slice_group": wire.leb(index)}
            head |= {"first_symbol": wire.leb(first), "symbol_count": wire.leb(count)}
            payload = _payload(group, symbols[first : first + count])
            units[name] = surgeon.treat(name, head | {"payload": payload, "tail": b""})
            first += count
    return units


def _payload(group: Group, symbols: Sequence[tuple[int, bytes]]) -> bytes:
    data = b"".join(symbol for _, symbol in symbols)
    if group.quantiser is None and symbols:
        data = wire.planes(data, symbols[0][0])
    return group.pack(data) if group.pack else data


def _end(surgeon: Surgeon, draft: Draft, places: Sequence[tuple[int, int, Fields]]) -> bytes:
    fields = {"slice_count": wire.leb(len(places))}
    for index, (offset, size, header) in enumerate(places):
        entry = {"unit_offset": wire.leb(offset), "unit_size": wire.leb(size)}
        entry |= {name: header[name] for name in ("slice_group", "first_symbol", "symbol_count")}
        fields |= {f"index{index}.{name}": value for name, value in surgeon.treat(f"index{index}", entry).items()}
    fields |= {"content_id": draft.content_id, "tail": b""}
    unit = surgeon.seal("end", wire.END, surgeon.treat("end", fields))
    footer = surgeon.treat("footer", {"end_unit_size": wire.u32(len(unit)), "magic": wire.FOOTER_MAGIC})
    return unit + b"".join(footer.values())
