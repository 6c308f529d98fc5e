#!/usr/bin/env python3
"""Runs tests that others wrote against the crate, on every backend.

tests/suites/run.py [DIRECTORY]

- NumPy's validation sets for exp, expm1, log and log1p: an input, its result from a more
  precise library, and a tolerance in ULP.
- ONNX's tests of the operators that the crate has: node tests, whose results ONNX computes
  with NumPy, and tests converted from PyTorch, with PyTorch's results. Those of "expanded"
  operators are the same data once more, and left out. Each output is a case.

Both come with the packages numpy and onnx, which pip installs into the target directory; or
DIRECTORY has them, as site-packages does. This script reads them and hands them to the
program beside it, which checks them and prints what it found. Needs Rust, Python and pip.
"""

import argparse
import glob
import math
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.environ.get("CARGO_TARGET_DIR", f"{HERE}/target")
# The last onnx that has its node tests as files.
PACKAGES = ["numpy==2.4.6", "onnx==1.22.0"]

NUMPY = {"exp": "Exp", "expm1": "ExpM1", "log": "Log", "log1p": "Log1P"}
ELEMENTWISE = ["Exp", "Log", "Sigmoid", "Softplus"]
ONNX = [*ELEMENTWISE, "Softmax", "LogSoftmax", "ReduceLogSumExp", "SoftmaxCrossEntropyLoss"]
FLOATS = ["float32", "float64"]


def install():
    directory = f"{TARGET}/suites"
    wanted = f"{directory}/{'-'.join(PACKAGES)}"
    if not os.path.exists(wanted):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--root-user-action=ignore", "--target", directory]
        subprocess.run(pip + PACKAGES, check=True)
        open(wanted, "w").close()
    return directory


def line(**fields):
    """A case as the program reads it; repr loses nothing."""

    def text(value):
        return value if isinstance(value, str) else ",".join(map(repr, value))

    return " ".join(f"{key}={text(value)}" for key, value in fields.items()) + "\n"


def numpy_cases(directory):
    for name, op in NUMPY.items():
        (path,) = glob.glob(f"{directory}/numpy/*core/tests/data/umath-validation-set-{name}.csv")
        for number, row in enumerate(open(path), 1):
            if not row.startswith("np.float32,"):
                continue
            _, x, expected, ulp = row.split(",")
            x, expected = (struct.unpack("f", struct.pack("I", int(bits, 16))) for bits in (x, expected))
            case = f"{os.path.basename(path)}:{number}"
            yield line(
                suite=f"numpy/{name}", name=case, op=op, ulp=[int(ulp)], rows=[1], columns=[1], x=x, expected=expected
            )


def onnx_cases():
    import numpy as np
    import onnx
    from onnx.backend.test.loader import load_model_tests

    def tensors(paths):
        return [onnx.numpy_helper.to_array(onnx.load_tensor(path)) for path in sorted(glob.glob(paths))]

    def flat(array, axes=()):
        """The elements by rows along the axes, one for each index of the others."""
        return np.moveaxis(array, axes, range(-len(axes), 0)).ravel().tolist()

    for kind, suite in {"node": "onnx", "pytorch-converted": "onnx-pytorch", "pytorch-operator": "onnx-pytorch"}.items():
        for test in load_model_tests(kind=kind):
            model = onnx.load(f"{test.model_dir}/model.onnx")
            op = model.graph.node[0].op_type
            if len(model.graph.node) != 1 or op not in ONNX or "_expanded" in test.name:
                continue
            options = {a.name: onnx.helper.get_attribute_value(a) for a in model.graph.node[0].attribute}
            for data in glob.glob(f"{test.model_dir}/test_data_set_*"):
                x, *others = tensors(f"{data}/input_*.pb")
                expected, *log_prob = tensors(f"{data}/output_*.pb")
                if x.dtype not in FLOATS:
                    continue
                axes, reduced, fields = [], False, {}
                if op == "ReduceLogSumExp":
                    axes = others[0].tolist() if others and others[0].size else list(range(x.ndim))
                    reduced = True
                elif op == "SoftmaxCrossEntropyLoss":
                    axes, reduced = [1], True
                    fields = {"reduction": options["reduction"].decode(), "labels": flat(others[0])}
                    if "ignore_index" in options:
                        fields["ignored"] = [options["ignore_index"]]
                    if len(others) > 1:
                        fields["weights"] = flat(others[1])
                elif op not in ELEMENTWISE:
                    axes = [options.get("axis", -1)]
                    # Before version 13, all axes from this one on were one.
                    assert model.opset_import[0].version >= 13 or axes[0] % x.ndim == x.ndim - 1
                columns = math.prod(x.shape[axis] for axis in axes)
                fields |= {
                    "rows": [math.prod(n for axis, n in enumerate(x.shape) if axis not in [a % x.ndim for a in axes])],
                    "columns": [columns],
                    "close": [test.rtol, test.atol],
                    # The crate's input is f32; true values are of what it is given.
                    "x": flat(x.astype("float32"), axes),
                }
                start = {"suite": f"{suite}/{op}", "name": test.name}
                yield line(**start, op=op, expected=flat(expected, () if reduced else axes), **fields)
                for expected in log_prob:
                    start["name"] += ":log_prob"
                    yield line(**start, op="LogSoftmax", expected=flat(expected, axes), **fields)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", nargs="?", help="where the packages numpy and onnx are (install them)")
    directory = parser.parse_args().directory or install()
    sys.path.insert(0, directory)
    cases = "".join(sorted([*numpy_cases(directory), *onnx_cases()]))
    run = ["cargo", "run", "--quiet", "--release", "--manifest-path", f"{HERE}/Cargo.toml"]
    sys.exit(subprocess.run(run, input=cases, text=True).returncode)


if __name__ == "__main__":
    main()
