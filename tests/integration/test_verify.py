"""`heliostat verify`: what it says of a mirror, and of differences that were made on purpose.  Sources are Kafka 3.9, destinations 4.1."""

import json
import signal
import subprocess

import pytest

from local_cluster import binary, wait_until

ROUTE = "east->west"
START_MS = 1_700_000_000_000


def verify(mirror, *arguments, code=0, limit_s=60):
    """The report; the exit code has to be this one."""
    done = mirror.run("verify", ROUTE, "--config", mirror.config, "-o", "json", *arguments, limit_s=limit_s)
    assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout) if done.stdout else done.stderr


def spans(report, *kinds):
    """{(topic, partition): [(kind, source first, last, destination first, last), ...]}, of partitions with findings"""
    found = {}
    for partition in report["partitions"]:
        for finding in partition["findings"]:
            if not kinds or finding["kind"] in kinds:
                source, destination = finding["source"] or {}, finding["destination"] or {}
                found.setdefault((partition["topic"], partition["partition"]), []).append(
                    (finding["kind"], source.get("first"), source.get("last"), destination.get("first"), destination.get("last")))
    return found


def record(number, **more):
    headers = [["h", f"{number}"], ["h", None]] if number % 3 == 0 else []
    return {"partition": 0, "timestamp": START_MS + number // 4, "value": None if number % 7 == 0 else f"value {number}",
            "key": None if number % 2 else f"key {number % 20}", "headers": headers, **more}


@pytest.fixture
def pair(field, topic, oracle, source, destination):
    """pair(name, source records, destination records, configs of the source's topic, of the destination's): topics that a mirror
    might have made so.  Returns the topic's name; pair.mirror is a route over all of them."""
    mirror = field(topics=f"{topic}.*")

    def make(name, records, copies, source_configs=None, destination_configs=None):
        full = f"{topic}.{name}"
        for broker, these, configs in ((source, records, source_configs), (destination, copies, destination_configs)):
            oracle.call("create-topic", bootstrap=broker, topic=full, partitions=1, configs=configs or {})
            oracle.call("produce", bootstrap=broker, topic=full, records=these)
        return full
    make.mirror = mirror
    make.topic = topic
    return make


