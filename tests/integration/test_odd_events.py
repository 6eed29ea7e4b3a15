"""Gaps that the source makes and records that nobody can mirror: nothing is passed silently, nothing else stops."""

import base64

import pytest

from local_cluster import KafkaBroker, wait_until
from records import message, zookeeper_client

GUARANTEES = ("at-least-once", "exactly-once")


def halted(status):
    return [p for p in status["partitions"] if p["state"] == "HALTED"]


def listed(partition, count, size=100, key="k"):
    return [{"partition": partition, "key": f"{key}{i}", "value": "x" * size} for i in range(count)]


def dump(mirror, topic, broker=None):
    """partition -> keys, as a read_committed reader of the destination sees them."""
    records = mirror.oracle.call("dump", bootstrap=broker or mirror.destination, topic=topic)
    return {int(partition): [base64.b64decode(record["key"]).decode() for record in rows]
            for partition, rows in records.items()}


def wait_keys(mirror, topic, partition, wanted, limit_s=40):
    def there():
        keys = dump(mirror, topic).get(partition, [])
        return set(wanted) <= set(keys) and keys
    return wait_until(there, limit_s, lambda: f"{dump(mirror, topic)}\n{mirror.describe()}", 0.3)


def committed_by(mirror, group, topic):
    positions = mirror.oracle.call("group-offsets", bootstrap=mirror.source, group=group).get(topic, {})
    return [positions.get(str(partition), {}).get("offset", -1) for partition in (0, 1)]


def committed(mirror, topic, partition):
    return committed_by(mirror, f"heliostat.{topic}", topic)[partition]


@pytest.fixture
def behind(field, topic):
    """behind(guarantee, ...) -> a mirror whose worker has gone with both partitions of the topic at offset 50."""
    def make(guarantee, **more):
        mirror = field(**{"delivery.guarantee": guarantee, "lanes": 2, **more})
        mirror.create(topic, 2, both=True)
        mirror.up()
        mirror.wait_running(2)
        mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic,
                           records=[*listed(0, 50, key="a"), *listed(1, 50, key="a")])
        wait_until(lambda: min(committed(mirror, topic, 0), committed(mirror, topic, 1)) >= 50, 40, mirror.describe, 0.2)
        gone(mirror, "w1")
        return mirror
    return make


def resume(mirror, *arguments):
    done = mirror.run("resume", "east->west", "--config", mirror.config, *arguments)
    assert done.returncode == 0, done
    return done.stdout


def skips(status):
    return [(s["topic"], s["partition"], s["from"], s["to"]) for route in status["routes"] for s in route["skips"]]


def wait_skips(mirror, *wanted):
    mirror.wait_status(lambda status: skips(status) == list(wanted) and not halted(status), f"skips {wanted}")


def gone(mirror, worker):
    mirror.workers[worker].terminate()
    mirror.workers[worker].wait(20)


def lose(mirror, topic, before):
    """30 records more in partition 0, and everything below `before` goes; 10 more in partition 1."""
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic,
                       records=[*listed(0, 30, key="b"), *listed(1, 10, key="b")])
    mirror.oracle.call("delete-records", bootstrap=mirror.source, topic=topic, before={"0": before})


