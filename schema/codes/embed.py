#!/usr/bin/env python3
"""Turns the code lists of this folder into one C++ source: embed.py SOURCE_FOLDER OUTPUT_FILE.

Refuses (exit 1, with the file and row) whatever the lookups rely on: unknown or missing keys, a doubled code, numbers
that do not count from 1, an unsorted or malformed region, a status that is no refusal. So bad data fails the build.
"""

import csv
import json
import pathlib
import re
import sys

CODE = re.compile(r"[a-z][a-z0-9_]*")
ENTRY_KEYS = ["code", "number", "zh", "en", "list_names"]
REASON_KEYS = ["code", "zh", "en", "zh_explanation", "en_explanation"]
REFUSAL_KEYS = ["code", "status", "zh", "en"]
ENTRY_LISTS = {
    "algorithm_types": "kAlgorithmTypes",
    "algorithm_roles": "kAlgorithmRoles",
    "product_forms": "kProductForms",
    "display_channels": "kDisplayChannels",
    "announcement_series": "kAnnouncementSeries",
}


def refuse(where, why):
    sys.exit(f"embed.py: {where}: {why}")


def literal(text):
    """A C++ string view literal; the source is UTF-8, as every compiler of ours reads it."""
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
        refuse(repr(text), "control character")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unique_keys(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError(f"doubled key in {pairs}")
    return dict(pairs)


def read_rows(folder, name, keys):
    path = folder / f"{name}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique_keys)
    except ValueError as error:
        refuse(path.name, error)
    if set(document) != {"about", "rows"} or not document["rows"]:
        refuse(path.name, "wants exactly `about` and non-empty `rows`")
    seen = set()
    for row in document["rows"]:
        if set(row) != set(keys):
            refuse(path.name, f"wants the keys {keys}: {row}")
        if not CODE.fullmatch(row["code"]) or row["code"] in seen:
            refuse(path.name, f"malformed or doubled code: {row['code']}")
        if any(isinstance(row[key], str) and not row[key].strip() for key in keys):
            refuse(path.name, f"empty text: {row}")
        seen.add(row["code"])
    return document["rows"]


def entry_list(folder, name, constant):
    rows = read_rows(folder, name, ENTRY_KEYS)
    names, entries = [], []
    for expected, row in enumerate(rows, start=1):
        if row["number"] != expected:
            refuse(name, f"numbers count from 1 without gaps: {row}")
        offset = len(names)
        names += row["list_names"]
        view = f"std::span({constant}Names).subspan({offset}, {len(row['list_names'])})" if row["list_names"] else "{}"
        entries.append(f"    {{{literal(row['code'])}, {row['number']}, {literal(row['zh'])}, {literal(row['en'])}, {view}}},")
    lines = []
    if names:
        lines.append(f"constexpr std::array<std::string_view, {len(names)}> {constant}Names{{")
        lines.append("    " + ", ".join(literal(text) for text in names) + "};")
    return lines + [f"constexpr std::array<CodeEntry, {len(entries)}> {constant}{{{{", *entries, "}};"]


def reasons(folder):
    rows = read_rows(folder, "rejection_reasons", REASON_KEYS)
    body = [f"    {{{', '.join(literal(row[key]) for key in REASON_KEYS)}}}," for row in rows]
    return [f"constexpr std::array<RejectionReason, {len(rows)}> kRejectionReasons{{{{", *body, "}};"]


def refusals(folder):
    rows = sorted(read_rows(folder, "refusals", REFUSAL_KEYS), key=lambda row: row["code"])
    for row in rows:
        if not isinstance(row["status"], int) or not 400 <= row["status"] <= 599:
            refuse("refusals.json", f"status is no 4xx or 5xx: {row}")
    body = [f"    {{{literal(r['code'])}, {r['status']}, {literal(r['zh'])}, {literal(r['en'])}}}," for r in rows]
    return [f"constexpr std::array<Refusal, {len(rows)}> kRefusals{{{{", *body, "}};"]


def regions(folder):
    with open(folder / "regions.csv", encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        if next(reader) != ["code", "zh", "abolished"]:
            refuse("regions.csv", "wants the header code,zh,abolished")
        rows = list(reader)
    previous = ""
    for row in rows:
        if len(row) != 3 or not re.fullmatch(r"[1-9]\d{5}", row[0]) or row[0] <= previous or not row[1]:
            refuse("regions.csv", f"malformed, doubled or out of order: {row}")
        if not re.fullmatch(r"(\d{4})?", row[2]):
            refuse("regions.csv", f"abolished is a year or empty: {row}")
        previous = row[0]
    body = [f"    {{{literal(code)}, {literal(zh)}, {year or 0}}}," for code, zh, year in rows]
    return [f"constexpr std::array<Region, {len(rows)}> kRegions{{{{", *body, "}};"]


def main():
    folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    lines = [
        "// Made by schema/codes/embed.py from the lists in schema/codes/; change those, not this.",
        "#include <array>",
        '#include "schema/codes.hpp"',
        "namespace ledger::schema {",
        "namespace {",
    ]
    for name, constant in ENTRY_LISTS.items():
        lines += entry_list(folder, name, constant)
    lines += reasons(folder) + refusals(folder) + regions(folder)
    lines.append("}  // namespace")
    for name, constant in ENTRY_LISTS.items():
        lines.append(f"std::span<const CodeEntry> {name}() {{ return {constant}; }}")
    lines += [
        "std::span<const RejectionReason> rejection_reasons() { return kRejectionReasons; }",
        "std::span<const Refusal> refusals() { return kRefusals; }",
        "std::span<const Region> regions() { return kRegions; }",
        "}  // namespace ledger::schema",
    ]
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
