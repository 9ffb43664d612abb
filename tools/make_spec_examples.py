"""Write Annex C of SPEC.md: small streams, byte by byte: `python -m tools.make_spec_examples [--check]`.

The streams are made by the encoder and taken apart by the decoder's own declarations; a test decodes the
bytes as they are printed. With --check nothing is written; the exit code says whether SPEC.md is up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO
from pathlib import Path

import numpy as np

import nncodec
from nncodec import EncoderConfig, Model, Profile, Tensor
from nncodec.encoder.sets.writer import write_set
from nncodec.set_decoder import SetReader
from nncodec.syntax.descriptors import Element

SPEC = Path(__file__).parents[1] / "SPEC.md"
BEGIN = "<!-- examples: made by tools/make_spec_examples.py, compared by tests/test_spec_examples.py -->"
END = "<!-- end of examples -->"
_ROW_BYTES = 16
_LONGEST_VALUE = 40


@dataclass(frozen=True)
class Example:
    """A stream with what it says, in words."""

    title: str
    words: str
    data: bytes
    references: tuple[Model, ...] = ()
    members: tuple[bytes, ...] = ()
    """Streams that follow what is shown: those of a set."""

    def elements(self) -> tuple[Element, ...]:
        """The syntax elements of what is shown."""
        if self.members:
            return SetReader(BytesIO(b"".join([self.data, *self.members]))).elements
        return nncodec.inspect(self.data, self.references).elements


def examples() -> list[Example]:
    """The streams of Annex C, in order."""
    paper = EncoderConfig(profile=Profile.BASELINE, q_bits=10, include=("w",))
    weights = np.array([[0.121, -0.249, 0, 0.33], [1, -0.004, 0.006, -0.52], [0.27, -0.71, 0.091, 0.85]], np.float32)
    old = Model((Tensor.from_numpy("w", weights), Tensor.from_numpy("b", np.array([0.5], np.float32))))
    first = nncodec.encode(old, paper)
    held = nncodec.decode(first)
    moved = Model((Tensor.from_numpy("w", weights + np.float32(0.023)), old.tensors[1]))
    second = nncodec.encode(moved, paper, [held])
    whole = write_set({"old": first, "new": second})
    return [
        Example("C.1 A model without tensors", "Nothing but the frame of every stream.", nncodec.encode(Model(()))),
        Example(
            "C.2 Exact tensors",
            "A scalar `s` = 1.5 of FLOAT32 and a vector `n` = [1, −2] of INT16. Each type has a slice group. "
            "The payload of `s` is 3FC00000, most significant byte first (9.2.2); that of `n` is the upper "
            "bytes 00 FF, then the lower bytes 01 FE.",
            nncodec.encode(
                Model(
                    (
                        Tensor.from_numpy("s", np.array(1.5, np.float32)),
                        Tensor.from_numpy("n", np.array([1, -2], np.int16)),
                    )
                ),
                EncoderConfig(lossless=True),
            ),
        ),
        Example(
            "C.3 The paper's quantiser",
            "`w` = [[0.121, −0.249, 0, 0.33], [1, −0.004, 0.006, −0.52], [0.27, −0.71, 0.091, 0.85]] with "
            "s_bits = 12 and q_bits = 10: the step is 10^−2. With f = 0.4 the levels are 12, −25, 0, 33, 100, "
            "0, 1, −52, 27, −71, 9, 85: for −0.249, ⌊24.9 + 0.4⌋ = 25. They fit one byte each. `b` is exact. "
            "Decoded, each weight is the FLOAT32 nearest to level · 0.01.",
            first,
        ),
        Example(
            "C.4 An update",
            "The model of C.3, where the weights have grown by 0.023, given what a decoder made of C.3. The "
            "tensor table is inherited: `w` is changed, `b` is copied without a word. The residuals, 0.019 to "
            "0.024, all have the level 2, so that each weight grows by 0.02.",
            second,
            (held,),
        ),
        Example(
            "C.5 A set of models",
            "The streams of C.3 and C.4 as the set of two models, `old` and `new`. What is shown is the start and "
            "the model index; the two streams follow, byte for byte as above. No reference model is needed: the "
            "parent of the second is the first.",
            whole[: -len(first + second)],
            members=(first, second),
        ),
    ]


def render(example: Example) -> str:
    """One clause of the annex."""
    rows = ["| offset | bytes | element | value |", "|---:|---:|---|---|"]
    rows += [
        _row(element) for element in sorted(example.elements(), key=lambda element: (element.offset, -element.size))
    ]
    rows += [
        f"| {offset} | {size} | *payload* | {example.data[offset : offset + size].hex(' ')} |"
        for offset, size in _payloads(example)
    ]
    head, body = rows[:2], sorted(rows[2:], key=lambda row: int(row.split("|")[1]))
    listing = "\n".join(head + body)
    return f"### {example.title}\n\n{example.words}\n\n```\n{dump(example.data)}\n```\n\n{listing}\n"


def _payloads(example: Example) -> list[tuple[int, int]]:
    if example.members:
        return []
    info = nncodec.inspect(example.data, example.references)
    units = [unit for unit in info.units if unit.unit_type == "slice"]
    return [
        (unit.offset + unit.size - 4 - part.payload_bytes, part.payload_bytes)
        for unit, part in zip(units, info.slices, strict=True)
    ]


def _row(element: Element) -> str:
    value = element.value
    shown = value.name if isinstance(value, IntEnum) else value.hex(" ") if isinstance(value, bytes) else repr(value)
    if element.path.endswith("crc32c"):
        shown = f"0x{int(str(value)):08x}"
    if len(shown) > _LONGEST_VALUE:
        shown = f"{shown[:_LONGEST_VALUE].rstrip()} …"
    return f"| {element.offset} | {element.size} | {element.path} | {shown.replace('|', chr(92) + '|')} |"


def dump(data: bytes) -> str:
    """The bytes in rows of sixteen, each led by its offset."""
    starts = range(0, len(data), _ROW_BYTES)
    return "\n".join(f"{start:4d}  {data[start : start + _ROW_BYTES].hex(' ')}" for start in starts)


def annex() -> str:
    """The text between the two markers."""
    return f"{BEGIN}\n\n" + "\n".join(map(render, examples())) + f"\n{END}"


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the annex."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    spec = SPEC.read_text(encoding="utf-8")
    wanted = spec[: spec.index(BEGIN)] + annex() + spec[spec.index(END) + len(END) :]
    if parser.parse_args(argv).check:
        return int(wanted != spec)
    SPEC.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
