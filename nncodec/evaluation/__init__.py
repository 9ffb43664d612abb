"""Utility of a decoded model (informative): how well it still does its task, as a number; the U of the paper's eq. 10.

A utility is any callable that takes a Model and returns a finite number, greater being better. Those that come with
nncodec lie in [0, 1].

| module | what it measures |
|---|---|
| utility | what a utility is, and the check of what it returns |
| metrics | outputs of a graph against labels or against the outputs of the original, by name of the metric |
| detection | boxes that a graph finds against those that are there: mean average precision |
| proxy | weights against those of the original, where there are no data to run a graph on |

Graphs are run in `nncodec/adapters/`.
"""

from nncodec.evaluation.detection import mean_average_precision
from nncodec.evaluation.metrics import METRICS, Metric, divergence_utility, error_utility, top_k
from nncodec.evaluation.proxy import WeightProxy
from nncodec.evaluation.utility import Utility, measured

__all__ = [
    "METRICS",
    "Metric",
    "Utility",
    "WeightProxy",
    "divergence_utility",
    "error_utility",
    "mean_average_precision",
    "measured",
    "top_k",
]
