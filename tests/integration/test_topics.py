"""Names, upkeep and loops of topics: what the destination's topics are called, and what they get from the source's."""

import base64
import json

import pytest

from local_cluster import wait_until


def notes(mirror, route="east->west"):
    """{topic: reason} of what the coordinator does not mirror."""
    for one in mirror.status()["routes"]:
        if one["name"] == route:
            return {topic["topic"]: topic["reason"] for topic in one["parked_topics"]}
    return {}


def test_prefixes_in_both_directions_come_to_an_end(field, topic, oracle, source, destination):
    """Active-active with MirrorMaker 2's names: each side has the other's records under a prefix, and nothing goes round."""
    both = {"topics": rf"(.*\\.)?{topic}", "replication.policy.class":
            "org.apache.kafka.connect.mirror.DefaultReplicationPolicy"}
    mirror = field(routes={
        "east->west": {**both, "group.id": f"{topic}-there", "lanes": 4, "refresh.topics.interval.seconds": 1,
                       "delivery.guarantee": "exactly-once"},
        "west->east": {**both, "group.id": f"{topic}-back", "lanes": 4, "refresh.topics.interval.seconds": 1},
    })
    mirror.create(topic, 3, both=True)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=3, rate=5000, count=900)
    oracle.call("produce-seq", bootstrap=destination, topic=topic, partitions=3, rate=5000, count=600)
    status = mirror.up(workers=1).wait_running(6)
    assert {(p["route"], p["destination_topic"]) for p in status["partitions"]} == \
        {("east->west", f"east.{topic}"), ("west->east", f"west.{topic}")}
    there = mirror.compare(topic, "exact", destination_topic=f"east.{topic}")
    assert there["ok"] and there["total"]["source"] == 900, there

    def compare_back():
        return oracle.call("compare", source=destination, destination=source, topic=topic, mode="at-least-once",
                           destination_topic=f"west.{topic}")
    wait_until(lambda: compare_back()["total"]["missing"] == 0, 30, mirror.describe, 0.3)
    back = compare_back()
    assert back["ok"] and back["total"]["source"] == 600, back
    # A refresh has seen the mirrors by now; neither they nor their mirrors go on.
    mirror.wait_running(6)
    assert notes(mirror) == {} and notes(mirror, "west->east") == {}
    for broker, one in ((destination, f"east.west.{topic}"), (source, f"west.east.{topic}")):
        assert oracle.call("describe-topic", bootstrap=broker, topic=one) == 0
    assert oracle.call("describe-topic", bootstrap=destination, topic=f"east.{topic}") == 3


def test_two_topics_are_not_mirrored_into_one(field, topic, oracle, source, destination):
    """Refused with the reason, until the route says that it may be; what meets nobody flows all the while."""
    renamed = {"topics": f"{topic}-.*", "topic.naming": "regex", "topic.rename.regex": "(.*)-(eu|us)",
               "topic.rename.replacement": "$1-of-all"}
    mirror = field(**renamed)
    for one, partitions in (("eu", 2), ("us", 3), ("other", 1)):
        mirror.create(f"{topic}-{one}", partitions)
        oracle.call("produce-seq", bootstrap=source, topic=f"{topic}-{one}", partitions=partitions, rate=5000, count=300)
    mirror.up().wait_running(1)
    mirror.assert_mirrored(f"{topic}-other", "exact")
    parked = notes(mirror)
    assert set(parked) == {f"{topic}-eu", f"{topic}-us"}, parked
    assert parked[f"{topic}-eu"].startswith(f"{topic}-of-all: '{topic}-us' would be mirrored into it too")
    assert oracle.call("describe-topic", bootstrap=destination, topic=f"{topic}-of-all") == 0
    mirror.coordinators["c1"].wait_log(rf"topic.parked .*topic={topic}-us reason=\"{topic}-of-all: '{topic}-eu' would")

    mirror.routes["east->west"]["topic.merge"] = "true"
    mirror.write_config()
    assert "topic.merge: false -> true" in mirror.apply()
    mirror.wait_running(6)
    wait_until(lambda: sum(len(records) for records in oracle.call("dump", bootstrap=destination, topic=f"{topic}-of-all")
                           .values()) == 600, 30, mirror.describe)
    assert oracle.call("describe-topic", bootstrap=destination, topic=f"{topic}-of-all") == 3
    assert notes(mirror) == {}


