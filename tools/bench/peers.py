"""Other codecs, as the benchmarks run them: NNCodec in an environment of its own, ZipNN where it is installed."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nncodec import DType

ZIPNN_NAME = {DType.FLOAT32: "float32", DType.BFLOAT16: "bfloat16", DType.FLOAT16: "float16"}


def drive_nncodec(python: str, source: Path, qps: Sequence[int]) -> list[dict[str, Any]]:
    """What the driver says of each parameter and quantiser; `python` is an interpreter with NNCodec installed."""
    driver = str(Path(__file__).with_name("nncodec_driver.py"))
    command = [python, driver, str(source), ",".join(map(str, qps))]
    run = subprocess.run(command, check=True, capture_output=True, env=dict(os.environ))
    return list(json.loads(run.stdout.splitlines()[-1]))


def zipnn_bytes(chunks: Sequence[bytes], dtype: DType, old: Sequence[bytes] | None = None) -> int | None:
    """ZipNN's bytes: of all chunks end to end, or one by one, whichever is less; with `old`, of the difference.

    None where ZipNN is not installed, which brings torch along.
    """
    if importlib.util.find_spec("zipnn") is None:
        return None
    make = importlib.import_module("zipnn").ZipNN
    chunks = [bytes(bytearray(chunk)) for chunk in chunks]  # copies: it reorders the bits of its input in place
    if old is not None:
        coder = make(bytearray_dtype=ZIPNN_NAME[dtype], input_format="byte", delta_compressed_type="byte")
        return len(coder.compress(b"".join([*chunks, b""]), delta_second_data=b"".join([*old, b""])))
    coder = make(bytearray_dtype=ZIPNN_NAME[dtype], input_format="byte")
    whole = len(coder.compress(b"".join([*chunks, b""])))
    return min(whole, sum(len(coder.compress(chunk)) for chunk in chunks))
