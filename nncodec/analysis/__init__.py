"""The statistics of the paper (informative): Laplace rate and distortion, K-L divergence, distance, shared memory.

"The paper" is Chen, Duan, Wang et al., "Toward Knowledge as a Service Over Networks", IEEE JSAC 37(6), 2019. No bit of
a stream hangs on what is computed here; encoders and people compare models by it.

| module | what of the paper |
|---|---|
| laplace | eq. 4 to 8: the scale of weights or residuals, and the rate and distortion of a step |
| divergence | eq. 9: how far the weight histograms of two models are from each other |
| sharing | IV-C.2: tensors and bytes that two models have in common |
| distance | how far two models are from each other weight by weight, which eq. 9 does not see |
| root | eq. 11: the model of a set from which the others are predicted |
| weights | which tensors all of these are over |
"""

from nncodec.analysis.distance import Distance, distance, predicted_bits
from nncodec.analysis.divergence import divergence, divergence_from_uniform
from nncodec.analysis.laplace import Laplace
from nncodec.analysis.root import RootChoice, root_of_set
from nncodec.analysis.sharing import shared_bytes, shared_names

__all__ = [
    "Distance",
    "Laplace",
    "RootChoice",
    "distance",
    "divergence",
    "divergence_from_uniform",
    "predicted_bits",
    "root_of_set",
    "shared_bytes",
    "shared_names",
]
