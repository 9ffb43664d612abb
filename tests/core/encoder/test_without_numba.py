"""Without numba encoders write the same bytes: compiled code is faster, and nothing else."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode_with_report
from nncodec.kernel import numba
from nncodec.model import Model, Tensor
from nncodec.tables import Profile

CONFIGS = [
    EncoderConfig(),
    EncoderConfig(quality=20),
    EncoderConfig(quality=8, slice_symbols=700),
    EncoderConfig(quality=20, best=True),
    EncoderConfig(quality=20, fast=True),
    EncoderConfig(step=0.3, rounding=0.4),
    EncoderConfig(snr=20.0),
    EncoderConfig(lossless=True),
    EncoderConfig(lossless=True, fast=True),
    EncoderConfig(profile=Profile.BASELINE, q_bits=11),
]


def models(seed: int) -> tuple[Model, Model]:
    """A model of several kinds of tensors, and one that is near it."""
    generator = np.random.default_rng(seed)
    arrays = {
        "conv": generator.normal(size=(8, 4, 3, 3)).astype(np.float32),
        "heavy": generator.standard_t(2, size=(24, 30)).astype(np.float32),
        "half": generator.normal(size=(20, 20)).astype(np.float16),
        "bias": generator.normal(size=40).astype(np.float32),
        "sparse": np.where(generator.random((30, 20)) < 0.9, 0, generator.normal(size=(30, 20))).astype(np.float32),
        "index": np.arange(50),
    }
    near = {
        name: array + (generator.normal(size=array.shape) * 0.01).astype(array.dtype) for name, array in arrays.items()
    }
    one, other = (Model(tuple(Tensor.from_numpy(*item) for item in each.items())) for each in (arrays, near))
    return one, other


def digests(seed: int) -> Iterator[str]:
    """Those of streams of both models, the second alone and as an update of the first."""
    one, other = models(seed)
    for config in CONFIGS:
        for model, references in ((one, ()), (other, (one,))):
            data = encode_with_report(model, config, references).data
            decoded = decode(data, references).content_id
            yield hashlib.sha256(data + decoded).hexdigest()[:16]


@pytest.mark.skipif(numba() is None, reason="needs the extra fast, to compare with")
def test_bytes_do_not_depend_on_numba() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.core.encoder.test_without_numba"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.stderr == ""
    assert found.stdout.split() == list(digests(0))


if __name__ == "__main__":
    warnings.simplefilter("error")
    print(*digests(int(sys.argv[1]) if len(sys.argv) > 1 else 0), sep="\n")  # noqa: T201
