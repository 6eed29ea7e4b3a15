"""The memory budget: what a worker takes, whatever the lag, the partition count and the destination do."""

import shutil
import time

import pytest

import local_cluster
from conftest import SESSION_TIMEOUT_MS
from local_cluster import KafkaBroker, wait_until

pytestmark = pytest.mark.quiet

MIB = 1 << 20
BUDGET = 128 * MIB      # the default
BOUND = BUDGET + 32 * MIB


@pytest.fixture(scope="module")
def brokers(run_directory):
    """Own ones: the destination is stopped, and the records of both go from the disk with these tests."""
    pair = KafkaBroker(run_directory / "memory-source", "3.9.1"), KafkaBroker(run_directory / "memory-destination", "4.1.0")
    local_cluster.start_together(*pair)
    yield pair
    for broker in pair:
        broker.end()
        shutil.rmtree(broker.directory / "data", ignore_errors=True)


def assert_within(worker, bound=BOUND):
    # A sanitizer's own memory is several times the worker's; the rest of the test holds with it too.
    program = local_cluster.binary().read_bytes()
    if b"__asan_init" not in program and b"__tsan_init" not in program:
        peak = worker.peak_memory_bytes()
        assert peak <= bound, f"peak {peak / MIB:.1f} MiB, allowed {bound / MIB:.0f}\n{worker.tail(40)}"


def generations(status):
    return {lane["lane"]: (lane["worker"], lane["generation"]) for lane in status["lanes"]}


def test_destination_that_accepts_nothing(field, topic, oracle, brokers):
    """24 lanes, 200 partitions, four budgets' worth of 1 MB records, and the destination stops in the middle: memory stays
    bounded, no lane moves, and everything arrives when it is back."""
    source, destination = brokers
    partitions, records = 200, 500
    mirror = field(source=source, destination=destination, lanes=24)
    mirror.create(topic, partitions, both=True)
    status = mirror.up().wait_running(partitions)
    before, worker = generations(status), mirror.workers["w1"]
    assert len(before) == 24 and {owner for owner, _ in before.values()} == {"w1"}

    load = oracle.begin("preload", bootstrap=source, topic=topic, partitions=partitions, count=records, size=1_000_000)

    def committed():
        mirror.check_processes()
        offsets = oracle.call("group-offsets", bootstrap=source, group=f"heliostat.{topic}").get(topic, {})
        return sum(entry["offset"] for entry in offsets.values())
    wait_until(lambda: committed() >= records // 20, 30, lambda: f"the first records arrive\n{mirror.describe()}", 0.05)
    destination.pause()
    try:
        stopped = time.monotonic()
        load.result()
        # Records time out after 5 s and are taken anew from the source: more than once, and for four sessions.
        wait_until(lambda: time.monotonic() - stopped > max(12, 4 * SESSION_TIMEOUT_MS / 1000), 30, "time passes")
        assert worker.alive(), worker.tail()
        assert (records - committed()) * 1_000_000 > 2 * BUDGET, "too little was left to fill the memory"
        assert_within(worker)
        assert generations(mirror.status()) == before
    finally:
        destination.resume()
    # One comparison of 200 partitions takes several seconds: the first when all is there.
    wait_until(lambda: committed() == records, 60, lambda: f"all records are acknowledged\n{mirror.describe()}", 0.2)
    result = mirror.assert_mirrored(topic, "at-least-once")
    assert result["total"]["source"] == records
    assert generations(mirror.wait_running(partitions)) == before
    assert_within(worker)


@pytest.mark.parametrize("size, records, codec, guarantee, relay", (
    (100, 1_500_000, "none", "at-least-once", True),
    (10, 1_000_000, "none", "exactly-once", False),
    (500, 500_000, "zstd", "exactly-once", False),
), ids=("100B", "10B", "zstd"))
def test_records_that_grow_in_memory_at_full_speed(field, topic, oracle, brokers, size, records, codec, guarantee, relay):
    """So small that librdkafka's structures are several times the records, or compressed well; more than the budget in all."""
    source, destination = brokers
    partitions = 12
    mirror = field(source=source, destination=destination, settings={"west.producer.compression.type": codec},
                   **{"delivery.guarantee": guarantee, "batch.relay.enabled": str(relay).lower()})
    mirror.create(topic, partitions, both=True)
    oracle.call("preload", bootstrap=source, topic=topic, partitions=partitions, count=records, size=size, codec=codec,
                payload="random" if codec == "none" else "json")
    mirror.up()
    result = mirror.assert_mirrored(topic, "exact", limit_s=90)
    assert result["total"]["source"] == records
    assert_within(mirror.workers["w1"], BUDGET)
