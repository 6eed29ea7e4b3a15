"""Inside one lane: a backlog does not delay those that keep up; limits and priorities of topics."""

import time

import pytest
from local_cluster import wait_until
from test_limits import EndOffsets, setting

VALUE_BYTES = 1000
PARTITIONS = 3
BACKLOG = 20_000    # of each of them


def longest(watch, since_ms, until_ms=None):
    """The longest delay of a record that reached the source then, from readable there to readable at the destination."""
    reports = watch.query(from_ms=since_ms, **({"to_ms": until_ms} if until_ms else {}))
    assert all(report["source_records"] > 0 for report in reports.values()), reports
    return max(report["max_delay_ms"] for report in reports.values())


def now_ms():
    return int(time.time() * 1000)


@pytest.mark.quiet
@pytest.mark.parametrize(("guarantee", "size"), [("at-least-once", 20 * VALUE_BYTES), ("exactly-once", VALUE_BYTES)])
def test_a_live_partition_beside_a_backlog(field, topic, guarantee, size):
    backlog = BACKLOG * VALUE_BYTES // size
    live, behind = f"{topic}-live", f"{topic}-behind"
    mirror = field(topics=live, lanes=1, settings={"report.interval.ms": 300, "worker.loops": 1},
                   **{"limit.bytes.per.second": 3 << 20, "batch.relay.enabled": "false", "delivery.guarantee": guarantee, "transaction.commit.interval.ms": 100})
    mirror.create(live, 1, both=True)
    mirror.create(behind, PARTITIONS, both=True)
    mirror.oracle.call("preload", bootstrap=mirror.source, topic=behind, partitions=PARTITIONS, count=backlog * PARTITIONS, size=size)
    load = mirror.load(live, 1, rate=200)
    watch = mirror.watch(live, 1)
    mirror.up()
    mirror.wait_running(1)
    mirror.wait_flowing(watch)
    alone_ms = now_ms()
    time.sleep(2)
    since_ms = now_ms()
    setting(mirror, topics=f"{topic}-.*")
    mirror.wait_running(1 + PARTITIONS)
    time.sleep(1.5)
    beside_ms = now_ms()
    time.sleep(3)
    until_ms = now_ms()
    wait_until(lambda: all(report["waiting"] == 0 for report in watch.query(from_ms=since_ms, to_ms=until_ms).values()), 10,
               mirror.describe)
    delays = (longest(watch, alone_ms, since_ms), longest(watch, since_ms, beside_ms), longest(watch, beside_ms, until_ms))
    # The backlog is still there, and all of its partitions move.
    rows = {(row["topic"], row["partition"]): row for row in mirror.status()["partitions"]}
    lags = [rows[behind, p]["end_offset"] - rows[behind, p]["position"] for p in range(PARTITIONS)]
    setting(mirror, limit_bytes_per_second=0)
    load.stop()
    for name in (live, behind):
        mirror.assert_mirrored(name, "exact" if guarantee == "exactly-once" else guarantee)
    assert all(backlog / 20 < lag < backlog for lag in lags), lags
    alone, beginning, beside = delays
    assert beside < alone + 300 and beginning < alone + 2000, delays


