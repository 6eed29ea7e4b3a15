"""A configuration that is read again: who is concerned, who is not, and who says so."""

import os
import re
import signal
import time

import pytest
from local_cluster import wait_until

PARTITIONS = 4


def lanes_of(status, route):
    return {lane["lane"]: (lane["worker"], lane["generation"]) for lane in status["lanes"]
            if lane["route"] == route and lane["partitions"]}


def opens(mirror, route):
    return sum(len(re.findall(rf"msg=lane\.open route={route} ", worker.log_text())) for worker in mirror.workers.values())


@pytest.mark.quiet
def test_a_change_concerns_the_lanes_of_its_route(field, topic, destination):
    other = f"{topic}-b"
    routes = {name: {"topics": names, "group.id": f"g-{names}", "offset.commit.interval.ms": 500, "lanes": PARTITIONS,
                     "refresh.topics.interval.seconds": 2}
              for name, names in (("east->west", topic), ("east->south", other))}
    mirror = field(routes=routes)
    mirror.clusters["south"] = destination
    served = mirror.directory / "served.properties"     # of the processes; `status` has the other

    def write():
        mirror.write_config()
        return mirror.write_config(served)

    write()
    for name in (topic, other):
        mirror.create(name, PARTITIONS)
    mirror.apply()
    mirror.start_coordinator("c1", served)
    for name in ("w1", "w2"):
        mirror.start_worker(name, config=served)
    mirror.wait_running(2 * PARTITIONS)
    loads = [mirror.load(name, PARTITIONS, rate=400) for name in (topic, other)]
    watch = mirror.watch(other, PARTITIONS)
    mirror.wait_flowing(watch)
    wait_until(lambda: all(worker["config_version"] for worker in mirror.status()["workers"]), 10, mirror.describe)
    before, since = mirror.status(), int(time.time() * 1000)
    assert len({worker["config_version"] for worker in before["workers"]}) == 1 and before["health"]["level"] == "OK", before
    kept, opened = lanes_of(before, "east->south"), opens(mirror, "east->south")
    assert len(kept) == PARTITIONS and opened == PARTITIONS

    # One worker reads it, then the other: in between they differ, and status says so.
    first, second = mirror.workers["w1"], mirror.workers["w2"]
    mirror.settings.update({"west.producer.linger.ms": 7, "log.level": "debug", "worker.capacity": 50})
    write()
    first.signal(signal.SIGHUP)
    told = first.wait_log(r"msg=config\.reload worker=w1 config=(\w+) reopened_routes=(\S+)")
    assert told.group(2) == "east->west" and told.group(1) != before["workers"][0]["config_version"]
    assert "key=worker.capacity" in first.log_text() and "level=debug" not in second.log_text()
    first.wait_log("level=debug")
    mirror.wait_status(lambda status: "different configurations" in str(status["health"]), "the skew is told")
    for process in (second, mirror.coordinators["c1"]):
        process.signal(signal.SIGHUP)
        process.wait_log(r"msg=config\.reload \w+=\w+ config=" + told.group(1))
    mirror.wait_status(lambda status: {worker["config_version"] for worker in status["workers"]} == {told.group(1)}
                       and status["health"]["level"] == "OK", "both run with the new one")
    mirror.wait_running(2 * PARTITIONS)
    assert opens(mirror, "east->west") == 2 * PARTITIONS

    # A file with an error changes nothing, and says where it is.
    served.write_text(served.read_text() + "worker.loops = many\n")
    line = served.read_text().count("\n")
    first.signal(signal.SIGHUP)
    first.wait_log(rf'level=error \S+ msg=config\.reload .*{served.name}:{line}: worker\.loops.*stays as it was')
    mirror.wait_status(lambda status: "worker w1 runs on with its old configuration" in str(status["health"]),
                       "the error is told")
    write()
    first.signal(signal.SIGHUP)
    mirror.wait_status(lambda status: status["health"]["level"] == "OK", "the error is gone")

    # What apply publishes reaches the route's lanes, each of which says which version it runs.
    mirror.routes["east->west"]["offset.commit.interval.ms"] = 700
    write()
    mirror.apply()

    def version_of(status, route):
        return next(entry["version"] for entry in status["routes"] if entry["name"] == route)

    def everywhere(status):
        wanted = version_of(status, "east->west")
        return wanted == version_of(before, "east->west") + 1 and all(
            lane["route_version"] == wanted for lane in status["lanes"] if lane["route"] == "east->west" and lane["partitions"])
    after = mirror.wait_status(everywhere, "every lane runs the new version")
    mirror.wait_running(2 * PARTITIONS)

    # The other route has noticed nothing of all that.
    assert lanes_of(mirror.status(), "east->south") == kept and opens(mirror, "east->south") == opened
    assert version_of(after, "east->south") == version_of(before, "east->south")
    report = watch.query(from_ms=since)
    assert report and max(entry["max_delay_ms"] for entry in report.values()) < 1500, report
    for load in loads:
        load.stop()
    for name in (topic, other):
        mirror.assert_mirrored(name)


def test_a_route_that_comes_while_the_file_is_read(field, topic, destination):
    """Its lanes were opened with the old configuration: they are opened again with the new one."""
    other = f"{topic}-b"
    routes = {name: {"topics": names, "group.id": f"g-{names}", "lanes": 2}
              for name, names in (("east->west", topic), ("east->south", other))}
    mirror = field(routes={"east->west": routes["east->west"]})
    mirror.clusters["south"] = destination
    mirror.write_config()
    slow = mirror.write_config(mirror.directory / "slow.properties")
    for name in (topic, other):
        mirror.create(name, 2)
    mirror.apply()
    mirror.start_coordinator("c1")
    worker = mirror.start_worker("w1", config=slow)
    mirror.wait_running(2)
    mirror.settings["log.level"] = "debug"
    mirror.write_config(slow)
    text = slow.read_text()
    slow.unlink()
    os.mkfifo(slow)
    worker.signal(signal.SIGHUP)
    mirror.routes.update(routes)
    mirror.write_config()
    mirror.apply()
    wait_until(lambda: opens(mirror, "east->south") == 2, 20, mirror.describe)
    slow.write_text(text)       # as long as nobody has written it, it is being read
    assert worker.wait_log(r"msg=config\.reload worker=w1 config=\w+ reopened_routes=(\S+)").group(1) == "east->south"
    wait_until(lambda: (opens(mirror, "east->west"), opens(mirror, "east->south")) == (2, 4), 20, mirror.describe)
    mirror.wait_running(4)
