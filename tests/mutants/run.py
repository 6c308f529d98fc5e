#!/usr/bin/env python3
"""Changes each coefficient of the crate by one in its last bit, and asks who notices.

tests/mutants/run.py [--search ROUNDS] [WORD ...]

Each mutant is one number in the sources, up or down by one unit in the last place: an entry of a
table, a coefficient of a polynomial, a limit, a power of two. One that changes no result in
tests/golden is a survivor, and printed with its place. With `--search`, so are the functions in
which a change of 2^14 times that size shows; these are run on random rows, for so many rounds (300
take some seconds), and a row that notices is printed as tests/golden/sensitive.txt has it.
WORDs restrict mutants to those whose place has one: `math/exp.rs`, or `POLYNOMIAL`.

To compile the crate for each of several hundred mutants would take hours. So it is compiled once:
this script copies it into the target directory, and there makes of every number `c` a call
`mutant::number(INDEX, c)`, which gives the neighbour of `c` if its mutant is on, and of every
constant with such numbers a function. The program beside this script, an example of the copy,
turns one mutant on after the other and compares what tests/golden finds. Without a mutant its
results must be those of the table.

A survivor that a script in src/math prints is noticed by the section `coefficients` of .ci/run, and
marked; to know them takes Sollya.

Left alone are 0, whose neighbours are no rounding error, what is no number of f32, as masks,
lengths and infinities, and what `const fn` returns.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TARGET = os.environ.get("CARGO_TARGET_DIR", f"{ROOT}/target")
COPY = f"{TARGET}/mutants"

FOLDERS = ["math", "pass", "drive", "simd"]
TYPES = r"f32|\[f32; \d+\]|Ln2|Logarithms|Shift|Self"
CONSTANT = re.compile(
    rf"^(?P<indent> *)(?P<visible>pub(?:\([a-z]+\))? )?const (?P<name>[A-Z][A-Z0-9_]*): (?P<type>{TYPES}) =\s*", re.M
)
# A number, or the quotient of two that is one coefficient; bits of an f32, as tables have them.
NUMBER = re.compile(r"(?<![\w.])\d[\d_]*\.\d[\d_]*(?:e-?\d+)?(?: / \d[\d_]*\.\d[\d_]*)?(?![\w.])|(?<!\w)0x3F[0-9A-F]{2}_[0-9A-F]{4}(?!\w)")

MUTANT = """//! One number of the crate that is off by one in its last bit.
#![allow(missing_docs, unreachable_pub, clippy::all)]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

static INDEX: AtomicU32 = AtomicU32::new(u32::MAX);
static STEP: AtomicU32 = AtomicU32::new(1);

/// Turns on a mutant, and off what was on.
pub fn set(index: u32, step: i32) {
    INDEX.store(index, Relaxed);
    STEP.store(step as u32, Relaxed);
}

#[inline(never)]
pub(crate) fn bits(index: u32, c: u32) -> u32 {
    if INDEX.load(Relaxed) == index { c.wrapping_add(STEP.load(Relaxed)) } else { c }
}

