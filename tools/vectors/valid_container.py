"""Valid vectors: start, units, topology and table (SPEC.md clauses 6.2 to 6.6)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from tools.vectors import wire
from tools.vectors.bases import f32, full, levels_only, plain
from tools.vectors.cases import patched_valid, valid
from tools.vectors.draft import Draft, Group, Pack, exact


@valid("5.2", "6.8", "R-7.1.15")
def empty_model() -> Draft:
    """A model without tensors and without a topology: the shortest stream."""
    return Draft()


@valid("6.5", "R-7.2.1", "R-7.2.2")
def topology_alone() -> Draft:
    """A model that is nothing but a topology."""
    return Draft(topology=(wire.ONNX, b"nothing but a graph"))


@valid("6.5", "9.1")
def topology_of_no_bytes() -> Draft:
    """A topology unit whose body is empty; its content id is not that of a missing topology."""
    return Draft(topology=(wire.ONNX, b""))


@valid("6.5", "9.1", "9.3")
def topology_of_no_bytes_lzma2() -> Draft:
    """LZMA2 that decodes to nothing is a single zero byte."""
    return Draft(topology=(wire.SAFETENSORS, b""), header_pack=wire.stored)


def _declare_topologies() -> None:
    formats = {"onnx": wire.ONNX, "safetensors": wire.SAFETENSORS}
    codings = {"raw": None, "lzma2": wire.stored}
    for (tag, topology_format), (coding, pack) in product(formats.items(), codings.items()):

        def make(topology_format: int = topology_format, pack: Pack | None = pack) -> Draft:
            return replace(plain(), topology=(topology_format, b'{"layers": 2}'), header_pack=pack)

        make.__name__ = f"topology_{tag}_{coding}"
        make.__doc__ = f"A topology of format {tag.upper()}, header coding {coding.upper()}."
        valid("4", "6.5", "9.1")(make)


_declare_topologies()


@valid("6.6", "9.1", "9.3", stable=False)
def table_lzma2_compressed() -> Draft:
    """A tensor table that LZMA2 really compresses, and tensors that need no slice."""
    items = [exact(f"model.layers.{index}.attention.bias", "float32", (0,), b"") for index in range(40)]
    return Draft(items, [Group()], header_pack=lambda data: wire.packed(data, 4, 0, 0))


@valid("9.1", "9.3")
def table_lzma2_several_chunks() -> Draft:
    """LZMA2 in several uncompressed chunks."""
    return replace(full(), header_pack=lambda data: wire.stored(data, 7))


@valid("6.2", "7.2", "A.1", "R-7.1.5")
def profile_baseline() -> Draft:
    """Profile BASELINE: decadic steps without reconstruction offset."""
    return replace(levels_only(), profile=wire.BASELINE)


@valid("6.2", "6.4", "6.6", "6.7", "6.8")
def everything_small() -> Draft:
    """A topology, three slice groups, levels with the quantiser of the group and with their own, strings."""
    return full()


@valid("6.3", "R-7.2.1")
def ancillary_between_all_units() -> Draft:
    """Ancillary units of unknown types, one of them empty, before every unit from the first to the end unit."""
    names = ("parameters", "topology", "table", "slice0", "slice1", "slice2", "end")
    extra = {name: wire.unit(128 + 21 * index, bytes([index]) * index) for index, name in enumerate(names)}
    return replace(full(), extra=extra)


@valid("6.3")
def ancillary_types_at_their_ends() -> Draft:
    """The lowest and the highest ancillary type, several in a row."""
    units = b"".join(wire.unit(kind, b"!") for kind in (128, 255, 128, 254, 129))
    return replace(plain(), extra={"table": units})


@valid("6.3", "3.3")
def ancillary_with_a_long_size() -> Draft:
    """A payload of 128 bytes: the size of a unit takes two bytes."""
    return replace(plain(), extra={"end": wire.unit(200, bytes(range(128)))})


@valid("6.3")
def ancillary_that_looks_critical() -> Draft:
    """The payload of an ancillary unit is a whole end unit with footer; it must not be looked into."""
    inner = wire.unit(wire.END, bytes(34)) + wire.u32(40) + wire.FOOTER_MAGIC
    return replace(plain(), extra={"slice0": wire.unit(170, inner)})


patched_valid(
    plain,
    (
        ("compatible-feature 6.2", {"start.compatible_features": wire.leb(1)}, "A compatible feature is ignored."),
        ("compatible-features-all 6.2", {"start.compatible_features": wire.leb(2**32 - 1)}, "All 32 are ignored."),
        ("rewrite-feature 6.2", {"start.rewrite_features": wire.leb(1)}, "A rewrite feature does not hinder decoding."),
        ("rewrite-features-all 6.2", {"start.rewrite_features": wire.leb(2**32 - 1)}, "All 32 hinder nothing."),
    ),
)


def _declare_levels() -> None:
    for level in range(1, 5):

        def make(level: int = level) -> Draft:
            return replace(plain(), level=level)

        make.__name__ = f"level_{level}"
        make.__doc__ = f"A stream may declare a level higher than it needs: {level}."
        valid("6.2", "A.2")(make)


_declare_levels()


def _named(*names: str) -> Draft:
    return Draft([exact(name, "uint8", (1,), bytes([index])) for index, name in enumerate(names)], [Group()])


@valid("5.1", "B.3")
def name_empty() -> Draft:
    """A tensor whose name is empty."""
    return _named("")


@valid("5.1", "B.3")
def name_with_controls() -> Draft:
    """Names with NUL, line ends, spaces, a percent sign and a path that leads upwards."""
    return _named("a\0b", "\n", "\r\n", " ", "%41", "../../etc/passwd")


@valid("5.1", "R-7.1.6")
def name_beyond_the_basic_plane() -> Draft:
    """Names outside the basic multilingual plane, up to the last code point."""
    return _named("\U0001f642", "\U0010ffff", "层.权重", "\ufeff")


@valid("5.2", "R-7.1.6")
def names_that_normalise_alike() -> Draft:
    """Names that differ only before normalisation, or only in case, are distinct."""
    return _named("\u00e9", "e\u0301", "A", "a", "\ufb01", "fi")


@valid("5.1", "6.6.1")
def shape_scalar() -> Draft:
    """A tensor of no dimensions has one element."""
    return Draft([exact("s", "float32", (), f32(2.5))], [Group()])


@valid("5.1", "6.6.1", "R-7.2.4")
def shapes_without_elements() -> Draft:
    """Dimensions of 0 in every place: such tensors take no symbols, and a group of them no slice."""
    shapes = ((0,), (0, 5), (5, 0), (2, 0, 3), (0, 0))
    return Draft([exact(f"{shape}", "int32", shape, b"") for shape in shapes], [Group()])


@valid("5.1", "6.6.1")
def shapes_of_ones() -> Draft:
    """Dimensions of 1 are kept as they are."""
    shapes = ((1,), (1, 1), (1, 1, 1, 1, 1, 1, 1, 1))
    return Draft([exact(f"r{len(shape)}", "uint8", shape, b"\7") for shape in shapes], [Group()])


@valid("3.3", "6.6.1")
def leb128_around_its_steps() -> Draft:
    """Dimensions and counts of 127, 128, 255, 256 and 300: leb128 of one byte and of two."""
    sizes = (127, 128, 255, 256, 300)
    items = [exact(f"n{size}", "uint8", (size,), bytes(n * 7 % 251 for n in range(size))) for size in sizes]
    return Draft(items, [Group()])


@valid("3.3", "6.6.1")
def leb128_around_its_second_step() -> Draft:
    """Dimensions of 16,383, 16,384 and 32,767: leb128 of two bytes, all bits set, and of three."""
    items = [exact(f"{size}", "uint8", (0, size), b"") for size in (16383, 16384, 32767, 2**18 - 1)]
    return Draft(items, [Group()])


@valid("5.2", "6.6")
def tensors_with_equal_content() -> Draft:
    """Two tensors of the same type, shape and data under different names."""
    return Draft([exact(name, "uint8", (2,), b"\1\2") for name in ("first", "second")], [Group()])
