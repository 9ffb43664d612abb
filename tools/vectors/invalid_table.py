"""Invalid vectors: topology and tensor table (SPEC.md clauses 6.5, 6.6, 7.1 and 7.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import copied, difference, from_reference, full, levels_only, plain, reference_model, tensor_of
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, Group, exact, table_body
from tools.vectors.valid_prediction import predicted
from tools.vectors.wire import binary64, decadic, leb, u8

REF: Final = ("reference-model",)
TABLE_BYTES: Final = len(table_body(full()))

patched(
    full,
    (
        (
            "topology-format-none VALUE_RANGE R-7.2.2",
            {"topology.topology_format": u8(0)},
            "A topology unit of format NONE.",
        ),
        ("topology-format-3 VALUE_RANGE 4 6.5", {"topology.topology_format": u8(3)}, "A reserved format."),
        ("topology-coding-2 VALUE_RANGE 4 9.1", {"topology.header_coding": u8(2)}, "A reserved header coding."),
        (
            "topology-size-short SIZE_MISMATCH 9.1",
            {"topology.body_size": leb(4)},
            "body_size 4 for a raw body of 5 bytes.",
        ),
        ("topology-size-overlong NONCANONICAL 3.3 6.1", {"topology.body_size": leb(5, 2)}, "body_size in two bytes."),
        (
            "topology-cut UNIT_SIZE 6.5 3.3",
            {"topology.body_size": b"", "topology.body": b""},
            "A topology unit of two bytes.",
        ),
        ("table-coding-2 VALUE_RANGE 4 9.1", {"table.header_coding": u8(2)}, "A reserved header coding."),
        (
            "start-count-low SIZE_MISMATCH R-7.1.15",
            {"start.tensor_count": leb(3)},
            "The start says one tensor less than the table.",
        ),
        (
            "start-elements-low SIZE_MISMATCH R-7.1.15",
            {"start.element_count": leb(12)},
            "One element less than there are.",
        ),
        (
            "start-elements-high SIZE_MISMATCH R-7.1.15",
            {"start.element_count": leb(14)},
            "One element more than there are.",
        ),
        ("start-decoded-low SIZE_MISMATCH R-7.1.15", {"start.decoded_size": leb(50)}, "One byte less than there are."),
        ("start-decoded-high SIZE_MISMATCH R-7.1.15", {"start.decoded_size": leb(52)}, "One byte more than there are."),
        (
            "table-size-low SIZE_MISMATCH 9.1",
            {"table.body_size": leb(TABLE_BYTES - 1)},
            "body_size one under a raw body.",
        ),
        (
            "table-size-high SIZE_MISMATCH 9.1",
            {"table.body_size": leb(TABLE_BYTES + 1)},
            "body_size one over a raw body.",
        ),
        (
            "table-size-over-range VALUE_RANGE 3.3 6.6",
            {"table.body_size": leb(2**40 + 1)},
            "body_size 2^40 + 1.",
        ),
        (
            "table-size-overlong NONCANONICAL 3.3 6.1",
            {"table.body_size": leb(TABLE_BYTES, 3)},
            "body_size in three bytes.",
        ),
        (
            "start-count-high SIZE_MISMATCH R-7.1.15",
            {"start.tensor_count": leb(5)},
            "The start says one tensor more than the table.",
        ),
        (
            "records-left-over SIZE_MISMATCH 7.3 6.6",
            {"record3.tail": b"\0"},
            "A byte behind the last record: a record beyond tensor_count begins.",
        ),
        ("records-cut UNIT_SIZE 6.6.1 3.3", {"record3.level_width": b""}, "The last record lacks its last element."),
        (
            "name-overlong NONCANONICAL 3.3 6.1",
            {"record0.name": leb(1, 2) + b"w"},
            "The length of a name in two bytes.",
        ),
        ("name-over-range VALUE_RANGE 3.3", {"record0.name": leb(4097) + b"w"}, "A name of 4097 bytes is declared."),
        (
            "name-beyond-table UNIT_SIZE 3.3",
            {"record3.name": leb(200) + b"labels"},
            "A name that ends behind the table.",
        ),
        ("name-twice DUPLICATE R-7.1.6", {"record1.name": wire.text("w")}, "Two tensors called w."),
        ("dtype-0 VALUE_RANGE 4 6.6.1", {"record2.dtype": u8(0)}, "A reserved element type, ONNX's UNDEFINED."),
        ("dtype-27 VALUE_RANGE 4 6.6.1", {"record2.dtype": u8(27)}, "A reserved element type."),
        ("dtype-255 VALUE_RANGE 4 6.6.1", {"record2.dtype": u8(255)}, "A reserved element type."),
        ("dimension-overlong NONCANONICAL 3.3 6.1", {"record2.dims": leb(3, 2)}, "A dimension in two bytes."),
        ("dimension-over-range VALUE_RANGE 3.3 6.6.1", {"record2.dims": leb(2**48 + 1)}, "A dimension of 2^48 + 1."),
        ("dimension-without-end VALUE_RANGE 3.3", {"record2.dims": b"\xff" * 8}, "A dimension that never ends."),
        ("string-size-small SIZE_MISMATCH R-7.1.7", {"record3.string_size": leb(7)}, "7 bytes for two strings."),
        (
            "string-size-over-range VALUE_RANGE 3.3",
            {"record3.string_size": leb(2**40 + 1)},
            "A string_size of 2^40 + 1.",
        ),
        (
            "string-size-large SIZE_MISMATCH R-7.1.15",
            {"record3.string_size": leb(12)},
            "string_size is one over decoded_size.",
        ),
        ("prediction-3 VALUE_RANGE 4 6.6.2", {"record2.prediction": u8(3)}, "A reserved prediction."),
        ("group-3-of-3 VALUE_RANGE R-7.1.10", {"record3.slice_group": leb(3)}, "slice_group 3 of 3 groups."),
        ("record-group-over-range VALUE_RANGE 3.3 6.6.2", {"record3.slice_group": leb(4097)}, "slice_group 4097."),
        ("level-width-3 VALUE_RANGE 4 6.6.2", {"record0.level_width": u8(3)}, "Levels of three bytes."),
        ("level-width-8 VALUE_RANGE 4 6.6.2", {"record0.level_width": u8(8)}, "Levels of eight bytes."),
        ("own-quantiser-2 RESERVED_NONZERO 3.3", {"record0.own_quantiser": u8(2)}, "A flag of 2."),
        ("own-quantiser-128 RESERVED_NONZERO 3.3", {"record0.own_quantiser": u8(128)}, "A flag with its highest bit."),
        ("own-quantiser-255 RESERVED_NONZERO 3.3", {"record1.own_quantiser": u8(255)}, "A flag with all bits."),
        ("own-step-zero VALUE_RANGE 3.3", {"record1.quantiser": binary64(0.0)}, "An own quantiser with a step of 0."),
        (
            "own-step-too-large VALUE_RANGE R-7.1.4",
            {"record1.quantiser": decadic(0, 155)},
            "An own quantiser of 10^155.",
        ),
        (
            "own-step-kind-4 VALUE_RANGE 4",
            {"record1.quantiser": u8(4) + bytes(9)},
            "An own quantiser of a reserved kind.",
        ),
        (
            "width-none-among-levels VALUE_RANGE R-7.1.11",
            {"record0.level_width": u8(0), "record0.own_quantiser": b""},
            "An exact tensor in a group of levels.",
        ),
        (
            "width-1-among-exact VALUE_RANGE R-7.1.11",
            {"record2.level_width": u8(1) + u8(0)},
            "A tensor with levels in an exact group.",
        ),
    ),
)


BAD_NAMES: Final = {
    "lone-continuation": b"\x80",
    "latin-1": b"caf\xe9",
    "overlong": b"\xc0\x80",
    "surrogate": b"\xed\xa0\x80",
    "beyond-unicode": b"\xf4\x90\x80\x80",
    "cut": b"\xe5\xb1",
}
patched(
    plain,
    [
        (
            f"name-not-utf-8-{name} BAD_NAME 3.3 5.1",
            {"record0.name": leb(len(data)) + data},
            f"A name that is not UTF-8: {name}.",
        )
        for name, data in BAD_NAMES.items()
    ],
)
patched(
    levels_only,
    [
        (f"levels-of-{dtype} VALUE_RANGE R-7.1.12", {"record0.dtype": u8(code)}, f"Levels for the type {dtype}.")
        for dtype, (code, _) in wire.DTYPES.items()
        if dtype in ("int8", "bool", "float8e4m3fn", "complex64", "uint4", "int64")
    ],
)
patched(
    plain,
    (("rank-one-more UNIT_SIZE 6.6.1", {"record0.rank": u8(2)}, "A rank that is one over the dimensions given."),),
)


@invalid("DUPLICATE", "R-7.1.6")
def name_empty_twice() -> Draft:
    """Two tensors without a name."""
    return Draft([exact("", "uint8", (1,), b"\1"), exact("", "uint8", (1,), b"\2")], [Group()])


@invalid("VALUE_RANGE", "R-7.1.13")
def exact_group_of_two_types() -> Draft:
    """An exact group with tensors of types of the same width."""
    return Draft([exact("a", "uint8", (1,), b"\1"), exact("b", "int8", (1,), b"\2")], [Group()])


@invalid("VALUE_RANGE", "R-7.1.13")
def exact_group_with_an_empty_tensor_of_another_type() -> Draft:
    """A tensor without elements counts as well."""
    return Draft([exact("a", "uint8", (1,), b"\1"), exact("b", "int16", (0,), b"")], [Group()])


def _copy() -> Draft:
    return predicted(copied("w", tensor_of(reference_model(), "w")))


def _difference() -> Draft:
    return predicted(from_reference("w", target=difference("w", "float32", (2, 4), (1,) * 8)))


def _declare_predicted() -> None:
    rows = (
        ("term-parent-2-of-1 VALUE_RANGE R-7.1.3", {"record0.terms0.parent": leb(2)}, "parent 2 of one parent."),
        ("term-parent-over-range VALUE_RANGE 3.3 6.6.3", {"record0.terms0.parent": leb(17)}, "parent 17."),
        (
            "term-parent-overlong VALUE_RANGE 3.3 6.6.3",
            {"record0.terms0.parent": leb(0, 2)},
            "More bytes than a maximum of 16 needs.",
        ),
        (
            "reference-tensor-over-range VALUE_RANGE 3.3",
            {"record0.terms0.reference_tensor": leb(2**20 + 1)},
            "2^20 + 1.",
        ),
        (
            "reference-tensor-overlong NONCANONICAL 3.3 6.1",
            {"record0.terms0.reference_tensor": leb(0, 2)},
            "0 in two bytes.",
        ),
    )
    patched(_copy, rows, REF)


_declare_predicted()


patched(
    _difference,
    (
        (
            "difference-to-itself VALUE_RANGE R-7.1.3",
            {"record0.terms0.parent": leb(1), "record0.terms0.reference_tensor": leb(1)},
            "A difference to the model itself, which is for copies.",
        ),
    ),
    REF,
)


@invalid("VALUE_RANGE", "R-8.3.6")
def parent_of_none() -> Draft:
    """A copy by name in a stream without parents: of the model itself, which needs a number."""
    return replace(_copy(), parents=[])


@invalid("SIZE_MISMATCH", "6.6.2", "7.3", refs=REF)
def copy_with_slice_group() -> Draft:
    """A copy that names a slice group and a level width all the same."""
    return replace(_copy(), patches={"record0.tail": bytes(2)})


@invalid("RESERVED_NONZERO", "3.3", "6.6.2", refs=REF)
def difference_with_bad_flag() -> Draft:
    """A difference with an own_quantiser of 3."""
    return replace(_difference(), patches={"record0.own_quantiser": u8(3)})
