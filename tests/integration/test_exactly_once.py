"""delivery.guarantee=exactly-once: what a read_committed reader of the destination sees is the source, record by record,
whatever is killed, stopped or told to go.  The oracle's consumers are Java's, with isolation.level=read_committed."""

import time

import pytest

from conftest import SESSION_TIMEOUT_MS
from local_cluster import KafkaBroker, wait_until

PARTITIONS = 6
RATE = 600


@pytest.fixture
def exact(field, topic):
    """exact(workers=2, ...) -> (mirror, load) of an exactly-once route with every partition flowing."""
    def make(workers=2, guarantee="exactly-once", **more):
        mirror = field(**{"delivery.guarantee": guarantee, **more})
        mirror.create(topic, PARTITIONS)
        mirror.up(workers, coordinators=1).wait_running(PARTITIONS)
        load = mirror.load(topic, PARTITIONS, RATE)
        wait_arriving(mirror, topic)
        return mirror, load
    return make


def arrived(mirror, topic):
    """Committed records at the destination, by partition, as its end offsets tell (markers included)."""
    return mirror.oracle.call("compare", source=mirror.source, destination=mirror.destination, topic=topic,
                              mode="at-least-once")["total"]["destination"]


def wait_arriving(mirror, topic, limit_s=30):
    before = arrived(mirror, topic)
    wait_until(lambda: arrived(mirror, topic) > before + RATE, limit_s, mirror.describe, 0.5)


def finish(mirror, topic, load):
    load.stop()
    result = mirror.assert_mirrored(topic, "exact")
    assert result["total"]["source"] > RATE
    return result


def test_exactly_once_in_peace(exact, topic, run_directory):
    broker = KafkaBroker(run_directory / f"{topic}-broker", "3.9.1").start()
    try:
        mirror, load = exact(destination=broker)
        finish(mirror, topic, load)
    finally:
        broker.end()


def test_killed_worker_repeats_nothing(exact, topic):
    mirror, load = exact(workers=3)
    mirror.workers["w1"].kill()
    mirror.wait_running(PARTITIONS, workers={"w2", "w3"})
    wait_arriving(mirror, topic)
    mirror.workers["w2"].kill()
    mirror.wait_running(PARTITIONS, workers={"w3"})
    wait_arriving(mirror, topic)
    finish(mirror, topic, load)


def test_worker_told_to_stop_and_joining_worker_repeat_nothing(exact, topic):
    mirror, load = exact(workers=2)
    mirror.workers["w1"].terminate()
    assert mirror.workers["w1"].wait(10) == 0, mirror.workers["w1"].tail()
    mirror.wait_running(PARTITIONS, workers={"w2"})
    mirror.start_worker("w3")
    mirror.wait_status(lambda status: "w3" in {lane["worker"] for lane in status["lanes"]}, "w3 has lanes")
    mirror.wait_running(PARTITIONS)
    wait_arriving(mirror, topic)
    finish(mirror, topic, load)


def test_stopped_worker_commits_nothing_when_it_wakes(exact, topic):
    mirror, load = exact(workers=2)
    worker = mirror.workers["w1"]
    since = time.monotonic()
    worker.pause()
    wait_until(lambda: time.monotonic() - since > 3 * SESSION_TIMEOUT_MS / 1000, 60, "three sessions pass")
    mirror.wait_running(PARTITIONS, workers={"w2"})
    wait_arriving(mirror, topic)
    worker.resume()
    mirror.wait_status(lambda status: "w1" in {lane["worker"] for lane in status["lanes"]}, "w1 has lanes again")
    mirror.wait_running(PARTITIONS)
    wait_arriving(mirror, topic)
    finish(mirror, topic, load)


def test_guarantee_changes_under_load_and_keeps_the_positions(exact, topic):
    mirror, load = exact(guarantee="at-least-once")

    def change(guarantee, word):
        lines = {name: worker.log_text().count("lane.running") for name, worker in mirror.workers.items()}
        mirror.routes["east->west"]["delivery.guarantee"] = guarantee
        mirror.write_config()
        mirror.apply()
        wait_until(lambda: sum(worker.log_text().count("lane.running") for worker in mirror.workers.values())
                   >= sum(lines.values()) + PARTITIONS, 40, lambda: f"{word}\n{mirror.describe()}")
        mirror.wait_running(PARTITIONS)
        wait_arriving(mirror, topic)
    change("exactly-once", "lanes run exactly-once")
    change("at-least-once", "lanes run at-least-once")
    change("exactly-once", "lanes run exactly-once again")
    finish(mirror, topic, load)


def test_destination_broker_killed_repeats_nothing(exact, topic, run_directory):
    broker = KafkaBroker(run_directory / f"{topic}-broker", "4.1.0").start()
    try:
        mirror, load = exact(destination=broker)
        broker.kill()
        since = time.monotonic()
        wait_until(lambda: time.monotonic() - since > 5, 10, "five seconds pass")
        broker.start()
        wait_arriving(mirror, topic, 60)
        finish(mirror, topic, load)
        assert all(process.alive() for process in mirror.processes()), mirror.describe()
    finally:
        broker.end()


def test_a_partition_that_cannot_start_keeps_its_place_in_the_position_record(field, topic):
    """Two topics in one lane; the next owner meets one of them without a destination, and mirrors the other on."""
    other = f"{topic}.other"
    mirror = field(topics=f"{topic}|{other}", lanes=1, **{"delivery.guarantee": "exactly-once",
                                                          "refresh.topics.interval.seconds": 600})
    for name in (topic, other):
        mirror.create(name, 1)
        mirror.oracle.call("preload", bootstrap=mirror.source, topic=name, partitions=1, count=100, size=100)
    mirror.up()
    mirror.wait_running(2)
    for name in (topic, other):
        mirror.assert_mirrored(name, "exact")
    mirror.workers["w1"].kill()
    mirror.oracle.call("delete-topic", bootstrap=mirror.destination, topic=other)
    mirror.start_worker("w2")
    mirror.wait_status(lambda status: {p["topic"]: p["state"] for p in status["partitions"]} ==
                       {topic: "RUNNING", other: "PARKED"}, "one runs, the other is parked")
    # Transactions without the parked one: each tells of its position all the same.
    mirror.oracle.call("preload", bootstrap=mirror.source, topic=topic, partitions=1, count=100, size=100)
    mirror.assert_mirrored(topic, "exact")
    mirror.workers["w2"].kill()
    mirror.oracle.call("create-topic", bootstrap=mirror.destination, topic=other, partitions=1)
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=other,
                       records=[{"partition": 0, "key": "after", "value": "x"}])
    mirror.start_worker("w3")
    mirror.wait_running(2, workers={"w3"})

    def arrived():
        return len(mirror.oracle.call("dump", bootstrap=mirror.destination, topic=other)["0"])
    wait_until(lambda: arrived() > 0, 20, mirror.describe, 0.2)
    assert arrived() == 1       # what was mirrored before the topic was deleted is not sent again
