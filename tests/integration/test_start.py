"""Where partitions begin that were never started: the values of start.from, and takeovers from the other mirrors."""

import base64
import datetime
import time

from local_cluster import MirrorMaker1, MirrorMaker2, wait_until

PARTITIONS = 4


def listed(partition, keys, **more):
    return [{"partition": partition, "key": key, "value": f"value of {key}", **more} for key in keys]


def produce(mirror, topic, partition, keys, **more):
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=listed(partition, keys, **more))


def keys_of(mirror, topic):
    """partition -> keys, as a read_committed reader of the destination sees them."""
    records = mirror.oracle.call("dump", bootstrap=mirror.destination, topic=topic)
    return {int(partition): [base64.b64decode(record["key"]).decode() for record in rows]
            for partition, rows in records.items()}


def wait_keys(mirror, topic, wanted, limit_s=30):
    """Exactly these keys per partition, in their order."""
    wait_until(lambda: keys_of(mirror, topic) == wanted, limit_s,
               lambda: f"{topic}: {keys_of(mirror, topic)}, not {wanted}\n{mirror.describe()}", 0.3)


def resume(mirror, *arguments):
    done = mirror.run("resume", "east->west", "--config", mirror.config, *arguments)
    assert done.returncode == 0, done
    return done.stdout


def partitions(status, state, topic):
    return [p for p in status["partitions"] if p["state"] == state and p["topic"] == topic]


def mirrored(mirror, topic):
    return mirror.oracle.call("compare", source=mirror.source, destination=mirror.destination, topic=topic,
                              mode="at-least-once")["total"]["destination"]


def all_keys(broker, oracle, topic):
    rows = oracle.call("dump", bootstrap=broker, topic=topic)
    return [record["key"] for records in rows.values() for record in records]


def take_over(mirror, topic, other, load, before_up=False):
    """Ends the other mirror, and compares what both have done together: lost and repeated records by their keys, since
    MirrorMaker 1 puts a record where its key says."""
    def stop():
        other.terminate()
        other.wait(60)
    try:
        wait_until(lambda: mirrored(mirror, topic) > 1000, 90, other.tail, 0.3)
        if before_up:
            stop()
            mirror.up()
        else:
            mirror.up()
            mirror.wait_status(lambda status: len(partitions(status, "PARKED", topic)) == PARTITIONS and all(
                "2 members: stop them" in p["error"] for p in status["partitions"]), "waits for the other mirror")
            stop()
    finally:
        other.end()
    before = mirrored(mirror, topic)
    mirror.wait_running(PARTITIONS)
    wait_until(lambda: mirrored(mirror, topic) > before + 200, 30, mirror.describe, 0.3)
    load.stop()
    sent = set(all_keys(mirror.source, mirror.oracle, topic))
    wait_until(lambda: len(set(all_keys(mirror.destination, mirror.oracle, topic))) >= len(sent), 30,
               lambda: f"{len(sent)} records, of which {len(sent - set(all_keys(mirror.destination, mirror.oracle, topic)))} "
                       f"are missing\n{mirror.describe()}", 0.5)
    there = all_keys(mirror.destination, mirror.oracle, topic)
    assert set(there) == sent and before > 1000
    repeated = len(there) - len(sent)
    print(f"{other.name} -> {mirror.routes['east->west']['delivery.guarantee']}: {len(sent)} records, {before} before, "
          f"{repeated} repeated")
    return repeated


def test_a_group_is_taken_over_from_mirrormaker_1(field, topic):
    """Under load: Heliostat waits while MirrorMaker has members in the group, and goes on where it ended."""
    mirror = field(lanes=3, **{"start.from": f"group:mm1.{topic}", "delivery.guarantee": "at-least-once"})
    mirror.create(topic, PARTITIONS, both=True)
    load = mirror.load(topic, PARTITIONS, 400)
    other = MirrorMaker1(mirror.directory / "mm1", mirror.source, mirror.destination, topic, f"mm1.{topic}").start()
    # MirrorMaker ends with a commit of all that was acknowledged.
    assert take_over(mirror, topic, other, load) == 0


def test_mirrormaker_2_is_taken_over(field, topic):
    """Its last offset is that of a record which it has mirrored: Heliostat goes on behind it."""
    mirror = field(lanes=3, **{"start.from": f"mm2:A{topic},earliest", "delivery.guarantee": "exactly-once"})
    mirror.create(topic, PARTITIONS, both=True)
    load = mirror.load(topic, PARTITIONS, 400)
    other = MirrorMaker2(mirror.directory / "mm2", mirror.source, mirror.destination, topic,
                         (f"A{topic}", f"B{topic}")).start()
    repeated = take_over(mirror, topic, other, load, before_up=True)
    log = mirror.workers["w1"].log_text()
    assert log.count(f'from="mm2-offsets.A{topic}.internal"') >= 1, log
    assert repeated == 0 or f'from="earliest"' in log, repeated


