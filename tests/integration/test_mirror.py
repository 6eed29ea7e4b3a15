"""A route, end to end: what is mirrored, what is not, and what is noticed."""

from local_cluster import wait_until


def test_records_of_before_and_after_the_start_arrive_once(field, topic, oracle, source, destination):
    mirror = field(session_timeout_ms=10_000)
    mirror.create(topic, 6)
    oracle.call("preload", bootstrap=source, topic=topic, partitions=6, count=20_000, size=200, codec="lz4")
    mirror.up(workers=2).wait_running(6)
    load = oracle.begin("produce-seq", bootstrap=source, topic=topic, partitions=6, rate=2000, count=6000)
    load.result()
    result = mirror.assert_mirrored(topic, "exact")
    assert result["total"]["source"] == 26_000
    # The destination topic was made by the coordinator.
    assert oracle.call("describe-topic", bootstrap=destination, topic=topic) == 6


def test_added_partitions_are_noticed(field, topic, oracle, source, destination):
    mirror = field()
    mirror.create(topic, 2)
    mirror.up().wait_running(2)
    oracle.call("add-partitions", bootstrap=source, topic=topic, partitions=5)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=5, rate=5000, count=5000)
    mirror.assert_mirrored(topic, "exact")
    assert oracle.call("describe-topic", bootstrap=destination, topic=topic) == 5
    mirror.wait_running(5)


def test_a_new_topic_is_noticed(field, topic, oracle, source):
    mirror = field(topics=f"{topic}-.*")
    mirror.create(f"{topic}-a", 1)
    mirror.up().wait_running(1)
    mirror.create(f"{topic}-b", 2)
    oracle.call("produce-seq", bootstrap=source, topic=f"{topic}-b", partitions=2, rate=5000, count=1000)
    mirror.assert_mirrored(f"{topic}-b", "exact")


def test_rules_match_whole_names(field, topic, oracle, destination):
    a, b, longer, excluded = f"{topic}-a", f"{topic}-b", f"{topic}-ab", f"{topic}-b.internal"
    mirror = field(**{"topics": f"{topic}-a, {topic}-b.*", "topics.exclude": r".*\\.internal"})
    for one in (a, b, longer, excluded):
        mirror.create(one, 1)
    status = mirror.up().wait_running(2)
    assert {partition["topic"] for partition in status["partitions"]} == {a, b}
    for one in (longer, excluded):
        assert oracle.call("describe-topic", bootstrap=destination, topic=one) == 0


def test_internal_topics_are_never_mirrored(field, topic, oracle, source, destination):
    # The group's own topic exists at the source as soon as something has committed.
    oracle.call("create-topic", bootstrap=source, topic=topic, partitions=1)
    oracle.call("set-group-offsets", bootstrap=source, group=topic, topic=topic, offsets={"0": 0})
    oracle.call("create-topic", bootstrap=source, topic=f"__{topic}", partitions=1)
    mirror = field(topics=f"__.*, {topic}")
    status = mirror.up().wait_running(1)
    assert {partition["topic"] for partition in status["partitions"]} == {topic}
    assert oracle.call("describe-topic", bootstrap=destination, topic=f"__{topic}") == 0


def test_missing_partitions_of_the_destination_are_added(field, topic, oracle, source, destination):
    mirror = field()
    mirror.create(topic, 5)
    oracle.call("create-topic", bootstrap=destination, topic=topic, partitions=2)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=5, rate=5000, count=2000)
    mirror.up()
    mirror.assert_mirrored(topic, "exact", limit_s=60)
    assert oracle.call("describe-topic", bootstrap=destination, topic=topic) == 5


def test_two_routes_at_once(field, topic, oracle, source, destination):
    """In both directions, of different topics."""
    there, back = f"{topic}-there", f"{topic}-back"
    mirror = field(routes={
        "east->west": {"topics": there, "group.id": f"{topic}-there", "lanes": 4},
        "west->east": {"topics": back, "group.id": f"{topic}-back", "lanes": 4},
    }, session_timeout_ms=10_000)
    oracle.call("create-topic", bootstrap=source, topic=there, partitions=3)
    oracle.call("create-topic", bootstrap=destination, topic=back, partitions=3)
    mirror.up(workers=2).wait_running(6)
    oracle.call("produce-seq", bootstrap=source, topic=there, partitions=3, rate=5000, count=3000)
    oracle.call("produce-seq", bootstrap=destination, topic=back, partitions=3, rate=5000, count=3000)
    mirror.assert_mirrored(there, "exact")
    result = wait_until(lambda: (lambda found: found if not found["total"]["missing"] else None)(
        oracle.call("compare", source=destination, destination=source, topic=back, mode="exact")), 30, mirror.describe)
    assert result["ok"] and result["total"]["source"] == 3000, result


def test_more_partitions_than_lanes(field, topic, oracle, source):
    mirror = field(lanes=3, session_timeout_ms=10_000)
    mirror.create(topic, 10)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=10, rate=5000, count=10_000)
    status = mirror.up(workers=2).wait_running(10)
    assert {partition["lane"] for partition in status["partitions"]} == {0, 1, 2}
    mirror.assert_mirrored(topic, "exact")


def test_apply_shows_the_difference_and_takes_effect_at_once(field, topic, oracle, source):
    first, second = f"{topic}-1", f"{topic}-2"
    # No periodic discovery within the test: what is noticed is noticed because of apply.
    mirror = field(**{"topics": first, "refresh.topics.interval.seconds": 3600})
    for one in (first, second):
        mirror.create(one, 1)
    mirror.up().wait_running(1)
    unchanged = mirror.apply()
    assert first not in unchanged

    mirror.routes["east->west"]["topics"] = f"{first}, {second}"
    mirror.write_config()
    dry = mirror.run("apply", mirror.config, "--dry-run")
    assert dry.returncode == 0 and second in dry.stdout
    assert len(mirror.status()["partitions"]) == 1
    assert second in mirror.run("apply", mirror.config, "--dry-run").stdout, "a dry run has written something"

    assert second in mirror.apply()
    mirror.wait_running(2)
    oracle.call("produce-seq", bootstrap=source, topic=second, partitions=1, rate=5000, count=1000)
    mirror.assert_mirrored(second, "exact")


def test_apply_needs_no_chroot_and_a_worker_waits_for_it(field, topic, oracle, source):
    mirror = field()
    mirror.create(topic, 2)
    worker = mirror.start_worker("w1")
    worker.wait_log(rf"(?i)wait[^\n]*{mirror.chroot}|{mirror.chroot}[^\n]*(missing|not exist|wait)")
    assert worker.alive()
    mirror.apply()
    mirror.start_coordinator("c1")
    mirror.wait_running(2)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=2, rate=5000, count=1000)
    mirror.assert_mirrored(topic, "exact")
