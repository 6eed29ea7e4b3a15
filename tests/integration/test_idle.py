"""Partitions at rest for longer than the source keeps positions."""

from local_cluster import KafkaBroker, wait_until

RETENTION_S = 60        # Kafka's least


def test_idle_positions_outlive_the_source_s_retention(field, topic, oracle, run_directory):
    broker = KafkaBroker(run_directory / f"{topic}-source", "3.9.1", settings={
        "offsets.retention.minutes": RETENTION_S // 60, "offsets.retention.check.interval.ms": 1000}).start()
    try:
        mirror = field(source=broker, **{"positions.recommit.interval.ms": 10000, "lanes": 1})
        mirror.create(topic, 2)
        mirror.up().wait_running(2)
        oracle.call("produce", bootstrap=broker, topic=topic,
                    records=[{"partition": 0, "key": f"k{i}", "value": "v"} for i in range(5)])

        def positions(group):
            offsets = oracle.call("group-offsets", bootstrap=broker, group=group).get(topic, {})
            return {int(partition): entry["offset"] for partition, entry in offsets.items()}
        mine = f"heliostat.{topic}"
        wait_until(lambda: positions(mine) == {0: 5, 1: 0}, 30, mirror.describe, 0.3)
        # A group that is committed once, now: when it is gone, an idle one of ours would be too.
        oracle.call("set-group-offsets", bootstrap=broker, group="forgotten", topic=topic,
                    offsets={"0": 5, "1": 0})
        assert len(positions("forgotten")) == 2
        wait_until(lambda: not positions("forgotten"), RETENTION_S + 40, "the source forgets a position", 1)
        assert positions(mine) == {0: 5, 1: 0}, mirror.describe()
        # And a takeover goes on there.
        mirror.workers["w1"].terminate()
        assert mirror.workers["w1"].wait(20) == 0
        oracle.call("produce", bootstrap=broker, topic=topic, records=[{"partition": 1, "key": "late", "value": "v"}])
        mirror.start_worker("w2")
        mirror.wait_running(2)
        mirror.assert_mirrored(topic, "exact")
    finally:
        broker.end()