def test_what_comes_after_a_look_that_found_only_parked_topics_is_later(field, topic):
    later = f"{topic}-later"
    mirror = field(topics=f"{topic}-.*", lanes=2, **{
        "start.from": "latest", "topic.naming": "regex", "topic.rename.regex": "(.*)-(eu|us)", "topic.rename.replacement": "$1-of-all"})
    for name in ("eu", "us"):
        mirror.create(f"{topic}-{name}", 1)
    mirror.up()
    mirror.coordinators["c1"].wait_log(rf"topic.parked .*topic={topic}-us", 30)     # both have one name there
    mirror.create(later, 1)
    produce(mirror, later, 0, ["first", "second"])
    wait_keys(mirror, later, {0: ["first", "second"]})


def test_start_rules_of_topics(field, topic):
    names = {rule: f"{topic}.{rule}" for rule in ("earliest", "latest", "time", "file", "group", "fallback", "later")}
    instant = datetime.datetime(2026, 1, 31, 13, 45, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    ms = int(instant.timestamp() * 1000)
    rules = "; ".join((
        f".*latest = latest", f".*time = timestamp:{instant.isoformat()}", f".*file = offsets:positions.csv",
        f".*group = group:old.{topic}", f".*fallback = group:old.{topic},latest", f".*later = latest"))
    mirror = field(topics=f"{topic}.*", lanes=2, **{"delivery.guarantee": "exactly-once", "start.from.topics": rules})
    for rule, name in names.items():
        if rule == "later":
            continue
        mirror.create(name, 2, both=True)
        # The third of each partition has the instant of the rule, the fourth an earlier time again.
        for p in (0, 1):
            mirror.oracle.call("produce", bootstrap=mirror.source, topic=name, records=[
                {"partition": p, "key": key, "value": "", "timestamp": ms + shift}
                for key, shift in (("a", -2000), ("b", -1), ("c", 0), ("d", -500))])
    (mirror.directory / "positions.csv").write_text(f"topic,partition,offset\n{names['file']},0,2\n{names['file']},1,0\n")
    for rule in ("group", "fallback"):
        mirror.oracle.call("set-group-offsets", bootstrap=mirror.source, group=f"old.{topic}", topic=names[rule],
                           offsets={"1": 3})
    mirror.up()
    mirror.wait_status(lambda status: len(status["partitions"]) == 12 and len(
        [p for p in status["partitions"] if p["state"] == "RUNNING"]) == 11, "all partitions run but one")
    [halted] = partitions(mirror.status(), "HALTED", names["group"])
    assert halted["partition"] == 0 and halted["halts"][0]["kind"] == "no-position", halted
    assert f"group old.{topic}" in halted["error"] and "has no offset of it" in halted["error"], halted

    for name in names.values():
        if name != names["later"]:
            for p in (0, 1):
                produce(mirror, name, p, ["new"])
    wait_keys(mirror, names["earliest"], {p: ["a", "b", "c", "d", "new"] for p in (0, 1)})
    wait_keys(mirror, names["latest"], {p: ["new"] for p in (0, 1)})
    wait_keys(mirror, names["time"], {p: ["c", "d", "new"] for p in (0, 1)})
    wait_keys(mirror, names["file"], {0: ["c", "d", "new"], 1: ["a", "b", "c", "d", "new"]})
    wait_keys(mirror, names["group"], {0: [], 1: ["d", "new"]})
    wait_keys(mirror, names["fallback"], {0: ["new"], 1: ["d", "new"]})

    # The halt waits for its answer; a retry finds the same; a start at the log's start is one.
    resume(mirror)
    mirror.workers["w1"].wait_log("answer=retry", 30)
    resume(mirror, "--restart")
    wait_keys(mirror, names["group"], {0: ["a", "b", "c", "d", "new"], 1: ["d", "new"]})
    mirror.wait_running(12)

    # What comes later is mirrored from its first record, although its rule says "latest".
    mirror.create(names["later"], 2)
    for p in (0, 1):
        produce(mirror, names["later"], p, ["first", "second"])
    mirror.oracle.call("add-partitions", bootstrap=mirror.source, topic=names["latest"], partitions=3)
    produce(mirror, names["latest"], 2, ["first"])
    wait_keys(mirror, names["later"], {p: ["first", "second"] for p in (0, 1)})
    wait_keys(mirror, names["latest"], {0: ["new"], 1: ["new"], 2: ["first"]})

    # A position that was started is not touched by another rule.
    mirror.routes["east->west"]["start.from.topics"] = ""
    mirror.write_config()
    assert "holds for partitions that were never started" in mirror.apply()
    for p in (0, 1):
        produce(mirror, names["latest"], p, ["newer"])
    wait_keys(mirror, names["latest"], {0: ["new", "newer"], 1: ["new", "newer"], 2: ["first"]})
    time.sleep(1)
    assert keys_of(mirror, names["latest"])[0] == ["new", "newer"]
