"""Serves the elementwise functions of one library: python3 peers.py LIBRARY

The first line out is "functions: " and logits' names of them, or "error: " and
why there are none. A request is three 32-bit words and data: which function, how
many calls, how many floats. The answer is the floats of the results for 0 calls,
else the nanoseconds of one call as a double. All is in the machine's byte order.
"""

import os
import sys
from functools import partial
from itertools import repeat
from struct import pack, unpack
from time import perf_counter_ns

# What libraries print must not get into the answers.
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)


# Each returns {name: bind}; bind(x, out) gives the call without arguments that
# computes out, an array that exists.


def torch():
    import torch
    from torch._C import _nn

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    level = torch.backends.cpu.get_cpu_capability()
    limit = os.environ.get("ATEN_CPU_CAPABILITY", level)
    assert level.lower() == limit.lower(), f"{level} in spite of ATEN_CPU_CAPABILITY={limit}"

    def of(function, *more):
        tensor = torch.from_numpy
        return lambda x, out: partial(function, tensor(x), *more, out=tensor(out))

    return {
        "exp": of(torch.exp),
        "exp_m1": of(torch.expm1),
        "ln": of(torch.log),
        "ln_1p": of(torch.log1p),
        "sigmoid": of(torch.sigmoid),
        "log_sigmoid": of(_nn.log_sigmoid),
        "softplus": of(_nn.softplus, 1, 20),
    }


def ufuncs(functions):
    of = lambda function: lambda x, out: partial(function, x, out=out)
    return {name: of(function) for name, function in functions.items()}


def numpy():
    import numpy
    from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatch
    from numpy._core._multiarray_umath import __cpu_features__ as features

    disabled = os.environ.get("NPY_DISABLE_CPU_FEATURES", "").split()
    enabled = [name for name in disabled if name in dispatch and features[name]]
    assert not enabled, f"{enabled} in spite of NPY_DISABLE_CPU_FEATURES"
    return ufuncs(
        {"exp": numpy.exp, "exp_m1": numpy.expm1, "ln": numpy.log, "ln_1p": numpy.log1p}
    )


def scipy():
    from scipy import special

    names = {"sigmoid": "expit", "log_sigmoid": "log_expit", "softplus": "softplus"}
    names = {name: its for name, its in names.items() if hasattr(special, its)}
    return ufuncs({name: getattr(special, its) for name, its in names.items()})


def onnxruntime():
    import numpy
    import onnxruntime
    from onnx import TensorProto, helper

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def of(operator):
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy")
        graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], operator, [x], [y])
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

        def bind(x, out):
            binding = session.io_binding()
            for put, name, array in (binding.bind_input, "x", x), (binding.bind_output, "y", out):
                put(name, "cpu", 0, numpy.float32, array.shape, array.ctypes.data)
            return partial(session.run_with_iobinding, binding)

        return bind

    return {"exp": of("Exp"), "ln": of("Log"), "sigmoid": of("Sigmoid"), "softplus": of("Softplus")}


def aligned(n):
    """n floats on a cache line of their own."""
    import numpy

    memory = numpy.zeros(4 * n + 64, numpy.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + 4 * n].view(numpy.float32)


def time(call, calls):
    start = perf_counter_ns()
    for _ in repeat(None, calls):
        call()
    return (perf_counter_ns() - start) / calls


class Bound:
    """A function with arguments of one length."""

    def __init__(self, bind, n):
        self.x, self.out = aligned(n), aligned(n)
        self.call = bind(self.x, self.out)
        # A call on one vector costs what every call does before the arithmetic:
        # Python, checks, dispatch. Its least is taken off. It is known before any
        # call is timed: a guess too high would make that turn the best of all.
        empty = bind(aligned(16), aligned(16))
        self.overhead = min(time(empty, 100) for _ in range(50))

    def answer(self, calls):
        self.call()
        if calls == 0:
            return memoryview(self.out)
        return pack("=d", time(self.call, calls) - self.overhead)


def serve(functions):
    import numpy

    numpy.seterr(all="ignore")
    requests, bound = sys.stdin.buffer, {}
    binds = list(functions.values())
    answers.write(b"functions: " + " ".join(functions).encode() + b"\n")
    answers.flush()
    while head := requests.read(12):
        function, calls, n = unpack("=III", head)
        if (function, n) not in bound:
            bound[function, n] = Bound(binds[function], n)
        requests.readinto(bound[function, n].x)
        answers.write(bound[function, n].answer(calls))
        answers.flush()


try:
    functions = {f.__name__: f for f in (torch, numpy, scipy, onnxruntime)}[sys.argv[1]]()
except Exception as error:
    answers.write(f"error: {type(error).__name__}: {error}\n".replace("\n", " ").encode() + b"\n")
    sys.exit()
serve(functions)
