#!/usr/bin/env python3
"""Compares the crate with PyTorch and SciPy, and all with the exact values.

tests/differential/run.py [--batches N] [--seed N]

The exact values are definitions evaluated in 300 bits (mpmath), where nothing cancels;
PyTorch in double precision must agree that they are what it computes. The crate must be
within the errors that `logits::contract` states: else this fails. Where a peer in f32
is not, one of the causes below must account for it, or this fails, too.

Sums and means are PyTorch's: with class weights the mean divides by those of the labels,
whether targets are smoothed or not, of soft targets by the rows. PyTorch has no z-loss,
soft cap, temperature and focal loss; they are put together from what it has.

Needs Rust, and torch, numpy, scipy and mpmath.
"""

import argparse
import collections
import math
import os
import subprocess
import sys

import mpmath
import numpy as np
import scipy.spatial.distance
import scipy.special
import torch
from mpmath import mp, mpf
from torch.nn import functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
INF, NAN = float("inf"), float("nan")
HALF_ULP = 2.0**-24
# A peer's roundings, each half an ULP of what it handles, that a cause accounts for.
ROUNDINGS = 24

torch.set_num_threads(1)
mp.prec = 300


class Crate:
    """The program beside this file, a question at a time."""

    def __init__(self):
        manifest = f"{HERE}/Cargo.toml"
        run = ["cargo", "run", "--quiet", "--release", "--manifest-path", manifest]
        self.process = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.contract = self.answer(float)

    def answer(self, kind=np.float32):
        pairs = (pair.split("=") for pair in self.process.stdout.readline().split())
        return {name: np.array(values.split(","), dtype=kind) for name, values in pairs}

    def __call__(self, name, **arguments):
        def text(value):
            return ",".join(repr(x) for x in np.asarray(value).ravel().tolist())

        given = (f" {key}={text(value)}" for key, value in arguments.items() if value is not None)
        self.process.stdin.write(name + "".join(given) + "\n")
        self.process.stdin.flush()
        return self.answer()


class Exact:
    """Exact values, and of each what its error is measured by.

    size: the error is in ULP of it; slack: what a soft cap's roundings add; causes: the
    sizes of what a straightforward formula rounds on the way, by the name of the loss."""

    def __init__(self, value, size=None, slack=0.0, **causes):
        self.value = np.array(value, dtype=float)
        self.size = np.abs(self.value) if size is None else np.array(size, dtype=float)
        self.slack = np.broadcast_to(np.array(slack, dtype=float), self.value.shape)
        self.causes = {name: np.broadcast_to(size, self.value.shape) for name, size in causes.items()}

    @classmethod
    def joined(cls, parts):
        def join(get):
            return np.concatenate([np.atleast_1d(get(part)) for part in parts])

        causes = {name: join(lambda part: part.causes[name]) for name in parts[0].causes}
        return cls(join(lambda p: p.value), join(lambda p: p.size), join(lambda p: p.slack), **causes)

    def error(self, found):
        """In ULP of the size; 0 for the same infinity or a NaN that should be one."""
        found, value = np.asarray(found, dtype=np.float64).ravel(), self.value
        with np.errstate(invalid="ignore", over="ignore"):
            nearest = np.float32(value)
            same = (found == nearest) | (np.isnan(found) & np.isnan(value))
            error = np.maximum(np.abs(found - value) - self.slack, 0) / unit(self.size)
            error[np.isinf(nearest) | np.isinf(found) | np.isnan(error)] = INF
        error[same & ~np.isfinite(nearest)] = 0
        return error


def unit(x):
    """The distance of f32 neighbours at x."""
    with np.errstate(invalid="ignore", divide="ignore"):
        exponent = np.floor(np.log2(np.clip(np.abs(x), 2.0**-126, 2.0**127)))
    return np.exp2(np.nan_to_num(exponent) - 23)


CAUSES = {
    "nan": "gives NaN, from ∞ − ∞ or 0·∞, where the result is defined",
    "infinite": "gives an infinity for a number, or for what is not defined",
    "subnormal": "gives 0 or few digits for a result below 2^-126",
    "zero": "gives 0: the result is what a subtraction of larger numbers leaves, below their last digit",
    "terms": "adds and subtracts rounded terms that are larger than the result",
    "scores": "rounds scores, their differences or sums of exponentials at the size of the scores",
    "slope": "1 − tanh² loses its digits",
    "one": "1 − p loses its digits",
    "clamp": "clamps ln p at −100 and 1/p at 10^12",
    "ulp": "rounds a few times more",
}


