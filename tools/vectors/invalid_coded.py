"""Invalid vectors: LZMA2 in headers and slices, string data (SPEC.md clauses 9.1, 9.3 and 8.5)."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import ONE, levels_only, plain
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, Group, Item, Pack, exact
from tools.vectors.wire import leb, stored

CHUNK: Final = b"\x01\x00\x03\x01\x02\x03\xfa"
"""Four bytes (1, 2, 3, 250) as an uncompressed LZMA2 chunk with dictionary reset, without the end marker."""


def coded() -> Draft:
    """One exact tensor of four bytes under LZMA2."""
    return plain(stored)


PAYLOADS: Final = (
    ("no-end-marker", CHUNK, "No end marker."),
    ("empty", b"", "No bytes at all."),
    ("nothing-but-end-marker", b"\0", "Nothing but the end marker: it decodes to nothing."),
    ("behind-end-marker", CHUNK + b"\0\0", "A byte behind the end marker."),
    ("twice", (CHUNK + b"\0") * 2, "A second LZMA2 stream behind the first."),
    ("one-byte-less", b"\x01\x00\x02\x01\x02\x03\0", "One byte less than needed."),
    ("one-byte-more", b"\x01\x00\x04\x01\x02\x03\xfa\x00\0", "One byte more than needed, in one chunk."),
    ("one-chunk-more", CHUNK + b"\x02\x00\x00\xff\0", "One byte more than needed, in a second chunk."),
    ("cut", CHUNK[:-1], "A chunk that is cut off."),
    ("reserved-control", b"\x03" + CHUNK[1:] + b"\0", "A reserved control byte."),
    ("no-dictionary-reset", b"\x02" + CHUNK[1:] + b"\0", "The first chunk does not reset the dictionary."),
    ("no-state-reset", b"\x80\0\x03\0\x05" + bytes(6) + b"\0", "The first chunk is compressed and resets nothing."),
    ("bad-properties", b"\xe0\0\x03\0\x05\xff" + bytes(6) + b"\0", "lc, lp and pb that LZMA2 does not have."),
    ("raw", b"\1\2\3\xfa", "The four bytes as they are."),
)
patched(
    coded,
    [(f"lzma2-{name} ENTROPY 9.3 9.4", {"slice0.payload": data}, what) for name, data, what in PAYLOADS],
)
patched(
    coded,
    (
        ("lzma2-tail ENTROPY 9.3", {"slice0.tail": b"\xff"}, "A byte 255 behind the end marker."),
        ("coder-raw-for-lzma2 SIZE_MISMATCH 9.4", {"parameters.groups0.entropy_coder": b"\0"}, "LZMA2 in a raw group."),
    ),
)
patched(
    lambda: levels_only(pack=stored),
    (
        ("lzma2-levels-one-less ENTROPY 9.3 9.2.1", {"slice0.payload": stored(bytes(3))}, "Three levels for four."),
        ("lzma2-levels-twice ENTROPY 9.3 9.2.1", {"slice0.payload": stored(bytes(8))}, "Eight levels for four."),
        (
            "lzma2-levels-one-less-declared COVERAGE R-7.2.4",
            {"slice0.symbol_count": leb(3)},
            "Three of four symbols declared.",
        ),
    ),
)
patched(
    lambda: replace(plain(), header_pack=stored, topology=(wire.ONNX, b"graph")),
    (
        ("topology-lzma2-damaged ENTROPY 9.1 9.3", {"topology.body": b"\x05graph\0"}, "A topology that is not LZMA2."),
        (
            "topology-lzma2-short ENTROPY 9.1 9.3",
            {"topology.body": stored(b"grap")},
            "A topology of four bytes for five.",
        ),
        (
            "topology-lzma2-tail ENTROPY 9.1 9.3",
            {"topology.tail": b"\0"},
            "A byte behind the end marker of the topology.",
        ),
        ("table-lzma2-damaged ENTROPY 9.1 9.3", {"table.body": b"\x7f" * 12}, "A tensor table that is not LZMA2."),
        ("table-lzma2-long ENTROPY 9.1 9.3", {"table.body": stored(bytes(90))}, "A tensor table ten times too long."),
        (
            "table-lzma2-no-end ENTROPY 9.1 9.3",
            {"table.body": stored(bytes(9))[:-1]},
            "A tensor table without end marker.",
        ),
        (
            "table-raw-in-truth ENTROPY 9.1 9.3",
            {"table.body": bytes(9)},
            "A raw tensor table that is said to be LZMA2.",
        ),
    ),
)


def _bomb(size: int, payload: bytes) -> Draft:
    """A tensor of `size` bytes under LZMA2 with this payload."""
    return Draft([exact("z", "uint8", (size,), bytes(size))], [Group(pack=lambda _: payload)])


@invalid("ENTROPY", "9.3", "F")
def bomb_payload_too_small() -> Draft:
    """8192 bytes for each byte of payload, and one more: refused before decoding."""
    return _bomb(8192 * 8 + 1, CHUNK + b"\0")


@invalid("ENTROPY", "9.3", "F")
def bomb_at_the_bound() -> Draft:
    """8192 bytes for each byte of payload may be asked for; it decodes to four."""
    return _bomb(8192 * 8, CHUNK + b"\0")


@invalid("ENTROPY", "9.3", "F")
def bomb_of_a_full_level() -> Draft:
    """2^18 bytes declared, eight there."""
    return _bomb(2**18, CHUNK + b"\0")


@invalid("ENTROPY", "9.3", "F", stable=False)
def bomb_that_goes_on() -> Draft:
    """Four bytes declared, a mebibyte there: decoding must stop."""
    return replace(coded(), patches={"slice0.payload": wire.packed(bytes(2**20), 0, 0, 0)})


@invalid("ENTROPY", "9.1", "9.3", "F")
def bomb_in_table() -> Draft:
    """A tensor table of 2^16 bytes in four."""
    patches = {"table.body_size": leb(2**16), "table.body": bytes(4)}
    return replace(coded(), header_pack=stored, patches=patches)


@invalid("ENTROPY", "9.1", "9.3", "F", stable=False)
def bomb_in_table_that_goes_on() -> Draft:
    """A tensor table of nine bytes declared, a mebibyte there."""
    return replace(plain(), header_pack=stored, patches={"table.body": wire.packed(bytes(2**20), 4, 0, 0)})


def _containers() -> dict[str, Callable[[bytes], bytes]]:
    return {
        "xz": lzma.compress,
        "lzma_alone": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    }


def _declare_containers() -> None:
    for name, pack in _containers().items():

        def make(pack: Pack = pack) -> Draft:
            return plain(pack)

        make.__name__ = f"lzma2_in_container_{name}"
        make.__doc__ = f"A payload with the container of {name.replace('_', ' ')} around it."
        invalid("ENTROPY", "9.3", stable=False)(make)


_declare_containers()


@invalid("ENTROPY", "9.3")
def lzma2_of_no_bytes_empty() -> Draft:
    """LZMA2 of nothing is one byte; a topology of no bytes without it."""
    return replace(plain(), topology=(wire.ONNX, b""), header_pack=stored, patches={"topology.body": b""})


STRINGS: Final = (
    ("count_beyond_end", wire.u32(9) + b"cat" + wire.u32(0), "The count of a string leads behind the data."),
    ("huge_count", wire.u32(2**32 - 1) + wire.strings(b"abc"), "A string of 2^32 - 1 bytes."),
    ("left_over", wire.strings(b"cat", b"") + b"\0", "A byte behind the last string."),
    ("one_less", wire.strings(b"abcdefg"), "One string for two."),
    ("one_more", wire.strings(b"", b"", b""), "Three strings for two."),
    ("count_cut", wire.strings(b"abcd") + b"\0\0", "The count of the last string is cut off."),
)


def _declare_strings() -> None:
    for name, data, what in STRINGS:

        def make(data: bytes = data) -> Draft:
            return Draft([exact("s", "string", (2,), data)], [Group()])

        make.__name__ = f"strings_{name}"
        make.__doc__ = what
        invalid("SIZE_MISMATCH", "R-8.5.2", "5.1")(make)


_declare_strings()


@invalid("SIZE_MISMATCH", "R-8.5.2", "5.1")
def strings_data_without_elements() -> Draft:
    """Four bytes of data for a string tensor of no elements."""
    return Draft([exact("s", "string", (0,), wire.u32(0))], [Group()])


@invalid("ENTROPY", "9.3")
def lzma2_second_slice_damaged() -> Draft:
    """The first slice is in order, the second is not."""
    item = Item("w", "float32", (4,), bytes(16), levels=(0,) * 4, width=1)
    draft = Draft([item], [Group(ONE, stored)], cuts={0: [2, 2]})
    return replace(draft, patches={"slice1.payload": b"\x01\x00\x01\x00\x00\x09"})


@invalid("SIZE_MISMATCH", "9.4", "9.3")
def raw_levels_without_payload() -> Draft:
    """No byte of raw levels: that a payload may be too small for what it says is no rule of this coder."""
    return replace(levels_only(), patches={"slice0.payload": b""})


@invalid("SIZE_MISMATCH", "9.4", "9.3")
def raw_words_without_payload() -> Draft:
    """No byte of raw words."""
    return replace(plain(), patches={"slice0.payload": b""})
