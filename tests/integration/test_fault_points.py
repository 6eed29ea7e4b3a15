"""A process stopped or killed at a named point of its protocol.  tests/chaos/fault-points has all points and both actions."""

import importlib.machinery
import importlib.util
import pathlib
import re

CHAOS = pathlib.Path(__file__).resolve().parent.parent / "chaos"
_loader = importlib.machinery.SourceFileLoader("fault_points", str(CHAOS / "fault-points"))
fault_points = importlib.util.module_from_spec(importlib.util.spec_from_loader("fault_points", _loader))
_loader.exec_module(fault_points)

# Side by side: most of a trial is waiting.
TRIALS = [
    ("step.revoke.answered", "usurp"),  # goes on with an old plan when it wakes, on a session that lives
    ("elect.leader.sent", "stop"),      # wakes as a leader that has been followed
    ("step.revoke.sent", "kill"),       # a lane half way from one worker to another
    ("lane.claim.sent", "kill"),        # owned, and nobody runs it
    ("endtxn.sent", "stop"),            # a transaction whose end it does not know
]


def test_stopped_or_killed_at_a_point_of_the_protocol(run_directory, servers, oracle):
    program = fault_points.build(run_directory / "build-fault-points")
    lines = []
    failed = fault_points.run_all(TRIALS, program, servers, oracle, run_directory, len(TRIALS), lines.append)
    assert not failed, "\n".join(lines)


def test_every_point_of_the_sources_is_in_the_list():
    """Else a new point would never be tried."""
    known = {point.rsplit(".", 1)[0] for point in (*fault_points.COORDINATOR, *fault_points.WORKER)}
    found = set()
    for source in fault_points.REPO.glob("*/*.c"):
        text = source.read_text()
        if "FAULT_POINT(" not in text:
            continue
        found |= set(re.findall(r'FAULT_POINT\("([a-z.]+)"', text))
        found |= set(re.findall(r'"((?:step|lane)\.[a-z]+)"', text)) & known | set(re.findall(r'"(step\.[a-z]+)"', text))
    assert found == known
