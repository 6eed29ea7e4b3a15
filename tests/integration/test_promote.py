"""`heliostat promote`: the failover of a route, with its source alive and dead, interrupted, repeated and undone."""

import json
import pathlib
import signal
import subprocess
import sys
import time

from conftest import COMMIT_INTERVAL_MS
from local_cluster import LOOPBACK, KafkaBroker, binary, reserve_port, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))

import fault_proxy  # noqa: E402

ROUTE = "east->west"
PARTITIONS = 4


def promote(mirror, *arguments, code=0, source_timeout_s=15):
    done = mirror.run("promote", ROUTE, "--config", mirror.config, "-o", "json", "--source-timeout", source_timeout_s, *arguments,
                      limit_s=90)
    assert done.returncode == code, f"{done}\n{mirror.describe()}"
    return json.loads(done.stdout) if done.stdout else None


def intake(mirror):
    return mirror.status()["routes"][0]["intake"]


def test_failover_and_back(field, topic, run_directory):
    broker = KafkaBroker(run_directory / f"{topic}-source", "3.9.1", f"{topic}-source").start()
    mirror = field(source=broker, session_timeout_ms=20_000)     # w1 is stopped for a while
    try:
        mirror.create(topic, PARTITIONS)
        mirror.up().wait_running(PARTITIONS)
        load = mirror.load(topic, PARTITIONS, 1000)
        mirror.wait_status(lambda status: sum(p["position"] for p in status["partitions"]) > 2000, "records flow")

        offsets = {str(partition): 100 + partition for partition in range(PARTITIONS)}
        mirror.oracle.call("set-group-offsets", bootstrap=broker, group=f"readers.{topic}", topic=topic, offsets=offsets)

        def carried():
            found = mirror.oracle.call("group-offsets", bootstrap=mirror.destination, group=f"readers.{topic}").get(topic, {})
            return {partition: entry["offset"] for partition, entry in found.items()}

        dry = promote(mirror, "--dry-run")
        assert dry["groups"].startswith("1 would move forward at west, 0 could not") and not carried()
        assert dry["dry_run"] and dry["source_reachable"] and intake(mirror) is None

        # Interrupted, then killed while the lanes cannot end: nothing is half done that another run does not finish.
        mirror.workers["w1"].pause()
        command = [str(word) for word in (binary(), "promote", ROUTE, "--config", mirror.config)]
        for number in (signal.SIGINT, signal.SIGKILL):
            process = subprocess.Popen(command, cwd=mirror.directory, stderr=subprocess.PIPE, text=True)
            wait_until(lambda: intake(mirror) == "stopping", 10, mirror.describe)
            assert process.poll() is None
            process.send_signal(number)
            assert process.wait() == -number
            told = process.stderr.read()
            assert (f"interrupted; {ROUTE} is stopping, or stopped: 'heliostat promote {ROUTE}' again" in told) \
                == (number == signal.SIGINT), told
        mirror.workers["w1"].resume()
        report = promote(mirror)
        assert report["source_reachable"] and report["state"] == "stopped" and intake(mirror) == "stopped"
        assert all(lane["state"] == "FREE" for lane in mirror.status()["lanes"])
        assert report["groups"].startswith("1 moved forward at west, 0 could not"), report
        # Never ahead of its place; nothing was repeated before it, so it is at it.
        assert carried() == offsets

        # Again, at rest: the exact number of records that are not mirrored, as Java's client counts them.
        load.stop()
        again = promote(mirror)
        missing = mirror.oracle.call("compare", source=broker, destination=mirror.destination, topic=topic,
                                     mode="at-least-once")["total"]["missing"]
        assert again["groups"].startswith("0 moved forward at west, 0 could not"), again
        assert again["unmirrored_exact"] and again["unmirrored"] == missing > 0
        assert {p["partition"]: p["position"] for p in again["partitions"]} == \
               {p["partition"]: p["position"] for p in report["partitions"]}
        # The configuration says enabled, and does not undo it.
        mirror.apply()
        assert intake(mirror) == "stopped"

        # Undone, it goes on from its positions.
        done = mirror.run("promote", ROUTE, "--config", mirror.config, "--undo")
        assert (done.returncode, done.stdout) == (0, f"{ROUTE} mirrors again, from its positions\n")
        mirror.wait_running(PARTITIONS)
        mirror.assert_mirrored(topic)
        mirror.wait_status(lambda status: all(p["lag"] == 0 for p in status["partitions"]), "no lag")

        # The source dies: what was known of it is said, with its age, and kept for a repetition.
        broker.kill()
        report = promote(mirror, source_timeout_s=5)
        assert not report["source_reachable"] and intake(mirror) == "stopped"
        assert report["groups"].startswith("not carried over: east does not answer"), report
        assert report["unknown_partitions"] == 0 and not report["unmirrored_exact"]
        ends = {p["partition"]: p["end_offset"] for p in report["partitions"]}
        assert all(end > 0 for end in ends.values()) and report["oldest_end_ms"] > 0
        for worker in mirror.workers.values():
            worker.end()
        again = promote(mirror, source_timeout_s=5)
        assert {p["partition"]: p["end_offset"] for p in again["partitions"]} == ends
        assert again["oldest_end_ms"] > report["oldest_end_ms"]
        text = mirror.run("promote", ROUTE, "--config", mirror.config, "--source-timeout", 2).stdout
        assert "source unreachable: unmirrored records unknown; last known end offsets, up to " in text
    finally:
        for command in mirror.loads:
            if not command.done():
                command.stop()      # it cannot once its broker is gone
        broker.end()


