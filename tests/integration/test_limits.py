"""Limits are held, change while lanes run, and are no trouble."""

import pathlib
import signal
import sys
import time

import pytest
from local_cluster import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))

from peers import EndOffsets  # noqa: E402

VALUE_BYTES = 1000
RECORDS = 100_000
PARTITIONS = 3


def setting(mirror, **keys):
    mirror.routes["east->west"].update({key.replace("_", "."): value for key, value in keys.items()})
    mirror.write_config()
    mirror.apply()


@pytest.mark.quiet
@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_limits_are_held_and_changed(field, topic, destination, guarantee):
    limit = 1 << 21
    mirror = field(lanes=8, settings={"report.interval.ms": 300},
                   **{"limit.bytes.per.second": limit, "delivery.guarantee": guarantee, "transaction.commit.interval.ms": 200})
    mirror.create(topic, PARTITIONS, both=True)
    mirror.oracle.call("preload", bootstrap=mirror.source, topic=topic, partitions=PARTITIONS, count=RECORDS, size=VALUE_BYTES)
    mirror.up()
    mirror.wait_running(PARTITIONS)
    ends = EndOffsets(destination, topic, PARTITIONS, stable=False)     # exactly-once: with the marks of transactions, 15 a second

    def rate(seconds=4):
        before, since = ends.total(), time.monotonic()
        time.sleep(seconds)
        return (ends.total() - before) / (time.monotonic() - since)
    wait_until(lambda: ends.total() > 1000, 20, mirror.describe)
    time.sleep(1.5)
    assert 0.9 * limit < rate() * VALUE_BYTES < 1.1 * limit

    # Nothing is wrong, and the reason is shown.
    status = mirror.status()
    assert status["health"]["level"] == "OK", status["health"]
    assert {row["state"] for row in status["partitions"]} == {"RUNNING"}, status["partitions"]
    assert any((row["error"] or "").startswith("LIMITED") for row in status["partitions"]), status["partitions"]
    assert mirror.metric("heliostat_throttled_seconds_total") > 1 and mirror.metric("heliostat_limited_lanes") >= 1

    # Changed by the lanes that are there: the route's, then the worker's.
    opened = mirror.workers["w1"].log_text().count("msg=lane.open ")
    setting(mirror, limit_bytes_per_second=0, limit_records_per_second=4000)
    time.sleep(1.5)
    assert 3600 < rate() < 4400          # a lane sends whole batches, of 260 records: four seconds hold enough of them
    mirror.settings["worker.limit.records.per.second"] = 3200
    mirror.write_config()
    mirror.workers["w1"].signal(signal.SIGHUP)
    mirror.workers["w1"].wait_log(r"msg=config\.reload .*reopened_routes=-")
    time.sleep(1.5)
    assert 2880 < rate() < 3520
    setting(mirror, limit_records_per_second=0)
    mirror.settings["worker.limit.records.per.second"] = 0
    mirror.write_config()
    mirror.workers["w1"].signal(signal.SIGHUP)
    wait_until(lambda: ends.total() >= RECORDS, 20, mirror.describe)
    assert mirror.workers["w1"].log_text().count("msg=lane.open ") == opened
    mirror.assert_mirrored(topic, "exact" if guarantee == "exactly-once" else guarantee)
