"""Invalid vectors: sets of models (SPEC.md clauses 6.9, 7.4 and 8.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import levels_only, plain
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, assemble
from tools.vectors.set_draft import SetDraft, assemble_set
from tools.vectors.valid_sets import named, set_of_two
from tools.vectors.wire import leb, u8

FIRST, SECOND = len(assemble(plain())), len(assemble(levels_only()))
"""Bytes of the members of `set_of_two`."""

TOTALS: Final = (("tensor_count", 2), ("element_count", 8), ("decoded_size", 20))
"""Element, its value in `set_of_two`."""

patched(
    set_of_two,
    (
        ("set-index-is-another-unit UNIT_ORDER R-7.4.1", {"index.unit_type": u8(wire.PARAMETERS)}, "Another unit."),
        ("set-index-is-an-end-unit UNIT_ORDER R-7.4.1", {"index.unit_type": u8(wire.END)}, "An end unit in its place."),
        ("set-index-of-unknown-type UNSUPPORTED_UNIT 6.3 6.9", {"index.unit_type": u8(7)}, "A critical unit, unknown."),
        (
            "set-index-ancillary UNIT_CRC R-7.4.1 6.3",
            {"index.unit_type": u8(128)},
            "An ancillary unit in its place: the magic of the first stream is read as an ancillary unit.",
        ),
        ("set-index-crc UNIT_CRC 6.9 3.4", {"index.crc": bytes(4)}, "The CRC of the index is zero."),
        ("set-index-left-over UNIT_SIZE 6.9 6.1", {"index.tail": b"\0"}, "A byte behind the last entry."),
        ("set-index-of-one UNIT_SIZE 6.9 6.1", {"index.model_count": leb(1)}, "Two entries, and a count of one."),
        ("set-index-of-three UNIT_SIZE 6.9 6.1", {"index.model_count": leb(3)}, "Two entries, and a count of three."),
        (
            "set-index-of-most UNIT_SIZE 6.9 6.1",
            {"index.model_count": leb(2**16)},
            "Two entries, the highest count.",
        ),
        ("set-index-count-overlong NONCANONICAL 6.9 3.3", {"index.model_count": leb(2, 2)}, "2 in two bytes."),
        ("set-index-count-over-range VALUE_RANGE 6.9 3.3", {"index.model_count": leb(2**16 + 1)}, "65537 models."),
        ("set-size-overlong NONCANONICAL 6.9 3.3", {"entry0.stream_size": leb(FIRST, 3)}, "A size in three bytes."),
        ("set-size-over-range VALUE_RANGE 6.9 3.3", {"entry0.stream_size": leb(2**40 + 1)}, "A size of 2^40 + 1."),
        ("set-name-over-range VALUE_RANGE 6.9 3.3", {"entry0.name": leb(4097)}, "A name of 4097 bytes."),
        ("set-name-beyond-unit UNIT_SIZE 6.9 6.1", {"entry1.name": leb(100)}, "A name longer than the index."),
        ("set-name-not-utf-8 BAD_NAME 6.9 3.3", {"entry0.name": leb(1) + b"\xff"}, "A name that is not UTF-8."),
        ("set-name-surrogate BAD_NAME 6.9 3.3", {"entry1.name": leb(3) + b"\xed\xa0\x80"}, "A surrogate in UTF-8."),
        (
            "set-count-above-index SIZE_MISMATCH R-7.4.2",
            {"start.model_count": leb(3)},
            "The start says three.",
        ),
        ("set-count-of-level SIZE_MISMATCH R-7.4.2", {"start.model_count": leb(8)}, "The start says the most it may."),
        (
            "set-said-to-be-one-model UNIT_ORDER R-7.2.1 6.9",
            {"start.model_count": leb(1)},
            "The start says one model: an index is no parameter set.",
        ),
        ("set-of-nine-at-level-0 LIMIT_EXCEEDED A.2 6.2", {"start.model_count": leb(9)}, "Nine models are said."),
        (
            "set-of-33-at-level-1 LIMIT_EXCEEDED A.2 6.2",
            {"start.level": u8(1), "start.model_count": leb(33)},
            "33 models are said.",
        ),
        (
            "set-of-129-at-level-2 LIMIT_EXCEEDED A.2 6.2",
            {"start.level": u8(2), "start.model_count": leb(129)},
            "129 models are said.",
        ),
        (
            "set-of-1025-at-level-3 LIMIT_EXCEEDED A.2 6.2",
            {"start.level": u8(3), "start.model_count": leb(1025)},
            "1025 models are said.",
        ),
        (
            "set-of-65536-at-level-4 SIZE_MISMATCH R-7.4.2 A.2",
            {"start.level": u8(4), "start.model_count": leb(2**16)},
            "65536 models are said, which level 4 allows.",
        ),
    ),
)
patched(
    set_of_two,
    [
        (
            f"set-name-{name} BAD_NAME R-7.4.3",
            {f"entry{place}.name": wire.text(text)},
            tests,
        )
        for place, name, text, tests in (
            (0, "empty", "", "A model has no name."),
            (0, "dot", ".", "The folder itself."),
            (1, "two-dots", "..", "The folder above."),
            (0, "up", "../a", "A path that leads upwards."),
            (1, "slash-inside", "a/b", "A path."),
            (0, "absolute", "/a", "A path from the root."),
            (1, "backslash", "a\\b", "A path of another system."),
            (0, "drive", "C:a", "A drive."),
            (1, "nul", "a\0b", "NUL."),
            (0, "line-end", "a\nb", "A line end."),
            (1, "last-control", "\x1f", "U+001F, the last of the controls."),
            (0, "delete", "a\x7f", "U+007F."),
        )
    ],
)
patched(
    set_of_two,
    [
        (f"set-name-{name} VALUE_RANGE 6.9 3.3", {f"entry{place}.name": wire.text(text)}, tests)
        for place, name, text, tests in (
            (0, "of-256-letters", "n" * 256, "A byte more than there may be."),
            (1, "of-256-bytes", "é" * 128, "256 bytes in 128 characters."),
            (0, "of-3300-bytes", "n" * 3300, "No name of a model, though a tensor may have it."),
        )
    ],
)
patched(
    set_of_two,
    (
        ("set-names-alike DUPLICATE R-7.4.4", {"entry1.name": wire.text("bytes")}, "Both models have one name."),
        (
            "set-size-one-more TRUNCATED R-7.4.5",
            {"entry1.stream_size": leb(SECOND + 1)},
            "The last stream is said to be a byte longer than the set.",
        ),
        (
            "set-size-one-less TRAILING_DATA R-7.4.5",
            {"entry1.stream_size": leb(SECOND - 1)},
            "The last stream is said to end a byte before the set.",
        ),
        ("set-size-largest TRUNCATED R-7.4.5", {"entry0.stream_size": leb(2**40)}, "A stream of 2^40 bytes is said."),
        ("set-size-zero TRAILING_DATA R-7.4.5", {"entry1.stream_size": leb(0)}, "The last stream is said to be none."),
        (
            "set-first-takes-a-byte BAD_MAGIC 7.4 6.2",
            {"entry0.stream_size": leb(FIRST + 1), "entry1.stream_size": leb(SECOND - 1)},
            "The sum is right, the second stream is sought a byte late.",
        ),
        (
            "set-second-takes-a-byte BAD_MAGIC 7.4 6.2",
            {"entry0.stream_size": leb(FIRST - 1), "entry1.stream_size": leb(SECOND + 1)},
            "The sum is right, the second stream is sought a byte early.",
        ),
        (
            "set-first-takes-all TRUNCATED 7.4 6.2",
            {"entry0.stream_size": leb(FIRST + SECOND), "entry1.stream_size": leb(0)},
            "The sum is right, nothing is left for the second stream.",
        ),
        (
            "set-second-takes-all TRUNCATED 7.4 6.2",
            {"entry0.stream_size": leb(0), "entry1.stream_size": leb(FIRST + SECOND)},
            "The sum is right, the first stream has no bytes.",
        ),
        (
            "set-first-in-its-start TRUNCATED 7.4 6.2",
            {"entry0.stream_size": leb(20), "entry1.stream_size": leb(FIRST + SECOND - 20)},
            "The sum is right, the first stream ends within its start.",
        ),
        (
            "set-bad-name-and-size BAD_NAME 7.4",
            {"entry1.name": wire.text("a/b"), "entry0.stream_size": leb(2**40)},
            "Names are judged before sizes.",
        ),
    ),
)
patched(
    set_of_two,
    [
        (
            f"set-{name.replace('_', '-')}-{word} SIZE_MISMATCH R-7.4.7",
            {f"start.{name}": leb(total)},
            f"{name} of the set is {total}, that of its models {value} together.",
        )
        for name, value in TOTALS
        for word, total in (("one-less", value - 1), ("one-more", value + 1))
    ],
)
patched(
    lambda: named("a", "a", "/"),
    (("set-duplicate-before-bad-name DUPLICATE 7.4", {}, "Names are judged one by one: the second is known already."),),
)
patched(
    lambda: named("a", "/", "a"),
    (("set-bad-name-before-duplicate BAD_NAME 7.4", {}, "Names are judged one by one: the second is none."),),
)


@invalid("SIZE_MISMATCH", "R-7.4.2")
def set_count_below_index() -> SetDraft:
    """The start says two models, the index lists three."""
    return replace(named("a", "b", "c"), patches={"start.model_count": leb(2)})


@invalid("UNIT_CRC", "R-7.4.1", "6.3")
def set_without_index() -> SetDraft:
    """The streams follow the start: the magic of the first is read as an ancillary unit."""
    front = assemble_set(SetDraft([("", plain())] * 2))
    size = 10 + front[9] + 4
    return replace(SetDraft([("a", plain()), ("b", plain())]), post=lambda data: data[:size] + assemble(plain()) * 2)


@invalid("TRUNCATED", "R-7.4.1", "6.3")
def set_of_a_start() -> SetDraft:
    """The set ends behind its start."""
    return replace(set_of_two(), post=lambda data: data[: 10 + data[9] + 4])


@invalid("TRUNCATED", "R-7.4.5")
def set_of_an_index() -> SetDraft:
    """The set ends behind its index."""
    return replace(set_of_two(), post=lambda data: data[: -FIRST - SECOND])


@invalid("TRUNCATED", "R-7.4.5")
def set_last_stream_missing() -> SetDraft:
    """The set ends behind its first stream, with a footer."""
    return replace(set_of_two(), post=lambda data: data[:-SECOND])


@invalid("TRUNCATED", "R-7.4.5")
def set_last_byte_missing() -> SetDraft:
    """The last byte of the set is missing."""
    return replace(set_of_two(), post=lambda data: data[:-1])


@invalid("TRAILING_DATA", "R-7.4.5")
def set_trailing_zero() -> SetDraft:
    """A zero behind the last stream."""
    return replace(set_of_two(), post=lambda data: data + b"\0")


@invalid("TRAILING_DATA", "R-7.4.5")
def set_trailing_stream() -> SetDraft:
    """A whole stream behind the last that the index lists."""
    return replace(set_of_two(), post=lambda data: data + assemble(plain()))


@invalid("BAD_MAGIC", "7.4", "6.9")
def set_ancillary_behind_index() -> SetDraft:
    """An ancillary unit between index and first stream, which counts it as its own."""
    return replace(set_of_two(), extra={"0": wire.unit(128, b"x")})


@invalid("BAD_MAGIC", "7.4", "6.9")
def set_of_two_indices() -> SetDraft:
    """The index comes twice."""
    return replace(set_of_two(), extra={"0": wire.unit(wire.INDEX, leb(0))})


@invalid("BAD_MAGIC", "7.4", "6.2")
def set_gap_between_streams() -> SetDraft:
    """A zero before the second stream, which counts it as its own."""
    return replace(set_of_two(), extra={"1": b"\0"})


@invalid("UNIT_ORDER", "R-7.2.1", "6.9")
def index_in_a_stream_of_one() -> Draft:
    """An index of models before the tensor table of a single stream."""
    return replace(plain(), extra={"table": wire.unit(wire.INDEX, leb(1) + wire.text("a") + leb(10))})


@invalid("UNIT_ORDER", "R-7.2.1", "6.9")
def index_behind_the_slices() -> Draft:
    """An index of models before the end unit of a single stream."""
    return replace(plain(), extra={"end": wire.unit(wire.INDEX, leb(0))})
