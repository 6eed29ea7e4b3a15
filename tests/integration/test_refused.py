"""Records that the destination refuses.  It refuses batches: which record was meant has to be found."""

from local_cluster import wait_until


def halted(status):
    return [p for p in status["partitions"] if p["state"] == "HALTED"]


def listed(partition, count, size, key="k"):
    return [{"partition": partition, "key": f"{key}{i}", "value": "x" * size} for i in range(count)]


def test_small_records_pass_where_large_batches_do_not(field, topic):
    """max.message.bytes of the destination is below the mirror's batch: no record is too large, so none may halt."""
    mirror = field()
    mirror.create(topic, 2)
    mirror.oracle.call("create-topic", bootstrap=mirror.destination, topic=topic, partitions=2,
                       configs={"max.message.bytes": "100000"})
    mirror.oracle.call("preload", bootstrap=mirror.source, topic=topic, partitions=2, count=2000, size=1000)
    mirror.up()
    mirror.wait_running(2)
    mirror.assert_mirrored(topic, "at-least-once", 60)
    assert not halted(mirror.status())


def test_a_record_too_large_halts_its_partition_alone_at_its_offset(field, topic):
    mirror = field()
    mirror.create(topic, 2)
    mirror.oracle.call("create-topic", bootstrap=mirror.destination, topic=topic, partitions=2,
                       configs={"max.message.bytes": "100000"})
    records = [*listed(0, 40, 1000), *listed(0, 1, 200_000, "large"), *listed(0, 40, 1000), *listed(1, 40, 1000)]
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=records)
    mirror.up()
    status = mirror.wait_status(halted, "a partition halts", 40)
    found = halted(status)
    assert [p["partition"] for p in found] == [0]
    assert "offset 40" in found[0]["error"], found

    # Everything before it is there, nothing after it, and the other partition goes on.
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=listed(1, 40, 1000, "more"))

    def at_destination(partition):
        return mirror.oracle.call("dump", bootstrap=mirror.destination, topic=topic)[str(partition)]
    wait_until(lambda: len(at_destination(1)) >= 80, 30, lambda: mirror.describe(), 0.3)
    keys = [str(r["key"]) for r in at_destination(0)]
    assert len(keys) >= 40 and len(set(keys)) == 40, keys