def test_every_kind_of_difference_is_told_with_its_offsets(pair, oracle, source, destination):
    records = [record(number) for number in range(2000)]
    copies = {}

    def edited(name, edit):
        copies[name] = list(records)
        edit(copies[name])
        return copies[name]

    def swap(rows, i, k):
        rows[i], rows[k] = rows[k], rows[i]
    changes = {
        "equal": (lambda rows: None, []),
        "dropped": (lambda rows: rows.__delitem__(slice(500, 503)), [("missing", 500, 502, None, None)]),
        "extra": (lambda rows: rows.insert(700, record(99999)), [("extra", None, None, 700, 700)]),
        "value": (lambda rows: rows.__setitem__(900, record(900, value="other")), [("changed", 900, 900, 900, 900)]),
        "null": (lambda rows: rows.__setitem__(903, record(903, value="")), [("changed", 903, 903, 903, 903)]),
        "headers": (lambda rows: rows.__setitem__(906, record(906, headers=[["h", None], ["h", "906"]])),
                    [("changed", 906, 906, 906, 906)]),
        "time": (lambda rows: rows.__setitem__(1, record(1, timestamp=START_MS + 77)), [("changed", 1, 1, 1, 1)]),
        "swapped": (lambda rows: swap(rows, 1200, 1201), [("reordered", 1200, 1200, 1201, 1201)]),
        "moved": (lambda rows: rows.insert(1500, rows.pop(1300)), [("reordered", 1300, 1300, 1500, 1500)]),
        "repeated": (lambda rows: rows.__setitem__(slice(1600, 1600), rows[1590:1600]), [("duplicated", 1590, 1599, 1600, 1609)]),
        "short": (lambda rows: rows.__delitem__(slice(1990, None)), [("missing", 1990, 1999, None, None)]),
    }
    names = {name: pair(name, records, edited(name, edit)) for name, (edit, _) in changes.items()}
    expected = {(names[name], 0): findings for name, (_, findings) in changes.items() if findings}

    report = verify(pair.mirror, "--until", "end", code=1)
    assert spans(report) == expected
    verdicts = {partition["topic"]: partition["verdict"] for partition in report["partitions"]}
    assert verdicts == {full: "equal" if name in ("equal", "repeated") else "different" for name, full in names.items()}
    differs = {partition["topic"]: partition["findings"][0].get("differs_in") for partition in report["partitions"]
               if partition["findings"]}
    assert (differs[names["value"]], differs[names["headers"]], differs[names["time"]]) == (["value"], ["headers"], ["timestamp"])
    [repeat] = [p["findings"][0] for p in report["partitions"] if p["topic"] == names["repeated"]]
    assert repeat["first_at"] == 1590

    # Repeats are allowed by at-least-once, and not with --exact.
    verify(pair.mirror, "--until", "end", "--topics", names["repeated"])
    verify(pair.mirror, "--until", "end", "--topics", names["repeated"], "--exact", code=1)
    # Without a mirror there is no position: nothing is claimed.
    report = verify(pair.mirror, "--topics", names["equal"], code=4)
    assert "has no position" in report["partitions"][0]["reason"]

    # The text says the same.
    done = pair.mirror.run("verify", ROUTE, "--config", pair.mirror.config, "--until", "end", "--topics", names["dropped"], "-q")
    assert done.returncode == 1 and "missing            source 500..502\n" in done.stdout, done
    assert "0 partitions equal, 1 different, 0 not comparable; 1997 records match, 3 missing" in done.stdout

    # A sample sees the differences of its stretches, and is the same again.
    sampled = [verify(pair.mirror, "--until", "end", "--sample", 0.5, "--seed", 3, code=1) for _ in range(2)]
    assert spans(sampled[0]) == spans(sampled[1]) and sampled[0]["sample"] == 0.5
    assert 0 < len(spans(sampled[0])) < len(expected)
    for place, findings in spans(sampled[0], "missing", "changed", "extra", "reordered", "duplicated").items():
        assert findings == expected[place]

    # Deleted records of either end: not comparable, with the range, and the rest is compared.
    oracle.call("delete-records", bootstrap=source, topic=names["equal"], before={"0": 300})
    report = verify(pair.mirror, "--until", "end", "--topics", names["equal"], code=4)
    assert spans(report) == {(names["equal"], 0): [("source-start", None, None, 0, 299)]}
    oracle.call("delete-records", bootstrap=destination, topic=names["equal"], before={"0": 1000})
    report = verify(pair.mirror, "--until", "end", "--topics", names["equal"], code=4)
    assert spans(report) == {(names["equal"], 0): [("destination-start", 300, 999, None, None)]}
    # A difference behind it is one.
    oracle.call("delete-records", bootstrap=source, topic=names["moved"], before={"0": 1000})
    report = verify(pair.mirror, "--until", "end", "--topics", names["moved"], code=1)
    assert spans(report, "reordered") == {(names["moved"], 0): expected[names["moved"], 0]}


def test_compacted_topics_and_missing_ones(pair, oracle, source):
    records = [record(number, key=f"key {number % 50}") for number in range(1000)]
    fewer = [one for number, one in enumerate(records) if not 100 <= number < 140]
    compact = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "1.0", "segment.ms": "600000"}
    at_destination = pair("destination", records, fewer, destination_configs=compact)
    at_source = pair("source", fewer, records, source_configs=compact)
    wrong_side = pair("wrong-side", records, fewer, source_configs=compact)
    oracle.call("create-topic", bootstrap=source, topic=f"{pair.topic}.nowhere", partitions=2)
    oracle.call("produce", bootstrap=source, topic=f"{pair.topic}.nowhere", records=records[:5])
    report = verify(pair.mirror, "--until", "end", "--topics", f"{at_destination}, {at_source}", code=4)
    assert spans(report) == {(at_destination, 0): [("compacted", 100, 139, None, None)],
                             (at_source, 0): [("compacted", None, None, 100, 139)]}
    report = verify(pair.mirror, "--until", "end", code=1)
    assert spans(report, "missing", "absent") == {(wrong_side, 0): [("missing", 100, 139, None, None)],
                                                  (f"{pair.topic}.nowhere", 0): [("absent", 0, 4, None, None)]}


