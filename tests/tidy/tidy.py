#!/usr/bin/env python3
"""What the house keeps tidy and no compiler sees: line lengths, leftovers, words that must not stand in code."""

import pathlib
import re
import subprocess
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS_MAX = 110
LINES_MAX = 700
TEST_LINES_MAX = 1000  # a list of cases reads well at a length at which a mechanism does not
# Scripts, data and prose may be long; they are still held to the rest.
CODE = {".cpp", ".hpp"}
TEXT = CODE | {".py", ".cmake", ".txt", ".md", ".json", ".yaml", ".fbs", ".sh"}
FOLDERS = ("schema", "events", "projections", "replay", "server", "tests", "ops", "cmake", "docs", ".ci")
LONG_LITERAL = re.compile(r'"[^"]{30,}|R"|(".*){6}')  # no formatter breaks a literal
ONE_LIST = "events/core/events.hpp"  # every event there is, each with its fields
# This file names what it refuses.
SELF = "tests/tidy/tidy.py"

# Each with what to do instead.
BANNED_IN_CODE = [
    (re.compile(r"\bdetached\b"), "a detached coroutine drops its exception: give a handler that logs"),
    (re.compile(r"(?<![_\w])assert\s*\("), "never verify inside an assertion; throw, or die() with a message"),
    (re.compile(r"\bstd::stable_sort\b|\branges::stable_sort\b"), "does not compile with clang 19 on libstdc++ 12"),
    (re.compile(r"\b(?:std::)?(?:gets|strcpy|strcat|sprintf)\s*\("), "unbounded"),
]
BANNED_IN_HEADERS = [(re.compile(r"^\s*using namespace\b", re.M), "headers do not open namespaces for others")]
BANNED_EVERYWHERE = [(re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "finish it, or write an issue")]
# No path of one machine, no host to fetch from.
BANNED_PATHS = [(re.compile(r"(?<![\w.])/(?:work|home|Users)/\w"), "a path of somebody's machine")]


def columns(line):
    """Width as clang-format counts it: a wide character takes two columns."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in line)


def files():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in name and (path.suffix in TEXT or path.suffix == ""):
                yield name, path
    for path in sorted(ROOT.iterdir()):
        if path.is_file() and path.suffix in TEXT:
            yield path.name, path


def find(problems, name, text, rules):
    for pattern, instead in rules:
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"{name}:{line}: {match.group(0).strip()!r}: {instead}")


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def check(name, path, problems):
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        problems.append(f"{name}: not UTF-8")
        return
    code = path.suffix in CODE
    if text and not text.endswith("\n"):
        problems.append(f"{name}: no line end at the end")
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            problems.append(f"{name}:{number}: trailing blanks")
        if "\t" in line and code:
            problems.append(f"{name}:{number}: a tab")
        if code and columns(line) > COLUMNS_MAX and not LONG_LITERAL.search(line):
            problems.append(f"{name}:{number}: {columns(line)} columns, at most {COLUMNS_MAX}")
    lines_max = TEST_LINES_MAX if name.startswith("tests/") else LINES_MAX
    if code and text.count("\n") > lines_max and name != ONE_LIST:
        problems.append(f"{name}: {text.count(chr(10))} lines, at most {lines_max}: one purpose a file")
    if name == SELF:
        return
    find(problems, name, text, BANNED_EVERYWHERE)
    find(problems, name, text, BANNED_PATHS)
    if code:
        find(problems, name, without_comments(text), BANNED_IN_CODE)
    if path.suffix == ".hpp":
        find(problems, name, text, BANNED_IN_HEADERS)
        if not re.search(r"^#pragma once$", text, re.M):
            problems.append(f"{name}: no #pragma once")


def check_executables(problems):
    for path in [*(ROOT / "ops").iterdir(), *(ROOT / ".ci").iterdir()]:
        if not path.is_file() or path.suffix:
            continue
        head = path.read_text(encoding="utf-8")
        if not path.stat().st_mode & 0o100:
            problems.append(f"{path.relative_to(ROOT)}: not executable")
        if head.startswith("#!/usr/bin/env bash"):
            if not re.search(r"^set -euo pipefail$", head, re.M):
                problems.append(f"{path.relative_to(ROOT)}: no `set -euo pipefail`")
            if subprocess.run(["bash", "-n", str(path)], check=False).returncode != 0:
                problems.append(f"{path.relative_to(ROOT)}: bash cannot read it")


def main():
    problems = []
    for name, path in files():
        check(name, path, problems)
    check_executables(problems)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