def create_anew(mirror, topic, count):
    """The topic again, with `count` records in partition 0 and 60 in partition 1: fewer than, and more than, were mirrored."""
    mirror.oracle.call("delete-topic", bootstrap=mirror.source, topic=topic)
    mirror.create(topic, 2)
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic,
                       records=[*listed(0, count, key="new"), *listed(1, 60, key="new")])


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_gap_halts_its_partition_with_the_exact_range(behind, topic, guarantee):
    mirror = behind(guarantee)
    lose(mirror, topic, 70)
    mirror.start_worker("w2")
    found = halted(mirror.wait_status(halted, "a partition halts"))
    assert [p["partition"] for p in found] == [0]
    assert "[50, 70)" in found[0]["error"], found
    wait_keys(mirror, topic, 1, ["b9"])         # the other one goes on
    assert "b29" not in dump(mirror, topic)[0]

    # Another owner knows it without trying, and its range.
    mirror.start_worker("w3")
    gone(mirror, "w2")
    found = halted(mirror.wait_status(lambda status: [p for p in halted(status) if p["worker"] == "w3"],
                                      "the next owner shows it"))
    assert "[50, 70)" in found[0]["error"], found
    assert "b29" not in dump(mirror, topic)[0]

    # Retention goes on meanwhile; a person says to go on, and the whole range is kept.
    mirror.oracle.call("delete-records", bootstrap=mirror.source, topic=topic, before={"0": 75})
    resume(mirror, "--skip")
    keys = wait_keys(mirror, topic, 0, [f"b{i}" for i in range(25, 30)])
    assert "b24" not in keys
    mirror.wait_running(2)
    wait_skips(mirror, (topic, 0, 50, 75))


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_gap_policy_skip_goes_on_behind_the_gap(behind, topic, guarantee):
    mirror = behind(guarantee, **{"gap.policy": "skip-recorded"})
    lose(mirror, topic, 70)
    mirror.start_worker("w2")
    keys = wait_keys(mirror, topic, 0, [f"b{i}" for i in range(20, 30)])
    assert "b19" not in keys and keys.index("a49") < keys.index("b20")
    mirror.wait_running(2)
    wait_skips(mirror, (topic, 0, 50, 70))


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_topic_created_anew_while_nobody_ran_it_halts(behind, topic, guarantee):
    mirror = behind(guarantee)
    create_anew(mirror, topic, 20)
    mirror.start_worker("w2")
    found = halted(mirror.wait_status(halted, "a partition halts"))
    if guarantee == "exactly-once":         # by the position record; the group's position went with the topic
        assert [p["partition"] for p in found] == [0]
        assert "position 50 lies above the end of the source's log, 20" in found[0]["error"], found
    else:
        assert "no committed position" in found[0]["error"], found
    assert "new0" not in dump(mirror, topic)[0]


def test_a_topic_that_is_gone_is_not_made_again(behind, topic, run_directory):
    """A broker makes a topic that is asked for by its name, if it is let; a lane asks for its topics when it starts."""
    source = KafkaBroker(run_directory / f"{topic}-source", "3.9.1", settings={"auto.create.topics.enable": "true"}).start()
    try:
        mirror = behind("at-least-once", source=source, **{"refresh.topics.interval.seconds": 600})
        mirror.oracle.call("delete-topic", bootstrap=source, topic=topic)
        mirror.start_worker("w2")
        mirror.wait_status(lambda status: all(p["error"] for p in status["partitions"]), "the partitions do not run")
        assert mirror.oracle.call("describe-topic", bootstrap=source, topic=topic) == 0
    finally:
        source.end()


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_topic_created_anew_and_larger_halts_under_its_owner(field, topic, guarantee):
    """The position lies inside the new log: only the group, which forgot it with the topic, tells."""
    mirror = field(**{"delivery.guarantee": guarantee, "lanes": 2})
    mirror.create(topic, 1, both=True)
    mirror.up()
    mirror.wait_running(1)
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=listed(0, 50, key="a"))
    wait_until(lambda: committed(mirror, topic, 0) >= 50, 40, mirror.describe, 0.2)
    mirror.oracle.call("delete-topic", bootstrap=mirror.source, topic=topic)
    mirror.create(topic, 1)
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=listed(0, 100, key="new"))
    found = halted(mirror.wait_status(halted, "the partition halts"))
    assert "created anew" in found[0]["error"], found
    # At-least-once may have sent what it read behind its position, 50, before it asked the group.
    may = {f"a{i}" for i in range(50)} | {f"new{i}" for i in range(50, 100) if guarantee == "at-least-once"}
    assert set(dump(mirror, topic)[0]) <= may, dump(mirror, topic)

    # Tried again, the position is as gone as before: nothing of the new topic may be passed over.
    worker = mirror.workers["w1"]
    for tries in (1, 2):                    # what halted it first may have been the end of a log that was still empty
        mirror.run("resume", "east->west", "--config", mirror.config, "--retry")
        wait_until(lambda: worker.log_text().count(" answer=retry ") >= tries, 40, mirror.describe, 0.2)
        mirror.wait_status(lambda status: [p for p in halted(status) if "has gone from group" in p["error"]], "it halts again")
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=listed(0, 10, key="last"))
    assert set(dump(mirror, topic)[0]) <= may, dump(mirror, topic)
    resume(mirror, "--restart")
    wait_keys(mirror, topic, 0, [f"new{i}" for i in range(100)] + [f"last{i}" for i in range(10)])


