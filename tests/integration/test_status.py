"""`heliostat status`: its JSON, its table, its exit codes.  It reads ZooKeeper alone."""

import json
import re

from local_cluster import REPO, reserve_port, wait_until

STATES = {"UNASSIGNED", "ASSIGNED", "RUNNING", "PAUSED", "DRAINING", "HALTED", "PARKED", "STALLED"}
PARTITION = {"route", "topic", "partition", "lane", "worker", "state", "position", "end_offset", "lag", "lag_seconds",
             "rate", "error"}


def test_json_is_one_object_of_the_documented_schema(field, topic, oracle, source):
    mirror = field(session_timeout_ms=10_000)
    mirror.create(topic, 6)
    mirror.up(workers=2).wait_running(6)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=6, rate=6000, count=6000)
    mirror.assert_mirrored(topic, "exact")
    status = mirror.wait_status(lambda s: all(p["position"] == 1000 and p["lag"] == 0 for p in s["partitions"]),
                                "positions of 1000 and no lag")

    assert status["schema"] == "heliostat.status/v1"
    assert {"health", "leader", "routes", "workers", "lanes", "partitions"} <= set(status)
    assert len(status["routes"]) == 1 and len(status["workers"]) == 2 and len(status["lanes"]) == 24
    assert len(status["partitions"]) == 6
    for partition in status["partitions"]:
        assert set(partition) >= PARTITION
        assert partition["route"] == "east->west" and partition["topic"] == topic
        assert partition["state"] in STATES and partition["worker"] in ("w1", "w2")
        assert partition["end_offset"] == 1000 and not partition["error"]
        for number in ("partition", "lane", "position", "end_offset", "lag"):
            assert type(partition[number]) is int, number
        for number in ("lag_seconds", "rate"):
            assert isinstance(partition[number], (int, float)), number
    assert sorted(partition["partition"] for partition in status["partitions"]) == list(range(6))

    # Every name that can be read is explained.
    text = (REPO / "docs" / "status.md").read_text()

    def names(node):
        if isinstance(node, dict):
            for key, value in node.items():
                yield key
                yield from names(value)
        elif isinstance(node, list):
            for value in node:
                yield from names(value)
    undocumented = {name for name in names(status) if f"`{name}`" not in text and f'"{name}"' not in text}
    assert not undocumented
    assert all(state in text for state in STATES)


def test_lag_is_shown_while_nobody_mirrors(field, topic, oracle, source):
    mirror = field()
    mirror.create(topic, 2)
    mirror.up().wait_running(2)
    mirror.workers["w1"].terminate()
    assert mirror.workers["w1"].wait(10) == 0
    status = mirror.wait_status(lambda s: all(p["state"] == "UNASSIGNED" for p in s["partitions"]), "UNASSIGNED")
    assert len(status["partitions"]) == 2
    assert all(not partition["worker"] for partition in status["partitions"])


def test_table_begins_with_the_health(field, topic):
    mirror = field()
    mirror.create(topic, 3)
    mirror.up().wait_running(3)
    table = mirror.run("status", "--config", mirror.config)
    assert table.returncode == 0 and table.stderr == ""
    first = table.stdout.splitlines()[0]
    assert re.search(r"(?i)ok|healthy", first) and "c1" in first, first
    assert "east->west" in table.stdout and "w1" in table.stdout

    wide = mirror.run("status", "--config", mirror.config, "-o", "wide")
    rows = [line for line in wide.stdout.splitlines() if topic in line and "RUNNING" in line]
    assert len(rows) == 3, wide.stdout


def test_zookeeper_alone_is_enough(field, topic):
    """--zookeeper needs no file."""
    mirror = field()
    mirror.create(topic, 1)
    mirror.up().wait_running(1)
    done = mirror.run("status", "--zookeeper", mirror.connect, "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["partitions"][0]["topic"] == topic


def test_check_fails_while_unhealthy_and_only_then(field, topic):
    mirror = field()
    mirror.create(topic, 2)
    mirror.apply()
    mirror.start_coordinator("c1")

    def check():
        return mirror.run("status", "--config", mirror.config, "--check")
    wait_until(lambda: len(mirror.status()["partitions"]) == 2, 20, mirror.describe)
    unhealthy = check()
    assert unhealthy.returncode == 5, unhealthy.stdout       # nobody runs them
    assert mirror.run("status", "--config", mirror.config).returncode == 0, "without --check it only tells"
    mirror.start_worker("w1")
    mirror.wait_running(2)
    wait_until(lambda: check().returncode == 0, 15, lambda: check().stdout)
    mirror.coordinators["c1"].kill()
    wait_until(lambda: check().returncode == 5, 20, lambda: f"no leader is unhealthy\n{check().stdout}")


def test_exit_codes(field, topic):
    mirror = field()
    nobody = f"127.0.0.1:{reserve_port()}/nothing"
    assert mirror.run("status", "--zookeeper", nobody).returncode == 3
    assert mirror.run("status", "--config", mirror.directory / "absent.properties").returncode == 2
    assert mirror.run("status", "-o", "sculpture", "--zookeeper", nobody).returncode == 2
    assert mirror.run("status").returncode == 2
    assert mirror.run("status", "--unknown-option").returncode == 2
