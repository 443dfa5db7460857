#!/usr/bin/env python3
"""Turns prc.csv into one C++ source of constant tables, one per year: embed.py CSV_FILE OUTPUT_FILE.

Refuses (exit 1, with the row) what the calendar relies on being otherwise: a day out of order or doubled, a holiday on
a weekend, a working day that is none, a year left out. So bad data fails the build.
"""

import csv
import datetime
import pathlib
import sys

EPOCH = datetime.date(1970, 1, 1)


def refuse(row, why):
    sys.exit(f"embed.py: {','.join(row)}: {why}")


def read(path):
    """The days of each year: {year: {"holiday": [...], "working_day": [...]}}."""
    years = {}
    previous = datetime.date.min
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        if header != ["day", "is"]:
            refuse(header, "wants the header day,is")
        for row in reader:
            try:
                day = datetime.date.fromisoformat(row[0])
            except (ValueError, IndexError):
                refuse(row, "no day such as 2026-01-01")
            if len(row) != 2 or row[1] not in ("holiday", "working_day"):
                refuse(row, "is neither holiday nor working_day")
            if day <= previous:
                refuse(row, "doubled or out of order")
            if (day.weekday() < 5) != (row[1] == "holiday"):
                refuse(row, "a holiday is a weekday, a working day a Saturday or Sunday")
            previous = day
            years.setdefault(day.year, {"holiday": [], "working_day": []})[row[1]].append((day - EPOCH).days)
    if not years or list(years) != list(range(min(years), max(years) + 1)):
        refuse(["years"], "a year is left out")
    return years


def main():
    years = read(pathlib.Path(sys.argv[1]))
    lines = [
        "// Made by schema/calendars/embed.py from schema/calendars/prc.csv; change that, not this.",
        "#include <array>",
        '#include "schema/calendars.hpp"',
        "namespace ledger::schema {",
        "namespace {",
    ]
    rows = []
    for year, days in years.items():
        for name, constant in (("holiday", f"kHolidays{year}"), ("working_day", f"kWorkingDays{year}")):
            values = ", ".join(str(day) for day in days[name])
            lines.append(f"constexpr std::array<std::int32_t, {len(days[name])}> {constant}{{{values}}};")
        rows.append(f"    {{{year}, kHolidays{year}, kWorkingDays{year}}},")
    lines += [f"constexpr std::array<CalendarYear, {len(rows)}> kYears{{{{", *rows, "}};", "}  // namespace"]
    lines += ["std::span<const CalendarYear> calendar_years() { return kYears; }", "}  // namespace ledger::schema"]
    pathlib.Path(sys.argv[2]).write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
