"""The body of tests/run: builds, runs the suites, counts.  The last line is `N passed, N failed`."""

import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys

REPO = pathlib.Path(__file__).resolve().parent.parent
MESON_SUITES = ("unit", "sim")
INTEGRATION = REPO / "tests" / "integration"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tests/run", description="Builds and runs the tests.")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="unit, sim, integration, or part of a test's name or file; default: all")
    parser.add_argument("--list", action="store_true", help="name the tests, run none")
    parser.add_argument("--build-dir", default=os.environ.get("HELIOSTAT_BUILD"),
                        help="default: build, or build-SANITIZER (or $HELIOSTAT_BUILD)")
    parser.add_argument("--sanitize", choices=("address", "thread"), help="address includes undefined")
    parser.add_argument("--werror", action="store_true", help="warnings are errors")
    parser.add_argument("--exitfirst", "-x", action="store_true", help="stop at the first failed integration test")
    parser.add_argument("--jobs", "-j", type=int, default=4,
                        help="integration tests side by side, but for those that measure times (default: %(default)s)")
    return parser.parse_args()


def build(options, directory):
    settings = [f"-Dwerror={'true' if options.werror else 'false'}"]
    if options.sanitize:
        sanitizers = {"address": "address,undefined", "thread": "thread"}[options.sanitize]
        settings += [f"-Db_sanitize={sanitizers}", "-Db_lundef=false"]
    # Ninja regenerates a configured folder by itself; `configure` only carries changed options.
    configured = (directory / "build.ninja").exists()
    setup = ["meson", "configure", directory, *settings] if configured else \
        ["meson", "setup", *settings, directory, REPO]
    for command in (setup, ["meson", "compile", "-C", directory]):
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(done.stdout)
            sys.exit(f"tests/run: {' '.join(str(word) for word in command)} failed")
        if "warning:" in done.stdout:
            print(done.stdout)


def meson_tests(directory):
    """[(suite, name)]"""
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", directory], check=True, capture_output=True,
                                       text=True).stdout)
    tests = []
    for test in listed:
        suites = {suite.split(":")[-1] for suite in test["suite"]}
        tests += [(suite, test["name"]) for suite in MESON_SUITES if suite in suites]
    return sorted(tests)


def wanted(names, *texts):
    return not names or any(name in text for name in names for text in texts)


def run_meson(directory, tests, patience=1):
    """Returns passed and failed.  patience multiplies the tests' time limits: the exhaustive model takes ten times as long
    under ThreadSanitizer.  A cmocka program counts by its cases, so that a big file is not one test."""
    passed = failed = 0
    log = directory / "meson-logs" / "testlog.json"
    for suite in MESON_SUITES:
        names = [name for of, name in tests if of == suite]
        if not names:
            continue
        log.unlink(missing_ok=True)
        subprocess.run(["meson", "test", "-C", directory, "--no-rebuild", "--timeout-multiplier", str(patience),
                        "--suite", suite, *names],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "STDOUT",
                            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
                            "TSAN_OPTIONS": f"exitcode=66:suppressions={REPO}/tests/tsan/suppressions"})
        results = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        for result in results:
            output = (result.get("stdout") or "") + (result.get("stderr") or "")
            cases = len(re.findall(r"^\[ +OK +\]", output, re.M))
            bad = len(set(re.findall(r"^\[ +(?:FAILED|ERROR) +\] (\S+)", output, re.M)) - {"tests:"})
            good_end = result["result"] in ("OK", "EXPECTEDFAIL")
            if good_end and not bad:
                passed += max(cases, 1)
            else:
                passed += cases
                failed += max(bad, 1)
                print(output)
            print(f"{suite}: {result['name']}: {result['result']}, {max(cases, 1)} cases, "
                  f"{result['duration']:.2f} s", flush=True)
        missing = len(names) - len(results)
        if missing > 0:
            print(f"{suite}: {missing} tests did not run")
            failed += missing
    return passed, failed