def test_a_worker_cut_from_zookeeper_is_named(field, topic, zookeeper):
    """It mirrors on, and nobody follows it: promote does not say that all has stopped, until it is back."""
    mirror = field(lanes=2)
    proxy = fault_proxy.Proxy()
    try:
        link = proxy.link("w1", reserve_port(), zookeeper.port, kafka=False)
        mirror.create(topic, PARTITIONS)
        mirror.apply()
        mirror.start_coordinator("c1")
        mirror.start_worker("w1", config=mirror.write_config(mirror.directory / "w1.properties", f"{LOOPBACK}:{link.port}"))
        mirror.start_worker("w2")
        mirror.wait_status(lambda status: {lane["worker"] for lane in status["lanes"]} == {"w1", "w2"}, "each has a lane")
        status = mirror.wait_running(PARTITIONS)
        lane, = (lane["lane"] for lane in status["lanes"] if lane["worker"] == "w1")
        alone = {p["partition"] for p in status["partitions"] if p["worker"] == "w1"}
        mirror.load(topic, PARTITIONS, 400)
        mirror.wait_flowing(mirror.watch(topic, PARTITIONS))

        link.cut()
        link.reset()
        report = promote(mirror)
        assert report["state"] == "stopped" and report["lost_lanes"] == [{"lane": lane, "worker": "w1"}], report

        def positions(report):
            return {p["partition"]: p["position"] for p in report["partitions"]}

        def mirrors_on():
            found = promote(mirror)
            return found if all(positions(found)[p] > positions(report)[p] for p in alone) else None
        again = wait_until(mirrors_on, 30, mirror.describe)
        assert all(lane["state"] == "FREE" for lane in mirror.status()["lanes"])
        assert again["lost_lanes"] == report["lost_lanes"]
        assert all(positions(again)[p] == positions(report)[p] for p in range(PARTITIONS) if p not in alone)
        text = mirror.run("promote", ROUTE, "--config", mirror.config).stdout
        assert "not seen to stop: worker w1, whose session has ended: lane " in text and "is stopped, but for" in text

        link.heal()
        wait_until(lambda: promote(mirror)["lost_lanes"] == [], 40, mirror.describe)

        def at_rest():
            before = positions(promote(mirror))
            time.sleep(3 * COMMIT_INTERVAL_MS / 1000)
            return positions(promote(mirror)) == before
        wait_until(at_rest, 40, mirror.describe)
    finally:
        proxy.close()
