"""A record arrives as it was: key, value, headers in order, timestamp; per partition in order; no aborted record."""

import pytest

PARTITIONS = 5


@pytest.mark.parametrize("seed", [1, 2])
def test_odd_records_arrive_unchanged(field, topic, oracle, source, seed):
    """Java's own client writes them; half lie there before the mirror starts, half come while it runs."""
    mirror = field(session_timeout_ms=10_000)
    mirror.create(topic, PARTITIONS)
    before = oracle.call("fidelity", bootstrap=source, topic=topic, partitions=PARTITIONS, seed=seed)
    mirror.up(workers=2).wait_running(PARTITIONS)
    during = oracle.call("fidelity", bootstrap=source, topic=topic, partitions=PARTITIONS, seed=seed + 100)
    result = mirror.assert_mirrored(topic, "exact", limit_s=60)
    assert result["total"]["destination"] == before["sent"] + during["sent"]
    assert before["aborted"] > 0


def test_odd_records_survive_a_killed_worker(field, topic, oracle, source):
    """The records are resent by another worker; the first occurrences are still complete, unchanged, in order."""
    mirror = field(settings={"report.interval.ms": 200})
    mirror.create(topic, PARTITIONS)
    mirror.up(workers=2).wait_running(PARTITIONS)
    sending = oracle.begin("fidelity", bootstrap=source, topic=topic, partitions=PARTITIONS, seed=7, rounds=8)
    mirror.wait_status(lambda status: sum(partition["position"] or 0 for partition in status["partitions"]) > 500,
                       "some records are mirrored")
    mirror.workers["w1"].kill()
    sending.result()
    mirror.assert_mirrored(topic, "at-least-once", limit_s=60)
