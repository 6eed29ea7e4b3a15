"""Consumer groups at the destination: offset maps, `heliostat translate`, and Kafka's own mirror client."""

import json
import time

import pytest

from local_cluster import wait_until

PARTITIONS = 3


def acknowledged(load):
    return (load.query() or {"acknowledged": 0})["acknowledged"]


def translate(mirror, *arguments):
    done = mirror.run("translate", "east->west", *arguments, "--config", mirror.config, "-o", "json")
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    rows = {row["partition"]: row for group in result["groups"] for row in group["partitions"]}
    return done, result["groups"], rows


def wait_map(mirror, group, limit_s=30):
    """The dry run that knows all of the group's offsets, and that no worker has more to write of."""
    def known():
        done, _, rows = translate(mirror, group, "--dry-run")
        return rows if done.returncode == 0 and len(rows) == PARTITIONS and \
            all(row["translation"] in ("exact", "earlier") for row in rows.values()) else None
    return wait_until(known, limit_s, lambda: f"{translate(mirror, group, '--dry-run')}\n{mirror.describe()}", 0.5)


def half_read(mirror, topic, oracle, source, total):
    """A consumer at the source has read about half."""
    group = f"app.{topic}"
    read = oracle.call("consume-group", bootstrap=source, group=group, topic=topic, count=total // 2, reset="earliest")
    return group, {int(partition): numbers for partition, numbers in read.items()}


def check_read_on(before, read, rows, exact):
    """Nothing is lost between what was read at the source and what is read at the destination."""
    assert set(read) == set(before) == set(range(PARTITIONS))
    for partition, numbers in read.items():
        last = before[partition][-1]
        assert set(range(last + 1, max(numbers) + 1)) <= set(numbers), f"lost in {partition}"
        row = rows[partition]
        if exact or row["translation"] == "exact":
            assert numbers[0] == last + 1, (partition, numbers[:3], last, row)
        else:
            assert numbers[0] <= last + 1


@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_a_group_goes_on_at_the_destination(field, topic, oracle, source, destination, guarantee):
    mirror = field(lanes=2, **{"delivery.guarantee": guarantee})
    mirror.create(topic, PARTITIONS)
    mirror.up(workers=2).wait_running(PARTITIONS)
    load = mirror.load(topic, PARTITIONS, 1500)
    wait_until(lambda: acknowledged(load) > 3000, 30, "3000 records")
    mirror.workers["w1"].kill()             # what it had not written of its map is a stretch that is not exact
    wait_until(lambda: acknowledged(load) > 15000, 90, "15000 records")
    total = sum(load.stop()["sent"])
    mirror.assert_mirrored(topic, "exact" if guarantee == "exactly-once" else "at-least-once", limit_s=60)
    group, before = half_read(mirror, topic, oracle, source, total)
    rows = wait_map(mirror, group)

    # A dry run writes nothing; then the group is written, and again nothing is to be done.
    assert oracle.call("group-offsets", bootstrap=destination, group=group) == {}
    done, groups, rows = translate(mirror, group)
    assert done.returncode == 0 and groups[0]["written"], done.stderr
    committed = oracle.call("group-offsets", bootstrap=destination, group=group)[topic]
    assert {int(p): c["offset"] for p, c in committed.items()} == {p: row["destination_offset"] for p, row in rows.items()}
    assert {c["metadata"] for c in committed.values()} == {"mine"}
    done, _, again = translate(mirror, "--groups", f"app[.]{topic}")
    assert done.returncode == 0 and {row["outcome"] for row in again.values()} == {"kept"}

    # A real consumer goes on there; while it is a member, its offsets are not touched.
    reader = oracle.begin("consume-group", bootstrap=destination, group=group, topic=topic, hold=True)
    wait_until(lambda: sum(len(set(n)) for n in (reader.query() or {}).values()) >= total - sum(map(len, before.values())), 40,
               lambda: f"the rest is read {({p: len(n) for p, n in (reader.query() or {}).items()})}")
    done, groups, _ = translate(mirror, group)
    assert done.returncode == 1 and groups[0]["destination_state"] == "active" and not groups[0]["written"]
    assert "members" in done.stderr
    read = {int(partition): numbers for partition, numbers in reader.stop().items()}
    check_read_on(before, read, rows, exact=False)
    # It is further now than the source's group: never back.
    done, _, rows = translate(mirror, group)
    assert done.returncode == 0 and {row["outcome"] for row in rows.values()} == {"kept"}
    # A group of which the map knows nothing yet, and one that is not there.
    assert translate(mirror, f"nobody.{topic}")[0].returncode == 1


def test_the_leader_carries_groups_over_and_kafka_s_mirror_client_fails_over(field, topic, oracle, source, destination):
    """sync.group.offsets.enabled, checkpoints and heartbeats; the readers are Kafka's own."""
    group, other, excluded = f"app.{topic}", f"other.{topic}", f"console-consumer-{topic}"
    mirror = field(**{"delivery.guarantee": "exactly-once", "lanes": 2, "groups": "app[.].*, other[.].*, console-.*",
                      "sync.group.offsets.enabled": "true", "sync.group.offsets.interval.seconds": 1,
                      "emit.checkpoints.enabled": "true", "emit.checkpoints.interval.seconds": 1,
                      "emit.heartbeats.enabled": "true"})
    mirror.create(topic, PARTITIONS)
    mirror.up(workers=2, coordinators=2).wait_running(PARTITIONS)
    load = mirror.load(topic, PARTITIONS, 1500)
    wait_until(lambda: acknowledged(load) > 3000, 30, "3000 records")
    mirror.workers["w1"].kill()
    wait_until(lambda: acknowledged(load) > 15000, 90, "15000 records")
    total = sum(load.stop()["sent"])
    mirror.assert_mirrored(topic, "exact", limit_s=60)
    mirror.coordinators["c1"].kill()        # the standby goes on with the groups
    for one in (other, excluded):
        oracle.call("set-group-offsets", bootstrap=source, group=one, topic=topic, offsets={"0": 5})
    # `other` is further at the destination: never back.
    oracle.call("set-group-offsets", bootstrap=destination, group=other, topic=topic, offsets={"0": 4000})
    _, before = half_read(mirror, topic, oracle, source, total)

    def carried():
        # "kept", not "forward": the leader may carry them over between the two looks of this function.
        rows = wait_map(mirror, group)
        if {row["outcome"] for row in rows.values()} != {"kept"}:
            return None
        offsets = oracle.call("group-offsets", bootstrap=destination, group=group).get(topic, {})
        return rows if {int(p): c["offset"] for p, c in offsets.items()} == \
            {p: row["destination_offset"] for p, row in rows.items()} else None
    rows = wait_until(carried, 40, mirror.describe, 0.5)
    assert oracle.call("group-offsets", bootstrap=destination, group=other)[topic]["0"]["offset"] == 4000
    assert oracle.call("group-offsets", bootstrap=destination, group=excluded) == {}

    def failed_over():
        result = oracle.call("fail-over", bootstrap=destination, source="east", group=group, topic=topic,
                             policy="IdentityReplicationPolicy")
        return result if {int(p): o for p, o in result["offsets"].items()} == \
            {p: row["destination_offset"] for p, row in rows.items()} else None
    result = wait_until(failed_over, 20, mirror.describe, 0.5)
    check_read_on(before, {int(p): numbers for p, numbers in result["read"].items()}, rows, exact=False)
    upstream = oracle.call("upstream", bootstrap=destination)
    assert "heartbeats" in upstream["heartbeats"] and "east.checkpoints.internal" in upstream["checkpoints"]
    beats = [record for record in oracle.call("read-heartbeats", bootstrap=destination) if record["source"] == "east"]
    assert beats and beats[-1]["target"] == "west" and abs(beats[-1]["timestamp"] / 1000 - time.time()) < 60