def test_provenance_lets_both_sides_use_the_same_names(field, topic, oracle, source, destination):
    """What came from the other side does not go back, and leaves neither a gap nor lag."""
    both = {"topics": topic, "provenance": "header", "lanes": 4}
    mirror = field(routes={
        "east->west": {**both, "group.id": f"{topic}-there", "delivery.guarantee": "exactly-once"},
        "west->east": {**both, "group.id": f"{topic}-back"},
    })
    mirror.create(topic, 3, both=True)
    mirror.up(workers=1).wait_running(6)
    for turn in range(2):
        for broker, run in ((source, "e"), (destination, "w")):
            oracle.call("produce-seq", bootstrap=broker, topic=topic, run=f"{run}{turn}", partitions=3, rate=5000, count=300)

    def records(broker):
        return [record for found in oracle.call("dump", bootstrap=broker, topic=topic).values() for record in found]

    def settled(status):
        return status["partitions"] and all(p["state"] == "RUNNING" and p["lag"] == 0 and not p["error"]
                                            for p in status["partitions"]) \
            and len(records(source)) == len(records(destination)) == 1200
    mirror.wait_status(settled, "both sides have all, and no lag")
    for broker, own in ((source, b"e"), (destination, b"w")):
        for record in records(broker):
            came = not base64.b64decode(record["key"]).startswith(own)
            assert [name for name, _ in record["headers"]] == (["heliostat.provenance"] if came else []), record

    # A group that has not read what came from the other side has no place there by the map; one behind it has.
    ends = {str(p): 400 for p in range(3)}
    assert {partition: len(found) for partition, found in oracle.call("dump", bootstrap=source, topic=topic).items()} == ends
    for group, offsets in ((f"{topic}-first", {str(p): 0 for p in range(3)}), (f"{topic}-all", ends)):
        oracle.call("set-group-offsets", bootstrap=source, group=group, topic=topic, offsets=offsets)

    def translated(group):
        done = mirror.run("translate", "east->west", group, "--dry-run", "-o", "json", "--config", mirror.config)
        return {p["translation"] for found in json.loads(done.stdout)["groups"] for p in found["partitions"]}
    wait_until(lambda: translated(f"{topic}-all") == {"exact"}, 20, lambda: f"{translated(f'{topic}-all')}", 0.5)
    assert translated(f"{topic}-first") == {"unknown"}


@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_records_go_by_their_keys_as_javas_producer_sends_them(field, topic, oracle, source, destination, guarantee):
    """Four partitions into seven, in one lane.  A record that the destination refuses stands in one batch with those of
    other partitions: it alone is passed over."""
    mirror = field(**{"partitioning": "key", "lanes": 1, "delivery.guarantee": guarantee, "poison.record.policy": "skip-recorded"})
    keys = [f"key-{i}" for i in range(40)] + [""]
    records = [{"partition": -1, "key": key, "value": f"{key}:{i}"} for i in range(12) for key in keys]
    keyless = [{"partition": p, "value": f"null:{p}:{i}"} for i in range(10) for p in range(4)]
    refused = {"partition": 1, "key": "key-7", "value": "x" * 8000}
    mirror.create(topic, 4)
    for one, more in ((topic, {"max.message.bytes": 4000}), (f"{topic}-java", {})):
        oracle.call("create-topic", bootstrap=destination, topic=one, partitions=7, configs=more)
    oracle.call("produce", bootstrap=destination, topic=f"{topic}-java", records=records[:len(keys)])
    oracle.call("produce", bootstrap=source, topic=topic, records=[*records[:200], refused, *records[200:], *keyless])

    def by_value(topic_):
        """Where each lies first: repeats may still be on their way."""
        places = {}
        for partition, found in oracle.call("dump", bootstrap=destination, topic=topic_).items():
            for at, record in enumerate(found):
                places.setdefault(base64.b64decode(record["value"]).decode(), (int(partition), at))
        return places

    mirror.up().wait_running(4)
    wait_until(lambda: len(by_value(topic)) == len(records) + len(keyless), 30, mirror.describe)
    sent, java = by_value(topic), by_value(f"{topic}-java")
    for key in keys:
        places = [sent[f"{key}:{i}"] for i in range(12)]
        assert {partition for partition, _ in places} == {java[f"{key}:0"][0]}, key
        assert places == sorted(places), f"{key} is out of order: {places}"
    for p in range(4):
        places = [sent[f"null:{p}:{i}"] for i in range(10)]
        assert {partition for partition, _ in places} == {p} and places == sorted(places)
    assert oracle.call("describe-topic", bootstrap=destination, topic=topic) == 7
    skips = mirror.wait_status(lambda status: status["routes"][0]["skips"], "the skip is recorded")["routes"][0]["skips"]
    assert [(skip["topic"], skip["partition"], skip["to"] - skip["from"]) for skip in skips] == [(topic, 1, 1)], skips