def test_an_answer_that_goes_elsewhere_tells_what_was_not_committed_before_the_halt(behind, topic):
    """Halted at 50, of which an owner that was lost had committed 40 only: a restart behind the gap passes over [40, 70)."""
    mirror = behind("at-least-once", lanes=1)
    lose(mirror, topic, 70)
    mirror.start_worker("w2")
    mirror.wait_status(lambda status: any("[50, 70)" in p["error"] for p in halted(status)), "the gap halts")
    gone(mirror, "w2")
    mirror.oracle.call("set-group-offsets", bootstrap=mirror.source, group=f"heliostat.{topic}", topic=topic, offsets={"0": 40})
    # The other partition of the lane starts beside it.
    resume(mirror, "--topic", topic, "--partition", "0", "--restart")
    mirror.start_worker("w3")
    wait_skips(mirror, (topic, 0, 40, 70))


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_topic_created_anew_under_a_halt_is_not_passed_over(behind, topic, guarantee):
    """Halted, run by nobody, created anew and larger: the halt's position is of the old topic."""
    mirror = behind(guarantee)
    lose(mirror, topic, 70)
    mirror.start_worker("w2")
    mirror.wait_status(lambda status: any("[50, 70)" in p["error"] for p in halted(status)), "the gap halts")
    gone(mirror, "w2")
    create_anew(mirror, topic, 100)
    mirror.start_worker("w3")
    mirror.wait_status(lambda status: [p for p in halted(status) if p["partition"] == 0 and p["worker"] == "w3"], "its next owner")
    resume(mirror, "--topic", topic, "--partition", "0", "--retry")
    mirror.wait_status(lambda status: any("has forgotten its position" in p["error"] for p in halted(status)), "it halts for that")
    assert not [key for key in dump(mirror, topic)[0] if key.startswith("new")]
    resume(mirror, "--topic", topic, "--partition", "0", "--restart")
    wait_keys(mirror, topic, 0, [f"new{i}" for i in range(100)])


