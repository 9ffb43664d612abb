"""Invalid vectors: members of sets (SPEC.md clauses 7.4 and 8.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import levels_only, plain, second_model
from tools.vectors.cases import invalid
from tools.vectors.draft import Draft
from tools.vectors.set_draft import SetDraft
from tools.vectors.surgery import flipped
from tools.vectors.valid_sets import named, scalars, set_difference, set_of_two, successor, unchanged
from tools.vectors.wire import leb, u8

MISSING: Final = ("REF_MISMATCH",)


def two(first: Draft | SetDraft, second: Draft | SetDraft | None = None) -> SetDraft:
    """A set of these members, the second by default one without a flaw."""
    return SetDraft([("a", first), ("b", scalars(1) if second is None else second)])


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


@invalid("REF_MISSING", "8.6", "5.3", accept=MISSING)
def set_parent_of_the_first_is_itself() -> SetDraft:
    """The first model is said to be its own parent; another follows."""
    return two(unchanged(second_model()), plain())


@invalid("REF_MISMATCH", "8.6", accept=("REF_MISSING",), refs=("reference-grid",))
def set_parent_is_not_the_reference() -> SetDraft:
    """The second model is predicted from one that is nowhere, and another is given."""
    return two(scalars(3), successor(second_model(), 4, 3, 2, 1))
