"""Threads make of every vector, valid or not, what one thread makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nncodec.decoder import decode
from nncodec.errors import BitstreamError
from nncodec.limits import LEVELS
from nncodec.set_decoder import decode_set
from nncodec.set_stream import is_set
from nncodec.work import Work
from tests.conformance.streams import VECTORS, data_of, references_of


@pytest.fixture(scope="module")
def threads() -> Iterator[Work]:
    with ThreadPoolExecutor(2) as pool:
        yield Work(pool, workers=2)


def outcome(name: str, work: Work | None) -> list[object]:
    """The content ids of what a vector decodes to, or the error."""
    data, references = data_of(name), references_of(name)
    try:
        if is_set(data):
            models = decode_set(data, references, limits=LEVELS[-1], work=work)
            return [(model_name, model.content_id) for model_name, model in models.items()]
        return [decode(data, references, limits=LEVELS[-1], work=work).content_id]
    except BitstreamError as error:
        return [error.error_class, error.clause, error.offset, str(error)]


@pytest.mark.parametrize("name", VECTORS)
def test_threads_find_the_same(name: str, threads: Work) -> None:
    assert outcome(name, threads) == outcome(name, None)
