"""Invalid vectors: the start (SPEC.md clause 6.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors.bases import full, plain
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft
from tools.vectors.wire import leb, u8

MASKS: Final = ("incompatible_features", "rewrite_features", "compatible_features")
COUNTS: Final = (
    ("model_count", 1, 2**16),
    ("tensor_count", 1, 2**32),
    ("element_count", 4, 2**48),
    ("decoded_size", 4, 2**48),
)
"""Element, its value in the plain stream, its maximum."""

patched(
    plain,
    (
        ("magic-of-png BAD_MAGIC 6.2 4", {"start.magic": b"\x89PNG\r\n\x1a\n"}, "Another format of the same style."),
        ("magic-in-text-mode BAD_MAGIC 6.2 4", {"start.magic": b"\x89NMC\n\x1a\n\0"}, "CR LF turned into LF."),
        ("magic-without-high-bit BAD_MAGIC 6.2 4", {"start.magic": b"\x09NMC\r\n\x1a\n"}, "A transfer of seven bits."),
        ("version-1 UNSUPPORTED_VERSION 6.2 4", {"start.version": u8(1)}, "Version 1, the CRC in order."),
        ("version-255 UNSUPPORTED_VERSION 6.2 4", {"start.version": u8(255)}, "Version 255, the CRC in order."),
        ("start-size-beyond-stream TRUNCATED 6.2", {"start.start_size": u8(255)}, "A start longer than the stream."),
        ("start-size-too-small HEADER_CRC 6.2", {"start.start_size": u8(8)}, "The CRC is sought one byte early."),
        ("start-crc HEADER_CRC 6.2 3.4", {"start.crc": bytes(4)}, "The CRC of the start is zero."),
        ("start-left-over UNIT_SIZE 6.2 6.1", {"start.tail": b"\0"}, "A byte behind the last element of the start."),
        ("start-cut UNIT_SIZE 6.2 3.3", {"start.decoded_size": b""}, "The last element of the start is missing."),
        ("profile-2 VALUE_RANGE 6.2 4", {"start.profile": u8(2)}, "A reserved profile."),
        ("profile-255 VALUE_RANGE 6.2 4", {"start.profile": u8(255)}, "A reserved profile."),
        ("level-5 VALUE_RANGE 6.2 A.2", {"start.level": u8(5)}, "A reserved level."),
        ("level-255 VALUE_RANGE 6.2 A.2", {"start.level": u8(255)}, "A reserved level."),
        ("incompatible-feature-0 UNSUPPORTED_FEATURE 6.2", {"start.incompatible_features": leb(1)}, "Lowest feature."),
        (
            "incompatible-feature-31 UNSUPPORTED_FEATURE 6.2",
            {"start.incompatible_features": leb(2**31)},
            "Highest feature.",
        ),
        ("no-model VALUE_RANGE 6.2", {"start.model_count": leb(0)}, "A stream of no models."),
        (
            "no-model-of-a-reserved-level VALUE_RANGE 6.2",
            {"start.model_count": leb(0), "start.level": u8(5)},
            "Two values out of range: both have one class.",
        ),
        ("two-models UNIT_ORDER R-7.4.1 6.9", {"start.model_count": leb(2)}, "Two models are said, and one follows."),
        (
            "65536-models LIMIT_EXCEEDED 6.2 A.2",
            {"start.model_count": leb(2**16)},
            "The most models that fit; the level allows eight.",
        ),
        (
            "65536-models-and-a-feature UNSUPPORTED_FEATURE 6.2",
            {"start.model_count": leb(2**16), "start.incompatible_features": leb(1)},
            "What a feature changes is not known: it comes before all bounds.",
        ),
    ),
)
patched(
    plain,
    [(f"{name}-over-range VALUE_RANGE 6.2 3.3", {f"start.{name}": leb(2**32)}, f"{name} 2^32.") for name in MASKS],
)
patched(
    plain,
    [
        (
            f"{name}-overlong NONCANONICAL 6.2 3.3 6.1",
            {f"start.{name}": leb(0, 2)},
            f"{name} 0 in two bytes.",
        )
        for name in MASKS
    ],
)
patched(
    plain,
    [
        (
            f"{name}-over-range VALUE_RANGE 6.2 3.3",
            {f"start.{name}": leb(maximum + 1)},
            f"{name} {maximum + 1}, one over its maximum.",
        )
        for name, _, maximum in COUNTS
    ],
)
patched(
    plain,
    [
        (
            f"{name}-at-its-maximum LIMIT_EXCEEDED 6.2 3.3 A.2",
            {f"start.{name}": leb(maximum)},
            f"{name} {maximum}, which can be written, and is over every level.",
        )
        for name, _, maximum in COUNTS[1:]
    ],
)
patched(
    plain,
    [
        (
            f"{name}-overlong NONCANONICAL 6.2 3.3 6.1",
            {f"start.{name}": leb(value, 2)},
            f"The right {name} in one byte more than it needs.",
        )
        for name, value, _ in COUNTS
    ],
)
patched(
    plain,
    (
        (
            "leb128-without-end VALUE_RANGE 3.3",
            {"start.incompatible_features": b"\x80" * 6},
            "A leb128 longer than its maximum needs, all its bytes saying that more follow.",
        ),
        (
            "leb128-longest-overlong NONCANONICAL 3.3",
            {"start.compatible_features": b"\x80\x80\x80\x80\x00"},
            "A leb128 as long as its maximum allows, for a value of 0.",
        ),
    ),
)


@invalid("TRUNCATED", "6.2")
def nothing() -> Draft:
    """No bytes at all."""
    return replace(plain(), post=lambda _: b"")


@invalid("BAD_MAGIC", "6.2")
def onnx_file() -> Draft:
    """A file of another kind that is shorter than the magic."""
    return replace(plain(), post=lambda _: b"\x08\x07")


def _declare_start_cuts() -> None:
    for name, size in (("magic", 7), ("version", 8), ("prefix", 9), ("elements", 14), ("crc", 22)):

        def make(size: int = size) -> Draft:
            return replace(full(), post=lambda data: data[:size])

        make.__name__ = f"cut_in_{name}_of_start"
        make.__doc__ = f"The stream ends after {size} bytes, in the start."
        invalid("TRUNCATED", "6.2")(make)


_declare_start_cuts()
