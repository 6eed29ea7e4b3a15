"""Consumer groups at the destination: offset maps, `heliostat translate`, and Kafka's own mirror client."""

import json

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
    wait_until(lambda: acknowledged(load) > 15000, 30, "15000 records")
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