class Report:
    def __init__(self):
        self.ours = collections.defaultdict(lambda: [0, 0.0, 0.0])
        self.peers = collections.defaultdict(lambda: [0, 0, ""])
        self.checked = collections.defaultdict(lambda: [0, 0])
        self.failures = []

    def compare(self, what, exact, bound, ours, peers, describe, own=None):
        """Ours against `own` if that differs from what peers are compared with."""
        errors = (own or exact).error(ours)
        count = self.ours[what]
        count[0] += errors.size
        count[1] = max(count[1], errors.max(initial=0.0))
        count[2] = bound
        for i in np.nonzero(~(errors <= bound))[0]:
            self.failures.append(
                f"{what}: {ours.ravel()[i]:.9g} for {exact.value[i]:.9g}, {errors[i]:.2f} ULP of {bound}: {describe(i)}"
            )
        for peer, found in peers.items():
            found = np.asarray(found, dtype=np.float64).ravel()
            errors = exact.error(found)
            self.checked[peer, what][0] += errors.size
            self.checked[peer, what][1] = max(self.checked[peer, what][1], errors[np.isfinite(errors)].max(initial=0.0))
            for i in np.nonzero(~(errors <= bound))[0]:
                cause = self.cause(exact, found, i)
                example = f"exact {exact.value[i]:.7g}, ours {ours.ravel()[i]:.7g}, {peer} {found[i]:.7g}: {describe(i)}"
                if cause is None:
                    self.failures.append(f"{what}: {peer} is off and nothing explains it: {example}")
                    continue
                entry = self.peers[what, peer, cause]
                entry[0] += 1
                if not entry[2] or len(example) < len(entry[2]):
                    entry[2] = example

    @staticmethod
    def cause(exact, found, i):
        value, found = exact.value[i], found[i]
        if np.isnan(found):
            return "nan"
        if np.isinf(found):
            return "infinite"
        error = abs(found - value)
        if exact.causes.get("clamp", exact.slack)[i] == INF:
            return "clamp"
        if abs(value) < 2.0**-126 and error <= 2.0**-126:
            return "subnormal"
        for name, size in exact.causes.items():
            if error <= ROUNDINGS * HALF_ULP * size[i]:
                return "zero" if found == 0 else name
        return None

    def print(self):
        print("\nThe crate against the exact values, in ULP as the contract measures them:\n")
        print(f"{'':44}{'values':>9}{'largest error':>15}{'contract':>10}")
        for what, (count, worst, bound) in self.ours.items():
            print(f"{what:44}{count:9}{worst:15.3f}{bound:10.2f}")
        print("\nPeers in f32 against the exact values, where they are outside the crate's contract:\n")
        for (what, peer, cause), (count, _, example) in sorted(self.peers.items()):
            total = self.checked[peer, what][0]
            print(f"{what}: {peer}, {count} of {total}: {CAUSES[cause]}\n    {example}")
        if self.failures:
            print(f"\n{len(self.failures)} FAILURES, of which the first:")
            for failure in self.failures[:20]:
                print("   ", failure)


def floats(values):
    return [float(value) for value in values]


def is_undefined(s):
    """No softmax: NaN, +∞, or nothing but −∞."""
    return any(np.isnan(s)) or max(s) in (INF, -INF)


def exponentials(s):
    """The index of the largest, e^(s − max), their sum, and L = ln Σ e^s."""
    top = int(np.argmax(s))
    e = [mpmath.exp(mpf(float(x)) - mpf(float(s[top]))) for x in s]
    total = mpmath.fsum(e)
    return top, e, total, mpf(float(s[top])) + mpmath.log(total)


def softmax_exact(x):
    """softmax, log_softmax and log_sum_exp of a row."""
    n = len(x)
    if is_undefined(x):
        total = Exact(NAN if any(np.isnan(x)) else max(x), scores=0.0, ulp=0.0)
        nan = Exact([NAN] * n, scores=0.0, ulp=0.0)
        return nan, nan, total
    top, e, total, ln_sum = exponentials(x)
    p = np.array(floats(term / total for term in e))
    ln_p = floats(mpf(float(value)) - ln_sum for value in x)
    ln_sum = float(ln_sum)
    with np.errstate(invalid="ignore"):
        spread = np.nan_to_num(np.abs(x - x[top]), posinf=0.0)
    size = np.nan_to_num(np.maximum.reduce([np.ones(n), np.abs(ln_p), np.full(n, abs(ln_sum))]), posinf=1.0)
    return (
        Exact(p, ulp=p * (n + 8), scores=p * (n + spread)),
        Exact(ln_p, size, ulp=size, scores=size + np.abs(x[top]) + np.nan_to_num(np.abs(x), neginf=0, posinf=0)),
        Exact(ln_sum, max(1.0, abs(ln_sum)), ulp=max(1.0, abs(ln_sum)), scores=1 + abs(float(x[top]))),
    )


