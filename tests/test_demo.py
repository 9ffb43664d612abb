"""The networks that the repository ships, and the demo that runs on them."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import nncodec
from tools import demo

ROOT = Path(__file__).resolve().parent.parent
TEST_IMAGES = 540
SETS = "### Sets of models"
PARITY_TEST = ROOT / "examples" / "digits-variant-test.npz"
MAX_EXAMPLE_BYTES = 700_000
needs_programs = pytest.mark.skipif(
    not Path(sys.executable).with_name("nnenc").exists(),
    reason="nnenc and nndec are not installed: see CONTRIBUTING.md",
)


@pytest.fixture(scope="module")
def examples() -> dict[str, demo.Example]:
    return {example.name: example for example in demo.load_examples()}


def model_of(name: str) -> nncodec.Model:
    return nncodec.load(ROOT / "examples" / f"{name}.onnx")


def test_examples_are_small() -> None:
    assert sum(file.stat().st_size for file in (ROOT / "examples").iterdir()) <= MAX_EXAMPLE_BYTES


def test_test_images_are_the_last_of_the_data_set() -> None:
    digits = load_digits()
    with np.load(ROOT / "examples" / "digits-test.npz") as data:
        np.testing.assert_array_equal(data["x"], digits.images[-TEST_IMAGES:, None].astype(np.float32) / 16)
        np.testing.assert_array_equal(data["labels"], digits.target[-TEST_IMAGES:])


def test_test_images_of_the_variant_are_the_same_with_its_own_labels() -> None:
    with np.load(ROOT / "examples" / "digits-test.npz") as data, np.load(PARITY_TEST) as parity:
        np.testing.assert_array_equal(parity["x"], data["x"])
        np.testing.assert_array_equal(parity["labels"], data["labels"] % 2)


def test_example_networks_are_as_accurate_as_their_readme_says(examples: dict[str, demo.Example]) -> None:
    readme = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    said = {name: float(percent) / 100 for name, percent in re.findall(r"`([\w-]+)\.onnx` \| ([\d.]+)%", readme)}
    measured = {name: example.accuracy(example.path) for name, example in examples.items()}
    # Another processor may sum in another order, and one image in 540 lie on the edge.
    assert measured == pytest.approx(said, abs=1.5 / TEST_IMAGES)


def test_version_2_changes_every_tensor_of_version_1() -> None:
    first, second = model_of("digits-v1"), model_of("digits-v2")
    assert first.topology == second.topology or [t.name for t in first.tensors] == [t.name for t in second.tensors]
    assert not {t.content_id for t in first.tensors} & {t.content_id for t in second.tensors}


def test_variant_shares_the_early_layers_of_version_1_and_has_a_head_of_its_own() -> None:
    first, variant = model_of("digits-v1"), model_of("digits-variant")
    shared = {t.name for t in variant.tensors if t.content_id == first.by_name[t.name].content_id}
    assert {name.split(".")[0] for name in shared} == {"conv1", "bn1", "conv2", "bn2"}
    assert variant.by_name["fc.weight"].shape == (2, 64)


def code_block(language: str, heading: str = "## Use") -> str:
    """The first block of README.md in `language` below `heading`."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition(f"\n{heading}\n")[2].split(f"```{language}\n")[1].split("```")[0]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing but examples/, to work in as README.md does."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_of_the_readme_runs(checkout: Path) -> None:
    exec(code_block("python"), {})  # noqa: S102 - our own text
    assert nncodec.load(checkout / "restored.onnx").tensors


@needs_programs
def test_command_line_of_the_readme_runs(checkout: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(["/bin/sh", "-e", "-c", code_block("sh")], env={**os.environ, "PATH": path}, check=True)
    assert (checkout / "update.nmc").stat().st_size < (checkout / "v1.nmc").stat().st_size
    assert nncodec.load(checkout / "v2.onnx").tensors


def test_python_of_sets_in_the_readme_runs(checkout: Path) -> None:
    found: dict[str, object] = {"nncodec": nncodec}
    exec(code_block("python", SETS), found)  # noqa: S102 - our own text
    assert list(found["restored"]) == ["v1", "v2", "variant"]


@needs_programs
def test_command_line_of_sets_in_the_readme_runs(checkout: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(["/bin/sh", "-e", "-c", code_block("sh", SETS)], env={**os.environ, "PATH": path}, check=True)
    assert sorted(file.name for file in (checkout / "restored").iterdir()) == [
        "digits-v1.onnx",
        "digits-v2.onnx",
        "odd.onnx",
    ]
    assert (checkout / "odd.onnx").read_bytes() == (checkout / "restored" / "odd.onnx").read_bytes()
    assert (checkout / "few.nmc").stat().st_size <= 25_000


@needs_programs
def test_demo_runs_and_says_what_to_try_next() -> None:
    done = subprocess.run(
        [sys.executable, "tools/demo.py"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Try next" in done.stdout
    assert "…" not in done.stdout, "a column is cut off at 80 characters"


def test_demo_fails_where_lossless_is_not_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode_with_one_bit_wrong(data: bytes, references: tuple[nncodec.Model, ...] = ()) -> nncodec.Model:
        model = nncodec.decode(data, references)
        damaged = dataclasses.replace(model.tensors[0], data=flip(bytes(model.tensors[0].data)))
        return dataclasses.replace(model, tensors=(damaged, *model.tensors[1:]))

    monkeypatch.setattr(demo, "decode", decode_with_one_bit_wrong)
    assert demo.main() == 1


def flip(data: bytes) -> bytes:
    """`data` with its first bit flipped."""
    return bytes([data[0] ^ 1]) + data[1:]


def test_demo_fails_without_its_test_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "EXAMPLES", tmp_path)
    assert demo.main() == 1
