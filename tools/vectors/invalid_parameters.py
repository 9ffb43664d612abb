"""Invalid vectors: the model parameter set and quantisers (SPEC.md clauses 6.4, 7.1 and 8.1)."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import THOUSANDTH, full, levels_only, plain, reference_model
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, Group, Item, quantised
from tools.vectors.wire import binary64, compact, decadic, i8, leb, u8, u16

G0: Final = "parameters.groups0"

patched(
    plain,
    (
        ("parent-count-over-range VALUE_RANGE 3.3 6.4", {"parameters.parent_count": leb(17)}, "17 parents."),
        (
            "parent-count-overlong VALUE_RANGE 3.3 6.4",
            {"parameters.parent_count": leb(0, 2)},
            "More bytes than a maximum of 16 needs.",
        ),
        (
            "parent-missing UNIT_SIZE 6.4 3.3",
            {"parameters.parent_count": leb(1)},
            "One parent is declared, none given.",
        ),
        ("group-count-over-range VALUE_RANGE 3.3 6.4", {"parameters.group_count": leb(4097)}, "4097 slice groups."),
        ("group-count-overlong NONCANONICAL 3.3 6.1", {"parameters.group_count": leb(1, 2)}, "1 in two bytes."),
        (
            "group-missing UNIT_SIZE 6.4 3.3",
            {"parameters.group_count": leb(2)},
            "Two slice groups are declared, one given.",
        ),
        (
            "group-left-over UNIT_SIZE 6.4 6.1",
            {"parameters.group_count": leb(0)},
            "No slice group is declared, one given.",
        ),
        ("parameters-left-over UNIT_SIZE 6.4 6.1", {"parameters.tail": b"\0"}, "A byte behind the last slice group."),
        ("representation-4 VALUE_RANGE 4 6.4.1", {f"{G0}.representation": u8(4)}, "A reserved representation."),
        ("entropy-coder-4 VALUE_RANGE 4 6.4.1", {f"{G0}.entropy_coder": u8(4)}, "A reserved entropy coder."),
        ("entropy-coder-255 VALUE_RANGE 4 6.4.1", {f"{G0}.entropy_coder": u8(255)}, "A reserved entropy coder."),
        (
            "quantiser-missing UNIT_SIZE 6.4.1 3.3",
            {f"{G0}.representation": u8(1)},
            "A group of levels without quantiser.",
        ),
        (
            "quantiser-unasked UNIT_SIZE 6.4.1 6.1",
            {f"{G0}.quantiser": decadic(0, 0)},
            "An exact group with a quantiser.",
        ),
    ),
)


def _steps() -> list[tuple[str, float, str]]:
    return [
        ("zero", 0.0, "0"),
        ("minus-zero", -0.0, "-0"),
        ("negative", -0.5, "-0.5"),
        ("subnormal", 2.0**-1074, "2^-1074"),
        ("too-small", math.nextafter(2.0**-512, 0), "the number below 2^-512"),
        ("too-large", math.nextafter(2.0**512, math.inf), "the number above 2^512"),
        ("infinite", math.inf, "infinity"),
        ("nan", math.nan, "NaN"),
    ]


patched(
    levels_only,
    [
        (
            f"step-{name} VALUE_RANGE 3.3 6.4.2",
            {f"{G0}.quantiser": u8(2) + struct.pack("<d", step) + i8(0)},
            f"A step of {what}.",
        )
        for name, step, what in _steps()
    ],
)
patched(
    levels_only,
    [
        (f"step-decadic-{name} VALUE_RANGE R-7.1.4 8.1", {f"{G0}.quantiser": decadic(s_bits, q_bits)},
            f"A step of 10^{q_bits - s_bits}, outside 2^-512 to 2^512.",
        )
        for name, s_bits, q_bits in (
            ("too-large", 0, 155), ("far-too-large", 0, 255), ("too-small", 155, 0), ("far-too-small", 255, 0),
        )
    ],
)  # fmt: skip
patched(
    levels_only,
    (
        ("step-kind-3 VALUE_RANGE 4 6.4.2", {f"{G0}.quantiser": u8(3) + i8(0)}, "A reserved kind of step."),
        ("step-kind-255 VALUE_RANGE 4 6.4.2", {f"{G0}.quantiser": u8(255) + i8(0)}, "A reserved kind of step."),
        (
            "step-compact-cut UNIT_SIZE 6.4.2 3.3",
            {f"{G0}.quantiser": u8(1) + u16(9)},
            "A quantiser without its offset.",
        ),
        ("step-binary64-cut UNIT_SIZE 6.4.2 3.3", {f"{G0}.quantiser": u8(2) + bytes(7)}, "Seven bytes of a step."),
    ),
)


def baseline() -> Draft:
    """Levels in profile BASELINE."""
    return replace(levels_only(), profile=wire.BASELINE)


patched(
    baseline,
    (
        ("baseline-offset VALUE_RANGE R-7.1.5 A.1", {f"{G0}.quantiser": decadic(3, 0, 1)}, "An offset in BASELINE."),
        ("baseline-compact VALUE_RANGE R-7.1.5 A.1", {f"{G0}.quantiser": compact(7)}, "A compact step in BASELINE."),
        ("baseline-binary64 VALUE_RANGE R-7.1.5 A.1", {f"{G0}.quantiser": binary64(0.5)}, "A free step in BASELINE."),
        (
            "baseline-own-offset VALUE_RANGE R-7.1.5 A.1",
            {"record0.own_quantiser": u8(1), "record0.quantiser": decadic(3, 0, -1)},
            "A tensor with an own quantiser with an offset in BASELINE.",
        ),
        (
            "baseline-own-compact VALUE_RANGE R-7.1.5 A.1",
            {"record0.own_quantiser": u8(1), "record0.quantiser": compact(7)},
            "A tensor with an own compact step in BASELINE.",
        ),
    ),
)


@invalid("DUPLICATE", "R-7.1.2", refs=("reference-model",))
def parents_twice() -> Draft:
    """The same parent is named twice."""
    return replace(plain(), level=1, parents=[reference_model().content_id] * 2)


@invalid("COVERAGE", "R-7.1.14")
def group_unused() -> Draft:
    """A slice group that no tensor names."""
    return replace(full(), groups=[*full().groups, Group()])


@invalid("COVERAGE", "R-7.1.14")
def group_unused_in_empty_model() -> Draft:
    """A slice group in a model without tensors."""
    return Draft(groups=[Group()])


def _no_levels() -> Draft:
    """A tensor of no levels under the quantiser of its group, and one under its own."""
    own = Item("own", "float32", (0,), b"", levels=(), width=1, quantiser=THOUSANDTH)
    return Draft([quantised("w", "float32", [], THOUSANDTH), own], [Group(THOUSANDTH)])


patched(
    _no_levels,
    (
        (
            "step-of-no-levels VALUE_RANGE R-7.1.4 8.1",
            {f"{G0}.quantiser": decadic(255, 0)},
            "A step of 10^-255, and no level that it is for.",
        ),
        (
            "own-step-of-no-levels VALUE_RANGE R-7.1.4 8.1",
            {"record1.quantiser": decadic(0, 255)},
            "An own quantiser with a step of 10^255, and no level that it is for.",
        ),
    ),
)


@invalid("VALUE_RANGE", "R-7.1.4", "6.6.2")
def step_of_a_group_whose_tensors_have_their_own() -> Draft:
    """The group has a step of 10^-255; its only tensor has an own quantiser, which is in order."""
    item = quantised("w", "float32", [1, -2], THOUSANDTH)
    own = replace(item, quantiser=THOUSANDTH)
    return Draft([own], [Group(THOUSANDTH)], patches={f"{G0}.quantiser": decadic(255, 0)})