def test_gap_policy_restart_mirrors_a_topic_created_anew_from_its_start(behind, topic):
    mirror = behind("exactly-once", **{"gap.policy": "restart"})
    create_anew(mirror, topic, 20)
    mirror.start_worker("w2")
    wait_keys(mirror, topic, 0, [f"new{i}" for i in range(20)])
    mirror.wait_running(2)
    # The position is the new one for every owner to come.
    wait_until(lambda: committed(mirror, topic, 0) == 20, 20, mirror.describe, 0.2)
    mirror.start_worker("w3")
    gone(mirror, "w2")
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=listed(0, 5, key="later"))
    keys = wait_keys(mirror, topic, 0, ["later4"])
    assert keys.count("new19") == 1 and keys[-5:] == [f"later{i}" for i in range(5)], keys


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_partition_whose_position_is_lost_halts(behind, topic, guarantee):
    mirror = behind(guarantee, **{"gap.policy": "restart"})
    # Both the group's position and, by another group's name, the record at the destination are out of sight.
    mirror.routes["east->west"]["group.id"] = f"heliostat.{topic}.other"
    mirror.write_config()
    mirror.apply()
    mirror.start_worker("w2")
    found = halted(mirror.wait_status(lambda status: len(halted(status)) == 2, "both halt"))
    assert all("no committed position" in p["error"] for p in found), found
    assert len(dump(mirror, topic)[0]) == 50

    # Partition 0 from its start, 1 from an offset: only now, and as told.
    resume(mirror, "--topic", topic, "--partition", "0", "--restart")
    resume(mirror, "--topic", topic, "--partition", "1", "--to", "45")
    mirror.wait_running(2)
    wait_until(lambda: committed_by(mirror, f"heliostat.{topic}.other", topic) == [50, 50], 20, mirror.describe, 0.2)
    assert len(dump(mirror, topic)[0]) == 100
    assert dump(mirror, topic)[1][50:] == [f"a{i}" for i in range(45, 50)]


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_poison_policy_dead_letter_sends_the_record_aside(field, topic, guarantee):
    mirror = field(**{"delivery.guarantee": guarantee, "poison.record.policy": "dead-letter", "lanes": 3})
    mirror.create(topic, 2)
    mirror.oracle.call("create-topic", bootstrap=mirror.destination, topic=topic, partitions=2,
                       configs={"max.message.bytes": "100000"})
    letters = f"heliostat.{topic}.dead-letters"
    mirror.up()
    large = {"partition": 0, "key": "large", "value": "x" * 200_000, "timestamp": 1_700_000_000_000,
             "headers": [["mine", "1"]]}
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic,
                       records=[*listed(0, 40, 1000, "a"), large, *listed(0, 40, 1000, "b"), large, large,
                                *listed(0, 40, 1000, "c"), *listed(1, 40, 1000, "a")])
    keys = wait_keys(mirror, topic, 0, ["c39"], 60)
    assert "large" not in keys
    if guarantee == "exactly-once":
        assert keys == [*(f"{run}{i}" for run in "abc" for i in range(40))]
    found = [record for rows in mirror.oracle.call("dump", bootstrap=mirror.destination, topic=letters).values()
             for record in rows]
    offsets = []
    for record in found:
        headers = {name: base64.b64decode(value).decode() for name, value in record["headers"]}
        assert headers["mine"] == "1" and headers["heliostat.source.topic"] == topic
        assert headers["heliostat.source.partition"] == "0"
        assert headers["heliostat.source.timestamp"] == "1700000000000"
        assert "too large" in headers["heliostat.error"].lower(), headers
        assert record["value_length"] == 200_000
        offsets.append(int(headers["heliostat.source.offset"]))
    assert sorted(set(offsets)) == [40, 81, 82], offsets
    assert guarantee == "at-least-once" or len(offsets) == 3
    mirror.wait_running(2)
    wait_skips(mirror, (topic, 0, 40, 41), (topic, 0, 81, 83))


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_poison_policy_skip_leaves_the_record_out(field, topic, guarantee):
    mirror = field(**{"delivery.guarantee": guarantee, "poison.record.policy": "skip-recorded"})
    mirror.create(topic, 1)
    mirror.oracle.call("create-topic", bootstrap=mirror.destination, topic=topic, partitions=1,
                       configs={"max.message.bytes": "100000"})
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic,
                       records=[*listed(0, 40, 1000, "a"), *listed(0, 5, 200_000, "large"), *listed(0, 40, 1000, "b")])
    mirror.up()
    keys = wait_keys(mirror, topic, 0, [f"b{i}" for i in range(40)], 60)
    assert "large0" not in keys and set(keys) >= {f"a{i}" for i in range(40)}
    mirror.wait_running(1)
    wait_skips(mirror, (topic, 0, 40, 45))


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_an_offset_for_a_refused_record_counts_for_the_next_owner(field, topic, guarantee):
    """The record itself, one behind it, one before it; the destination takes it by then, and another worker begins there."""
    mirror = field(**{"delivery.guarantee": guarantee, "lanes": 1})
    mirror.create(topic, 3)
    mirror.oracle.call("create-topic", bootstrap=mirror.destination, topic=topic, partitions=3, configs={"max.message.bytes": "100000"})
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic,
                       records=[record for p in range(3) for record in (
                           *listed(p, 40, 1000, "a"), *listed(p, 1, 200_000, "large"), *listed(p, 40, 1000, "b"))])
    mirror.up()
    mirror.wait_status(lambda status: len(halted(status)) == 3, "all are halted", 60)
    gone(mirror, "w1")
    mirror.oracle.call("alter-topic-configs", bootstrap=mirror.destination, topic=topic, configs={"max.message.bytes": "1000000"})
    for partition, offset in enumerate((40, 45, 35)):
        resume(mirror, "--topic", topic, "--partition", partition, "--to", offset)
    mirror.start_worker("w2")
    before, behind = [f"a{i}" for i in range(40)], [f"b{i}" for i in range(40)]
    wanted = [[*before, "large0", *behind], [*before, *behind[4:]], [*before, *before[35:], "large0", *behind]]
    for partition, keys in enumerate(wanted):
        there = wait_keys(mirror, topic, partition, keys, 60)
        assert there == keys or guarantee == "at-least-once" and set(there) == set(keys), there


