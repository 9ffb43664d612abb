"""From file to file: the same bytes and models as by way of memory, and nothing where that fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nncodec.adapters.files import load, save
from nncodec.conversion import decode_file
from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode
from nncodec.errors import BitstreamError
from nncodec.model import Model, Tensor
from nncodec.tables import DType
from tests.core.handmade import tensor_of, weights

ROOT = Path(__file__).resolve().parent.parent


def sample(seed: int = 0) -> Model:
    """Several groups of slices, copies within the model, an empty tensor, a scalar, whole numbers."""
    first = weights("first", (60, 40), seed)
    return Model(
        (
            first,
            weights("bias", (40,), seed + 1),
            Tensor("again", first.dtype, first.shape, first.data),
            weights("half", (50, 30), seed + 2, dtype=DType.FLOAT16),
            weights("empty", (0, 3)),
            tensor_of("count", np.int64(7)),
            weights("last", (30, 70), seed + 3),
        )
    )


CONFIGS = {
    "lossless": EncoderConfig(lossless=True, slice_symbols=1000),
    "lossy": EncoderConfig(quality=30, slice_symbols=1000),
    "fast": EncoderConfig(quality=30, slice_symbols=1000, fast=True),
}


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("with_reference", [False, True])
def test_decoding_to_a_file_is_decoding_and_saving(
    tmp_path: Path, name: str, suffix: str, *, with_reference: bool
) -> None:
    references = [sample(5)] if with_reference else []
    data = encode(sample(), CONFIGS[name], references)
    (tmp_path / "m.nmc").write_bytes(data)
    model = decode(data, references)
    save(model, tmp_path / f"by-memory.{suffix}")
    decoded = decode_file(tmp_path / "m.nmc", tmp_path / f"by-file.{suffix}", references)
    assert (tmp_path / f"by-file.{suffix}").read_bytes() == (tmp_path / f"by-memory.{suffix}").read_bytes()
    assert decoded.content_id == model.content_id
    assert decoded.tensors == tuple(tensor.header for tensor in model.tensors)


def test_external_data_of_onnx_is_written_as_it_is_decoded(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    import onnx

    model = load(ROOT / "examples" / "digits-v1.onnx")
    proto = onnx.load(ROOT / "examples" / "digits-v1.onnx")
    onnx.save(proto, tmp_path / "outside.onnx", save_as_external_data=True, size_threshold=100)
    outside = load(tmp_path / "outside.onnx")
    (tmp_path / "m.nmc").write_bytes(encode(outside, EncoderConfig(lossless=True)))
    decode_file(tmp_path / "m.nmc", tmp_path / "decoded.onnx")
    assert load(tmp_path / "decoded.onnx").content_id == outside.content_id
    assert (tmp_path / "decoded.onnx.data").stat().st_size > 1000
    assert [t.data for t in load(tmp_path / "decoded.onnx").tensors] == [t.data for t in model.tensors]


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_a_damaged_stream_leaves_the_file_that_was_there(tmp_path: Path, suffix: str) -> None:
    data = bytearray(encode(sample(), CONFIGS["lossless"]))
    data[len(data) // 2] ^= 1
    (tmp_path / "m.nmc").write_bytes(data)
    target = tmp_path / f"m.{suffix}"
    target.write_bytes(b"old")
    with pytest.raises(BitstreamError):
        decode_file(tmp_path / "m.nmc", target)
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["m.nmc", target.name])
