"""SPEC.md Annex C: the bytes as they are printed decode to what the text says, and are what the encoder makes today."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import nncodec
from nncodec.set_decoder import decode_set
from tools import make_spec_examples

SPEC = (Path(__file__).parents[1] / "SPEC.md").read_text(encoding="utf-8")


def printed(number: str) -> bytes:
    """The stream that clause C.`number` prints."""
    clause = SPEC[SPEC.index(f"### C.{number} ") :]
    dump = clause.split("```")[1]
    return bytes.fromhex("".join(re.sub(r"^ *\d+  ", "", line) for line in dump.strip("\n").splitlines()))


def test_annex_c_is_what_the_tool_writes():
    assert make_spec_examples.main(["--check"]) == 0


def test_c1_has_no_tensors():
    assert nncodec.decode(printed("1")).tensors == ()


def test_c2_decodes_to_the_exact_tensors():
    model = nncodec.decode(printed("2"))
    assert model.by_name["s"].numpy() == np.float32(1.5)
    assert model.by_name["n"].numpy().tolist() == [1, -2]


def test_c3_decodes_to_multiples_of_the_step():
    weights = nncodec.decode(printed("3")).by_name["w"].numpy()
    levels = np.array([[12, -25, 0, 33], [100, 0, 1, -52], [27, -71, 9, 85]])
    assert np.array_equal(weights, (levels * 0.01).astype(np.float32))


def test_c4_adds_the_update_to_what_the_receiver_holds():
    held = nncodec.decode(printed("3"))
    model = nncodec.decode(printed("4"), [held])
    expected = (held.by_name["w"].numpy().astype(np.float64) + 2 * 0.01).astype(np.float32)
    assert np.array_equal(model.by_name["w"].numpy(), expected)
    assert model.by_name["b"].data == held.by_name["b"].data


def test_c4_is_refused_without_its_reference():
    with pytest.raises(nncodec.InvalidStreamError) as caught:
        nncodec.decode(printed("4"))
    assert caught.value.error_class == nncodec.ErrorClass.REF_MISSING


def test_c5_is_the_set_of_c3_and_c4():
    models = decode_set(printed("5") + printed("3") + printed("4"))
    held = nncodec.decode(printed("3"))
    assert list(models) == ["old", "new"]
    assert models["old"].content_id == held.content_id
    assert models["new"].content_id == nncodec.decode(printed("4"), [held]).content_id


def test_every_byte_of_an_example_is_explained():
    for example in make_spec_examples.examples():
        rows = re.findall(r"^\| (\d+) \| (\d+) \|", make_spec_examples.render(example), re.MULTILINE)
        explained = {offset + index for offset, size in ((int(a), int(b)) for a, b in rows) for index in range(size)}
        assert explained == set(range(len(example.data)))
