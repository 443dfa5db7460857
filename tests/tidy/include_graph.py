#!/usr/bin/env python3
"""Dependencies point one way: schema <- events <- projections <- replay <- server. One include root lets any file include
any other, so this reads every include line. Also: the core is pure, LMDB stays in the store, headers stay light, and no
header includes itself in the end."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What each folder may include besides itself; a folder that is not listed may not exist. Tests may include all.
ALLOWED = {
    "schema": set(),
    "events": {"schema"},
    "projections": {"schema", "events"},
    "replay": {"schema", "events", "projections"},
    "server": {"schema", "events", "projections", "replay"},
}
# Inside events: the core knows only itself; the codec the core; crypto the core's value types; the store all of them.
PARTS = {
    "events/core": {"events/core", "schema"},
    "events/codec": {"events/core", "events/codec", "schema"},
    "events/crypto": {"events/core", "events/crypto"},
    "events/tlog": {"events/core", "events/crypto", "events/tlog"},
    "events/store": {"events/core", "events/codec", "events/crypto", "events/tlog", "events/store", "schema"},
}
# Clocks, chance, threads, input and output: what decides gets them as values.
IMPURE = re.compile(r"^(boost/|lmdb\.h|openssl/|spdlog/|fmt/|flatbuffers/|prometheus/|CLI/|sys/|unistd\.h|fcntl\.h|"
                    r"(random|thread|mutex|atomic|condition_variable|future|fstream|iostream|filesystem|ctime|"
                    r"cstdio|time\.h)$)")
CLOCK = re.compile(r"_clock\b|\bstd::time\b|\bclock_gettime\b|\bgettimeofday\b")  # <chrono> for calendars is pure
# Heavy third-party headers cost seconds in every file that sees them: only .cpp files include them.
HEAVY = re.compile(r"^(boost/beast|boost/asio|boost/json\.hpp|openssl/|lmdb\.h|flatbuffers/|spdlog/spdlog\.h|prometheus/|CLI/)")
# Asio's types are members of the transport's own classes; the codec's header is templates over generated tables.
HEAVY_ALLOWED = {"server/http/io_thread.hpp", "server/http/connection.hpp", "server/http/upload.hpp",
                 "events/codec/table_codec.hpp"}
# The raw side of a bench is raw LMDB.
LMDB_ALLOWED = {"server/bench/bare_server.cpp", "replay/bench_engine.cpp"}
GENERATED = re.compile(r"^(generated/|schema/)?[\w/]*_generated\.h$")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)


def house_files():
    for folder in (*ALLOWED, "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp"):
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def part_of(name):
    return next((part for part in PARTS if name.startswith(part + "/")), None)


def check(name, text, problems):
    folder = name.split("/")[0]
    includes = INCLUDE.findall(text)
    for kind, target in includes:
        if name.endswith(".hpp") and HEAVY.match(target) and name not in HEAVY_ALLOWED and folder != "tests":
            problems.append(f"{name}: a header includes {target}; only .cpp files may")
        if part_of(name) == "events/core" and IMPURE.match(target):
            problems.append(f"{name}: the core includes {target}, but must be pure")
        if kind == "<" or GENERATED.match(target):
            continue
        if not (ROOT / target).exists():
            problems.append(f"{name}: no file {target} from the root of the house")
            continue
        if folder == "tests":
            continue
        other = target.split("/")[0]
        if other != folder and other not in ALLOWED[folder]:
            problems.append(f"{name}: {folder} may not include {target}")
        part = part_of(name)
        if part and (part_of(target) or other) not in PARTS[part]:
            problems.append(f"{name}: {part} may not include {target}")
    if part_of(name) == "events/core" and CLOCK.search(text):
        problems.append(f"{name}: the core reads a clock, but must be pure")
    if folder != "tests" and not name.startswith("events/store/") and name not in LMDB_ALLOWED:
        if re.search(r"\bmdb_\w+\s*\(|<lmdb\.h>", text):
            problems.append(f"{name}: LMDB outside events/store")


def cycles(graph):
    """Each cycle of headers once, as a path."""
    state, path, found = {}, [], []

    def visit(name):
        state[name] = "open"
        path.append(name)
        for target in graph.get(name, ()):
            if state.get(target) == "open":
                found.append(path[path.index(target):] + [target])
            elif target not in state:
                visit(target)
        path.pop()
        state[name] = "done"

    for name in graph:
        if name not in state:
            visit(name)
    return found


def main():
    problems, graph = [], {}
    for name, text in house_files():
        check(name, text, problems)
        graph[name] = [target for kind, target in INCLUDE.findall(text) if kind == '"']
    problems += ["a cycle: " + " -> ".join(cycle) for cycle in cycles(graph)]
    if len(graph) < 100:
        problems.append(f"only {len(graph)} files found: this test looks in the wrong place")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
