"""What the benchmarks make of their figures: no servers."""

import importlib.machinery
import importlib.util
import pathlib
import sys
import xml.etree.ElementTree

BENCH = pathlib.Path(__file__).resolve().parent.parent / "bench"


def load(name):
    sys.path.insert(0, str(BENCH))
    loader = importlib.machinery.SourceFileLoader(name, str(BENCH / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def turn(case, program, cpu, peak=100, speed=100.0):
    return {"case": case, "program": program, "cpu_us_per_record": cpu, "peak_mib": peak, "mb_per_s": speed,
            "records_per_s": speed * 1e4, "cores": 1.0, "cores_beside": 0.01, "sent_bytes_per_record": 112.0, "stored_bytes_per_record": 110.0}


def test_what_compare_makes_of_its_turns():
    compare = load("compare")
    turns = [turn("100B", "at-least-once", cpu, peak) for cpu, peak in ((0.8, 90), (0.7, 129), (0.9, 100))]
    turns += [turn("100B", "mm1", 2.8, 500), turn("100B", "mm1:streams=4", 2.7, 600), turn("100B", "mm2", 6.5, 600),
              turn("100B", "plain", 0.7), turn("100B", "at-least-once-opened", 0.84), turn("100B", "exactly-once", 0.9, speed=89.0),
              {"case": "100B", "program": "mm2", "error": "not within 90 s"},
              turn("json-lz4", "at-least-once", 2.0), turn("json-lz4", "mm1", 4.1, 400)]
    table = compare.summary(turns)
    assert table["100B"]["at-least-once"]["cpu_us_per_record"] == 0.8 and table["100B"]["at-least-once"]["rounds"] == 3
    verdicts = {(case, what): (round(figure, 3), holds) for case, what, figure, _, holds in compare.judge(table, compare.CASES)}
    assert verdicts == {
        ("100B", "peak MiB"): (129, False),                             # of all rounds
        ("100B", "CPU of mm1 to ours"): (3.375, False),                 # the better of its settings
        ("100B", "memory of mm1 to ours"): (3.876, False),
        ("100B", "CPU of mm2 to ours"): (8.125, True),
        ("100B", "memory of mm2 to ours"): (4.651, True),
        ("100B", "CPU, relayed to plain loop's"): (1.143, True),
        ("100B", "CPU, opened to plain loop's"): (1.2, False),
        ("100B", "speed, exactly-once to at-least-once"): (0.89, False),
        ("json-lz4", "peak MiB"): (100, True),
        ("json-lz4", "CPU of mm1 to ours"): (2.05, True),               # compressed: another target
        ("json-lz4", "memory of mm1 to ours"): (4.0, True),
    }
    path = compare.judge(compare.summary([turn("1KB", "at-least-once", 2.0, speed=110.0),
                                          turn("1KB", "mm2-untuned", 30.0, speed=40.0)]), compare.CASES, rtt_ms=50)
    assert [(what, round(figure, 2), holds) for _, what, figure, _, holds in path] == [
        ("peak MiB", 100, True), ("part of the path that is filled", 0.88, False), ("speed, ours to untuned mm2's", 2.75, False)]
    chart = compare.chart(table, ["mm1", "mm2", "at-least-once"], "a <title>")
    assert xml.etree.ElementTree.fromstring(chart).tag.endswith("svg")


def latency_turn(program, number, p50, p99, p999, most, rate=1000, missing=0):
    times = {"p50_ms": p50, "p99_ms": p99, "p999_ms": p999, "max_ms": most}
    return {"program": program, "rate": rate, "round": number, "missing": missing, "duplicates": 0, "cpu_us_per_record": 30.0,
            "brokers_us_per_record": 200.0, "source": times, "destination": times, "added": times}


def test_what_latency_makes_of_its_turns():
    latency = load("latency")
    turns = [latency_turn("at-least-once", number, p50, 3.0, 8.0, 20.0 + number) for number, p50 in ((1, 0.7), (2, 0.9), (3, 0.8))]
    turns += [latency_turn("mm1", 1, 0.8, 5.2, 11.0, 40.0), latency_turn("mm2:tasks.max=1", 1, 0.9, 4.0, 15.0, 30.0),
              latency_turn("at-least-once", 1, 0.1, 0.1, 0.1, 0.1, rate=100), latency_turn("plain", 1, 0.1, 0.1, 0.1, 0.1)]
    table = latency.rows(turns)
    row = next(row for row in table if row["program"] == "at-least-once" and row["rate"] == 1000)
    assert row["destination"] == {"p50_ms": 0.8, "p99_ms": 3.0, "p999_ms": 8.0, "max_ms": 23.0}
    # Each point against whoever is better there, and at one rate only.
    assert [(point, mine, round(limit, 2), met) for point, mine, limit, met in latency.judge(table)] == [
        ("p50_ms", 0.8, 0.8, True), ("p99_ms", 3.0, 2.8, False), ("p999_ms", 8.0, 7.7, False)]
    assert latency.judge(latency.rows([latency_turn("at-least-once", 1, 1, 1, 1, 1)])) == []
