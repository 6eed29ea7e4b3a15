"""Where lanes and partitions are: `move`, `drain`, `undrain`, the load, and what changes while a partition moves."""

import base64
import contextlib
import re
import subprocess
import time

import pytest

from local_cluster import binary, wait_until
from records import message, zookeeper_client

LANES = 6


def test_lanes_move_where_an_operator_wants_them(field, topic):
    """Planned moves: nothing is repeated, and what was asked for holds for the next owners of the worker's id as well."""
    mirror = field(lanes=LANES, session_timeout_ms=10_000)
    mirror.create(topic, LANES)
    status = mirror.up(workers=2).wait_running(LANES)
    load = mirror.load(topic, LANES, rate=1000)
    mirror.wait_flowing(mirror.watch(topic, LANES))

    def run(code, text, *arguments):
        done = mirror.run(*arguments, "--config", mirror.config, limit_s=60)
        assert done.returncode == code and text in done.stdout + done.stderr, \
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}\n{mirror.describe()}"

    def lanes():
        """Without what is measured, which changes all the time."""
        measured = ("bytes_rate", "records_rate", "weight")
        return {lane["lane"]: {key: value for key, value in lane.items() if key not in measured}
                for lane in mirror.status()["lanes"]}

    def at(worker):
        return {number for number, lane in lanes().items() if lane["worker"] == worker}
    number = min(lane["lane"] for lane in status["lanes"] if lane["worker"] == "w1")
    before = lanes()

    # What makes no sense is said and changes nothing.
    run(2, "did you mean 'east->west'", "move", "east->wst", number, "w2")
    run(2, "has no lane 6; it has the lanes 0 to 5", "move", "east->west", LANES, "w2")
    run(2, "no worker 'w3' lives", "move", "east->west", number, "w3")
    run(2, "no worker 'w3' lives", "drain", "w3")
    run(0, "is not pinned", "move", "east->west", number, "--anywhere")
    run(0, f"lane {number} of east->west: w1 -> w2", "move", "east->west", number, "w2", "--dry-run")
    assert lanes() == before

    # The command ends when the lane runs there; again, it does nothing.
    run(0, f"lane {number} of east->west runs at w2", "move", "east->west", number, "w2")
    moved = lanes()[number]
    assert moved["worker"] == "w2" and moved["pin"] == "w2" and moved["generation"] == before[number]["generation"] + 1
    run(0, "as said before", "move", "east->west", number, "w2")
    assert lanes()[number]["generation"] == moved["generation"]
    # One came in exchange: both have three.
    wait_until(lambda: len(at("w1")) == len(at("w2")) == LANES // 2, 20, mirror.describe)

    run(0, "worker w2 has no lanes", "drain", "w2")
    assert at("w1") == set(range(LANES)) and [w["drained"] for w in mirror.status()["workers"]] == [False, True]
    run(2, "'heliostat undrain w2' first", "move", "east->west", number, "w2")
    run(2, "no other worker is left", "drain", "w1")

    # The wish is for the id: another process of it gets nothing either, from another leader either.
    mirror.workers["w2"].terminate()
    assert mirror.workers["w2"].wait(10) == 0
    mirror.coordinators["c1"].kill()
    mirror.start_coordinator("c2").wait_log("coordinator.lead", 40)
    mirror.start_worker("w2")
    mirror.wait_status(lambda status: len(status["workers"]) == 2, "both workers", 30)
    assert at("w1") == set(range(LANES))
    run(0, "worker w2 is no longer drained", "undrain", "w2")
    wait_until(lambda: len(at("w2")) == LANES // 2 and number in at("w2"), 20, mirror.describe)
    mirror.wait_running(LANES)
    load.stop()
    mirror.assert_mirrored(topic, "exact")


def test_the_load_moves_lanes_until_it_is_even_and_then_none(field, topic):
    """Two hot lanes on one worker: one of them goes to the other, and then nothing moves any more. Nothing is missing, repeated or out of order."""
    hot, cold = topic + ".hot", topic + ".cold"
    mirror = field(topics=topic + ".*", lanes=LANES, session_timeout_ms=10_000, settings={
        "rebalance.interval.seconds": 1, "rebalance.settle.seconds": 3, "rebalance.imbalance.percent": 15})
    mirror.create(cold, LANES - 2)
    mirror.create(hot, 2)
    mirror.up(workers=2).wait_running(LANES)
    hot_lanes = {p["lane"] for p in mirror.status()["partitions"] if p["topic"] == hot}
    assert len(hot_lanes) == 2
    for lane in hot_lanes:
        assert mirror.run("move", "east->west", lane, "w1", "--config", mirror.config, limit_s=60).returncode == 0

    def lanes():
        return {lane["lane"]: lane for lane in mirror.status()["lanes"]}

    def owners():
        return {number: (lane["worker"], lane["generation"]) for number, lane in lanes().items()}
    loads = [mirror.load(hot, 2, rate=1000), mirror.load(cold, LANES - 2, rate=40)]
    for lane in hot_lanes:
        assert mirror.run("move", "east->west", lane, "--anywhere", "--config", mirror.config, limit_s=60).returncode == 0
    wait_until(lambda: {lanes()[lane]["worker"] for lane in hot_lanes} == {"w1", "w2"}, 40, mirror.describe)
    mirror.wait_running(LANES)

    def even():
        rates = {"w1": 0, "w2": 0}
        for lane in lanes().values():
            rates[lane["worker"]] += lane["bytes_rate"]
        return min(rates.values()) * 2 > max(rates.values())
    before, quiet_since = owners(), time.monotonic()

    def quiet():
        nonlocal before, quiet_since
        now = owners()
        if now != before:
            before, quiet_since = now, time.monotonic()
        return time.monotonic() - quiet_since > 6
    wait_until(quiet, 40, mirror.describe, 0.5)
    assert even(), mirror.describe()
    for load in loads:
        load.stop()
    mirror.assert_mirrored(hot, "exact")
    mirror.assert_mirrored(cold, "exact")


HOT, COLD = ("a", "c"), ("b", "d")      # topics of one partition, placed by name: a, c in lane 0, b, d in lane 1


def hot_field(field, topic, guarantee, partitions_max, session_timeout_ms=10_000, **more):
    """Two lanes at two workers, of which one gets all the load."""
    mirror = field(topics=f"{topic}.{guarantee}.*", lanes=2, **{
        "delivery.guarantee": guarantee, "group.id": f"heliostat.{topic}.{guarantee}", "transaction.commit.interval.ms": 200},
        settings={"rebalance.interval.seconds": 1, "rebalance.settle.seconds": 2, "report.interval.ms": 500,
                  "rebalance.partitions.max": partitions_max}, chroot=guarantee, session_timeout_ms=session_timeout_ms, **more)
    for letter in HOT + COLD:
        mirror.create(f"{topic}.{guarantee}.{letter}", 1)
    mirror.up(workers=2).wait_running(4)
    return mirror


def heat(mirror, topic, guarantee):
    for letter in HOT:
        mirror.load(f"{topic}.{guarantee}.{letter}", 1, rate=800)


def lanes_of(mirror):
    """Where each topic runs.  Of one status: a partition that leaves is not RUNNING for a moment."""
    return {row["topic"].rsplit(".", 1)[1]: row["lane"] for row in mirror.status()["partitions"] if row["state"] == "RUNNING"}


def apart(mirror):
    now = lanes_of(mirror)
    return len(now) == len(HOT + COLD) and now["a"] != now["c"]


def test_a_hot_lane_gives_a_partition_away(field, topic):
    """Two hot partitions in one lane, in either guarantee: one of them goes to the other lane, under load. Nothing is missing, repeated or out of order."""
    mirrors = {guarantee: hot_field(field, topic, guarantee, 1) for guarantee in ("at-least-once", "exactly-once")}
    for mirror in mirrors.values():
        assert lanes_of(mirror) == {"a": 0, "b": 1, "c": 0, "d": 1}
        before = {lane["lane"]: lane["generation"] for lane in mirror.status()["lanes"]}
        assert before == {0: 1, 1: 1}
    for guarantee, mirror in mirrors.items():
        heat(mirror, topic, guarantee)
    for mirror in mirrors.values():
        wait_until(lambda: apart(mirror), 90, mirror.describe)  # noqa: B023
        # The lane that it came to is above the generation that it left, and nobody has stopped for it.
        assert {lane["lane"]: lane["generation"] for lane in mirror.status()["lanes"]} == {0: 1, 1: 2}
        assert sum(worker.log_text().count("msg=lane.open ") for worker in mirror.workers.values()) == 2
        events = mirror.run("events", "--config", mirror.config).stdout
        assert "partition-moved" in events and "lane 0 -> lane 1" in events, events
    time.sleep(2)
    for guarantee, mirror in mirrors.items():
        for load in mirror.loads:
            load.stop()
        for letter in HOT:
            mirror.assert_mirrored(f"{topic}.{guarantee}.{letter}", "exact")


def tell_to_leave(client, topic):
    """As the leader does it: the partition of this topic goes from lane 0 to lane 1.  The owner of lane 0."""
    def edited(pattern, replacement, text):
        text, count = re.subn(pattern, replacement, text, flags=re.M)
        assert count == 1, f"{pattern}\n{text}"
        return text

    def more(match):
        return f"{match.group(1)}{int(match.group(2)) + 1}"
    path = "/lane/east->west/0"
    data, lane_stat = client.get(path)
    lane = message(data, way="decode").decode()
    owner = re.search(r'^owner: "(.+)"', lane, re.M).group(1)
    lane = edited(rf'(topic: "{re.escape(topic)}"\n *partitions {{\n)', r"\1to: 2\n", edited(r"^(spec: )(\d+)", more, lane))
    data, assign_stat = client.get(f"/assign/{owner}")
    # Lane 0's entry is the one without a number: the text leaves zeros out.
    assign = edited(r'(route: "east->west"\n *generation: \d+\n *spec: )(\d+)', more, message(data, "Assignment", "decode").decode())
    step = client.transaction()
    step.set_data(path, message(lane), lane_stat.version)
    step.set_data(f"/assign/{owner}", message(assign, "Assignment"), assign_stat.version)
    results = step.commit()
    assert not any(isinstance(result, Exception) for result in results), results
    return owner


@contextlib.contextmanager
def without_leader(mirror):
    """A client of ZooKeeper; the one coordinator has ended."""
    mirror.coordinators["c1"].terminate()
    assert mirror.coordinators["c1"].wait(20) == 0
    with zookeeper_client(mirror) as client:
        yield client


def has_left(client, topic):
    lane = message(client.get("/lane/east->west/0")[0], way="decode").decode()
    entry = re.search(rf'topic: "{re.escape(topic)}"\n *partitions {{([^}}]*)}}', lane)
    return entry and "left: true" in entry.group(1)


@pytest.mark.parametrize("change,guarantee", [("guarantee", "at-least-once"), ("guarantee", "exactly-once"),
                                              ("disabled", "at-least-once"), ("promoted", "exactly-once")])
def test_what_changes_while_partitions_are_between_lanes(field, topic, guarantee, change):
    """One has left its lane and is in none, one is told to leave by a record that its owner has not read, and no leader is
    there; then the route changes.  Both get where they were going, and nothing is missing or out of order."""
    def between(letter):
        return f"{topic}.{guarantee}.{letter}"

    def change_route(**keys):
        mirror.routes["east->west"].update(keys)
        mirror.write_config()
        mirror.apply()

    mirror = hot_field(field, topic, guarantee, 0, session_timeout_ms=20_000)      # the owner is stopped for a while
    heat(mirror, topic, guarantee)
    mirror.wait_status(lambda status: all(p["position"] for p in status["partitions"]
                                          if p["topic"] in (between("a"), between("c"))), "records flow")
    assert lanes_of(mirror) == {"a": 0, "b": 1, "c": 0, "d": 1}
    with without_leader(mirror) as client, contextlib.ExitStack() as stack:
        owner = mirror.workers[tell_to_leave(client, between("a"))]
        wait_until(lambda: has_left(client, between("a")), 20, mirror.describe)
        owner.pause()
        stack.callback(owner.resume)
        tell_to_leave(client, between("c"))
        if change == "guarantee":
            change_route(**{"delivery.guarantee": {"at-least-once": "exactly-once", "exactly-once": "at-least-once"}[guarantee]})
        elif change == "disabled":
            change_route(enabled="false")
        else:
            command = [str(word) for word in (binary(), "promote", "east->west", "--config", mirror.config)]
            promoting = subprocess.Popen(command, cwd=mirror.directory, stdout=subprocess.DEVNULL)
            stack.callback(promoting.kill)
            mirror.wait_status(lambda status: status["routes"][0]["intake"] == "stopping", "promote has begun")
        mirror.start_coordinator("c2").wait_log("coordinator.lead id=", 40)
        assert not has_left(client, between("c")), "it was told before anything changed"
        owner.resume()
        if change == "disabled":
            mirror.wait_status(lambda status: all(lane["state"] == "FREE" for lane in status["lanes"]), "the route rests")
            change_route(enabled="true")
        elif change == "promoted":
            assert promoting.wait(40) == 0
            done = mirror.run("promote", "east->west", "--config", mirror.config, "--undo")
            assert done.returncode == 0, done
        mirror.wait_status(lambda _: lanes_of(mirror) == {"a": 1, "b": 1, "c": 1, "d": 1}, "both are where they went", 40)
    time.sleep(1)
    for load in mirror.loads:
        load.stop()
    # At-least-once, one that stopped for a second sends again what it has no answer for.
    for letter in HOT:
        mirror.assert_mirrored(between(letter), guarantee.replace("exactly-once", "exact"))


def test_records_of_a_partition_that_leaves_fail(field, topic, destination):
    """At-least-once, opened: the destination takes nothing for so long that what is under way fails while its partition is
    on its way out of the lane.  It leaves all the same, at the first record that has not arrived."""
    mirror = hot_field(field, topic, "at-least-once", 0, 6000, **{"batch.relay.enabled": "false"})
    heat(mirror, topic, "at-least-once")
    leaving, stays = f"{topic}.at-least-once.a", f"{topic}.at-least-once.c"
    mirror.wait_status(lambda status: all(p["position"] for p in status["partitions"] if p["topic"] in (leaving, stays)), "records flow")
    with without_leader(mirror) as client, contextlib.ExitStack() as stack:
        destination.pause()
        stack.callback(destination.resume)
        time.sleep(1)  # records of each partition are sent, and get no answer
        owner = mirror.workers[tell_to_leave(client, leaving)]
        owner.wait_log(f"topic={leaving} partition=0 position=[0-9]+ reason=\"leaves for another lane\"", 20)
        owner.wait_log("lane.recycle ", 40)
        destination.resume()
        wait_until(lambda: has_left(client, leaving), 20, lambda: mirror.describe() + owner.tail())
        mirror.start_coordinator("c2").wait_log("coordinator.lead id=")
        mirror.wait_status(lambda _: lanes_of(mirror) == {"a": 1, "b": 1, "c": 0, "d": 1}, "it is where it went", 40)
    for load in mirror.loads:
        load.stop()
    for name in (leaving, stays):
        mirror.assert_mirrored(name, "at-least-once")


def test_a_halt_of_a_partition_that_leaves_is_answered(field, topic, oracle, source, destination):
    """It is told to leave when it has halted; the answer counts where it is, and then it leaves."""
    leaving = f"{topic}.at-least-once.a"
    oracle.call("create-topic", bootstrap=destination, topic=leaving, partitions=1, configs={"max.message.bytes": "100000"})
    mirror = hot_field(field, topic, "at-least-once", 0)
    heat(mirror, topic, "at-least-once")

    def produce(key, size):
        oracle.call("produce", bootstrap=source, topic=leaving, records=[{"partition": 0, "key": key, "value": "x" * size}])
    produce("large", 200_000)
    mirror.wait_status(lambda status: [p["state"] for p in status["partitions"] if p["topic"] == leaving] == ["HALTED"], "it halts", 40)
    with without_leader(mirror) as client:
        tell_to_leave(client, leaving)
    mirror.start_coordinator("c2").wait_log("coordinator.lead id=")
    done = mirror.run("resume", "east->west", "--config", mirror.config, "--skip", "--topic", leaving, "--partition", 0)
    assert done.returncode == 0, done
    mirror.wait_status(lambda _: lanes_of(mirror) == {"a": 1, "b": 1, "c": 0, "d": 1}, "it is where it went", 40)
    for load in mirror.loads:
        load.stop()
    produce("behind", 10)
    key = base64.b64encode(b"behind").decode()
    wait_until(lambda: oracle.call("dump", bootstrap=destination, topic=leaving)["0"][-1]["key"] == key, 30, mirror.describe, 0.3)
