"""Invalid vectors: slices and what they cover (SPEC.md clauses 6.7, 7.2 and 9.4)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors.bases import full, levels_only, plain
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, Group, exact
from tools.vectors.wire import SLICE, leb, unit


def two_slices() -> Draft:
    """Four symbols in slices of two."""
    return replace(plain(), cuts={0: [2, 2]})


patched(
    two_slices,
    (
        ("slice-group-1-of-1 VALUE_RANGE R-7.2.5", {"slice0.slice_group": leb(1)}, "slice_group 1 of one group."),
        ("slice-group-4096 VALUE_RANGE R-7.2.5", {"slice1.slice_group": leb(4096)}, "slice_group 4096 of one group."),
        ("slice-group-over-range VALUE_RANGE 3.3 6.7", {"slice0.slice_group": leb(4097)}, "slice_group 4097."),
        (
            "slice-first-over-range VALUE_RANGE 3.3 6.7",
            {"slice0.first_symbol": leb(2**48 + 1)},
            "first_symbol 2^48 + 1.",
        ),
        ("slice-count-over-range VALUE_RANGE 3.3 6.7", {"slice0.symbol_count": leb(2**26 + 1)}, "2^26 + 1 symbols."),
        ("slice-first-overlong NONCANONICAL 3.3 6.1", {"slice0.first_symbol": leb(0, 2)}, "first_symbol in two bytes."),
        (
            "slice-count-overlong NONCANONICAL 3.3 6.1",
            {"slice0.symbol_count": leb(2, 3)},
            "symbol_count in three bytes.",
        ),
        ("slice-group-overlong NONCANONICAL 3.3 6.1", {"slice0.slice_group": leb(0, 2)}, "slice_group in two bytes."),
        (
            "slice-header-cut UNIT_SIZE 6.7 3.3",
            {"slice1.symbol_count": b"", "slice1.payload": b""},
            "Half a slice header.",
        ),
        (
            "slice-empty-unit UNIT_SIZE 6.7 3.3",
            {
                "slice0.slice_group": b"",
                "slice0.first_symbol": b"",
                "slice0.symbol_count": b"",
                "slice0.payload": b"",
            },
            "A slice unit without a byte of payload.",
        ),
        (
            "slice-of-nothing COVERAGE R-7.2.4",
            {"slice0.symbol_count": leb(0), "slice0.payload": b""},
            "A slice of no symbols.",
        ),
        (
            "slice-beyond-group COVERAGE R-7.2.4",
            {"slice1.symbol_count": leb(3), "slice1.tail": b"\0"},
            "A symbol behind the last.",
        ),
        (
            "slice-far-beyond-group COVERAGE R-7.2.4",
            {"slice1.first_symbol": leb(2**48)},
            "A slice that begins at 2^48.",
        ),
        (
            "slice-gap COVERAGE R-7.2.4",
            {"slice1.first_symbol": leb(3), "slice1.symbol_count": leb(1)},
            "A gap of one symbol.",
        ),
        ("slice-overlap COVERAGE R-7.2.4", {"slice1.first_symbol": leb(1)}, "One symbol in two slices."),
        (
            "slice-first-not-zero COVERAGE R-7.2.4",
            {"slice0.first_symbol": leb(1)},
            "The first slice begins at symbol 1.",
        ),
        (
            "slice-payload-short SIZE_MISMATCH 9.4",
            {"slice0.payload": b"\1"},
            "A raw payload of one byte for two symbols.",
        ),
        (
            "slice-payload-long SIZE_MISMATCH 9.4",
            {"slice1.tail": b"\0"},
            "A raw payload of three bytes for two symbols.",
        ),
        ("slice-payload-none SIZE_MISMATCH 9.4", {"slice1.payload": b""}, "A raw payload of no bytes for two symbols."),
    ),
)
patched(
    levels_only,
    (
        ("levels-payload-short SIZE_MISMATCH 9.4 9.2.1", {"slice0.payload": bytes(3)}, "Three bytes for four levels."),
        (
            "levels-payload-long SIZE_MISMATCH 9.4 9.2.1",
            {"slice0.tail": bytes(4)},
            "Eight bytes for four levels of one byte.",
        ),
    ),
)


@invalid("COVERAGE", "R-7.2.4")
def slices_in_wrong_order() -> Draft:
    """The two slices of a group have changed places."""
    return replace(two_slices(), order=("parameters", "table", "slice1", "slice0"))


@invalid("COVERAGE", "R-7.2.4")
def slice_groups_in_wrong_order() -> Draft:
    """The slice of group 1 stands before that of group 0."""
    return replace(full(), order=("parameters", "topology", "table", "slice1", "slice0", "slice2"))


@invalid("COVERAGE", "R-7.2.4")
def slices_of_groups_interleaved() -> Draft:
    """Slices of two groups alternate."""
    items = [exact("a", "uint8", (2,), b"\1\2", 0), exact("b", "uint8", (2,), b"\3\4", 1)]
    order = ("parameters", "table", "slice0", "slice2", "slice1", "slice3")
    return Draft(items, [Group(), Group()], cuts={0: [1, 1], 1: [1, 1]}, order=order)


@invalid("COVERAGE", "R-7.2.4")
def slice_missing_at_the_end() -> Draft:
    """The last slice of a group is missing, the index in agreement."""
    return replace(two_slices(), order=("parameters", "table", "slice0"))


@invalid("COVERAGE", "R-7.2.4")
def slice_missing_in_front() -> Draft:
    """The first slice of a group is missing, the index in agreement."""
    return replace(two_slices(), order=("parameters", "table", "slice1"))


@invalid("COVERAGE", "R-7.2.4")
def slices_all_missing() -> Draft:
    """Tensors with elements, and no slice at all."""
    return replace(full(), order=("parameters", "topology", "table"))


@invalid("COVERAGE", "R-7.2.4")
def slice_twice() -> Draft:
    """A slice stands twice."""
    return replace(two_slices(), order=("parameters", "table", "slice0", "slice0", "slice1"))


@invalid("COVERAGE", "R-7.2.4")
def slice_of_a_group_without_symbols() -> Draft:
    """A slice of a group whose only tensor has no elements."""
    draft = Draft([exact("e", "uint8", (0,), b""), exact("a", "uint8", (1,), b"\1", 1)], [Group(), Group()])
    return replace(draft, cuts={0: [0], 1: [1]})


@invalid("VALUE_RANGE", "R-7.2.5")
def slice_in_a_model_without_groups() -> Draft:
    """A slice in a model without tensors and groups."""
    return Draft(extra={"end": unit(SLICE, bytes(4))})
