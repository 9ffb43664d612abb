"""Invalid vectors: units, their order, truncation and damage (SPEC.md clauses 6.3, 6.8 and 7.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import full, plain
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, assemble
from tools.vectors.surgery import flipped, regions
from tools.vectors.wire import leb

UNITS: Final = ("parameters", "topology", "table", "slice0", "slice1", "slice2", "end")

patched(
    full,
    [
        (f"unit-crc-of-{name} UNIT_CRC 6.3 3.4", {f"{name}.crc": b"\xde\xad\xbe\xef"}, f"A wrong CRC: {name}.")
        for name in UNITS
    ],
)
patched(
    plain,
    (
        (
            "unit-size-overlong NONCANONICAL 6.3 6.1",
            {"parameters.payload_size": leb(5, 2)},
            "payload_size 5 in two bytes.",
        ),
        ("unit-size-over-range VALUE_RANGE 6.3 3.3", {"table.payload_size": leb(2**40 + 1)}, "payload_size 2^40 + 1."),
        ("unit-size-huge TRUNCATED 6.3", {"slice0.payload_size": leb(2**40)}, "payload_size 2^40 in a small stream."),
        ("unit-size-one-less UNIT_CRC 6.3", {"parameters.payload_size": leb(4)}, "The CRC is sought one byte early."),
        ("unit-size-without-end VALUE_RANGE 6.3 3.3", {"end.payload_size": b"\xff" * 7}, "A size that never ends."),
        ("unit-type-0 UNSUPPORTED_UNIT 6.3", {"parameters.unit_type": b"\0"}, "Type 0 is critical and unknown."),
        ("unit-type-7 UNSUPPORTED_UNIT 6.3", {"slice0.unit_type": b"\7"}, "Type 7 is critical and unknown."),
        (
            "unit-type-ancillary UNIT_ORDER 6.3 R-7.2.1",
            {"table.unit_type": b"\x83"},
            "A needed unit that is ancillary.",
        ),
    ),
)


def _declare_unknown_units() -> None:
    for place, unit_type in (("parameters", 127), ("table", 7), ("slice0", 64), ("end", 100)):

        def make(place: str = place, unit_type: int = unit_type) -> Draft:
            return replace(plain(), extra={place: wire.unit(unit_type, b"?")})

        make.__name__ = f"unknown_critical_unit_before_{place}"
        make.__doc__ = f"A critical unit of unknown type {unit_type}, its CRC in order, before the unit {place}."
        invalid("UNSUPPORTED_UNIT", "6.3")(make)


_declare_unknown_units()


@invalid("UNIT_CRC", "6.3")
def unit_crc_of_ancillary() -> Draft:
    """A wrong CRC in a unit that is skipped."""
    return replace(plain(), extra={"table": flipped(wire.unit(200, b"skip me"), 4)})


@invalid("UNIT_CRC", "6.3")
def unit_crc_before_type() -> Draft:
    """A unit that is both damaged and of unknown critical type: the CRC is judged first."""
    return replace(plain(), extra={"table": flipped(wire.unit(7, b"unknown"), -1)})


ORDERS: Final = (
    ("table-first", ("table", "parameters", "topology", "slice0", "slice1", "slice2")),
    ("topology-first", ("topology", "parameters", "table", "slice0", "slice1", "slice2")),
    ("topology-behind-table", ("parameters", "table", "topology", "slice0", "slice1", "slice2")),
    ("topology-behind-slices", ("parameters", "table", "slice0", "slice1", "slice2", "topology")),
    ("slice-before-table", ("parameters", "topology", "slice0", "table", "slice1", "slice2")),
    ("parameters-twice", ("parameters", "parameters", "topology", "table", "slice0", "slice1", "slice2")),
    ("topology-twice", ("parameters", "topology", "topology", "table", "slice0", "slice1", "slice2")),
    ("table-twice", ("parameters", "topology", "table", "table", "slice0", "slice1", "slice2")),
    ("parameters-again", ("parameters", "topology", "table", "slice0", "parameters", "slice1", "slice2")),
    ("no-parameters", ("topology", "table", "slice0", "slice1", "slice2")),
    ("no-table", ("parameters", "topology", "slice0", "slice1", "slice2")),
    ("nothing-but-end", ()),
)


def _declare_orders() -> None:
    for name, order in ORDERS:

        def make(order: tuple[str, ...] = order) -> Draft:
            return replace(full(), order=order)

        make.__name__ = f"order_{name}"
        make.__doc__ = f"Units in the order {', '.join((*order, 'end'))}."
        invalid("UNIT_ORDER", "R-7.2.1")(make)


_declare_orders()


@invalid("UNIT_ORDER", "R-7.2.1")
def end_before_topology() -> Draft:
    """An end unit where the topology should stand."""
    return replace(full(), extra={"topology": wire.unit(wire.END, bytes(2))})


def _declare_boundary_cuts() -> None:
    names = ["start", *UNITS[:-1], "end"]
    for index, name in enumerate(names):

        def make(index: int = index) -> Draft:
            return replace(full(), post=lambda data: data[: regions(data)[index].end])

        make.__name__ = f"cut_behind_{name}"
        make.__doc__ = f"The stream ends exactly behind its {name}."
        invalid("TRUNCATED", "6.3" if name != "end" else "6.8")(make)


def _declare_inner_cuts() -> None:
    for name, index, size in (
        ("unit_type", 2, 1), ("unit_size", 5, 1), ("payload", 3, 9), ("crc_of_unit", 3, -1), ("end_unit", 7, 20),
        ("footer_size", 8, 3), ("footer_magic", 8, 7),
    ):  # fmt: skip

        def make(index: int = index, size: int = size) -> Draft:
            return replace(full(), post=lambda data: data[: _inside(data, index, size)])

        make.__name__ = f"cut_in_{name}"
        make.__doc__ = f"The stream ends inside: {name.replace('_', ' ')}."
        invalid("TRUNCATED", "6.8" if "footer" in name else "6.3")(make)


def _inside(data: bytes, index: int, size: int) -> int:
    region = regions(data)[index]
    return region.start + size if size > 0 else region.end + size


_declare_boundary_cuts()
_declare_inner_cuts()


@invalid("TRUNCATED", "6.3")
def cut_in_long_unit_size() -> Draft:
    """The stream ends between the two bytes of a unit's size."""
    draft = replace(plain(), extra={"end": wire.unit(200, bytes(200))})
    return replace(draft, post=lambda data: data[: regions(data)[4].start + 2])


