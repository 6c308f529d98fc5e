"""Serves the functions of one library: python3 peers.py LIBRARY

The first line out is "functions: " and logits' names of them, or "error: " and
why there are none. A request is six 32-bit words and data: which function, how
many calls, the rows and columns of the first input, the words of the second, the
number of results; then both inputs. The second has a label a row, or a float for
each of the first, or nothing. The answer is the results for 0 calls, else the
nanoseconds of one call and what of them is Python's own, as doubles. All is in the
machine's byte order.
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


# Each returns {name: bind}; bind(x, second, out) gives the call without arguments.
# It fills out, an array that exists, or returns what it has made instead.


def torch():
    import torch
    from torch._C import _nn
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, kl_div

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    level = torch.backends.cpu.get_cpu_capability()
    limit = os.environ.get("ATEN_CPU_CAPABILITY", level)
    assert level.lower() == limit.lower(), f"{level} in spite of ATEN_CPU_CAPABILITY={limit}"

    tensor = torch.from_numpy

    def of(function, *more):
        return lambda x, _, out: partial(function, tensor(x), *more, out=tensor(out))

    def classes(labels):
        return tensor(labels.astype("int64"))

    def loss(x, labels, _):
        return partial(cross_entropy, tensor(x), classes(labels), reduction="sum")

    def loss_and_gradient(x, labels, _, **options):
        x, labels = tensor(x).requires_grad_(), classes(labels)

        def call():
            x.grad = None
            with torch.enable_grad():
                cross_entropy(x, labels, reduction="sum", **options).backward()
            return x.grad

        return call

    def cold_loss_and_gradient(x, labels, _):
        x, labels = tensor(x).requires_grad_(), classes(labels)

        def call():
            x.grad = None
            with torch.enable_grad():
                cross_entropy(x / 0.75, labels, reduction="sum").backward()
            return x.grad

        return call

    def soft_loss_and_gradient(x, t, _):
        x, t = tensor(x).requires_grad_(), tensor(t)

        def call():
            x.grad = None
            with torch.enable_grad():
                cross_entropy(x, t, reduction="sum").backward()
            return x.grad

        return call

    def scaled_softmax(x, _, out):
        x, out = tensor(x), tensor(out)
        scaled = torch.empty_like(x)
        return lambda: torch.softmax(torch.mul(x, 1.25, out=scaled), -1, out=out)

    def binary_loss_and_gradient(x, t, out):
        x, t, out = tensor(x), tensor(t), tensor(out)

        def call():
            binary_cross_entropy_with_logits(x, t, reduction="sum")
            torch.sigmoid(x, out=out).sub_(t)  # what backward() does, and less

        return call

    def entropy(p, *_):
        p = tensor(p)
        return lambda: torch.special.entr(p).sum()

    def kl_divergence(p, q, _):
        p, q = tensor(p), tensor(q)
        return lambda: kl_div(q.log(), p, reduction="sum")

    return {
        "exp": of(torch.exp),
        "exp_m1": of(torch.expm1),
        "ln": of(torch.log),
        "ln_1p": of(torch.log1p),
        "sigmoid": of(torch.sigmoid),
        "log_sigmoid": of(_nn.log_sigmoid),
        "softplus": of(_nn.softplus, 1, 20),
        "softmax": of(torch.softmax, -1),
        "log_softmax": of(torch.log_softmax, -1),
        "log_sum_exp": of(torch.logsumexp, -1),
        "loss": loss,
        "loss_and_gradient": loss_and_gradient,
        "smooth_loss_and_gradient": partial(loss_and_gradient, label_smoothing=0.125),
        "cold_loss_and_gradient": cold_loss_and_gradient,
        "soft_loss_and_gradient": soft_loss_and_gradient,
        "scaled_softmax": scaled_softmax,
        "binary_loss_and_gradient": binary_loss_and_gradient,
        "entropy": entropy,
        "kl_divergence": kl_divergence,
    }


def ufuncs(functions):
    of = lambda function: lambda x, _, out: partial(function, x, out=out)
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
    return ufuncs({name: getattr(special, its) for name, its in names.items()}) | {
        # What scipy.stats.entropy does, without its normalising.
        "entropy": lambda p, *_: lambda: special.entr(p).sum(),
        "kl_divergence": lambda p, q, _: lambda: special.rel_entr(p, q).sum(),
    }


def onnxruntime():
    import numpy
    import onnxruntime
    from onnx import TensorProto, helper

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def of(operator, **attributes):
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
        node = helper.make_node(operator, ["x"], ["y"], **attributes)
        graph = helper.make_graph([node], operator, [x], [y])
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

        def bind(x, _, out):
            binding = session.io_binding()
            for put, name, array in (binding.bind_input, "x", x), (binding.bind_output, "y", out):
                put(name, "cpu", 0, numpy.float32, array.shape, array.ctypes.data)
            return partial(session.run_with_iobinding, binding)

        return bind

    return {
        "exp": of("Exp"),
        "ln": of("Log"),
        "sigmoid": of("Sigmoid"),
        "softplus": of("Softplus"),
        "softmax": of("Softmax", axis=-1),
        "log_softmax": of("LogSoftmax", axis=-1),
        "log_sum_exp": of("ReduceLogSumExp", axes=[-1], keepdims=0),
    }


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


class Arguments:
    """Arrays for both inputs and the results."""

    def __init__(self, rows, columns, second, results):
        self.x = aligned(rows * columns).reshape(rows, columns)
        self.second = aligned(second)
        self.out = aligned(results)
        # Labels and a result a row stay as they are.
        if second == rows * columns > rows:
            self.second = self.second.reshape(rows, columns)
        elif second:
            self.second = self.second.view("uint32")
        if results == rows * columns:
            self.out = self.out.reshape(rows, columns)

    def bind(self, function):
        return function(self.x, self.second, self.out)


def empty(function, rows, columns, second, results):
    """A call on one vector: it costs what every call does before the arithmetic, Python,
    checks, dispatch."""
    few = lambda words: 16 if words > rows else min(words, 1)
    return Arguments(1, 16, few(second), few(results)).bind(function)


def serve(functions):
    import numpy

    numpy.seterr(all="ignore")
    requests, last = sys.stdin.buffer, None
    answers.write(b"functions: " + " ".join(functions).encode() + b"\n")
    answers.flush()
    functions = list(functions.values())
    while head := requests.read(24):
        which, calls, *sizes = unpack("=6I", head)
        function = functions[which]
        if (which, sizes) != last:
            last, arguments, own = (which, sizes), Arguments(*sizes), None
        if calls and own is None:
            own = empty(function, *sizes)
        requests.readinto(arguments.x)
        requests.readinto(arguments.second)
        call = arguments.bind(function)
        if calls:
            own()
            least = min(time(own, 20) for _ in range(5))
            call()
            answers.write(pack("=2d", time(call, calls), least))
        else:
            made = call()
            if made is not None:
                arguments.out[...] = made
            del made  # what is kept cannot be used again
            answers.write(memoryview(arguments.out))
        answers.flush()


try:
    functions = {f.__name__: f for f in (torch, numpy, scipy, onnxruntime)}[sys.argv[1]]()
except Exception as error:
    answers.write(f"error: {type(error).__name__}: {error}\n".replace("\n", " ").encode() + b"\n")
    sys.exit()
serve(functions)