class Count:
    """A pytest plugin: selects, counts results, and shows one line per test."""

    def __init__(self, names=()):
        self.names = names
        self.passed = self.failed = 0
        self.items = []     # (nodeid, quiet)

    def pytest_collection_modifyitems(self, config, items):
        if self.names:
            config.hook.pytest_deselected(items=[item for item in items if not wanted(self.names, item.nodeid)])
            items[:] = [item for item in items if wanted(self.names, item.nodeid)]

    def pytest_collection_finish(self, session):
        self.items = [(item.nodeid, item.get_closest_marker("quiet") is not None) for item in session.items]

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed += 1
            print(f"integration: {report.nodeid}: cannot be collected: {report.longreprtext}", flush=True)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.passed += 1
            print(f"integration: {report.nodeid}: OK, {report.duration:.1f} s", flush=True)
        elif report.failed:
            self.failed += 1
            print(f"integration: {report.nodeid}: FAILED in {report.when}, {report.duration:.1f} s", flush=True)
        elif report.skipped:
            # What cannot run here proves nothing: the command that runs the tests installs all they need.
            self.failed += 1
            print(f"integration: {report.nodeid}: SKIPPED counts as failed: {report.longrepr}", flush=True)

    def pytest_testnodedown(self, node, error):
        """One of the side-by-side processes has ended."""
        for directory in getattr(node, "workeroutput", {}).get("kept", ()):
            print(f"logs are kept in {directory}", flush=True)


def collect(names):
    """The tests that the names select.  A suite's name stands for all of it."""
    import pytest
    count = Count([] if "integration" in names else [name for name in names if name not in MESON_SUITES])
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([str(INTEGRATION), "-q", "-p", "no:cacheprovider", f"--rootdir={REPO}", "--collect-only"], plugins=[count])
    return count


def run_integration(names, jobs, exitfirst):
    """Most tests wait most of the time, for a session to end or a broker to start: they run side by side, each process
    with servers of its own.  Those marked `quiet` hold times against limits, and have the machine for themselves."""
    import pytest
    collected = collect(names)
    passed, failed = 0, collected.failed
    crowd = [nodeid for nodeid, quiet in collected.items if not quiet]
    # The many short tests of the first files come last, and let the processes end together.
    crowd.sort(key=lambda nodeid: nodeid.split("::")[0], reverse=True)
    for tests, together in ((crowd, min(jobs, len(crowd))),
                            ([nodeid for nodeid, quiet in collected.items if quiet], 1)):
        if not tests or (exitfirst and failed):
            continue
        arguments = [*(str(REPO / nodeid) for nodeid in tests), "-q", "-p", "no:cacheprovider", f"--rootdir={REPO}",
                     "--tb=short", "--show-capture=no", "--no-header"]
        if together > 1:
            arguments += ["-n", str(together)]
        if exitfirst:
            arguments.append("-x")
        count = Count()
        code = pytest.main(arguments, plugins=[count])
        passed += count.passed
        failed += count.failed
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            failed += 1
        if code == pytest.ExitCode.INTERRUPTED:
            break
    return passed, failed


def main():
    options = parse_arguments()
    names = options.names
    directory = pathlib.Path(options.build_dir or f"build{'-' + options.sanitize if options.sanitize else ''}")
    directory = directory if directory.is_absolute() else REPO / directory
    os.environ["HELIOSTAT_BUILD"] = str(directory)

    print(f"building in {directory}", flush=True)
    build(options, directory)
    tests = [test for test in meson_tests(directory) if wanted(names, test[0], f"test_{test[1]}")]
    integration = not names or any(name not in MESON_SUITES for name in names)

    if options.list:
        for suite, name in tests:
            print(f"{suite}: {name}")
        if integration:
            for nodeid, _quiet in collect(names).items:
                print(f"integration: {nodeid}")
        return 0

    passed, failed = run_meson(directory, tests, patience=10 if options.sanitize else 1)
    if integration:
        counts = run_integration(names, options.jobs, options.exitfirst)
        passed += counts[0]
        failed += counts[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