def cross_entropy_exact(x, t, o):
    """Loss and gradient of a row by their definition; t is None for an ignored row."""
    n, undefined = len(x), {"ulp": 0.0, "terms": 0.0, "scores": 0.0, "slope": 0.0}
    if t is None:
        return Exact(0.0, **undefined), Exact([0.0] * n, **undefined)
    cap, temperature, z = o.get("soft_cap"), mpf(float(o.get("temperature", 1))), mpf(float(o.get("z_loss", 0)))
    if cap is None:
        s = x if temperature == 1 or any(np.isnan(x)) else [mpf(float(v)) / temperature for v in x]
        slope = [1 / temperature] * n
    elif any(np.isnan(x)):
        s = x
    else:
        cap = mpf(float(cap))
        th = [mpf(np.sign(float(v))) if np.isinf(v) else mpmath.tanh(mpf(float(v)) / cap) for v in x]
        s = [cap * v / temperature for v in th]
        slope = [(1 - v * v) / temperature for v in th]
    if is_undefined([float(v) for v in s]):
        return Exact(NAN, **undefined), Exact([NAN] * n, **undefined)
    s = [v if isinstance(v, mpf) else mpf(float(v)) for v in s]
    top = max(range(n), key=lambda k: s[k])
    e = [mpmath.exp(v - s[top]) for v in s]
    total = mpmath.fsum(e)
    ln_sum = s[top] + mpmath.log(total)
    epsilon = mpf(float(o.get("label_smoothing", 0)))
    w = [mpf(float(v)) for v in o.get("class_weights", np.ones(n, np.float32))]
    a = [w[k] * ((1 - epsilon) * mpf(float(t[k])) + epsilon / n) for k in range(n)]
    mass = mpmath.fsum(a)
    terms = [a[k] * (ln_sum - s[k]) if a[k] else mpf(0) for k in range(n)]
    loss = mpmath.fsum(terms) + z * ln_sum**2
    b = mass + 2 * z * ln_sum
    p = [v / total for v in e]
    gradient = [(b * p[k] - a[k]) * slope[k] for k in range(n)]

    # What errors are measured by: see `exact` of tests/cross_entropy.rs.
    one = max(mpf(1) / 8, abs(ln_sum))
    most = [abs(mass if k != top else mass - a[k]) + 2 * z * one for k in range(n)]
    minus = [a[k] if k != top else a[k] * (1 - p[k]) for k in range(n)]
    half = (max(m * q, abs(c)) * f / 2 for m, q, c, f in zip(most, p, minus, slope))
    size = np.array(floats(max(h, abs(g)) for h, g in zip(half, gradient)))
    # What peers round: e^(s − max) by the differences, which are then added and subtracted.
    # Before that, tanh and a division that is not by a power of two round the scores
    # themselves, which moves p by p·(δs − Σ p·δs).
    absolute = [abs(v) if v != -INF else mpf(0) for v in s]
    rounded = cap is not None or math.frexp(temperature)[0] != 0.5
    mean = mpmath.fsum(q * v for q, v in zip(p, absolute))
    moved = np.array(floats(v + mean if rounded else 0 for v in absolute))
    spread = np.array(floats(1 + n + (abs(v - s[top]) if v != -INF else 0) + (abs(ln_sum) if z else 0) for v in s))
    whole = np.array(floats((mass + 2 * z * one) * q * f for q, f in zip(p, slope)))
    a_slope = np.array(floats(c * f for c, f in zip(a, slope)))
    by_scores = np.array(floats(abs(g) for g in gradient))
    flat = np.array(floats((mass + 2 * z * one) * q + c for q, c in zip(p, a))) / float(temperature)
    gradient = Exact(
        gradient, size,
        ulp=by_scores * 8, terms=whole * 4 + a_slope, scores=(whole + a_slope) * spread + whole * moved, slope=flat,
    )  # fmt: skip
    plain = not (set(o) - {"ignored_label"}) and sum(v > 0 for v in t) == 1 and max(t) == 1
    if plain:
        size = abs(loss)
    else:
        size = mpmath.fsum(abs(v) for v in terms if abs(v) != INF) + z * one**2
    scale = float((mass + z * one) * (max(absolute) + one) * 2)
    return (
        Exact(float(loss), float(size), ulp=abs(float(loss)) if mpmath.isfinite(loss) else 0.0, terms=scale, scores=scale * n, slope=0.0),
        gradient,
    )  # fmt: skip


