#!/usr/bin/env python3
"""Changes one operator of the crate at a time, and asks whether a test fails.

tests/mutants/operators.py [--count N] [--seed N] [WORD ...]

A mutant is one change to a line of code: `<` for `<=`, `==` for `!=`, `+` for `-`, `&&` for `||`,
`max` for `min`, `true` for `false`, `..` for `..=`, a whole number that is one larger, a condition or
a call whose result nobody takes that is gone. Of all there are, `--count` are chosen by `--seed`, and
each is compiled, in a copy of the repository in the target directory, and tested: first by
tests/golden, which notices most, then by `cargo test --tests`. A mutant that no test notices is a
survivor, and printed. A third of a minute goes into each. WORDs restrict mutants to files whose path
has one: `drive/`, or `pass/skip.rs`.

Some survivors cannot be noticed: they take another way to the same bits, or change what only the
speed depends on, or a place that another condition keeps out of reach.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = os.environ.get("CARGO_TARGET_DIR", f"{ROOT}/target")
COPY = f"{TARGET}/operators"

# A mutant that does not end is noticed.
PATIENCE = 120

# What is changed, and into what.
PAIRS = [("<", "<="), (">", ">="), ("==", "!="), ("+", "-"), ("+=", "-="), ("&&", "||"), ("&", "|"), ("..", "..=")]
PAIRS += [(".min(", ".max("), ("true", "false"), ("wrapping_add", "wrapping_sub")]
CHANGES = {**dict(PAIRS), **{b: a for a, b in PAIRS}, "*": "+", "/": "*", "|=": "&="}
WORDS = "|".join(re.escape(word) for word in sorted(CHANGES, key=len, reverse=True) if word.isidentifier())
SYMBOLS = "|".join(re.escape(word) for word in sorted(CHANGES, key=len, reverse=True) if not word.isidentifier())
OPERATOR = re.compile(rf"(?<= )(?:{SYMBOLS})(?= )|\.\.=?|\.(?:min|max)\(|\b(?:{WORDS})\b")
INTEGER = re.compile(r"(?<![\w.])\d+(?![\w.]|\.\d)")
CONDITION = re.compile(r"(?<=\bif )(?!let\b|const\b)[^{}]+(?= \{)")
CALL = re.compile(r"(?m)^ +(?!return\b|break\b|continue\b)[a-z][\w.:]*\([^;{}]*\)\??;$")


def code_of(text):
    """The text with all that is no code blanked, of the same length: comments, attributes, imports, tests."""
    text = re.sub(r"(?s)^#\[cfg\(test\)\]\n(?:pub\(crate\) )?mod .*", lambda m: " " * len(m[0]), text, flags=re.M)
    no_code = r"//[^\n]*|\"[^\"]*\"|#!?\[[^\]]*\]|\b(?:pub(?:\([a-z]+\))? )?use [^;]*;"
    return re.sub(no_code, lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def mutants(path):
    """Each change to a file: where it starts, where it ends, and what comes there."""
    code = code_of(open(f"{ROOT}/{path}").read())
    for match in OPERATOR.finditer(code):
        yield path, *match.span(), CHANGES[match[0]]
    for match in INTEGER.finditer(code):
        yield path, *match.span(), str(int(match[0]) + 1)
    for match in CONDITION.finditer(code):
        yield path, *match.span(), "true"
    for match in CALL.finditer(code):
        yield path, *match.span(), ""


def run(*options):
    """What Cargo returns, and prints; None where it does not end."""
    command = ["cargo", "test", "--quiet", "--manifest-path", f"{COPY}/Cargo.toml", *options]
    environment = {**os.environ, "CARGO_TARGET_DIR": f"{COPY}/target"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output = process.communicate(timeout=PATIENCE)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, ""
    return process.returncode, output


def noticed():
    """By which test the copy is found to be wrong: None where it is not, or does not compile."""
    for options in [("--test", "golden"), ("--tests",)]:
        code, output = run(*options)
        if code is None:
            return "time"
        if "could not compile" in output:
            return "the compiler"
        if code != 0:
            test = re.search(r"--(?:test (\w+)|(lib))`", output)
            return test[1] or test[2] if test else "another"
    return None


def copy():
    """The files of the repository, where a change does no harm; compiled there once."""
    files = subprocess.run(["git", "-C", ROOT, "ls-files"], stdout=subprocess.PIPE, text=True, check=True)
    for path in files.stdout.split("\n"):
        if os.path.isfile(f"{ROOT}/{path}"):
            os.makedirs(os.path.dirname(f"{COPY}/{path}"), exist_ok=True)
            shutil.copy2(f"{ROOT}/{path}", f"{COPY}/{path}")
    environment = {**os.environ, "CARGO_TARGET_DIR": f"{COPY}/target"}
    command = ["cargo", "test", "--quiet", "--tests", "--manifest-path", f"{COPY}/Cargo.toml"]
    if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode != 0:
        sys.exit("without a mutant a test fails")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("words", nargs="*", metavar="WORD", default=["src/"])
    options = parser.parse_args()
    copy()
    folders = os.walk(f"{ROOT}/src")
    paths = sorted(os.path.relpath(f"{folder}/{file}", ROOT) for folder, _, files in folders for file in files)
    paths = [path for path in paths if path.endswith(".rs") and any(word in path for word in options.words)]
    every = [mutant for path in paths for mutant in mutants(path)]
    random.Random(options.seed).shuffle(every)
    print(f"{options.count} of {len(every)} mutants", flush=True)
    count, survivors = 0, 0
    for path, start, end, new in every:
        if count == options.count:
            break
        text = open(f"{ROOT}/{path}").read()
        with open(f"{COPY}/{path}", "w") as file:
            file.write(text[:start] + new + text[end:])
        by = noticed()
        with open(f"{COPY}/{path}", "w") as file:
            file.write(text)
        if by == "the compiler":
            continue
        count += 1
        survivors += by is None
        what = f"{path}:{text.count(chr(10), 0, start) + 1} `{' '.join(text[start:end].split())}` is `{new}`"
        line = text[text.rfind("\n", 0, start) + 1 : text.find("\n", end)].split()
        print(f"{what}: {f'{by} fails' if by else 'survives: ' + ' '.join(line)}", flush=True)
    print(f"{count} mutants: {count - survivors} noticed, {survivors} survive")


if __name__ == "__main__":
    main()