def test_a_mirror_is_equal_at_rest_and_under_load(field, topic, oracle, source, destination, run_directory):
    """Also resumed after a kill, by another process, and read from the route in ZooKeeper."""
    mirror = field(topics=f"{topic}.*")
    odd, busy, big = f"{topic}.odd", f"{topic}.busy", f"{topic}.big"
    for name, partitions in ((odd, 3), (busy, 4), (big, 4)):
        mirror.create(name, partitions)
    oracle.call("fidelity", bootstrap=source, topic=odd, partitions=3)
    oracle.call("produce-aborted", bootstrap=source, topic=odd, partitions=3, count=100)
    oracle.call("preload", bootstrap=source, topic=big, partitions=4, count=1_200_000, size=100)
    mirror.up().wait_running(11)
    load = mirror.load(busy, 4, 2000)
    mirror.wait_status(lambda status: all(p["lag"] == 0 for p in status["partitions"] if p["topic"] != busy), "caught up", 180)

    # Under load: equal up to the position, and what lies above is not called missing.
    for _ in range(3):
        report = verify(mirror, "--topics", f"{busy}, {odd}")
        assert report["verdict"] == "equal" and spans(report) == {}
        assert all(p["matched"] > 0 for p in report["partitions"])
    load.stop()
    assert sum(p["matched"] for p in report["partitions"] if p["topic"] == odd) > 900

    # Killed at some moment after a part was done, and gone on with.
    state = mirror.directory / "state"
    command = [str(word) for word in (binary(), "verify", ROUTE, "--config", mirror.config, "--topics", big, "--state", state,
                                      "--threads", 1, "--memory", "16MiB", "-q")]
    process = subprocess.Popen(command, cwd=mirror.directory)

    def progress():
        try:
            return [(p["state"], p["records"][0]) for p in json.loads(state.read_text())["partitions"]]
        except (FileNotFoundError, ValueError):
            return []
    wait_until(lambda: any(records > 0 for _, records in progress()) or process.poll() is not None, 30, "a state", 0.01)
    assert process.poll() is None, "it was done before it could be killed: more records, please"
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = progress()
    report = verify(mirror, "--topics", big, "--state", state)
    assert report["verdict"] == "equal" and report["matched"] == 1_200_000, before
    # It is done: a third run reads nothing more; another comparison is refused.
    done = json.loads(state.read_text())["partitions"]      # with how much was read
    assert verify(mirror, "--topics", big, "--state", state)["verdict"] == "equal"
    assert json.loads(state.read_text())["partitions"] == done
    assert "is of another comparison ('topics' differs)" in verify(mirror, "--topics", busy, "--state", state, code=2)

    # An extra record at the destination, found in the route that only ZooKeeper has.
    oracle.call("produce", bootstrap=destination, topic=busy, records=[record(1, partition=2)])
    text = mirror.config.read_text()
    mirror.config.write_text("".join(line + "\n" for line in text.splitlines() if not line.startswith(ROUTE)))
    report = verify(mirror, "--topics", busy, code=1)
    [(place, [finding])] = spans(report).items()
    assert place == (busy, 2) and finding[0] == "extra"
    assert finding[3] == [p for p in report["partitions"] if p["partition"] == 2][0]["destination"]["to"] - 1


def test_by_provenance_each_route_has_its_own_records(field, topic, oracle, source, destination):
    """Both sides use one name: what came from the destination, and what was written there, is not this route's."""
    mirror = field(topics=topic, **{"provenance": "header"})
    mirror.create(topic, 1, both=True)

    def hop(broker):
        return ["heliostat.provenance", broker.cluster_id]
    records = [record(number) for number in range(300)]
    back = [record(1000 + number, headers=[hop(destination)]) for number in range(50)]
    there = [{**one, "headers": [*one["headers"], hop(source)]} for one in records]
    native = [record(2000 + number) for number in range(70)]
    oracle.call("produce", bootstrap=source, topic=topic, records=[*records[:100], *back, *records[100:]])
    oracle.call("produce", bootstrap=destination, topic=topic, records=[*there[:200], *native, *there[200:]])
    report = verify(mirror, "--until", "end")
    assert report["verdict"] == "equal" and report["matched"] == 300
    oracle.call("produce", bootstrap=source, topic=topic, records=[record(5000)])
    assert spans(verify(mirror, "--until", "end", code=1)) == {(topic, 0): [("missing", 350, 350, None, None)]}


def test_what_cannot_be_reached(field, topic):
    mirror = field(topics=topic, destination="127.0.0.1:1")
    said = verify(mirror, "--timeout", 2, code=3)
    assert "the destination cluster 'west' cannot be reached" in said