TAILS: Final = (("a_zero", b"\0"), ("a_line_end", b"\n"), ("an_ancillary_unit", wire.unit(200, b"late")))


def _declare_tails() -> None:
    for name, tail in TAILS:

        def make(tail: bytes = tail) -> Draft:
            return replace(plain(), post=lambda data: data + tail)

        make.__name__ = f"trailing_{name}"
        make.__doc__ = f"Behind the footer stands {name.replace('_', ' ')}."
        invalid("TRAILING_DATA", "6.8")(make)


_declare_tails()


@invalid("TRAILING_DATA", "6.8")
def trailing_second_stream() -> Draft:
    """Behind the footer the whole stream stands once more."""
    return replace(plain(), post=lambda data: data + data)


FLIPS: Final = (
    ("magic", "BAD_MAGIC", 0, 3, "6.2"),
    ("version", "UNSUPPORTED_VERSION", 0, 8, "6.2"),
    ("start", "HEADER_CRC", 0, 12, "6.2"),
    ("start_crc", "HEADER_CRC", 0, -2, "6.2"),
    ("unit_type", "UNIT_CRC", 1, 0, "6.3"),
    ("parameters", "UNIT_CRC", 1, 5, "6.3"),
    ("topology", "UNIT_CRC", 2, 8, "6.3"),
    ("table", "UNIT_CRC", 3, 12, "6.3"),
    ("slice_header", "UNIT_CRC", 4, 4, "6.3"),
    ("slice_payload", "UNIT_CRC", 4, 9, "6.3"),
    ("slice_crc", "UNIT_CRC", 5, -1, "6.3"),
    ("content_id", "UNIT_CRC", 7, -20, "6.3"),
    ("footer_size", "SIZE_MISMATCH", 8, 0, "6.8"),
    ("footer_magic", "BAD_MAGIC", 8, 5, "6.8"),
)
"""Where a bit is flipped: region by number and place in it."""


def _declare_flips() -> None:
    for name, error, index, place, clause in FLIPS:

        def make(index: int = index, place: int = place) -> Draft:
            data = assemble(full())
            region = regions(data)[index]
            position = region.start + place if place >= 0 else region.end + place
            return replace(full(), post=lambda data: flipped(data, position, 1))

        make.__name__ = f"flipped_bit_in_{name}"
        make.__doc__ = f"One bit is flipped in {name.replace('_', ' ')}, nothing is repaired."
        invalid(error, clause)(make)


_declare_flips()
