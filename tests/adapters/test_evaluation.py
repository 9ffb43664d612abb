"""Utility on data: small generated graphs, the examples, real models; and all that can be wrong with the data."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import nncodec
from nncodec import EncodeError, EncoderConfig, Model, ModelFileError, UnsupportedModelError
from nncodec.adapters.evaluation import DataUtility, EvaluationRequest, runner
from nncodec.adapters.onnx_model import model_from_proto
from nncodec.evaluation import METRICS, WeightProxy

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
WEIGHTS = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
RNG = np.random.default_rng(2)


def graph(nodes: list, inputs: dict, outputs: dict, weights: dict | None = None) -> Model:
    """Model of one small graph; inputs and outputs: name -> (element type, shape)."""
    proto = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info(name, *about) for name, about in inputs.items()],
            [helper.make_tensor_value_info(name, *about) for name, about in outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    return model_from_proto(proto)


def linear(batch: object, weights: np.ndarray = WEIGHTS) -> Model:
    """scores = image @ w."""
    node = helper.make_node("MatMul", ["image", "w"], ["scores"])
    return graph([node], {"image": (FLOAT, [batch, 4])}, {"scores": (FLOAT, [batch, 3])}, {"w": weights})


@pytest.mark.parametrize("count", [1, 5, 64, 131])
@pytest.mark.parametrize("batch", ["n", None, 1, 3])
def test_all_samples_go_through_whatever_the_batch(batch: object, count: int) -> None:
    images = RNG.normal(size=(count, 4))
    (scores,) = runner(linear(batch)).run({"image": images})
    assert scores.shape == (count, 3)
    assert scores == pytest.approx(images @ WEIGHTS, abs=1e-5)


def test_only_input_may_be_called_x_and_integers_become_floats() -> None:
    images = RNG.integers(0, 256, (7, 4), np.uint8)
    (scores,) = runner(linear("n")).run({"x": images})
    assert scores == pytest.approx(images @ WEIGHTS, rel=1e-4, abs=1e-3)


def with_state(state_shape: list, batch: object = "n") -> Model:
    nodes = [
        helper.make_node("ReduceSum", ["state"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["x", "sum"], ["scaled"]),
        helper.make_node("Mul", ["scaled", "rate"], ["out"]),
        helper.make_node("Identity", ["state"], ["next"]),
    ]
    inputs = {"rate": (FLOAT, []), "x": (FLOAT, [batch, 2]), "state": (FLOAT, state_shape)}
    return graph(nodes, inputs, {"out": (FLOAT, [batch, 2]), "next": (FLOAT, state_shape)})


def test_states_are_given_whole_at_each_run() -> None:
    arrays = {"x": RNG.normal(size=(5, 2)), "state": np.ones((2, 1, 3)), "rate": np.array(0.5)}
    out, states = runner(with_state([2, 1, 3], 1)).run(arrays)
    assert out == pytest.approx(3 * arrays["x"], abs=1e-6)
    assert states.shape == (5, 2, 1, 3)


def test_axis_of_the_same_name_in_a_state_says_how_many_samples_go_at_once() -> None:
    arrays = {"x": RNG.normal(size=(6, 2)), "state": np.ones((2, 1, 3)), "rate": np.array(1.0)}
    out, states = runner(with_state([2, "n", 3])).run(arrays)
    assert out == pytest.approx(6 * arrays["x"], abs=1e-6)
    assert states.shape == (6, 2, 1, 3)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "no array 'image' or 'x'"),
        ({"photo": np.ones((2, 4))}, "no array 'image' or 'x' .*there are: photo"),
        ({"image": np.ones((2, 5))}, r"shape \(2, 5\) does not go into .*'image' of shape \(any, 4\)"),
        ({"image": np.ones(4)}, r"shape \(4,\) does not go"),
        ({"image": np.ones((0, 4))}, "no samples"),
        ({"image": np.array(1.0)}, "no samples"),
        ({"image": np.ones((2, 4), complex)}, "complex128 does not go into the input 'image' of float32"),
    ],
)
def test_arrays_that_are_not_what_the_graph_takes_are_named(arrays: dict, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        runner(linear("n")).run(arrays)


def test_state_of_another_shape_is_named() -> None:
    arrays = {"x": np.ones((5, 2)), "state": np.ones((3, 1, 3)), "rate": np.array(1.0)}
    with pytest.raises(EncodeError, match="'state' of shape"):
        runner(with_state([2, 1, 3], 1)).run(arrays)


def test_integers_that_an_input_cannot_hold_are_refused() -> None:
    narrow = graph(
        [helper.make_node("Cast", ["x"], ["y"], to=FLOAT)], {"x": (TensorProto.INT8, ["n"])}, {"y": (FLOAT, ["n"])}
    )
    assert runner(narrow).run({"x": np.arange(3)})[0].tolist() == [0, 1, 2]
    with pytest.raises(EncodeError, match="int64 does not go into the input 'x' of int8"):
        runner(narrow).run({"x": np.array([1, 300])})


def test_models_that_cannot_be_run_are_named() -> None:
    with pytest.raises(UnsupportedModelError, match="no ONNX graph"):
        runner(Model(()))
    odd = graph([helper.make_node("NoSuchThing", ["x"], ["y"])], {"x": (FLOAT, ["n"])}, {"y": (FLOAT, ["n"])})
    with pytest.raises(UnsupportedModelError, match="onnxruntime cannot load"):
        runner(odd)
    constant = graph([helper.make_node("Constant", [], ["y"], value_float=1.0)], {}, {"y": (FLOAT, [])})
    with pytest.raises(UnsupportedModelError, match="no inputs"):
        runner(constant).run({})
    text = graph(
        [helper.make_node("Identity", ["x"], ["y"])], {"x": (TensorProto.STRING, [1])}, {"y": (TensorProto.STRING, [1])}
    )
    with pytest.raises(UnsupportedModelError, match=r"'x' of type tensor.string. is no tensor of numbers"):
        runner(text).run({"x": np.ones(1)})


def test_outputs_that_are_no_numbers_are_named() -> None:
    words = graph(
        [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)],
        {"x": (FLOAT, ["n"])},
        {"y": (TensorProto.STRING, ["n"])},
    )
    with pytest.raises(UnsupportedModelError, match=r"output 'y' of type tensor.string."):
        runner(words).run({"x": np.ones(2)})


def test_graph_that_fails_on_the_data_says_where() -> None:
    """It takes two samples at once, but says that it takes any number."""
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    model = graph([node], {"x": (FLOAT, ["n", 4])}, {"y": (FLOAT, [2, 4])}, {"shape": np.array([2, 4])})
    assert runner(model).run({"x": np.ones((2, 4))})[0].shape == (2, 4)
    with pytest.raises(EncodeError, match="cannot run the graph on samples 0 to 2"):
        runner(model).run({"x": np.ones((3, 4))})


def test_output_of_another_shape_in_each_run_is_named() -> None:
    node = helper.make_node("NonZero", ["x"], ["y"])
    model = graph([node], {"x": (FLOAT, [1, 4])}, {"y": (INT64, [2, None])})
    with pytest.raises(EncodeError, match="another shape in each run"):
        runner(model).run({"x": np.tril(np.ones((3, 4)))})


def test_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "nncodec.adapters.onnx_runtime", raising=False)
    with pytest.raises(
        UnsupportedModelError, match=r"'onnxruntime', which is not installed: pip install 'nmc-codec\[eval\]'"
    ):
        runner(linear("n"))


def test_module_of_evaluation_is_imported_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnxruntime", "onnx"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("nncodec.adapters.onnx_runtime", "nncodec.adapters.evaluation"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert importlib.import_module("nncodec.adapters.evaluation").EvaluationRequest.parse("a=b.npz").name == "a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat=data.npz", ("cat", "data.npz", None)),
        ("cat=a/b.c/data.npz:top5", ("cat", "a/b.c/data.npz", "top5")),
        (r"cat=C:\data\d.npz:kl", ("cat", r"C:\data\d.npz", "kl")),
        ("cat=a=b.npz:mse", ("cat", "a=b.npz", "mse")),
        ("cat=d.safetensors", ("cat", "d.safetensors", None)),
    ],
)
def test_requests_are_read(text: str, expected: tuple) -> None:
    request = EvaluationRequest.parse(text)
    assert (request.name, str(request.path), request.metric) == expected


@pytest.mark.parametrize("text", ["", "cat", "=d.npz", "cat=", "cat=data"])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(EncodeError, match=r"is not NAME=DATA.npz"):
        EvaluationRequest.parse(text)


@pytest.mark.parametrize("metric", ["top2", "", "MAP"])
def test_unknown_metrics_are_refused_by_name(metric: str) -> None:
    with pytest.raises(EncodeError, match=f"no metric '{metric}'; choose one of top1, top5, map, mse, kl"):
        EvaluationRequest.parse(f"cat=d.npz:{metric}")
    with pytest.raises(EncodeError, match="no metric"):
        DataUtility({"x": np.ones((2, 4))}, metric, linear("n"))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot read"):
        EvaluationRequest("cat", tmp_path / "none.npz").utility(linear("n"))


def test_metric_is_told_by_the_arrays() -> None:
    images, labels = RNG.normal(size=(9, 4)), RNG.integers(0, 3, 9)
    assert DataUtility({"x": images}, None, linear("n")).metric == "mse"
    for name in ("labels", "y"):
        utility = DataUtility({"x": images, name: labels}, None, linear("n"))
        assert utility.metric == "top1"
        assert utility.of_original == np.mean(np.argmax(images @ WEIGHTS, axis=1) == labels)


def test_boxes_are_scored_by_their_precision() -> None:
    """The graph returns what it is given."""
    node = helper.make_node("Identity", ["found"], ["boxes"])
    model = graph([node], {"found": (FLOAT, [1, 2, 6])}, {"boxes": (FLOAT, [1, 2, 6])})
    found = np.zeros((3, 2, 6))
    found[:, 0] = [0, 0, 10, 10, 0.9, 0]
    arrays = {"found": found, "boxes": np.tile([[[0, 0, 10, 10]]], (3, 1, 1)), "labels": np.array([[0], [0], [-1]])}
    utility = DataUtility(arrays, None, model)
    assert utility.metric == "map"
    assert utility.of_original == pytest.approx(1.0)


@pytest.mark.parametrize(("metric", "missing"), [("top1", "labels"), ("top5", "labels"), ("map", "boxes")])
def test_missing_truth_is_named(metric: str, missing: str) -> None:
    with pytest.raises(EncodeError, match=f"metric {metric} needs an array '{missing}'; there are: x"):
        DataUtility({"x": np.ones((2, 4))}, metric, linear("n"))


@pytest.mark.parametrize("metric", ["mse", "kl"])
def test_agreement_falls_with_the_error(metric: str) -> None:
    utility = DataUtility({"x": RNG.normal(size=(300, 4))}, metric, linear("n"))
    assert utility.of_original == utility(linear("n")) == 1
    error = RNG.normal(size=WEIGHTS.shape).astype(np.float32)
    values = [utility(linear("n", WEIGHTS + scale * error)) for scale in (0.01, 0.1, 1.0)]
    assert 1 > values[0] > values[1] > values[2] > 0


@pytest.mark.parametrize("metric", ["mse", "kl", "top1"])
def test_decoded_model_whose_outputs_are_no_numbers_is_named(metric: str) -> None:
    utility = DataUtility({"x": np.ones((2, 4)), "labels": np.zeros(2, int)}, metric, linear("n"))
    with pytest.raises(EncodeError, match="no finite number"):
        utility(linear("n", np.full_like(WEIGHTS, np.nan)))


DIGITS = EXAMPLES / "digits-test.npz"


def test_accuracy_of_the_examples() -> None:
    model = nncodec.load(EXAMPLES / "digits-v2.onnx")
    top1, top5 = (EvaluationRequest.parse(f"v2={DIGITS}:{metric}").utility(model) for metric in ("top1", "top5"))
    assert 0.9 < top1.of_original < top5.of_original <= 1
    assert top1(nncodec.decode(nncodec.encode(model, EncoderConfig(lossless=True)))) == top1.of_original
    ruined = nncodec.decode(nncodec.encode(model, EncoderConfig(quality=5)))
    assert top1(ruined) < top1.of_original


def test_proxy_ranks_qualities_as_the_outputs_do() -> None:
    """The proxy promises a ranking of ways to code one model, not more."""
    model = nncodec.load(EXAMPLES / "digits-v1.onnx")
    real, proxy = EvaluationRequest("v1", DIGITS, "kl").utility(model), WeightProxy(model)
    decoded = [nncodec.decode(nncodec.encode(model, EncoderConfig(quality=quality))) for quality in range(5, 50, 10)]
    by_outputs, by_weights = [real(each) for each in decoded], [proxy(each) for each in decoded]
    assert by_outputs == sorted(by_outputs)
    assert by_weights == sorted(by_weights)
    assert all(0 < value < 1 for value in by_outputs + by_weights)


REAL = {
    "onnx/mnist-cntk.onnx": {"Input3": (3, 1, 28, 28)},
    "onnx/version-slim-320-simplified.onnx": {"x": (2, 3, 240, 320)},
    "onnx/silero-vad-16k-op15-0607ae8a.onnx": {"input": (4, 512), "state": (2, 1, 128), "sr": ()},
    "onnx/squeezenet-fp16.onnx": {"x": (2, 3, 224, 224)},
    "onnx/dtln-model-1.onnx": {"input_2": (3, 1, 257), "input_3": (1, 2, 128, 2)},
    "pairs/ppocrv3-det-ch-en-onnx/text-detection-en-ppocrv3-2023may.onnx": {"x": (2, 3, 64, 64)},
}


@pytest.mark.parametrize("path", REAL)
def test_real_models_agree_with_themselves_and_less_when_coarse(path: str, shared_data: Path) -> None:
    file = shared_data / path
    if not file.is_file():
        pytest.skip(f"{path} is not among the real models")
    model = nncodec.load(file)
    arrays = {name: RNG.random(shape, np.float32) for name, shape in REAL[path].items()}
    arrays |= {"sr": np.array(16000)} if "sr" in arrays else {}
    utility = DataUtility(arrays, "mse", model)
    assert utility(model) == 1
    coarse, fine = (
        utility(nncodec.decode(nncodec.encode(model, EncoderConfig(quality=quality, fast=True))))
        for quality in (15, 45)
    )
    assert coarse < fine < 1


def test_every_metric_is_tried_here() -> None:
    assert set(METRICS) == {"top1", "top5", "map", "mse", "kl"}
