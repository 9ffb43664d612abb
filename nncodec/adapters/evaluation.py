"""SPEC.md Annex D.0 (informative), evaluation: a utility from a file of arrays, by running ONNX graphs on it.

The file, .npz or another that `load` reads, holds an array for each input of the graph, by the input's name, or `x` for
the only one; values are what the graph takes, scaled as it wants them. Beside them `labels` (or `y`), and `boxes`, as
the metric asks for (`nncodec.evaluation.METRICS`).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.adapters.files import load
from nncodec.errors import EncodeError, UnsupportedModelError
from nncodec.evaluation import METRICS, Metric
from nncodec.model import NUMPY_DTYPES, Model

if TYPE_CHECKING:
    from nncodec.adapters.onnx_runtime import OnnxRunner

Array = npt.NDArray[Any]

ALIASES: Final = {"labels": "y"}
"""Other names that arrays of the truth may have."""

_REQUEST: Final = re.compile(r"(?P<name>[^=]+)=(?P<path>.+?\.[A-Za-z]+)(:(?P<metric>[^:/\\]*))?", re.DOTALL)


@dataclass(frozen=True)
class EvaluationRequest:
    """Which model (`name`) is evaluated on which file, by which metric; None: by what the file holds.

    That is "map" where there are boxes, else "top1" where there are labels, else "mse".
    Raises EncodeError for a metric that is none of `METRICS`.
    """

    name: str
    path: Path
    metric: str | None = None

    def __post_init__(self) -> None:
        """Check the metric."""
        if self.metric is not None and self.metric not in METRICS:
            raise EncodeError(f"no metric {self.metric!r}; choose one of {', '.join(METRICS)}")

    @classmethod
    def parse(cls, text: str) -> EvaluationRequest:
        """From NAME=DATA.npz or NAME=DATA.npz:METRIC. Raises EncodeError where `text` has another form."""
        match = _REQUEST.fullmatch(text)
        if match is None:
            raise EncodeError(f"{text!r} is not NAME=DATA.npz or NAME=DATA.npz:METRIC")
        return cls(match["name"], Path(match["path"]), match["metric"])

    def utility(self, original: Model) -> DataUtility:
        """The utility that is asked for. Raises as `load` and `DataUtility`."""
        return DataUtility(_arrays(load(self.path)), self.metric, original)


class DataUtility:
    """A utility: what a metric says of the outputs of a model's graph on `arrays`.

    Raises EncodeError for an unknown metric, where arrays are missing or do not fit the graph, or an output is not
    finite; UnsupportedModelError where onnxruntime is not installed or cannot run the graph. The call raises the same.
    """

    def __init__(self, arrays: Mapping[str, Array], metric: str | None, original: Model) -> None:
        """Run `original` once, so that bad arrays are found now; metrics of agreement compare with its outputs."""
        self.metric = _default_metric(arrays) if metric is None else metric
        chosen = METRICS.get(self.metric)
        if chosen is None:
            raise EncodeError(f"no metric {self.metric!r}; choose one of {', '.join(METRICS)}")
        self._metric: Metric = chosen
        self._arrays = arrays
        truth = [_truth(name, arrays, self.metric) for name in chosen.truth]
        outputs = runner(original).run(arrays)
        self._truth = truth if chosen.truth else list(outputs)
        self.of_original = chosen.score(outputs, self._truth)
        """The utility of the original itself."""

    def __call__(self, model: Model) -> float:
        """The utility of `model`, in [0, 1]."""
        return self._metric.score(runner(model).run(self._arrays), self._truth)


def runner(model: Model) -> OnnxRunner:
    """The graph of `model`, ready to run. Raises as `OnnxRunner`, and UnsupportedModelError without onnxruntime."""
    try:
        module = importlib.import_module("nncodec.adapters.onnx_runtime")
    except ModuleNotFoundError as error:
        hint = "pip install 'nmc-codec[eval]'"
        what = f"evaluation on data needs the package {error.name!r}, which is not installed: {hint}"
        raise UnsupportedModelError(what) from error
    ready: OnnxRunner = module.OnnxRunner(model)
    return ready


def _default_metric(arrays: Mapping[str, Array]) -> str:
    if "boxes" in arrays:
        return "map"
    return "top1" if "labels" in arrays or ALIASES["labels"] in arrays else "mse"


def _truth(name: str, arrays: Mapping[str, Array], metric: str) -> Array:
    for each in (name, ALIASES.get(name, name)):
        if each in arrays:
            return np.asarray(arrays[each])
    raise EncodeError(f"metric {metric} needs an array {name!r}; there are: {', '.join(arrays)}")


def _arrays(model: Model) -> dict[str, Array]:
    """The tensors as arrays; those of element types that numpy lacks, which no graph is run on here, are left out."""
    return {tensor.name: tensor.numpy() for tensor in model.tensors if tensor.dtype in NUMPY_DTYPES}