#[inline(never)]
pub(crate) fn number(index: u32, c: f32) -> f32 {
    f32::from_bits(bits(index, c.to_bits()))
}
"""


def code_of(text):
    """The text with comments blanked, of the same length."""
    return re.sub(r"//[^\n]*", lambda m: " " * len(m[0]), text)


def end_of_item(code, start):
    """Where the semicolon is that ends the item."""
    depth = 0
    for at in range(start, len(code)):
        if code[at] in "([{":
            depth += 1
        elif code[at] in ")]}":
            depth -= 1
        elif code[at] == ";" and depth == 0:
            return at
    sys.exit("an item without an end")


def without_tests(text):
    """Unit tests, and what is for them only, are not mutated, and not compiled."""
    at = re.search(r"^#\[cfg\(test\)\]\n(?:pub\(crate\) )?mod |^/// Coefficients against the functions", text, re.M)
    return text[: at.start()] if at else text


def constants(text):
    """Constants that are, or hold, numbers: where they are, and their names. Not those of traits."""
    code = code_of(text)
    for match in CONSTANT.finditer(code):
        end = end_of_item(code, match.end())
        # FACTOR and the like are for tests; padding with 0 or −∞ is not a coefficient.
        if match["name"] == "NOTHING" and match["indent"]:
            continue
        yield match, end


def rewrite(name, text, names, mutants):
    """The text with every number mutable."""
    edits, inside = [], []
    for match, end in constants(text):
        declaration = f"{match['indent']}{match['visible'] or ''}fn {match['name']}() -> {match['type']} {{ "
        edits.append((match.start(), match.end(), declaration))
        edits.append((end, end + 1, " }"))
        inside.append((match.start(), match.end(), end, match["name"]))
    code = code_of(text)
    # Uses of constants are calls, but where they are imported.
    imports = [(m.start(), m.end()) for m in re.finditer(r"^(?:pub(?:\([a-z]+\))? )?use (?!core::)[^;]*;", code, re.M)]
    own = {m["name"] for m, _ in constants(text)}
    imported = {n for n in names if any(re.search(rf"\b{n}\b", code[a:b]) for a, b in imports)}
    associated = {"PLAIN", "BITS", "ONE", "RANGE"} & names
    for match in re.finditer(r"\b(?:(?:Self|Table|Scale)::)?([A-Z][A-Z0-9_]*)\b(?!\s*[:(])", code):
        at, word = match.start(), match[1]
        if any(a <= at < b for a, b in imports) or any(a <= at < b for a, b, _, _ in inside):
            continue
        if "::" in match[0] and word in associated or "::" not in match[0] and word in own | imported:
            # Not a variable's or a macro's.
            edits.append((match.end(), match.end(), "()"))
    for match in NUMBER.finditer(code):
        at = match.start()
        if not float_value(match[0]):
            continue
        before = code[:at]
        item = next((n for a, b, c, n in inside if b <= at < c), None)
        if item is None and re.search(r"\bconst \w+: [^;]*$", before[before.rfind(";") + 1 :]):
            continue
        function = re.findall(r"(?:const )?\bfn \w+", before)
        # The compiler calls these.
        if item is None and function and function[-1].startswith("const"):
            continue
        line = text.count("\n", 0, at) + 1
        place = f"{name}:{line} {item or (function[-1] if function else '?')}: {match[0]}"
        call = "bits" if match[0].startswith("0x") else "number"
        edits.append((at, match.end(), f"crate::mutant::{call}({len(mutants)}, {match[0]})"))
        mutants.append(place)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def float_value(literal):
    return literal.startswith("0x") or any(c in "123456789" for c in literal.split("e")[0])


def copy():
    """The crate with every number mutable; where each of them is."""
    for item in ["src", "docs", "tests"]:
        shutil.rmtree(f"{COPY}/{item}", ignore_errors=True)
    for item in ["src", "docs", "tests/common", "tests/golden", "tests/mutants"]:
        shutil.copytree(f"{ROOT}/{item}", f"{COPY}/{item}")
    for item in ["Cargo.lock", "README.md"]:
        shutil.copy(f"{ROOT}/{item}", f"{COPY}/{item}")
    manifest = open(f"{ROOT}/Cargo.toml").read()
    manifest = re.sub(r"(?s)\[\[bench\]\].*", "", manifest).replace("[lints.rust]", "[workspace]\n\n[lints.rust]")
    manifest = re.sub(r"(?s)\[lints\.rust\].*?(?=# Tests call)", '[lints.rust]\nnon_snake_case = "allow"\n\n', manifest)
    manifest = re.sub(r"(?m)^(criterion|proptest) =.*\n", "", manifest)
    manifest += '[[example]]\nname = "mutants"\npath = "tests/mutants/mutants.rs"\n'
    open(f"{COPY}/Cargo.toml", "w").write(manifest)

    paths = [f"{COPY}/src/simd.rs", f"{COPY}/src/log_sum_exp.rs"]
    for folder in FOLDERS:
        paths += sorted(f"{COPY}/src/{folder}/{file}" for file in os.listdir(f"{COPY}/src/{folder}") if file.endswith(".rs"))
    texts = {path: without_tests(open(path).read()) for path in paths}
    names = {m["name"] for text in texts.values() for m, _ in constants(text)}
    mutants = []
    for path, text in texts.items():
        open(path, "w").write(rewrite(path.removeprefix(f"{COPY}/src/"), text, names, mutants))
    lib = open(f"{COPY}/src/lib.rs").read()
    open(f"{COPY}/src/lib.rs", "w").write(lib.replace("mod backend;", "pub mod mutant;\nmod backend;", 1))
    open(f"{COPY}/src/mutant.rs", "w").write(MUTANT)
    return mutants


def printed(paths):
    """What the scripts print, by the source beside each."""
    numbers = {}
    for script in sorted(paths):
        program = "python3" if script.endswith(".py") else shutil.which("sollya")
        if program:
            output = subprocess.run([program, script], stdout=subprocess.PIPE, text=True).stdout
            source = "math/" + os.path.basename(script).split(".")[0] + ".rs"
            numbers.setdefault(source, set()).update(re.findall(r"0x[0-9A-F_]+|\d+\.\d+(?:e-?\d+)?", output))
    return numbers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--search", type=int, default=0, metavar="ROUNDS")
    parser.add_argument("words", nargs="*", metavar="WORD")
    options = parser.parse_args()
    mutants = copy()
    folder = f"{ROOT}/src/math"
    scripts = printed(f"{folder}/{file}" for file in os.listdir(folder) if file.endswith((".sollya", ".py")))
    for index, place in enumerate(mutants):
        if place.split(" ")[-1] in scripts.get(place.split(":")[0], ()):
            mutants[index] += " (a script prints it)"
    chosen = [
        f"{index} {place}"
        for index, place in enumerate(mutants)
        if not options.words or any(word in place for word in options.words)
    ]
    cargo = ["cargo", "run", "--quiet", "--example", "mutants", "--manifest-path", f"{COPY}/Cargo.toml"]
    run = subprocess.run([*cargo, "--", str(options.search)], input="\n".join(chosen) + "\n", text=True)
    sys.exit(run.returncode)


if __name__ == "__main__":
    main()
