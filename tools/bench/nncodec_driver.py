"""Runs Fraunhofer's NNCodec over arrays: `PYTHON nncodec_driver.py IN.npz QP,QP,...`, PYTHON being its own environment.

Prints a JSON list: for each quantisation parameter and quantiser (0 uniform, 1 trellis) the bytes and the squared error
of the arrays of rank 2 and more, coded with its default presets (1-D arrays at QP -75), and the seconds both ways.
"""

import json
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
from nncodec import nnc  # noqa: E402 - theirs, not ours: this file runs where ours is not installed

_PRESETS = {
    "bitstream_path": None,
    "nonweight_qp": -75,
    "param_opt": True,
    "lambda_scale": 0.0,
    "row_skipping": False,
    "cabac_unary_length_minus1": 10,
    "scan_order": 0,
    "opt_qp": False,
    "codebook_mode": 0,
    "return_bitstream": True,
    "verbose": False,
}


def code(arrays: dict[str, np.ndarray], qp: int, trellis: bool) -> dict[str, float]:  # noqa: FBT001
    """One operating point."""
    begin = time.process_time()
    stream = bytes(nnc.compress(dict(arrays), qp=qp, use_dq=trellis, **_PRESETS))
    middle = time.process_time()
    decoded = nnc.decompress(bytearray(stream))
    end = time.process_time()
    error = 0.0
    for name, array in arrays.items():
        if array.ndim > 1:
            restored = decoded.get(name, np.zeros_like(array))
            error += float(np.square(np.asarray(restored, np.float64).reshape(array.shape) - array).sum())
    seconds = {"encode_s": middle - begin, "decode_s": end - middle}
    return {"qp": qp, "trellis": trellis, "bytes": len(stream), "error": error, **seconds}


def main() -> None:
    """Read the arrays, code them at every parameter, print."""
    with np.load(sys.argv[1]) as archive:
        arrays = {name: np.ascontiguousarray(archive[name], np.float32) for name in archive.files}
    points = [code(arrays, int(qp), trellis) for qp in sys.argv[2].split(",") for trellis in (False, True)]
    print(json.dumps(points))


if __name__ == "__main__":
    main()
