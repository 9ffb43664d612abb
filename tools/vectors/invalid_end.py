"""Invalid vectors: end unit, index, content ids, footer (SPEC.md clauses 6.8, 7.2 and 8.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import full, plain
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, assemble
from tools.vectors.invalid_slices import two_slices
from tools.vectors.surgery import regions
from tools.vectors.wire import leb, u8, u32

ENTRY: Final = ("unit_offset", "unit_size", "slice_group", "first_symbol", "symbol_count")


def _slice_region(index: int) -> tuple[int, int]:
    region = [region for region in regions(assemble(two_slices())) if region.name == f"unit{wire.SLICE}"][index]
    return region.start, region.end - region.start


OFFSET, SIZE = _slice_region(0)
CONTENT_ID: Final = two_slices().content_id
NO_CONTENT_ID: Final = {"end.content_id": b""}
NO_ENTRY: Final = {f"index1.{name}": b"" for name in ENTRY}

patched(
    two_slices,
    (
        ("index-offset INDEX_MISMATCH R-7.2.6", {"index0.unit_offset": leb(OFFSET + 1)}, "A wrong place of a slice."),
        ("index-offset-huge INDEX_MISMATCH R-7.2.6", {"index0.unit_offset": leb(2**40)}, "A place behind the stream."),
        ("index-size INDEX_MISMATCH R-7.2.6", {"index0.unit_size": leb(SIZE + 1)}, "A wrong size of a slice."),
        ("index-group INDEX_MISMATCH R-7.2.6", {"index0.slice_group": leb(1)}, "A slice of another group."),
        ("index-first INDEX_MISMATCH R-7.2.6", {"index1.first_symbol": leb(1)}, "A wrong first symbol."),
        ("index-count INDEX_MISMATCH R-7.2.6", {"index1.symbol_count": leb(1)}, "A wrong count of symbols."),
        (
            "index-entry-missing INDEX_MISMATCH R-7.2.6",
            NO_ENTRY | {"end.slice_count": leb(1)},
            "One slice of two is listed.",
        ),
        (
            "index-empty INDEX_MISMATCH R-7.2.6",
            NO_ENTRY | {f"index0.{name}": b"" for name in ENTRY} | {"end.slice_count": leb(0)},
            "No slice is listed.",
        ),
        (
            "index-offset-over-range VALUE_RANGE 3.3 6.8",
            {"index0.unit_offset": leb(2**40 + 1)},
            "unit_offset 2^40 + 1.",
        ),
        ("index-size-over-range VALUE_RANGE 3.3 6.8", {"index0.unit_size": leb(2**40 + 1)}, "unit_size 2^40 + 1."),
        (
            "index-offset-overlong NONCANONICAL 3.3 6.1",
            {"index0.unit_offset": leb(OFFSET, 3)},
            "unit_offset in three bytes.",
        ),
        ("slice-total-over-range VALUE_RANGE 3.3 6.8", {"end.slice_count": leb(2**20 + 1)}, "slice_count 2^20 + 1."),
        ("slice-total-overlong NONCANONICAL 3.3 6.1", {"end.slice_count": leb(2, 2)}, "slice_count in two bytes."),
        (
            "slice-total-huge UNIT_SIZE 6.8 3.3",
            {"end.slice_count": leb(2**20)} | NO_CONTENT_ID,
            "2^20 slices in an index of two.",
        ),
        ("content-id-missing UNIT_SIZE 6.8 3.3", NO_CONTENT_ID, "No content id."),
        ("content-id-cut UNIT_SIZE 6.8 3.3", {"end.content_id": CONTENT_ID[:31]}, "A content id of 31 bytes."),
        ("end-left-over UNIT_SIZE 6.8 6.1", {"end.tail": b"\0"}, "A byte behind the content id."),
        ("content-id-zero CONTENT_ID R-8.5.1 5.3", {"end.content_id": bytes(32)}, "A content id of zeros."),
        (
            "content-id-one-bit CONTENT_ID R-8.5.1",
            {"end.content_id": CONTENT_ID[:31] + bytes([CONTENT_ID[31] ^ 128])},
            "A content id with one bit wrong.",
        ),
        ("content-id-of-another CONTENT_ID R-8.5.1", {"end.content_id": full().content_id}, "The id of another model."),
        (
            "payload-changed CONTENT_ID R-8.5.1",
            {"slice0.payload": b"\1\3"},
            "One bit of a weight is changed, the CRC repaired.",
        ),
        (
            "name-changed CONTENT_ID R-8.5.1 5.3",
            {"record0.name": wire.text("b")},
            "The name is changed, the CRC repaired.",
        ),
        ("type-changed CONTENT_ID R-8.5.1 5.3", {"record0.dtype": u8(3)}, "uint8 becomes int8, the CRC repaired."),
        (
            "shape-changed CONTENT_ID R-8.5.1 5.3",
            {"record0.rank": u8(2), "record0.dims": leb(2) + leb(2)},
            "Four elements become two by two, the CRC repaired.",
        ),
        (
            "footer-size SIZE_MISMATCH 6.8",
            {"footer.end_unit_size": u32(0)},
            "The footer says that the end unit has no bytes.",
        ),
        (
            "footer-size-huge SIZE_MISMATCH 6.8",
            {"footer.end_unit_size": u32(2**32 - 1)},
            "An end unit of 2^32 - 1 bytes.",
        ),
        ("footer-magic BAD_MAGIC 6.8 4", {"footer.magic": b"NMC\x1b"}, "The last byte of the stream is wrong."),
    ),
)
patched(
    full,
    (
        (
            "step-changed CONTENT_ID R-8.5.1",
            {"parameters.groups0.quantiser": wire.decadic(4, 0)},
            "A tenth of the step.",
        ),
        ("topology-changed CONTENT_ID R-8.5.1 5.3", {"topology.body": b"grapH"}, "A byte of the topology is changed."),
        (
            "topology-retagged CONTENT_ID R-8.5.1 5.3",
            {"topology.topology_format": u8(2)},
            "The format of the topology is changed.",
        ),
    ),
)


@invalid("INDEX_MISMATCH", "R-7.2.6")
def index_entries_swapped() -> Draft:
    """The entries of two slices have changed places."""
    places = [_slice_region(index) for index in (1, 0)]
    fields = [
        (leb(offset), leb(size), leb(0), leb(first), leb(2))
        for (offset, size), first in zip(places, (2, 0), strict=True)
    ]
    patches = {
        f"index{n}.{name}": value for n, row in enumerate(fields) for name, value in zip(ENTRY, row, strict=True)
    }
    return replace(two_slices(), patches=patches)


@invalid("INDEX_MISMATCH", "R-7.2.6")
def index_misses_an_ancillary_unit() -> Draft:
    """The index was made before an ancillary unit was put in front of the slices."""
    patches = {"index0.unit_offset": leb(OFFSET), "index1.unit_offset": leb(OFFSET + SIZE)}
    return replace(two_slices(), extra={"table": wire.unit(200, b"late")}, patches=patches)


@invalid("INDEX_MISMATCH", "R-7.2.6")
def index_of_a_model_without_slices() -> Draft:
    """An index with one entry, in a stream without slices."""
    entry = b"".join((leb(OFFSET), leb(10), leb(0), leb(0), leb(1)))
    return Draft(patches={"end.slice_count": leb(1) + entry})


@invalid("CONTENT_ID", "R-8.5.1", "5.3")
def content_id_of_tensors_in_other_order() -> Draft:
    """The content id is that of the same tensors in another order."""
    draft = full()
    return replace(
        draft, patches={"end.content_id": replace(draft, items=[*draft.items[1:], draft.items[0]]).content_id}
    )


@invalid("CONTENT_ID", "R-8.5.1", "5.3")
def content_id_without_topology() -> Draft:
    """The content id leaves the topology out."""
    return replace(full(), patches={"end.content_id": replace(full(), topology=None).content_id})


@invalid("BAD_MAGIC", "6.8")
def footer_missing_but_unit_there() -> Draft:
    """Where the footer should stand there is another unit of at least eight bytes."""
    unit = wire.unit(200, b"no footer")
    return replace(plain(), post=lambda data: data[:-8] + unit + data[-8:])
