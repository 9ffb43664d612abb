"""Invalid vectors: sets of models (SPEC.md clauses 6.9, 7.4 and 8.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import levels_only, plain, second_model
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, assemble
from tools.vectors.set_draft import SetDraft, assemble_set
from tools.vectors.surgery import flipped
from tools.vectors.valid_sets import named, scalars, set_difference, set_of_two, successor, unchanged
from tools.vectors.wire import leb, u8

FIRST, SECOND = len(assemble(plain())), len(assemble(levels_only()))
"""Bytes of the members of `set_of_two`."""

TOTALS: Final = (("tensor_count", 2), ("element_count", 8), ("decoded_size", 20))
"""Element, its value in `set_of_two`."""

MISSING: Final = ("REF_MISMATCH",)

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
            (0, "of-256-letters", "n" * 256, "A byte more than there may be."),
            (1, "of-256-bytes", "é" * 128, "256 bytes in 128 characters."),
            (0, "of-4096-bytes", "n" * 3300, "As long as a name of a tensor may be."),
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


def two(first: Draft | SetDraft, second: Draft | SetDraft | None = None) -> SetDraft:
    """A set of these members, the second by default one without a flaw."""
    return SetDraft([("a", first), ("b", scalars(1) if second is None else second)])


@invalid("SIZE_MISMATCH", "R-7.4.2")
def set_count_below_index() -> SetDraft:
    """The start says two models, the index lists three."""
    return replace(named("a", "b", "c"), patches={"start.model_count": leb(2)})


@invalid("UNIT_CRC", "R-7.4.1", "6.3")
def set_without_index() -> SetDraft:
    """The streams follow the start: the magic of the first is read as an ancillary unit."""
    front = assemble_set(SetDraft([("", plain())] * 2))
    size = 10 + front[9] + 4
    return replace(two(plain(), plain()), post=lambda data: data[:size] + assemble(plain()) * 2)


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


@invalid("VALUE_RANGE", "R-7.4.6")
def set_in_a_set() -> SetDraft:
    """A member is a set itself, valid by itself."""
    return two(scalars(2), set_difference())


@invalid("VALUE_RANGE", "R-7.4.6")
def set_member_said_to_be_two() -> SetDraft:
    """The start of a member says two models."""
    return two(replace(plain(), patches={"start.model_count": leb(2)}))


@invalid("VALUE_RANGE", "6.2", "7.4")
def set_member_of_no_model() -> SetDraft:
    """The start of a member says no model."""
    return two(replace(plain(), patches={"start.model_count": leb(0)}))


@invalid("LIMIT_EXCEEDED", "7.4", "6.2")
def set_member_said_to_be_nine() -> SetDraft:
    """The start of a member says nine models: it breaks the bound of its level before R-7.4.6."""
    return two(replace(plain(), patches={"start.model_count": leb(9)}))


@invalid("VALUE_RANGE", "R-7.4.6", "A.1")
def set_member_of_a_higher_profile() -> SetDraft:
    """A set of profile BASELINE, its second model of profile MAIN."""
    return replace(two(replace(plain(), profile=wire.BASELINE)), profile=wire.BASELINE)


@invalid("VALUE_RANGE", "R-7.4.6", "A.2")
def set_member_of_a_higher_level() -> SetDraft:
    """A set of level 0, its first model of level 1."""
    return two(replace(plain(), level=1))


@invalid("VALUE_RANGE", "R-7.4.6", "A.2")
def set_member_of_the_highest_level() -> SetDraft:
    """A set of level 3, its second model of level 4."""
    return replace(two(plain(), replace(levels_only(), level=4)), level=3)


@invalid("VALUE_RANGE", "7.4", "R-7.4.6")
def set_member_above_and_totals_off() -> SetDraft:
    """A member of a higher level, and a wrong total: members are judged before their sums."""
    return replace(two(scalars(2), replace(plain(), level=1)), patches={"start.tensor_count": leb(7)})


@invalid("LIMIT_EXCEEDED", "A.2", "6.2")
def set_of_nine() -> SetDraft:
    """Nine models at level 0, all there."""
    return named(*"abcdefghi")


@invalid("LIMIT_EXCEEDED", "A.2", "6.2")
def set_of_65_tensors() -> SetDraft:
    """Two models of level 0 whose tensors are too many together."""
    return SetDraft([("a", scalars(32)), ("b", scalars(33))])


@invalid("BAD_MAGIC", "7.4", "6.2")
def set_member_magic() -> SetDraft:
    """The second stream does not begin with the magic."""
    return two(scalars(2), replace(plain(), patches={"start.magic": b"\x89NMC\n\x1a\n\0"}))


@invalid("UNSUPPORTED_VERSION", "7.4", "6.2")
def set_member_of_version_1() -> SetDraft:
    """The first stream has version 1."""
    return two(replace(plain(), patches={"start.version": u8(1)}))


@invalid("UNSUPPORTED_FEATURE", "7.4", "6.2")
def set_member_with_a_feature() -> SetDraft:
    """The second stream needs a feature that no decoder knows."""
    return two(scalars(2), replace(plain(), patches={"start.incompatible_features": leb(1)}))


@invalid("UNSUPPORTED_FEATURE", "6.2", "6.9")
def set_with_a_feature() -> SetDraft:
    """The set needs a feature that no decoder knows."""
    return replace(set_of_two(), patches={"start.incompatible_features": leb(1)})


@invalid("HEADER_CRC", "7.4", "6.2")
def set_member_start_crc() -> SetDraft:
    """The CRC of the start of the second stream is zero."""
    return two(scalars(2), replace(plain(), patches={"start.crc": bytes(4)}))


@invalid("UNIT_CRC", "8.6", "6.3")
def set_member_damaged() -> SetDraft:
    """A bit of a slice of the first stream is flipped."""
    return two(replace(plain(), post=lambda data: flipped(data, data.index(bytes([1, 2, 3, 250])))))


@invalid("UNIT_CRC", "8.6", "6.3")
def set_last_member_damaged() -> SetDraft:
    """A bit of a slice of the last stream is flipped."""
    return two(scalars(2), replace(plain(), post=lambda data: flipped(data, data.index(bytes([1, 2, 3, 250])))))


@invalid("SIZE_MISMATCH", "8.6", "9.4")
def set_member_payload_short() -> SetDraft:
    """A slice of the second stream has too few bytes, behind a CRC in order."""
    return two(scalars(2), replace(plain(), patches={"slice0.payload": bytes(3)}))


@invalid("CONTENT_ID", "8.6", "R-8.5.1")
def set_member_content_id() -> SetDraft:
    """The second stream names another content id than that of its model."""
    return two(scalars(2), replace(plain(), patches={"end.content_id": bytes(32)}))


@invalid("BAD_MAGIC", "8.6", "6.8")
def set_member_footer() -> SetDraft:
    """The first stream does not end with the magic of a footer."""
    return two(replace(plain(), patches={"footer.magic": b"NMC\0"}))


@invalid("SIZE_MISMATCH", "8.6", "6.8")
def set_member_footer_size() -> SetDraft:
    """The footer of the first stream gives a wrong size of the end unit."""
    return two(replace(plain(), patches={"footer.end_unit_size": wire.u32(1)}))


@invalid("TRUNCATED", "8.6", "6.8")
def set_member_without_footer() -> SetDraft:
    """The first stream ends behind its end unit; sizes are in order."""
    return two(replace(plain(), post=lambda data: data[:-8]))


@invalid("TRAILING_DATA", "8.6", "6.8")
def set_member_with_trailing_zero() -> SetDraft:
    """A zero behind the footer of the first stream, which counts it as its own."""
    return two(replace(plain(), post=lambda data: data + b"\0"))


@invalid("CONTENT_ID", "8.6", "7.4")
def set_first_error_counts() -> SetDraft:
    """Two members are bad: the first is reported."""
    second = replace(plain(), post=lambda data: flipped(data, data.index(bytes([1, 2, 3, 250]))))
    return two(replace(levels_only(), patches={"end.content_id": bytes(32)}), second)


@invalid("HEADER_CRC", "7.4")
def set_starts_before_the_rest() -> SetDraft:
    """The first member has a bad content id, the second a bad start: all starts are judged first."""
    first = replace(levels_only(), patches={"end.content_id": bytes(32)})
    return two(first, replace(plain(), patches={"start.crc": bytes(4)}))


@invalid("SIZE_MISMATCH", "7.4", "R-7.4.7")
def set_totals_before_the_rest() -> SetDraft:
    """The first member has a bad content id, and a total is off: totals are judged first."""
    first = replace(levels_only(), patches={"end.content_id": bytes(32)})
    return replace(two(first), patches={"start.element_count": leb(5)})


@invalid("SIZE_MISMATCH", "8.6", "R-7.1.15")
def set_member_totals_off() -> SetDraft:
    """A member says one element too many, and so does the set, as its sum."""
    patches = {"start.element_count": leb(5)}
    return replace(two(replace(plain(), patches=patches)), patches=patches)


@invalid("REF_MISSING", "8.6", accept=MISSING)
def set_parent_comes_later() -> SetDraft:
    """The first model is predicted from the second."""
    old = second_model()
    return two(successor(old, 1, 2, 3, 4), old)


@invalid("REF_MISSING", "8.6", accept=MISSING)
def set_parent_absent() -> SetDraft:
    """The second model is predicted from one that is nowhere."""
    return two(plain(), successor(second_model(), 1, 2, 3, 4))


@invalid("REF_MISSING", "8.6", "5.3", accept=MISSING)
def set_parent_is_itself() -> SetDraft:
    """The second model is said to be its own parent: a table of no bytes keeps the content id."""
    return two(plain(), unchanged(second_model()))


@invalid("REF_MISMATCH", "8.6", accept=("REF_MISSING",), refs=("reference-grid",))
def set_parent_is_not_the_reference() -> SetDraft:
    """The second model is predicted from one that is nowhere, and another is given."""
    return two(scalars(3), successor(second_model(), 4, 3, 2, 1))


@invalid("UNIT_ORDER", "R-7.2.1", "6.9")
def index_in_a_stream_of_one() -> Draft:
    """An index of models before the tensor table of a single stream."""
    return replace(plain(), extra={"table": wire.unit(wire.INDEX, leb(1) + wire.text("a") + leb(10))})


@invalid("UNIT_ORDER", "R-7.2.1", "6.9")
def index_behind_the_slices() -> Draft:
    """An index of models before the end unit of a single stream."""
    return replace(plain(), extra={"end": wire.unit(wire.INDEX, leb(0))})
