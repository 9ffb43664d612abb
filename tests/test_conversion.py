"""From file to file: the same bytes and models as by way of memory, and nothing where that fails."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nncodec.adapters.files import load, save
from nncodec.conversion import decode_file, encode_file
from nncodec.decoder import decode
from nncodec.encoder import kept
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode, encode_with_report
from nncodec.errors import BitstreamError, EncodeError
from nncodec.kernel import numba
from nncodec.model import Model, Tensor
from nncodec.stream import read_stream
from nncodec.tables import DType, EntropyCoder
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


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("with_reference", [False, True])
def test_encoding_from_file_to_file_gives_the_same_bytes(tmp_path: Path, name: str, *, with_reference: bool) -> None:
    references = [sample(5)] if with_reference else []
    save(sample(), tmp_path / "m.safetensors")
    model = load(tmp_path / "m.safetensors")
    encoded = encode_with_report(model, CONFIGS[name], references)
    written = encode_file(tmp_path / "m.safetensors", tmp_path / "m.nmc", CONFIGS[name], references)
    assert (tmp_path / "m.nmc").read_bytes() == encoded.data
    assert written.content_id == encoded.model.content_id
    assert written.report == encoded.report


def test_levels_found_again_are_the_levels_that_were_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for config in (CONFIGS["lossy"], CONFIGS["fast"], replace(CONFIGS["lossy"], quality=None, snr=20.0)):
        data = encode(sample(), config)
        with monkeypatch.context() as patch:
            patch.setattr(kept, "ROOM", 1500)
            assert encode(sample(), config) == data


def test_words_that_nothing_makes_shorter_are_raw(tmp_path: Path) -> None:
    noise = Tensor("noise", DType.UINT8, (5000,), np.random.default_rng(0).bytes(5000))
    save(Model((noise,)), tmp_path / "m.safetensors")
    encode_file(tmp_path / "m.safetensors", tmp_path / "m.nmc", EncoderConfig(lossless=True, slice_symbols=1000))
    stream = read_stream((tmp_path / "m.nmc").read_bytes())
    assert stream.parameters.groups[0].entropy_coder == EntropyCoder.RAW
    assert (tmp_path / "m.nmc").read_bytes() == encode(
        Model((noise,)), EncoderConfig(lossless=True, slice_symbols=1000)
    )
    assert decode((tmp_path / "m.nmc").read_bytes()).tensors[0].content_id == noise.content_id


def test_a_model_that_cannot_be_coded_leaves_the_stream_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "m.nmc").write_bytes(b"old")
    with pytest.raises(EncodeError):
        encode_file(sample(), tmp_path / "m.nmc", EncoderConfig(max_bytes=10))
    assert (tmp_path / "m.nmc").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the memory of a process")
@pytest.mark.parametrize("options", ["lossless=True, fast=True", "quality=40, fast=True"])
def test_memory_does_not_grow_with_the_model(tmp_path: Path, options: str) -> None:
    """Tensors of 4 MB each: 160 MB more of them take hardly more memory."""
    peaks = []
    for count in (20, 60):
        tensors = [Tensor.from_numpy(str(n), noise(n)) for n in range(count)]
        save(Model(tuple(tensors)), tmp_path / "m.safetensors")
        source, stream, target = (tmp_path / name for name in ("m.safetensors", "m.nmc", "decoded.safetensors"))
        peaks.append(peak_of(f"encode_file({str(source)!r}, {str(stream)!r}, EncoderConfig({options}))"))
        peaks.append(peak_of(f"decode_file({str(stream)!r}, {str(target)!r})"))
    encoding, decoding, *with_more = peaks
    assert with_more[0] < encoding + 20
    assert with_more[1] < decoding + 20


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the memory of a process")
@pytest.mark.skipif(numba() is None, reason="takes minutes without numba")
@pytest.mark.parametrize("quality", [30, 75])
def test_slices_under_way_take_three_tensors_and_70_mb_at_most(tmp_path: Path, quality: int) -> None:
    """Over what a small model takes, which is next to nothing but numba; at 75 rANS is tried, too."""
    peaks = []
    for name, count in (("first", 10), ("small", 1), ("large", 10)):  # the first may have to compile something
        values = [noise(n).astype(np.float16)[: 1024 if count > 1 else 16] for n in range(count)]
        save(
            Model(tuple(Tensor.from_numpy(str(n), each) for n, each in enumerate(values))),
            tmp_path / f"{name}.safetensors",
        )
        source, stream = tmp_path / f"{name}.safetensors", tmp_path / f"{name}.nmc"
        peaks.append(peak_of(f"encode_file({str(source)!r}, {str(stream)!r}, EncoderConfig(quality={quality}))"))
        peaks.append(peak_of(f"decode_file({str(stream)!r}, {str(tmp_path / 'decoded.safetensors')!r})"))
    encoding_small, decoding_small, encoding, decoding = peaks[2:]
    assert encoding < encoding_small + 3 * 2 + 70
    assert decoding < decoding_small + 3 * 2 + 70


def noise(seed: int) -> npt.NDArray[np.float32]:
    return 0.02 * np.random.default_rng(seed).standard_normal((1024, 1024), np.float32)


def peak_of(statement: str) -> float:
    """Resident memory at most, in MB, of a process that does `statement`."""
    code = f"from nncodec import *\n{statement}\nprint(__import__('pathlib').Path('/proc/self/status').read_text())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return int(done.stdout.split("VmHWM:")[1].split()[0]) / 1024


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