def test_topics_are_kept_as_their_source_is(field, topic, oracle, source, destination):
    """Configuration and ACLs from the first record on, changes of both, and at last the deletion."""
    def settings(one, broker=destination):
        return oracle.call("topic-configs", bootstrap=broker, topic=one, set=True)

    def topics(*arguments):
        done = mirror.run("topics", "east->west", "--config", mirror.config, *arguments)
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout

    kept, gone = f"{topic}-kept", f"{topic}-gone"
    mirror = field(**{"topics": f"{topic}-.*", "sync.topic.configs.interval.seconds": 1,
                      "refresh.topics.interval.seconds": 1, "sync.topic.deletes": "true",
                      "sync.topic.acls.enabled": "true"})
    mirror.create(kept, 2, **{"retention.ms": 86400000, "cleanup.policy": "compact", "min.insync.replicas": 1,
                              "message.format.version": "3.0-IV1"})
    mirror.create(gone, 1)
    # Which settings a cluster knows is seen at a topic of it.
    oracle.call("create-topic", bootstrap=destination, topic=f"{topic}-any", partitions=1)
    oracle.call("create-acls", bootstrap=source, topic=kept, acls=[
        ["User:ann", "ALL", "ALLOW"], ["User:eve", "WRITE", "ALLOW"], ["User:eve", "DELETE", "ALLOW"],
        ["User:mal", "READ", "DENY"]])
    oracle.call("create-acls", bootstrap=source, topic=f"{topic}-k", pattern="PREFIXED", acls=[["User:bob", "READ", "ALLOW"]])
    code, text = topics()
    assert f"+ {kept} ACL: User:ann from *: ALLOW READ\n" in text and "eve" not in text, text
    assert code == 1 and f"+ {kept} retention.ms: 86400000\n" in text and "2 to create" in text, text
    assert f"! {kept} message.format.version: 3.0-IV1  (the destination knows no such setting)" in text
    assert oracle.call("describe-topic", bootstrap=destination, topic=kept) == 0
    mirror.up().wait_running(3)
    # message.format.version is no setting of the destination, min.insync.replicas is excluded.
    assert settings(kept) == {"retention.ms": "86400000", "cleanup.policy": "compact"}
    acls = [["User:ann", "READ", "ALLOW"], ["User:bob", "READ", "ALLOW"], ["User:mal", "READ", "DENY"]]
    assert oracle.call("acls", bootstrap=destination, topic=kept) == acls

    # What came to be there stays; what is new follows.
    oracle.call("create-acls", bootstrap=destination, topic=kept, acls=[["User:app", "WRITE", "ALLOW"]])
    oracle.call("create-acls", bootstrap=source, topic=kept, acls=[["User:new", "DESCRIBE", "ALLOW"]])
    wait_until(lambda: oracle.call("acls", bootstrap=destination, topic=kept) ==
               sorted([*acls, ["User:app", "WRITE", "ALLOW"], ["User:new", "DESCRIBE", "ALLOW"]]), 40, mirror.describe)

    # What only the destination has stays when another setting follows.
    oracle.call("alter-topic-configs", bootstrap=destination, topic=kept, configs={"flush.ms": 9000})
    oracle.call("alter-topic-configs", bootstrap=source, topic=kept,
                configs={"retention.ms": 7200000, "max.message.bytes": 2000000, "cleanup.policy": None})
    wanted = {"retention.ms": "7200000", "max.message.bytes": "2000000", "cleanup.policy": "compact", "flush.ms": "9000"}
    wait_until(lambda: settings(kept) == wanted, 40, lambda: f"{settings(kept)}\n{mirror.describe()}")

    code, text = topics("-o", "json")
    assert code == 0 and [one["step"] for one in json.loads(text)["topics"]] == ["ready", "ready"], text

    oracle.call("produce-seq", bootstrap=source, topic=gone, partitions=1, rate=5000, count=100)
    mirror.assert_mirrored(gone, "exact")
    oracle.call("delete-topic", bootstrap=source, topic=gone)
    wait_until(lambda: oracle.call("describe-topic", bootstrap=destination, topic=gone) == 0, 20, mirror.describe)
    assert oracle.call("describe-topic", bootstrap=destination, topic=kept) == 2
    # The coordinator tells it once the broker has answered, which may be after the topic is seen to be gone.
    wait_until(lambda: "its source was deleted" in mirror.coordinators["c1"].log_text(), 15, mirror.describe)


def test_a_route_into_its_own_source_is_refused(field, topic, oracle, source):
    mirror = field(destination=source)
    mirror.create(topic, 1)
    mirror.up(workers=1)
    status = mirror.wait_status(lambda status: status["routes"][0]["error"], "the reason is told")
    assert "source and destination are the same Kafka cluster" in status["routes"][0]["error"]
    assert status["partitions"] == []


def test_apply_refuses_routes_that_close_a_cycle(field, topic):
    """Also with a route that is only in ZooKeeper; what stops a record from going round is accepted."""
    def apply(routes):
        mirror = field(routes=routes)
        done = mirror.run("apply", mirror.config)
        return done.returncode, done.stdout + done.stderr

    there, back = {"topics": "orders.*", "group.id": "a"}, {"topics": ".*", "group.id": "b"}
    assert apply({"east->west": there})[0] == 0
    for routes in ({"west->east": back}, {"east->west": there, "west->east": back}):
        code, text = apply(routes)
        assert code == 2 and "east->west" in text and "west->east" in text and "close a cycle" in text, text
    assert apply({"west->east": {**back, "topics": "payments"}})[0] == 0
    assert apply({name: {**keys, "provenance": "header"} for name, keys in (("east->west", there), ("west->east", back))})[0] == 0