def torch_cross_entropy(x, labels, targets, o, dtype, reduction="none"):
    """Loss and gradient in PyTorch, options it lacks put together from what it has."""
    x = torch.tensor(x, requires_grad=True)
    s = x.to(dtype)
    if "soft_cap" in o:
        s = o["soft_cap"] * torch.tanh(s / o["soft_cap"])
    if "temperature" in o:
        s = s / o["temperature"]
    weight = torch.tensor(o["class_weights"], dtype=dtype) if "class_weights" in o else None
    more = {} if "ignored_label" not in o else {"ignore_index": o["ignored_label"]}
    against = torch.tensor(labels) if labels is not None else torch.tensor(targets, dtype=dtype)
    loss = F.cross_entropy(
        s, against, weight=weight, reduction=reduction, label_smoothing=o.get("label_smoothing", 0.0), **more
    )
    if "z_loss" in o:
        z = o["z_loss"] * torch.logsumexp(s, -1) ** 2
        if "ignored_label" in o:
            z = torch.where(against == o["ignored_label"], torch.zeros_like(z), z)
        loss = loss + (z if reduction == "none" else z.sum())
    loss.sum().backward()
    return loss.detach().numpy(), x.grad.numpy()


def single(value):
    """The f32 nearest to a parameter, as a Python number: what all compute with."""
    return float(np.float32(value))


def scores(random, rows, columns):
    sigma = random.choice([1.0, 4.0, 10.0, 30.0, 400.0])
    x = random.normal(0, sigma, (rows, columns)) + random.choice([0.0, 0.0, -300.0, 250.0])
    return x.astype(np.float32)


def distribution(random, n):
    """Multiples of 2^-24 that sum to 1 exactly, some of them 0."""
    p = random.dirichlet(np.full(n, random.choice([0.1, 1.0, 10.0])))
    parts = np.floor(p * 2**24)
    parts[int(np.argmax(parts))] += 2**24 - parts.sum()
    return (parts / 2**24).astype(np.float32)


def close(random, p):
    """Another near it, or the same."""
    q = p.copy()
    for _ in range(random.integers(0, 4)):
        i, j = random.integers(0, len(p), 2)
        step = np.float32(2.0**-24 * random.integers(1, 100))
        if q[i] > step:
            q[i], q[j] = q[i] - step, q[j] + step
            if np.float64(q).sum() != 1.0:  # an addition rounded
                q = p.copy()
    return q


def softmaxes(random, ours, report):
    x = scores(random, 3, random.integers(1, 60))
    if random.random() < 0.2:
        x[random.integers(0, 3), random.integers(0, x.shape[1])] = random.choice([-INF, -INF, INF, NAN])
    exact = [softmax_exact(row) for row in x]
    t = torch.from_numpy(x)
    with np.errstate(all="ignore"):
        peers = {
            "softmax": {"PyTorch": torch.softmax(t, -1), "SciPy": scipy.special.softmax(x, -1)},
            "log_softmax": {"PyTorch": torch.log_softmax(t, -1), "SciPy": scipy.special.log_softmax(x, -1)},
            "log_sum_exp": {"PyTorch": torch.logsumexp(t, -1), "SciPy": scipy.special.logsumexp(x, -1)},
        }
    for i, (name, peers) in enumerate(peers.items()):
        found = ours(name, x=x, columns=x.shape[1])["out"]
        columns = found.size // 3
        all_rows = Exact.joined([row[i] for row in exact])
        report.compare(name, all_rows, ours.contract[name][0], found, peers, lambda i: f"x = {show(x[i // columns])}")


def distributions(random, ours, report):
    n = int(random.integers(2, 40))
    p, q = distribution(random, n), distribution(random, n)
    if random.random() < 0.5:
        q = close(random, p)
    pairs = [(mpf(float(a)), mpf(float(b))) for a, b in zip(p, q)]
    count = float(np.count_nonzero(p)) * 2.0**-120

    def x_ln(a, b):
        return mpf(0) if a == 0 else a * mpmath.log(b) if b else -mpf(INF)

    def size(value):
        return float(value) + count if mpmath.isfinite(value) else 1.0

    entropy = -mpmath.fsum(x_ln(a, a) for a, _ in pairs)
    cross = -mpmath.fsum(x_ln(a, b) for a, b in pairs)
    kl = mpf(INF) if cross == INF else mpmath.fsum(x_ln(a, a) - x_ln(a, b) for a, b in pairs)
    js = mpmath.fsum(0.5 * (x_ln(a, a) + x_ln(b, b)) - x_ln((a + b) / 2, (a + b) / 2) for a, b in pairs)
    half = np.array([(np.float64(a) + b) / 2 for a, b in zip(p, q)], dtype=np.float32)
    t, u, m = torch.from_numpy(p), torch.from_numpy(q), torch.from_numpy(half)

    def torch_kl(a, b):
        return F.kl_div(torch.log(b), a, reduction="sum")

    cases = [
        ("entropy", entropy, "distribution", {"PyTorch": torch.special.entr(t).sum(), "SciPy": scipy.special.entr(p).sum()}),
        ("cross_entropy_of_distributions", cross, "distribution", {"PyTorch": -torch.special.xlogy(t, u).sum()}),
        ("kl_divergence", kl, "divergence", {"PyTorch": torch_kl(t, u), "SciPy": scipy.special.rel_entr(p, q).sum()}),
        ("js_divergence", js, "divergence", {"PyTorch": (torch_kl(t, m) + torch_kl(u, m)) / 2, "SciPy in f64": scipy.spatial.distance.jensenshannon(p.astype(float), q.astype(float)) ** 2}),
    ]  # fmt: skip
    terms = 1.0 + float(cross) if cross != INF else 1.0
    for name, value, bound, peers in cases:
        exact = Exact([float(value)], [size(value)], ulp=float(value) if mpmath.isfinite(value) else 0.0, terms=terms)
        pair = {} if name == "entropy" else {"y": q}
        found = ours(name, x=p, columns=n, **pair)["out"]
        peers = {peer: np.array([float(x)]) for peer, x in peers.items()}
        report.compare(name, exact, ours.contract[bound][0], found, peers, lambda _: f"p = {show(p)}, q = {show(q)}")


