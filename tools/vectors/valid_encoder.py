"""Valid vectors made by the reference encoder; what they must decode to is worked out here all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import nncodec
from tools.vectors import wire
from tools.vectors.arithmetic import reconstruct
from tools.vectors.bases import copied, difference, f32, full, reference_model, tensor_of
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Item, exact
from tools.vectors.prediction import differing


def _encoded(draft: Draft, original: Sequence[Item], config: nncodec.EncoderConfig, *references: Draft) -> Draft:
    """`draft` with the bytes that the encoder makes of the `original` tensors."""

    def encode(_: bytes) -> bytes:
        return nncodec.encode(
            _model(original, draft.topology), config, [_model(ref.items, ref.topology) for ref in references]
        )

    return replace(draft, post=encode)


def _model(items: Sequence[Item], topology: tuple[int, bytes] | None) -> nncodec.Model:
    tensors = [nncodec.Tensor(i.name, nncodec.DType(wire.DTYPES[i.dtype][0]), i.dims, i.data) for i in items]
    if topology is None:
        return nncodec.Model(tuple(tensors))
    return nncodec.Model(tuple(tensors), nncodec.Topology(nncodec.TopologyFormat(topology[0]), topology[1]))


def _weights(count: int) -> list[float]:
    """Weights that fit binary32 and lie far from the edges of any cell."""
    return [((n * 37) % 101 - 50) / 64 + 1 / 512 for n in range(count)]


def _paper_level(value: float, step: Fraction) -> int:
    """sgn(x) floor(|x| / step + 0.4) (clause E.2)."""
    magnitude = int(abs(Fraction(value)) / step + Fraction(2, 5))
    return magnitude if value >= 0 else -magnitude


@valid("E.2", "8.2", "9.3", "A.1", stable=False)
def encoder_paper() -> Draft:
    """The reference encoder in profile BASELINE, q_bits 10: weights as levels, the bias exact."""
    values = _weights(96)
    weights = exact("conv.weight", "float32", (8, 12), f32(*values))
    bias = exact("conv.bias", "float32", (8,), f32(*values[:8]))
    levels = [_paper_level(value, Fraction(1, 100)) for value in values]
    data = reconstruct(levels, wire.decadic(12, 10), "float32")
    draft = Draft([replace(weights, data=data), bias], profile=wire.BASELINE, topology=(wire.ONNX, b"a graph"))
    config = nncodec.EncoderConfig(profile=nncodec.Profile.BASELINE, q_bits=10)
    return _encoded(draft, [weights, bias], config)


@valid("E.9", "9.3", stable=False)
def encoder_lossless() -> Draft:
    """The reference encoder, lossless: every type and a topology."""
    draft = replace(reference_model(), topology=(wire.SAFETENSORS, b'{"format": "pt"}'))
    return _encoded(draft, draft.items, nncodec.EncoderConfig(lossless=True))


@valid("E.7", "7.2", stable=False)
def encoder_small_slices() -> Draft:
    """The reference encoder with slices of five symbols."""
    draft = Draft([exact(f"t{n}", "float32", (n,), f32(*_weights(n))) for n in (3, 1, 7)])
    return _encoded(draft, draft.items, nncodec.EncoderConfig(lossless=True, slice_symbols=5))


@valid("E.3", "8.3.3", "8.3.5", refs=("reference-ones-64",), stable=False)
def encoder_difference() -> Draft:
    """The reference encoder with a reference: one tensor changed by whole steps, one unchanged."""
    old = reference_ones_64()
    target = difference("w", "float32", (8, 8), tuple(n % 3 - 1 for n in range(64)))
    changed = differing(tensor_of(old, "w"), target, wire.decadic(2, 0))
    draft = Draft([changed, copied("b", tensor_of(old, "b"))], parents=[old.content_id])
    config = nncodec.EncoderConfig(profile=nncodec.Profile.BASELINE, s_bits=2, q_bits=0)
    return _encoded(replace(draft, profile=wire.BASELINE), draft.items, config, old)


@valid("5.3")
def reference_ones_64() -> Draft:
    """The reference of the encoder's difference."""
    items = [exact("w", "float32", (8, 8), f32(*[1.0] * 64)), exact("b", "float32", (8,), f32(*range(8)))]
    return replace(full(), items=items, groups=[full().groups[1]], topology=None)


@valid("E.3", "E.8", "8.4", refs=("reference-ones-64",), stable=False)
def encoder_lossless_update() -> Draft:
    """The reference encoder, lossless, with a reference: a little added to every weight, the bias unchanged."""
    old = reference_ones_64()
    new = f32(*(1 + (n % 5 - 2) * 2.0**-20 for n in range(64)))
    items = [replace(tensor_of(old, "w"), data=new), tensor_of(old, "b")]
    return _encoded(Draft(items, parents=[old.content_id]), items, nncodec.EncoderConfig(lossless=True), old)


@valid("E.2", "8.1", stable=False)
def encoder_compact_step() -> Draft:
    """The reference encoder in profile MAIN with a step that has a compact form; the weights are whole steps."""
    levels = [(n * 7) % 23 - 11 for n in range(64)]
    data = f32(*(level / 32 for level in levels))
    draft = Draft([exact("w", "float32", (4, 16), data)])
    return _encoded(draft, draft.items, nncodec.EncoderConfig(step=1 / 32, rounding=0.5))