@pytest.mark.quiet
def test_limits_and_priorities_of_topics(field, topic, destination):
    names = high, low, capped = [f"{topic}-{word}" for word in ("high", "low", "capped")]
    mirror = field(topics=f"{topic}-.*", lanes=1, settings={"report.interval.ms": 300, "worker.loops": 1},
                   **{"limit.bytes.per.second": 3 << 20, "limit.topics.bytes.per.second": f"{capped}=400KiB",
                      "priority": f"{high}=high; {low}=low"})
    for name in names:
        mirror.create(name, 2, both=True)
        mirror.oracle.call("preload", bootstrap=mirror.source, topic=name, partitions=2, count=BACKLOG, size=VALUE_BYTES)
    mirror.up()
    mirror.wait_running(6)
    ends = {name: EndOffsets(destination, name, 2, stable=False) for name in names}

    def rates(seconds=4):
        """Bytes per second that arrive, of each topic."""
        before, since = {name: ends[name].total() for name in names}, time.monotonic()
        time.sleep(seconds)
        return {name: (ends[name].total() - before[name]) * VALUE_BYTES / (time.monotonic() - since) for name in names}
    wait_until(lambda: all(end.total() > 100 for end in ends.values()), 20, mirror.describe)
    time.sleep(1.5)
    told = rates()
    assert 0.9 * 400 < told[capped] / 1024 < 1.1 * 400, told
    assert told[high] > 4 * told[low] > 0, told
    assert told[high] + told[low] + told[capped] > 0.9 * (3 << 20), told    # what one may not take the others do
    rows = mirror.status()["partitions"]
    assert {row["state"] for row in rows} == {"RUNNING"} and all(row["error"].startswith("LIMITED") for row in rows), rows

    opened = mirror.workers["w1"].log_text().count("msg=lane.open ")
    setting(mirror, **{"limit.topics.bytes.per.second": "", "limit.topics.records.per.second": f"{capped}=900"})
    time.sleep(1.5)
    told = rates()
    assert 0.9 * 900 < told[capped] / VALUE_BYTES < 1.1 * 900, told
    setting(mirror, **{"limit.topics.records.per.second": "", "limit.bytes.per.second": 0})
    for name in names:
        mirror.assert_mirrored(name)
    assert mirror.workers["w1"].log_text().count("msg=lane.open ") == opened


@pytest.mark.quiet
@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_relayed_beside_opened_under_a_limit(field, topic, destination, guarantee):
    names = relayed, opened = f"{topic}-relayed", f"{topic}-opened"
    limit = 3 << 20
    mirror = field(topics=f"{topic}-.*", lanes=1, settings={"report.interval.ms": 300, "worker.loops": 1},
                   **{"limit.bytes.per.second": limit, "delivery.guarantee": guarantee, "transaction.commit.interval.ms": 200})
    for name in names:
        kind = "LogAppendTime" if name == opened else "CreateTime"      # what the source's broker has stamped is opened
        mirror.oracle.call("create-topic", bootstrap=mirror.source, topic=name, partitions=2, configs={"message.timestamp.type": kind})
        mirror.oracle.call("create-topic", bootstrap=destination, topic=name, partitions=2)
        mirror.oracle.call("preload", bootstrap=mirror.source, topic=name, partitions=2, count=BACKLOG * 2, size=VALUE_BYTES)
    mirror.up()
    mirror.wait_running(4)
    ends = {name: EndOffsets(destination, name, 2, stable=False) for name in names}
    wait_until(lambda: all(end.total() > 100 for end in ends.values()), 20, mirror.describe)
    for partition in range(2):
        mirror.workers["w1"].wait_log(rf"partition\.opened .*{opened}.* partition={partition}", 10)

    def even(seconds=4):
        """A lane sends whole batches, and changes how it reads when it has found out who is behind: some seconds are not enough."""
        before, since = {name: ends[name].total() for name in names}, time.monotonic()
        time.sleep(seconds)
        rates = {name: (ends[name].total() - before[name]) * VALUE_BYTES / (time.monotonic() - since) for name in names}
        told.append(rates)
        return 0.9 * limit < sum(rates.values()) < 1.1 * limit and 0.75 * rates[relayed] < rates[opened] < rates[relayed] / 0.75
    told = []
    wait_until(even, 16, lambda: f"{told}\n{mirror.describe()}")
    setting(mirror, limit_bytes_per_second=0)
    for name in names:
        mirror.assert_mirrored(name, "exact" if guarantee == "exactly-once" else guarantee)
    assert f"partition.opened route=east->west lane=0 topic={relayed} " not in mirror.workers["w1"].log_text()