def entropies_of_scores(random, ours, report):
    x = scores(random, 3, random.integers(1, 60))
    parts = []
    for row in x:
        top, e, total, ln_sum = exponentials(row)
        value = ln_sum - mpmath.fsum(a * mpf(float(b)) for a, b in zip(e, row)) / total
        scale = 1.0 + abs(float(row[top]))
        parts.append(Exact(float(value), ulp=abs(float(value)), terms=scale, scores=scale * len(row)))
    ln_p = torch.log_softmax(torch.from_numpy(x), -1)
    peers = {"PyTorch": -(ln_p.exp() * ln_p).sum(-1)}
    found = ours("entropy_of_scores", x=x, columns=x.shape[1])["out"]
    bound = ours.contract["entropy_of_scores"][0]
    report.compare("entropy_of_scores", Exact.joined(parts), bound, found, peers, lambda i: f"x = {show(x[i])}")


def divergences_of_scores(random, ours, report):
    """Scores of a teacher and a student, far apart or close."""
    x = scores(random, 3, random.integers(1, 60))
    n, kind = x.shape[1], random.integers(0, 4)
    y = scores(random, 3, n) if kind == 0 else x * np.float32(1 + 10.0 ** random.uniform(-7, 0))
    if kind > 1:
        y = (x + 10.0 ** random.uniform(-6, 1) * random.normal(0, 1, x.shape)).astype(np.float32)
    if random.random() < 0.2:
        i, k = random.integers(0, 3), random.integers(0, n)
        (x if random.random() < 0.5 else y)[i, k] = random.choice([-INF, -INF, INF, NAN])
    losses, gradient = [], []
    for a, b in zip(x, y):
        if is_undefined(a) or is_undefined(b):
            losses.append(Exact(NAN, ulp=0.0, terms=0.0, scores=0.0))
            gradient.append(Exact([NAN] * n, ulp=0.0, terms=0.0, scores=0.0))
            continue
        p, q = (([v / total for v in e], ln_sum) for _, e, total, ln_sum in (exponentials(a), exponentials(b)))
        ln_p, ln_q = ([mpf(float(v)) - s for v in row] for row, s in ((a, p[1]), (b, q[1])))
        value = mpmath.fsum(u * (r - s) for u, r, s in zip(p[0], ln_p, ln_q) if r != -INF)
        finite = [abs(v) for v in [*a, *b] if np.isfinite(v)]
        scale = float(max(finite)) * 4 + n
        losses.append(Exact(float(value), ulp=abs(float(value)) if mpmath.isfinite(value) else 0.0, terms=scale, scores=scale * n))
        size = np.array(floats(max(u / 2, v / 2, abs(u - v)) for u, v in zip(p[0], q[0])))
        gradient.append(Exact(floats(v - u for u, v in zip(p[0], q[0])), size, ulp=8 * size, terms=8 * size, scores=size * scale))
    losses, gradient = Exact.joined(losses), Exact.joined(gradient)

    def peer(dtype):
        s = torch.tensor(y, requires_grad=True)
        ln_p, ln_q = torch.log_softmax(torch.tensor(x).to(dtype), -1), torch.log_softmax(s.to(dtype), -1)
        loss = F.kl_div(ln_q, ln_p, log_target=True, reduction="none").sum(-1)
        loss.sum().backward()
        return loss.detach().numpy(), s.grad.numpy()

    again = peer(torch.float64)
    agree("kl_divergence_of_scores", losses, again[0], gradient, np.where(np.isnan(again[1]), NAN, gradient.value.reshape(x.shape)), report)
    found, (peer_losses, peer_gradient) = ours("kl_divergence_of_scores", x=x, y=y, columns=n), peer(torch.float32)
    bounds = ours.contract["kl_divergence_of_scores"]

    def describe(i):
        return f"x = {show(x[i])}, y = {show(y[i])}"

    report.compare("kl_divergence_of_scores", losses, bounds[0], found["out"], {"PyTorch": peer_losses}, describe)
    report.compare("kl_divergence_of_scores: gradient", gradient, bounds[1], found["gradient"], {"PyTorch": peer_gradient}, lambda i: describe(i // n))


def cross_entropies(random, ours, report):
    rows, n = 4, int(random.integers(1, 24))
    x = scores(random, rows, n)
    o, names = {}, ["label_smoothing", "class_weights", "z_loss", "soft_cap", "temperature"]
    chosen = [] if random.random() < 0.25 else [name for name in names if random.random() < 0.4]
    values = {
        "label_smoothing": single(random.choice([0.01, 0.1, 0.5])),
        "class_weights": random.uniform(0.1, 3.0, n).astype(np.float32),
        "z_loss": single(random.choice([1e-4, 0.01])),
        "soft_cap": single(random.choice([15.0, 30.0])),
        "temperature": single(random.choice([0.5, 0.7, 2.0, 4.0])),
    }
    o = {name: values[name] for name in chosen}
    if o.get("temperature", 1) < 1 and "soft_cap" in o:
        o["soft_cap"] = single(15.0)  # c/T stays within 32
    if "class_weights" in o and random.random() < 0.3:
        o["class_weights"][random.integers(0, n)] = 0.0
    labels = targets = None
    if random.random() < 0.7:
        labels = random.integers(0, n, rows)
        if random.random() < 0.3:  # confident answers
            x[np.arange(rows), labels] += np.float32(random.uniform(0, 100))
        t = list(np.eye(n, dtype=np.float32)[labels])
        if random.random() < 0.3:
            o["ignored_label"] = -100
            for i in np.nonzero(random.random(rows) < 0.4)[0]:
                labels[i], t[i] = -100, None
    else:
        t = [distribution(random, n) for _ in range(rows)]
        targets = np.array(t)
    if random.random() < 0.15:
        x[random.integers(0, rows), random.integers(0, n)] = random.choice([-INF, -INF, -INF, INF, NAN])
    parts = [cross_entropy_exact(row, target, o) for row, target in zip(x, t)]
    losses, gradient = (Exact.joined([part[i] for part in parts]) for i in (0, 1))

    again, gradient_again = torch_cross_entropy(x.astype(float), labels, targets, o, torch.float64)
    agree("cross_entropy", losses, again, gradient, gradient_again, report)

    found = ours("cross_entropy", x=x, columns=n, labels=labels, targets=targets, **o)
    peer = torch_cross_entropy(x, labels, targets, o, torch.float32)
    # The bounds of labels, of further options and soft targets, and of all options.
    if labels is not None and set(chosen) <= {"class_weights", "temperature"}:
        kind, contract = "cross_entropy of labels", "loss"
    elif "soft_cap" not in chosen:
        kind, contract = "cross_entropy, more options or soft targets", "smooth_loss"
    else:
        kind, contract = "cross_entropy, a soft cap", "capped_loss"
    bounds = ours.contract[contract]
    given = ", ".join(f"{k} = {show(v)}" for k, v in o.items())

    def describe(row):
        against = f"label {labels[row]}" if labels is not None else f"targets {show(targets[row])}"
        return f"x = {show(x[row])}, {against}" + (f", {given}" if given else "")

    report.compare(f"{kind}: losses", losses, bounds[0], found["losses"], {"PyTorch": peer[0]}, describe)
    report.compare(
        f"{kind}: gradient", gradient, bounds[1], found["gradient"], {"PyTorch": peer[1]},
        lambda i: f"[{i % n}], {describe(i // n)}",
    )  # fmt: skip
    reductions(kind, losses, bounds[0], found, o, labels, report, lambda reduction: torch_cross_entropy(x, labels, targets, o, torch.float32, reduction)[0])


def reductions(kind, losses, bound, found, o, labels, report, peer):
    """Sum and mean. Ours is within half an ULP of the sum of the rows' losses; the mean
    divides that by a sum of weights as close, and rounds."""
    rows = losses.value.size
    weight = float(rows)
    if labels is not None:
        w = o.get("class_weights")
        weight = sum((1.0 if w is None else float(w[k])) for k in labels if k >= 0)
    total, own = losses.value.sum(), np.float64(found["losses"]).sum()
    slack = losses.slack.sum() + bound * unit(losses.size).sum() if np.isfinite(total) else 0.0
    causes = {name: max(abs(total) if np.isfinite(total) else 0.0, 1e-30) * 4 + sizes.sum() for name, sizes in losses.causes.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, own_mean = np.array([total, own]) / weight
    whole = Exact([total], slack=slack, **causes)
    average = Exact([mean], slack=slack / max(weight, 1e-30), **{k: v / max(weight, 1e-30) for k, v in causes.items()})
    report.compare(f"{kind}: sum", whole, 0.51, found["sum"], {"PyTorch": peer("sum")}, lambda _: "rows added up", Exact([own]))
    peers = {} if "z_loss" in o else {"PyTorch": peer("mean")}
    report.compare(f"{kind}: mean", average, 2.5, found["mean"], peers, lambda _: "rows averaged", Exact([own_mean]))
    if abs(found["weight"][0] - weight) > unit(weight):
        report.failures.append(f"{kind}: weight {found['weight'][0]} for {weight}")


def agree(name, losses, losses_again, gradient, gradient_again, report):
    """Whether PyTorch in double precision takes the definition for the same."""
    for what, exact, again in (("loss", losses, losses_again), ("gradient", gradient, gradient_again)):
        again = np.ravel(again)
        scale = 1e-9 * (1e-6 + np.maximum.reduce(list(exact.causes.values())))
        with np.errstate(invalid="ignore"):
            same = (np.abs(exact.value - again) <= scale) | (exact.value == again) | np.isnan(again)
        for i in np.nonzero(~same)[0]:
            report.failures.append(f"{name}: {what} {exact.value[i]:.9g} is {again[i]:.9g} in torch.float64")


def binaries(random, ours, report):
    n, bound = 24, random.choice([2.0, 10.0, 30.0, 100.0, 130.0])
    x = random.uniform(-bound, bound, n).astype(np.float32)
    soft = random.random() < 0.5
    t = (random.random(n) if soft else random.integers(0, 2, n)).astype(np.float32)
    kind, o = str(random.choice(["binary", "weighted_binary", "focal"])), {}
    if kind == "weighted_binary":
        o["pos_weight"] = single(random.choice([0.3, 2.7, 40.0]))
    elif kind == "focal":
        o["gamma"] = single(random.choice([0.5, 1.0, 2.0, 5.0]))
        if random.random() < 0.5:
            o["alpha"] = 0.5
    if random.random() < 0.2:
        x[0], t[0] = random.choice([-INF, INF, NAN]), random.integers(0, 2)
    w, gamma, alpha = o.get("pos_weight", 1.0), o.get("gamma", 0.0), o.get("alpha")
    pos, neg = (w, 1.0) if alpha is None else (alpha, 1 - alpha)

    def part(s):
        """σ(s)^γ·softplus(s) and its derivative; the limits at ±∞."""
        if mpmath.isinf(s):
            return (mpf(0), mpf(0)) if s < 0 else (mpf(INF), mpf(1))
        p, ln = 1 / (1 + mpmath.exp(-s)), mpmath.log1p(mpmath.exp(s))
        return p**gamma * ln, p**gamma * (gamma * (1 - p) * ln + p)

    losses, gradient = [], []
    for score, target in zip(x, t):
        a, b = mpf(pos) * mpf(float(target)), mpf(neg) * (1 - mpf(float(target)))
        if np.isnan(score):
            losses.append(Exact(NAN, terms=0.0, ulp=0.0, one=0.0))
            gradient.append(Exact(NAN, terms=0.0, ulp=0.0, one=0.0))
            continue
        (right, q), (wrong, p) = part(-mpf(float(score))), part(mpf(float(score)))
        terms = [b * p, a * q]
        value = (a * right if a else 0) + (b * wrong if b else 0)
        scale = float(a + b) * (1 + (abs(float(score)) if np.isfinite(score) else 0.0))
        losses.append(Exact(float(value), ulp=4 * float(value) if mpmath.isfinite(value) else 0.0, terms=scale, one=scale * (1 + gamma)))
        size = float(max(max(terms) / 8, abs(terms[0] - terms[1])))
        gradient.append(Exact(float(terms[0] - terms[1]), size, ulp=4 * size, terms=float(a + b), one=scale * (1 + 4 * gamma)))
    losses, gradient = Exact.joined(losses), Exact.joined(gradient)

    def peer(dtype, reduction="none"):
        s = torch.tensor(x.astype(float) if dtype == torch.float64 else x, requires_grad=True)
        u = torch.tensor(t, dtype=dtype)
        if gamma == 0:
            loss = F.binary_cross_entropy_with_logits(s, u, pos_weight=torch.tensor(w, dtype=dtype), reduction=reduction)
        else:
            p = torch.sigmoid(s)
            positive = (1 - p) ** gamma * -F.logsigmoid(s)
            negative = p**gamma * -F.logsigmoid(-s)
            loss = pos * u * positive + neg * (1 - u) * negative
            loss = loss if reduction == "none" else getattr(loss, reduction)()
        loss.sum().backward()
        return loss.detach().numpy(), s.grad.numpy()

    agree(kind, losses, *(lambda l, g: (l, gradient, g))(*peer(torch.float64)), report)
    found, (peer_losses, peer_gradient) = ours("binary", x=x, targets=t, **o), peer(torch.float32)
    bounds, given = ours.contract[kind], "".join(f", {k} = {v:g}" for k, v in o.items())

    def describe(i):
        return f"score {x[i]:.9g}, target {t[i]:.9g}{given}"

    report.compare(f"{kind}: losses", losses, bounds[0], found["losses"], {"PyTorch": peer_losses}, describe)
    report.compare(f"{kind}: gradient", gradient, bounds[1], found["gradient"], {"PyTorch": peer_gradient}, describe)
    reductions(kind, losses, bounds[0], found, {}, None, report, lambda reduction: peer(torch.float32, reduction)[0])


def binaries_of_probabilities(random, ours, report):
    n = 24
    p = (random.random(n) if random.random() < 0.5 else 10.0 ** random.uniform(-44, 0, n)).astype(np.float32)
    t = (random.random(n) if random.random() < 0.5 else random.integers(0, 2, n)).astype(np.float32)
    if random.random() < 0.3:
        p[0], t[0] = random.integers(0, 2), random.integers(0, 2)
    losses, gradient = [], []
    for probability, target in zip(p, t):
        x, a = mpf(float(probability)), mpf(float(target))
        b = 1 - a
        right = (-mpmath.log(x) if x else mpf(INF)) if a else mpf(0)
        wrong = (-mpmath.log(1 - x) if x != 1 else mpf(INF)) if b else mpf(0)
        value = a * right + b * wrong
        plus, minus = (b / (1 - x) if x != 1 else mpf(INF)) if b else mpf(0), (a / x if x else mpf(INF)) if a else mpf(0)
        extreme = x < mpf("4e-44") or x == 1
        losses.append(Exact(float(value), ulp=4 * float(value) if mpmath.isfinite(value) else 0.0, clamp=INF if extreme else 0.0))
        g = plus - minus
        size = float(max(max(plus, minus) / 8, abs(g)))
        extreme = x * (1 - x) < mpf("1e-12")
        gradient.append(Exact(float(g), size, ulp=4 * size if np.isfinite(size) else 0.0, clamp=INF if extreme else 0.0))
    losses, gradient = Exact.joined(losses), Exact.joined(gradient)
    x = torch.tensor(p, requires_grad=True)
    peer = F.binary_cross_entropy(x, torch.tensor(t), reduction="none")
    peer.sum().backward()
    found, bounds = ours("binary_of_probabilities", x=p, targets=t), ours.contract["binary_of_probabilities"]

    def describe(i):
        return f"p = {p[i]:.9g}, target {t[i]:.9g}"

    report.compare("binary of probabilities: losses", losses, bounds[0], found["losses"], {"PyTorch": peer.detach().numpy()}, describe)
    report.compare("binary of probabilities: gradient", gradient, bounds[1], found["gradient"], {"PyTorch": x.grad.numpy()}, describe)


def show(values):
    values = np.atleast_1d(values)
    text = ", ".join(f"{value:.6g}" for value in values[:6])
    more = f", … of {values.size}" if values.size > 6 else ""
    return f"[{text}{more}]" if values.size > 1 else text


def margins(ours):
    """Scores (m, 0) and label 0: the loss is ln(1 + e^-m), its gradient −1/(1 + e^m)."""
    print("Two scores m and 0, label 0: loss, and gradient at the label\n")
    print(f"{'m':>5}{'true loss':>15}{'ours':>15}{'PyTorch':>15}{'true gradient':>17}{'ours':>15}{'PyTorch':>15}")
    for m in range(-100, 101, 4):
        x = np.array([[m, 0.0]], dtype=np.float32)
        (loss, gradient) = torch_cross_entropy(x, np.array([0]), None, {}, torch.float32)
        found = ours("cross_entropy", x=x, columns=2, labels=[0])
        exact = mpmath.log1p(mpmath.exp(-m)), -1 / (1 + mpmath.exp(m))
        print(
            f"{m:5}{float(exact[0]):15.7g}{found['losses'][0]:15.7g}{loss[0]:15.7g}"
            f"{float(exact[1]):17.7g}{found['gradient'][0]:15.7g}{gradient[0, 0]:15.7g}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batches", type=int, default=400, help="of rows, for each function (400)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    ours, report, random = Crate(), Report(), np.random.default_rng(arguments.seed)
    margins(ours)
    functions = [softmaxes, distributions, entropies_of_scores, divergences_of_scores, cross_entropies, binaries, binaries_of_probabilities]
    # Losses have the most options.
    for function in functions + [cross_entropies] * 3 + [binaries]:
        for _ in range(arguments.batches):
            function(random, ours, report)
    report.print()
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
