"""Invalid vectors: streams with two faults, of which the class says which is judged first (SPEC.md clause 7)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import copied, f32, full, reference_model, tensor_of
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, Edit, Group, Item, Term, exact
from tools.vectors.invalid_slices import two_slices
from tools.vectors.rans import GROUP, RANS
from tools.vectors.rans_spelt import ALL_ZERO, ROOM
from tools.vectors.valid_inherited import inherited, kept
from tools.vectors.wire import leb, u8

REF = ("reference-model",)
RANK_9 = {"rank": u8(9), "dims": leb(1) * 9}
"""Of a tensor of one element: nine dimensions, where level 0 has eight."""


def _with_rank_9(record: str) -> dict[str, bytes]:
    return {f"{record}.{name}": value for name, value in (RANK_9).items()}


@invalid("SIZE_MISMATCH", "R-8.5.2", "8.5", "R-8.5.1")
def order_strings_before_content_id() -> Draft:
    """Data of a STRING tensor that is not its strings, and a wrong content id."""
    draft = Draft([exact("s", "string", (2,), wire.strings(b"abcdefg"))], [Group()])
    return replace(draft, patches={"end.content_id": bytes(32)})


@invalid("COVERAGE", "R-7.2.4", "7.2", "R-7.2.6")
def order_completeness_before_index() -> Draft:
    """The last slice is missing, and the index gives the first a wrong place."""
    return replace(two_slices(), order=("parameters", "table", "slice0"), patches={"index0.unit_offset": leb(1)})


@invalid("COVERAGE", "R-7.2.4", "7.2", "R-7.2.6")
def order_completeness_before_index_that_lists_it() -> Draft:
    """The last slice is missing, and the index lists two."""
    order = ("parameters", "table", "slice0")
    entry = leb(100) + leb(10) + leb(0) + leb(2) + leb(2)
    content_id = two_slices().content_id
    return replace(two_slices(), order=order, patches={"end.slice_count": leb(2), "end.content_id": entry + content_id})


patched(
    two_slices,
    (
        (
            "order-group-of-slice-before-its-count VALUE_RANGE R-7.2.5 7.2 R-7.2.4",
            {"slice0.slice_group": leb(1), "slice0.symbol_count": leb(0)},
            "A slice of no symbols, of group 1 of one.",
        ),
        (
            "order-group-of-slice-before-its-place VALUE_RANGE R-7.2.5 7.2 R-7.2.4",
            {"slice1.slice_group": leb(1), "slice1.first_symbol": leb(2**48)},
            "A slice that begins at 2^48, of group 1 of one.",
        ),
        (
            "order-slice-beyond-group-before-its-bytes COVERAGE R-7.2.4 7.2 R-7.1.1",
            {"slice1.symbol_count": leb(2**20 + 1)},
            "A slice of 2^20 + 1 bytes, which level 0 does not allow and the group does not have.",
        ),
        (
            "order-slice-beyond-group-before-the-next-unit COVERAGE R-7.2.4 7 6.3",
            {"slice1.symbol_count": leb(3), "slice1.tail": b"\0", "end.crc": bytes(4)},
            "A symbol behind the last of the group, and a wrong CRC of the end unit.",
        ),
    ),
)
patched(
    full,
    (
        (
            "order-topology-format-before-body-size VALUE_RANGE R-7.2.2 7 R-7.1.1",
            {"topology.topology_format": u8(wire.NO_TOPOLOGY), "topology.body_size": leb(2**16 + 1)},
            "A topology unit of format NONE whose body_size is over the level.",
        ),
    ),
)


def _two(first: str = "a", second: str = "b") -> Draft:
    return Draft([exact(name, "uint8", (1,), b"\1") for name in (first, second)], [Group()])


@invalid("DUPLICATE", "R-7.1.6", "7", "R-7.1.1")
def order_name_before_rank() -> Draft:
    """A second tensor of the same name, of a rank over the level."""
    return replace(_two("a", "a"), patches=_with_rank_9("record1"))


@invalid("DUPLICATE", "R-7.1.6", "7", "R-7.1.1")
def order_names_of_all_records_before_rank() -> Draft:
    """The first tensor has a rank over the level, the second its name: names are judged with the syntax of all."""
    return replace(_two("a", "a"), patches=_with_rank_9("record0"))


@invalid("DUPLICATE", "R-7.1.6", "7", "R-7.1.1")
def order_name_before_its_length() -> Draft:
    """Two tensors of one name of 65 bytes, where level 0 has 64."""
    return _two("a" * 65, "a" * 65)


def _inserted(*, at_end: bool) -> Draft:
    """A tensor w of rank 9 is inserted into a table that has a w."""
    new = Item("w", "uint8", (1,), b"\1")
    edit = Edit(wire.INSERT, len(kept()) if at_end else 0, new)
    items = [*kept(), new] if at_end else [new, *kept()]
    return replace(inherited(items, edit, groups=[Group()]), patches=_with_rank_9("edit0"))


@invalid("DUPLICATE", "R-7.1.6", "7", "R-7.1.1", "7.3", refs=REF)
def order_name_before_rank_of_an_inserted_record() -> Draft:
    """An inserted record has a rank over the level, and the name of a tensor that is copied before it."""
    return _inserted(at_end=True)


@invalid("LIMIT_EXCEEDED", "R-7.1.1", "7", "R-7.1.6", "7.3", refs=REF)
def order_rank_before_the_name_of_a_later_record() -> Draft:
    """An inserted record has a rank over the level, and the name of a tensor that is copied behind it."""
    return _inserted(at_end=False)


@invalid("SIZE_MISMATCH", "R-7.1.7", "7", "R-8.3.4", refs=REF)
def order_string_size_before_the_copy() -> Draft:
    """Two strings in seven bytes, as a copy of two in eleven: what the record says by itself is judged first."""
    item = copied("names", tensor_of(reference_model(), "names"))
    patches = {"record0.string_size": leb(7), "start.decoded_size": leb(7)}
    return Draft([item], parents=[reference_model().content_id], patches=patches)


def _misled(count: int, *behind: Item) -> Draft:
    """An exact difference to a name that the parent does not have, in a group of its own; then other tensors."""
    item = replace(exact("nowhere", "float32", (count,), bytes(4 * count)), terms=(Term(),))
    items = [replace(item, prediction=wire.PREDICT_REFERENCE), *behind]
    return Draft(items, [Group() for _ in items], parents=[reference_model().content_id])


LAST = exact("last", "float32", (2,), f32(1, 2), 1)


@invalid("SIZE_MISMATCH", "9.4", "8.5", "R-8.3.1", refs=REF)
def order_payloads_before_reference() -> Draft:
    """A raw exact difference to nothing, and behind it a raw payload that is too short."""
    return replace(_misled(2, LAST), patches={"slice1.payload": bytes(7)})


@invalid("VALUE_RANGE", "R-8.3.1", "8.5", "9.4", refs=REF)
def order_rans_reference_before_the_next_payload() -> Draft:
    """An exact difference to nothing under rANS, and behind it a raw payload that is too short."""
    patches = {f"{GROUP}.entropy_coder": u8(RANS), "slice0.payload": ALL_ZERO.payload(), "slice1.payload": bytes(7)}
    return replace(_misled(2, LAST), patches=patches)


@invalid("VALUE_RANGE", "R-8.3.1", "8.5", "9.6.1", refs=REF)
def order_rans_reference_before_its_payload() -> Draft:
    """An exact difference to nothing under rANS, in a payload that ends inside its head."""
    return replace(_misled(2), patches={f"{GROUP}.entropy_coder": u8(RANS), "slice0.payload": b"\0"})


@invalid("ENTROPY", "9.4", "8.5", "R-8.3.1", refs=REF)
def order_rans_size_before_reference() -> Draft:
    """An exact difference to nothing under rANS, of more than 8192 bytes for each byte of its payload."""
    patches = {f"{GROUP}.entropy_coder": u8(RANS), "slice0.payload": ALL_ZERO.payload()}
    return replace(_misled(ROOM // 4 + 1), patches=patches)
