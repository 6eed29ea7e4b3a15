#!/usr/bin/env python3
"""Every promise of docs/promises.md names a test, and every test that it names exists.

usage: promises.py SOURCE BUILD.  A name stands in backticks in the second column: a pytest function, a file below tests/
(`test_x.py` or `tests/bench/x`), or a test of meson (BUILD/meson-info knows them).
"""

import ast
import json
import pathlib
import re
import sys


def pytest_functions(folder):
    for file in folder.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(), str(file))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node.name


def known_names(source, build):
    tests = source / "tests"
    names = set(pytest_functions(tests / "integration"))
    files = [file for file in tests.rglob("*") if file.is_file()]
    names |= {file.name for file in files if file.suffix} | {str(file.relative_to(source)) for file in files}
    names |= {test["name"] for test in json.loads((build / "meson-info" / "intro-tests.json").read_text())}
    return names


def problems(text, known):
    """Of the table whose second column is `proved by`; a line each."""
    found, rows, inside = [], 0, False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if not cells:
            inside = False
        elif cells[1:2] == ["proved by"]:
            inside = True
        elif inside and not re.fullmatch(r"[-: ]+", "".join(cells)):
            rows += 1
            names = re.findall(r"`([^`]*)`", cells[1]) if len(cells) == 2 else []
            if not names:
                found.append(f"line {number}: names no test: {line}")
            found += [f"line {number}: no test `{name}`" for name in names if name not in known]
    return found if rows else ["no table with a column 'proved by'"]


def check_itself():
    """What the check has to see, or a test that never fails would prove nothing."""
    head = "| promise | proved by |\n|---|---|\n"
    for rows, count in (("| a | `test_x` |", 0), ("| a | `test_x`, unit `y` |", 0), ("| a `b` | `test_x` |", 0),
                        ("| a \\| b | `test_x` |", 0), ("| a | `test_z` |", 1), ("| a | `test_x`, `z` |", 1),
                        ("| a | test_x |", 1), ("| a | |", 1), ("| a |", 1), ("| a | `test_x`\n", 1),
                        ("| a | `test_x` |\n| b | `z` |\n| c | |", 2), ("| a | `test_x` |\n\n| b | `z` |", 0)):
        seen = problems(head + rows, {"test_x", "y"})
        assert len(seen) == count, (rows, seen)
    assert problems("# Promises\n", {"test_x"})
    assert problems(head, {"test_x"})


def main():
    source, build = map(pathlib.Path, sys.argv[1:3])
    check_itself()
    found = problems((source / "docs" / "promises.md").read_text(), known_names(source, build))
    for problem in found:
        print(f"docs/promises.md: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