def test_an_answer_counts_as_soon_as_the_halt_is_recorded(field, topic):
    """Exactly-once: the clients are replaced at that moment, and the partition comes to its record once more."""
    mirror = field(**{"delivery.guarantee": "exactly-once", "lanes": 1})
    mirror.create(topic, 1)
    mirror.oracle.call("create-topic", bootstrap=mirror.destination, topic=topic, partitions=1, configs={"max.message.bytes": "100000"})
    mirror.up()
    mirror.wait_running(1)
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic,
                       records=[*listed(0, 40, 1000, "a"), *listed(0, 1, 200_000, "large"), *listed(0, 40, 1000, "b")])
    with zookeeper_client(mirror) as client:
        wait_until(lambda: b"halts {" in message(client.get("/lane/east->west/0")[0], way="decode"), 40, mirror.describe, 0.01)
    resume(mirror, "--skip")
    assert wait_keys(mirror, topic, 0, ["b39"], 30) == [*(f"{run}{i}" for run in "ab" for i in range(40))]


def corrupt(broker, topic, partition, key):
    """Flips a byte inside the record with this key, in the log of the stopped broker."""
    for segment in broker.directory.glob(f"data/{topic}-{partition}/*.log"):
        content = bytearray(segment.read_bytes())
        at = content.find(key.encode())
        if at >= 0:
            content[at] ^= 0xFF
            segment.write_bytes(content)
            return
    raise AssertionError(f"{key} was not found in the log")


@pytest.mark.parametrize("policy, guarantee", (("halt", "at-least-once"), ("skip-recorded", "at-least-once"), ("halt", "exactly-once")))
def test_a_corrupt_batch_at_the_source(field, topic, run_directory, policy, guarantee):
    source = KafkaBroker(run_directory / f"{topic}-source", "3.9.1").start()
    try:
        mirror = field(source=source, **{"poison.record.policy": policy, "delivery.guarantee": guarantee})
        mirror.create(topic, 2)
        for key in "abc":                   # three batches of three
            mirror.oracle.call("produce", bootstrap=source, topic=topic, records=listed(0, 3, key=key))
        mirror.oracle.call("produce", bootstrap=source, topic=topic, records=listed(1, 3))
        source.stop()
        corrupt(source, topic, 0, "b1")
        source.start()
        mirror.up()
        wait_keys(mirror, topic, 1, ["k2"])
        if policy == "halt":
            found = halted(mirror.wait_status(halted, "the partition halts"))
            assert "corrupt" in found[0]["error"] and "position 3" in found[0]["error"], found
            assert dump(mirror, topic)[0] == ["a0", "a1", "a2"]
        else:
            keys = wait_keys(mirror, topic, 0, ["c2"])
            assert keys == ["a0", "a1", "a2", "c0", "c1", "c2"], keys
            wait_skips(mirror, (topic, 0, 3, 6))
    finally:
        source.end()


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_stretch_of_aborted_records_is_no_gap_and_no_lag(behind, topic, guarantee):
    mirror = behind(guarantee)
    mirror.oracle.call("produce-aborted", bootstrap=mirror.source, topic=topic, partitions=2, count=400)

    def caught_up(status):
        return (len(status["partitions"]) == 2 and
                all(p["state"] == "RUNNING" and p["lag"] == 0 and p["position"] > 250 for p in status["partitions"]))
    for worker in ("w2", "w3"):             # also when the position lies inside the stretch's end
        mirror.start_worker(worker)
        mirror.wait_status(caught_up, "no lag behind aborted records")
        gone(mirror, worker)
    mirror.start_worker("w4")
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=listed(0, 1, key="after"))
    assert len(wait_keys(mirror, topic, 0, ["after0"])) == 51


