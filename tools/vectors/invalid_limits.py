"""Invalid vectors: every bound of table A.2, exceeded by one (SPEC.md Annex A.2, R-7.1.1), and shapes that overflow."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import ONE, plain, words
from tools.vectors.cases import invalid
from tools.vectors.draft import Draft, Group, Item, exact, table_body
from tools.vectors.valid_limits import labelled
from tools.vectors.wire import leb

TOTALS: Final = {
    "element_count": (18, 24, 28, 32, 36),
    "tensor_count": (6, 12, 14, 16, 20),
    "decoded_size": (20, 26, 30, 34, 38),
}
"""Totals of the start, and the power of two that bounds each at levels 0 to 4."""


def _declare_totals() -> None:
    for name, powers in TOTALS.items():
        for level, power in enumerate(powers):

            def make(name: str = name, level: int = level, power: int = power) -> Draft:
                return replace(plain(), level=level, patches={f"start.{name}": leb(2**power + 1)})

            make.__name__ = f"over_level_{level}_{name}"
            make.__doc__ = f"The start of a stream of level {level} declares {name} 2^{power} + 1."
            invalid("LIMIT_EXCEEDED", "A.2", "6.2")(make)


def _declare_header_bytes() -> None:
    for level, power in enumerate((16, 22, 24, 26, 28)):
        for unit in ("topology", "table"):

            def make(level: int = level, power: int = power, unit: str = unit) -> Draft:
                patches = {f"{unit}.body_size": leb(2**power + 1)}
                return replace(plain(), level=level, topology=(wire.ONNX, b""), patches=patches)

            make.__name__ = f"over_level_{level}_header_bytes_{unit}"
            make.__doc__ = f"The {unit} of a stream of level {level} declares a body_size of 2^{power} + 1."
            invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1")(make)


def _declare_extents() -> None:
    for level, power in enumerate(TOTALS["element_count"]):

        def make(level: int = level, power: int = power) -> Draft:
            return Draft([exact("x", "float32", (0, 2**power + 1), b"")], [Group()], level=level)

        make.__name__ = f"over_level_{level}_extent"
        make.__doc__ = f"A tensor of no elements with a dimension of 2^{power} + 1 at level {level}."
        invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1")(make)


def _declare_ranks() -> None:
    for level, rank in enumerate((8, 8, 16, 16, 32)):

        def make(level: int = level, rank: int = rank) -> Draft:
            return Draft([exact("r", "uint8", (1,) * (rank + 1), b"\1")], [Group()], level=level)

        make.__name__ = f"over_level_{level}_rank"
        make.__doc__ = f"A tensor of rank {rank + 1} at level {level}."
        invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1")(make)


def _declare_names() -> None:
    for level, size in enumerate((64, 256, 1024, 1024)):

        def make(level: int = level, size: int = size) -> Draft:
            return Draft([exact("n" * (size + 1), "uint8", (), b"\1")], [Group()], level=level)

        make.__name__ = f"over_level_{level}_name_bytes"
        make.__doc__ = f"A name of {size + 1} bytes at level {level}."
        invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1")(make)


def _declare_parents() -> None:
    for level, count in enumerate((1, 2, 4, 8)):

        def make(level: int = level, count: int = count) -> Draft:
            return Draft(level=level, parents=[labelled(n).content_id for n in range(count + 1)])

        make.__name__ = f"over_level_{level}_parents"
        make.__doc__ = f"{count + 1} parents at level {level}, all given."
        refs = [f"reference-labelled-{n}" for n in range(count + 1)]
        invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1", refs=refs)(make)


def _declare_groups() -> None:
    for level, count in enumerate((16, 64, 256, 1024)):

        def make(level: int = level, count: int = count) -> Draft:
            return replace(plain(), level=level, groups=[Group() for _ in range(count + 1)])

        make.__name__ = f"over_level_{level}_groups"
        make.__doc__ = f"{count + 1} slice groups at level {level}."
        invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1")(make)


def _declare_slice_bytes() -> None:
    for level, power in ((1, 24), (2, 26), (3, 26), (4, 26)):

        def make(level: int = level, power: int = power) -> Draft:
            return _big_slice(level, 2 ** (power - 2) + 1)

        make.__name__ = f"over_level_{level}_slice_bytes"
        make.__doc__ = f"A slice of 2^{power - 2} + 1 levels of four bytes at level {level}, in a payload of a few."
        invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1")(make)


def _big_slice(level: int, count: int) -> Draft:
    """One tensor of levels that claims `count` elements; neither they nor its data are really there."""
    item = Item("b", "float16", (count,), b"", levels=(), width=4)
    patches = {"start.decoded_size": leb(2 * count)}
    slice_header = {"slice0.symbol_count": leb(count), "slice0.payload": wire.stored(b"few")}
    return Draft([item], [Group(ONE, wire.stored)], level=level, cuts={0: [0]}, patches=patches | slice_header)


for declare in (
    *(_declare_totals, _declare_header_bytes, _declare_extents, _declare_ranks, _declare_names),
    *(_declare_parents, _declare_groups, _declare_slice_bytes),
):
    declare()


@invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1")
def over_level_0_slices() -> Draft:
    """65 slices at level 0."""
    return Draft([exact("s", "uint8", (65,), bytes(65))], [Group()], cuts={0: [1] * 65})


@invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1", stable=False)
def over_level_0_header_bytes_together() -> Draft:
    """Topology and tensor table are within the bound of level 0, together they are one byte over it."""
    draft = replace(plain(), header_pack=lambda data: wire.packed(data, 4, 0, 0))
    return replace(draft, topology=(wire.ONNX, bytes(2**16 + 1 - len(table_body(draft)))))


SHAPES: Final = (
    ("to_2_to_the_32", (2**16, 2**16)),
    ("to_2_to_the_63", (2**31, 2**32)),
    ("to_2_to_the_64", (2**32, 2**32)),
    ("past_2_to_the_64", (2**32 + 4, 2**32)),
    ("to_a_thousand_bits", (2**48,) * 8),
)
"""Products that wrap to something small in 32 or 64 bits."""


def _declare_shapes() -> None:
    for name, shape in SHAPES:

        def make(shape: tuple[int, ...] = shape) -> Draft:
            dims = b"".join(map(leb, shape))
            return replace(plain(), patches={"record0.rank": wire.u8(len(shape)), "record0.dims": dims})

        make.__name__ = f"shape_multiplies_{name}"
        make.__doc__ = f"Dimensions {'x'.join(map(str, shape))}, whose product is small where it wraps."
        invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1", "F")(make)


_declare_shapes()


@invalid("LIMIT_EXCEEDED", "A.2", "R-7.1.1", "F")
def shape_overflows_behind_a_zero() -> Draft:
    """Dimensions 0 x 2^48 x 2^48: no elements, but a product that many programs compute."""
    return Draft([exact("x", "float32", (0, 2**48, 2**48), words(4))], [Group()])
