"""SPEC.md clause 8.5: slices by threads, processes, a cluster: the same bytes, models and errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.model import Model, Tensor
from nncodec.tables import DType
from nncodec.work import Work
from tests.core.handmade import same_tensors, weights
from tests.strategies import models

CONFORMANCE = Path(__file__).resolve().parents[2] / "conformance"
OLD = Model((weights("a", (40, 50), 1), weights("b", (3, 4, 5, 5), 2), weights("c", (30,), 3)))
NEW = Model((weights("a", (40, 50), 4), OLD.tensors[1], Tensor.from_numpy("n", np.arange(99)), weights("c", (30,), 5)))
CONFIGS = [
    EncoderConfig(lossless=True, slice_symbols=400),
    EncoderConfig(lossless=True, slice_symbols=400, fast=True),
    EncoderConfig(step=0.02, slice_symbols=400),
    EncoderConfig(step=0.02, slice_symbols=400, fast=True),
]


@pytest.fixture(scope="module", params=["threads", "processes", "cluster"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Two workers of every kind."""
    if request.param == "threads":
        with ThreadPoolExecutor(2) as pool:
            yield pool
    elif request.param == "processes":
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:  # to fork a process that has threads is not safe
            yield pool
    else:
        distributed = pytest.importorskip("distributed", reason="needs the extra cluster")
        cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0")
        with cluster, distributed.Client(cluster) as client:
            yield client.get_executor()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"lossless={config.lossless}-fast={config.fast}")
def test_bytes_and_model_do_not_depend_on_who_works(executor: Executor, config: EncoderConfig) -> None:
    alone = encode(NEW, config, [OLD])
    assert encode(NEW, config, [OLD], Work(executor)) == alone
    assert same_tensors(decode(alone, [OLD], work=Work(executor)), decode(alone, [OLD]))


@settings(max_examples=60, deadline=None)
@given(models(), st.integers(1, 60), st.booleans())
def test_threads_decode_any_model(model: Model, slice_symbols: int, is_fast: bool) -> None:
    data = encode(model, EncoderConfig(lossless=True, fast=is_fast, slice_symbols=slice_symbols))
    with ThreadPoolExecutor(2) as pool:
        assert decode(data, work=Work(pool)).content_id == model.content_id


def test_strings_of_several_slices_by_threads() -> None:
    words = b"".join(b"\6\0\0\0word%02d" % (i % 9) for i in range(3000))
    model = Model((Tensor("s", DType.STRING, (3000,), words), weights("w", (20, 20), 1)))
    data = encode(model, EncoderConfig(lossless=True, fast=True, slice_symbols=9000))
    with ThreadPoolExecutor(2) as pool:
        assert decode(data, work=Work(pool)).content_id == model.content_id


def test_set_of_models_by_one_executor(executor: Executor) -> None:
    several = [Model((weights("w", (30, 40), seed),)) for seed in range(3)]
    config = EncoderConfig(step=0.05, fast=True, slice_symbols=500)
    assert [encode(model, config, (), Work(executor)) for model in several] == [
        encode(model, config) for model in several
    ]


@pytest.mark.parametrize("vector", ["mixing-noise", "rans-state-ends-high", "lzma2-cut"])
def test_error_of_a_slice_is_the_error_of_the_stream(executor: Executor, vector: str) -> None:
    data = (CONFORMANCE / "invalid" / f"{vector}.nmc").read_bytes()
    errors = []
    for work in (None, Work(executor)):
        with pytest.raises(InvalidStreamError) as caught:
            decode(data, work=work)
        errors.append((caught.value.error_class, caught.value.clause, caught.value.offset, str(caught.value)))
    assert errors[0] == errors[1]


def test_progress_is_told_in_order(executor: Executor) -> None:
    calls: list[tuple[int, int]] = []
    encode(OLD, CONFIGS[0], (), Work(executor, lambda done, total: calls.append((done, total))))
    assert len(calls) > 3
    assert calls == sorted(calls)
    assert calls[-1][0] == calls[-1][1] == OLD.nbytes


def numbers(until: int, fails_at: int) -> Iterator[int]:
    """Tasks, of which one cannot be made."""
    for number in range(until):
        if number == fails_at:
            raise InvalidStreamError(ErrorClass.ENTROPY, "no such task", clause="9")
        yield number


def refuse(number: int) -> int:
    """A task that may fail."""
    if number == 4:
        raise InvalidStreamError(ErrorClass.COVERAGE, "task 4", clause="9")
    return number


@pytest.mark.parametrize(("fails_at", "reached", "error"), [(3, 3, "no such task"), (5, 4, "task 4")])
def test_errors_come_in_the_order_of_tasks(fails_at: int, reached: int, error: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        results, done = Work(pool).map(refuse, numbers(9, fails_at), [1] * 9), []
        with pytest.raises(InvalidStreamError, match=error):
            done.extend(results)
        assert done == list(range(reached))


def test_no_more_tasks_are_made_than_twice_the_workers_before_results_are_taken() -> None:
    made = []
    with ThreadPoolExecutor(1) as pool:
        results = Work(pool, workers=1).map(str, (made.append(number) or number for number in range(9)), [1] * 9)
        assert (next(results), made) == ("0", [0, 1])
        assert list(results) == [str(number) for number in range(1, 9)]


AT_ONCE = """
import threading
import numpy as np
from nncodec import EncoderConfig, Model, Tensor, decode, encode

model = Model((Tensor.from_numpy("w", np.random.default_rng(0).normal(0, 1, (40, 40)).astype(np.float32)),))
configs = [EncoderConfig(step=0.1), EncoderConfig(step=0.1, fast=True), EncoderConfig(lossless=True)] * 2
streams, together = [None] * len(configs), threading.Barrier(len(configs))

def work(number):
    together.wait()
    streams[number] = encode(model, configs[number])
    decode(streams[number])

threads = [threading.Thread(target=work, args=(number,)) for number in range(len(configs))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*(stream.hex() for stream in streams))
"""


def test_threads_and_processes_begin_at_once_on_a_cold_cache(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).resolve().parents[2]
    begun = [
        subprocess.Popen([sys.executable, "-c", AT_ONCE], cwd=root, env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [process.communicate()[0].split() for process in begun]
    assert [process.returncode for process in begun] == [0, 0]
    assert outputs[0] == outputs[1]
    assert outputs[0][:3] == outputs[0][3:]
