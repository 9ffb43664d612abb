"""Valid vectors: the bounds of Annex A.2, each met exactly."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import copied, f32, plain, reference_model, second_model, tensor_of
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, Pack, Term, exact, table_body


def _compact_header(data: bytes) -> bytes:
    return wire.packed(data, 4, 0, 0)


def zeros(pack: Pack) -> Draft:
    """2^18 elements of 4 bytes."""
    return Draft([exact("z", "float32", (2**9, 2**9), bytes(2**20))], [Group(pack=pack)])


@valid("A.2", "R-7.1.1", "9.3", stable=False)
def limit_level_0_elements_and_bytes() -> Draft:
    """Level 0 with 2^18 elements, 2^20 bytes decoded, all in one slice of 2^20 bytes."""
    return zeros(lambda data: wire.packed(data, 0, 0, 0))


@valid("A.2", "R-7.1.1")
def limit_level_0_tensors() -> Draft:
    """Level 0 with 64 tensors."""
    return Draft([exact(chr(48 + n), "uint8", (), bytes([n])) for n in range(64)], [Group()])


@valid("A.2", "R-7.1.1", stable=False)
def limit_level_0_header_bytes() -> Draft:
    """Level 0 with 2^16 bytes of topology and tensor table together."""
    draft = replace(plain(), header_pack=_compact_header)
    table = len(table_body(draft))
    return replace(draft, topology=(wire.ONNX, bytes(2**16 - table)))


def _repeated(count: int) -> Draft:
    """A tensor of rows that are all the first of one of the parent, cut to its first element; the parent's topology."""
    parent, term = reference_model(), Term(rows=(1,) * count)
    item = Item("w", "float32", (count, 1), f32(1) * count, prediction=wire.PREDICT_COPY, terms=(term,))
    draft = Draft([item], parents=[parent.content_id], topology=parent.topology, topology_parent=1)
    return replace(draft, header_pack=_compact_header)


@valid("A.2", "R-7.1.1", "6.4", refs=("reference-model",), stable=False)
def limit_level_0_header_bytes_beside_an_inherited_topology() -> Draft:
    """Level 0 with a tensor table of 2^16 bytes: a topology that is inherited has no body_size, and counts nothing."""
    besides = len(table_body(_repeated(2**15))) - 2**15
    return _repeated(2**16 - besides)


def _declare_ranks() -> None:
    for level, rank in enumerate((8, 8, 16, 16, 32)):

        def make(level: int = level, rank: int = rank) -> Draft:
            return Draft([exact("r", "int8", (1,) * rank, b"\x85")], [Group()], level=level)

        make.__name__ = f"limit_level_{level}_rank"
        make.__doc__ = f"Level {level} with a tensor of rank {rank}."
        valid("A.2", "R-7.1.1")(make)


def _declare_names() -> None:
    for level, size in ((0, 64), (1, 256), (2, 1024), (3, 1024), (4, 4096)):

        def make(level: int = level, size: int = size) -> Draft:
            pack = _compact_header if size > 256 else None
            return Draft([exact("é" * (size // 2), "uint8", (), b"\1")], [Group()], level=level, header_pack=pack)

        make.__name__ = f"limit_level_{level}_name_bytes"
        make.__doc__ = f"Level {level} with a name of {size} bytes, of half as many characters."
        valid("A.2", "R-7.1.1", "5.1", stable=size <= 256)(make)


def _declare_parents() -> None:
    for level, count in ((0, 1), (1, 2), (2, 4), (3, 8), (4, 16)):

        def make(level: int = level, count: int = count) -> Draft:
            return Draft(level=level, parents=[labelled(n).content_id for n in range(count)])

        make.__name__ = f"limit_level_{level}_parents"
        make.__doc__ = f"Level {level} with {count} parents, all given, none used."
        refs = [f"reference-labelled-{n}" for n in range(count)]
        valid("A.2", "R-7.1.1", "8.3", refs=refs)(make)


def labelled(number: int) -> Draft:
    """One of many small models."""
    return Draft(topology=(wire.SAFETENSORS, bytes([number])))


def _declare_labelled() -> None:
    for number in range(16):

        def make(number: int = number) -> Draft:
            return labelled(number)

        make.__name__ = f"reference_labelled_{number}"
        make.__doc__ = f"Reference model {number} of the streams with many parents."
        valid("5.3")(make)


def _declare_groups() -> None:
    for level, count in ((0, 16), (1, 64)):

        def make(level: int = level, count: int = count) -> Draft:
            items = [exact(chr(48 + n), "uint8", (), bytes([n]), n) for n in range(count)]
            return Draft(items, [Group() for _ in range(count)], level=level)

        make.__name__ = f"limit_level_{level}_groups"
        make.__doc__ = f"Level {level} with {count} slice groups."
        valid("A.2", "R-7.1.1")(make)


@valid("6.6.3", "8.3.1", refs=(*(f"reference-labelled-{n}" for n in range(15)), "reference-second"))
def terms_of_the_last_of_sixteen() -> Draft:
    """Level 4 with 16 parents: a copy from the sixteenth, and one within the model, whose parent is 16."""
    parents = [*map(labelled, range(15)), second_model()]
    source = tensor_of(second_model(), "w")
    items = [copied("w", source, parent=15), copied("again", source, 1, 16)]
    return Draft(items, level=4, parents=[parent.content_id for parent in parents])


@valid("6.4", "6.6", "7.3", refs=[f"reference-labelled-{n}" for n in range(16)])
def inherited_from_the_last_of_sixteen() -> Draft:
    """Level 4 with 16 parents: topology and table are those of the sixteenth."""
    parents = [labelled(n) for n in range(16)]
    draft = Draft(level=4, parents=[parent.content_id for parent in parents], topology=parents[-1].topology)
    return replace(draft, topology_parent=16, table_parent=16)


def _declare_extents() -> None:
    for level, bits in ((0, 18), (1, 24), (2, 28), (3, 32), (4, 36)):

        def make(level: int = level, bits: int = bits) -> Draft:
            return Draft([exact("x", "float32", (0, 2 ** (bits - 2), 4), b"")], [Group()], level=level)

        make.__name__ = f"limit_level_{level}_extent"
        make.__doc__ = f"Level {level} with a tensor of no elements whose other dimensions multiply to 2^{bits}."
        valid("A.2", "R-7.1.1")(make)


for declare in (
    *(_declare_ranks, _declare_names, _declare_parents, _declare_labelled),
    *(_declare_groups, _declare_extents),
):
    declare()


@valid("A.2", "R-7.1.1")
def limit_level_0_slices() -> Draft:
    """Level 0 with 64 slices."""
    return Draft([exact("s", "uint8", (64,), bytes(range(64)))], [Group()], cuts={0: [1] * 64})