def test_a_tombstone_in_place_of_the_position_record_stops_the_lane(behind, topic):
    mirror = behind("exactly-once", lanes=1)
    mirror.oracle.call("produce", bootstrap=mirror.destination, topic=f"heliostat.{topic}.positions",
                       records=[{"partition": 0, "key": "0"}])
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=listed(0, 5, key="b"))
    mirror.start_worker("w2")
    status = mirror.wait_status(lambda status: any("position record" in (lane["error"] or "") for lane in status["lanes"]),
                                "the lane says why")
    assert not any(p["state"] == "RUNNING" for p in status["partitions"])
    assert len(dump(mirror, topic)[0]) == 50


def test_a_transactional_id_that_has_expired_is_taken_anew(field, topic, run_directory):
    broker = KafkaBroker(run_directory / f"{topic}-broker", "4.1.0", settings={
        "transactional.id.expiration.ms": 3000, "producer.id.expiration.ms": 3000,
        "producer.id.expiration.check.interval.ms": 500,
        "transaction.remove.expired.transaction.cleanup.interval.ms": 500}).start()
    try:
        mirror = field(destination=broker, lanes=1, **{"delivery.guarantee": "exactly-once"})

        def ids():
            return mirror.oracle.call("transactional-ids", bootstrap=broker)
        mirror.create(topic, 2)
        mirror.up()
        mirror.wait_running(2)
        for _ in range(3):
            load = mirror.load(topic, 2, 50)        # the id lives as long as there is something to do
            wait_until(lambda: f"heliostat.{topic}.0" in ids(), 20, mirror.describe, 0.1)
            load.stop()
            mirror.assert_mirrored(topic, "exact")
            # Idle until the broker has forgotten the lane's id.
            wait_until(lambda: not ids(), 30, lambda: f"no transactional id is left of {ids()}", 0.3)
    finally:
        broker.end()


def test_topics_that_are_gone_do_not_keep_the_clients_of_their_lane(field, topic, oracle, source, destination):
    """Opened, one paused and one not: the lane's clients end and come again after deliveries have failed (librdkafka #4724)."""
    paused, gone, stays = f"{topic}.paused", f"{topic}.gone", f"{topic}.stays"
    mirror = field(topics=f"{topic}.*", lanes=1, **{"batch.relay.enabled": "false", "delivery.guarantee": "at-least-once"},
                   settings={"east.consumer.topic.metadata.refresh.interval.ms": 1000})
    for name in (paused, gone, stays):
        mirror.create(name, 1, both=True)
    mirror.up().wait_running(3)
    worker = mirror.workers["w1"]
    mirror.load(stays, 1, 400)
    for name in (paused, gone):
        oracle.call("produce", bootstrap=source, topic=name, records=listed(0, 10))
        wait_keys(mirror, name, 0, ["k9"])
    mirror.run("pause", "east->west", "--config", mirror.config, "--topic", paused)
    for name in (paused, gone):
        oracle.call("delete-topic", bootstrap=source, topic=name)
    # Of the second one the log is silent for a while.  Deliveries fail after ten seconds, long after it is known as well.
    worker.wait_log(r"partition count changed from 1 to 0", 20)
    destination.pause()
    try:
        worker.wait_log("lane.recycle ", 40)
    finally:
        destination.resume()
    since = mirror.status()["workers"][0]["records_total"]
    mirror.wait_status(lambda status: status["workers"][0]["records_total"] > since + 1000 and
                       any(p["topic"] == stays and p["state"] == "RUNNING" for p in status["partitions"]), "the lane flows on")
    for load in mirror.loads:
        load.stop()
    mirror.assert_mirrored(stays, "at-least-once")
