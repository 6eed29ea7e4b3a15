"""`heliostat resume` against ZooKeeper: lane records written by hand, no coordinator and no worker."""

import contextlib
import re
import threading

import pytest

from local_cluster import wait_until
from records import message, zookeeper_client

ROUTE = "east->west"


def halt(topic, partition, kind, from_, to, reason="gone"):
    return f'halts {{ topic: "{topic}" partition: {partition} kind: {kind} from: {from_} to: {to} reason: "{reason}" }}'


def lane(*halts, topic="orders", partitions=(0, 1, 2), owner=None, spec=4):
    held = " ".join(f"partitions {{ partition: {p} started: true }}" for p in partitions)
    state = f'state: LANE_OWNED owner: "{owner}" incarnation: "i"' if owner else ""
    return f'format: 1 {state} generation: 3 spec: {spec} topics {{ topic: "{topic}" {held} }} {" ".join(halts)}'


class Znodes:
    """What the coordinator and the workers of a field would have written."""

    def __init__(self, client):
        self.client = client

    def put_lane(self, number, text):
        self.put(f"/lane/{ROUTE}/{number}", message(text))

    def put_assign(self, worker, lanes):
        entries = " ".join(f'lanes {{ route: "{ROUTE}" lane: {number} generation: 3 spec: {spec} }}'
                           for number, spec in lanes.items())
        self.put(f"/assign/{worker}", message(f"format: 1 leader_epoch: 7 {entries}", "Assignment"))

    def put(self, path, data):
        if self.client.exists(path):
            self.client.set(path, data)
        else:
            self.client.create(path, data, makepath=True)

    def lane(self, number):
        """(text, version)"""
        data, stat = self.client.get(f"/lane/{ROUTE}/{number}")
        return " ".join(message(data, way="decode").decode().split()), stat.version

    def specs(self, worker):
        """{lane: spec} of its assign node, and its version"""
        data, stat = self.client.get(f"/assign/{worker}")
        specs = {}
        for entry in message(data, "Assignment", "decode").decode().split("lanes {")[1:]:
            fields = dict(re.findall(r"(\w+): (\d+)", entry))       # the text form leaves zeros out
            specs[int(fields.get("lane", 0))] = int(fields.get("spec", 0))
        return specs, stat.version


@pytest.fixture
def routed(field):
    """routed(...) -> (mirror, znodes) with the route applied."""
    with contextlib.ExitStack() as stack:
        def make(**keys):
            mirror = field(**keys)
            mirror.apply()
            return mirror, Znodes(stack.enter_context(zookeeper_client(mirror)))
        yield make


def resume(mirror, *arguments, route=ROUTE):
    return mirror.run("resume", route, "--config", mirror.config, *arguments)


def partition(mirror, number, topic="orders"):
    [found] = [p for p in mirror.status()["partitions"] if p["topic"] == topic and p["partition"] == number]
    return found


def test_nothing_halted_and_wrong_names(routed):
    mirror, znodes = routed()
    for arguments in ((), ("--skip",), ("--dry-run",)):
        done = resume(mirror, *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"nothing is halted in {ROUTE}\n", "")
    znodes.put_lane(0, lane())
    assert resume(mirror, "--topic", "orders").stdout == f"nothing is halted in orders of {ROUTE}\n"
    assert resume(mirror, "--topic", "orders", "--partition", 2).stdout == f"orders-2 of {ROUTE} is not halted\n"
    for route, arguments, words in (("east->wset", (), "unknown route 'east->wset'; did you mean 'east->west'?"),
                                    ("north->south", (), "unknown route 'north->south'"),
                                    (ROUTE, ("--topic", "odrers"), "has no topic 'odrers'; did you mean 'orders'?"),
                                    (ROUTE, ("--topic", "payments"), "has no topic 'payments'"),
                                    (ROUTE, ("--topic", "orders", "--partition", 3),
                                     "has no partition 3 of orders, which has 3 partitions")):
        done = resume(mirror, *arguments, route=route)
        assert done.returncode == 2 and words in done.stderr and not done.stdout, done


def test_a_zookeeper_without_routes(field):
    mirror = field()
    done = resume(mirror)
    assert done.returncode == 2 and "was 'heliostat apply' run?" in done.stderr, done


def test_answers_reach_the_lane_and_its_owner(routed):
    mirror, znodes = routed()
    znodes.put_lane(0, lane(halt("orders", 0, "HALT_GAP", 100, 120, "offsets 100 to 119 are gone"),
                            halt("orders", 1, "HALT_REFUSED", 7, 8, "too large"), owner="w1"))
    znodes.put_lane(1, lane(topic="payments", partitions=(10, 2), owner="w1", spec=9))
    znodes.put_lane(2, lane(halt("audit", 5, "HALT_NO_POSITION", -1, -1), topic="audit", partitions=(5,)))
    znodes.put_assign("w1", {0: 4, 1: 9})

    halted = partition(mirror, 0)
    assert (halted["state"], halted["error"]) == ("HALTED", "offsets 100 to 119 are gone")
    assert halted["halts"][0]["kind"] == "gap" and halted["halts"][0]["answer"] is None

    before = [znodes.lane(k) for k in range(3)], znodes.specs("w1")
    dry = resume(mirror, "--dry-run")
    assert dry.returncode == 0 and dry.stdout.endswith("dry run: nothing was written\n") and "orders-1" in dry.stdout
    refused = resume(mirror, "--dead-letter")       # one of the three could be
    assert refused.returncode == 2 and "--dead-letter is for" in refused.stderr and "nothing was written" in refused.stderr
    assert ([znodes.lane(k) for k in range(3)], znodes.specs("w1")) == before

    done = resume(mirror, "--skip", "--topic", "orders", "--partition", 0)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout == ("orders-0: the source no longer has what comes next (offsets 100 to 119): goes on at the first "
                           "offset that there is\n")
    text, version = znodes.lane(0)
    assert "to: 120 answer: ANSWER_SKIP" in text and "to: 8 reason" in text and "spec: 5" in text
    assert version == before[0][0][1] + 1
    assert znodes.specs("w1") == ({0: 5, 1: 9}, before[1][1] + 1)
    assert [znodes.lane(k) for k in (1, 2)] == before[0][1:]
    assert partition(mirror, 0)["halts"][0]["answer"] == "skip"
    assert partition(mirror, 0)["error"] == "halt is answered: skip"

    # The rest of the route, in one call; what has an answer gets the new one.
    done = resume(mirror)
    assert done.returncode == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["audit-5", "orders-0", "orders-1"]
    assert "instead of 'skip'" in done.stdout and "once lane 2 has an owner" in done.stdout
    assert znodes.lane(0)[0].count("ANSWER_RETRY") == 2 and "spec: 6" in znodes.lane(0)[0]
    assert "ANSWER_RETRY" in znodes.lane(2)[0] and "spec: 5" in znodes.lane(2)[0]
    assert znodes.specs("w1")[0] == {0: 6, 1: 9}

    # Again: it is so already.
    before = [znodes.lane(k) for k in range(3)], znodes.specs("w1")
    done = resume(mirror)
    assert done.returncode == 0 and done.stdout.count("as answered before") == 3
    assert ([znodes.lane(k) for k in range(3)], znodes.specs("w1")) == before


def test_an_offset_and_the_topic_of_dead_letters(routed):
    mirror, znodes = routed()
    znodes.put_lane(3, lane(halt("orders", 2, "HALT_REFUSED", 7, 8), owner="w9"))      # nobody has an assign node
    done = resume(mirror, "--to", 20, "--topic", "orders", "--partition", 2)
    assert done.returncode == 0 and "goes on at offset 20" in done.stdout
    assert "to: 20 answer: ANSWER_OFFSET" in znodes.lane(3)[0]
    done = resume(mirror, "--dead-letter")
    assert done.returncode == 0 and "note: the topic heliostat." in done.stdout and ".dead-letters has to exist" in done.stdout
    assert "to: 8 answer: ANSWER_DEAD_LETTER" in znodes.lane(3)[0], "the range is again that of the record"


def test_an_unreadable_lane_does_not_keep_the_others_halted(routed):
    mirror, znodes = routed()
    znodes.put_lane(0, lane(halt("orders", 0, "HALT_GAP", 1, 5)))
    znodes.put(f"/lane/{ROUTE}/1", b"\xff\xff")
    done = resume(mirror, "--skip")
    assert done.returncode == 1 and "lane 1 of east->west cannot be read" in done.stderr and "orders-0" in done.stdout
    assert "ANSWER_SKIP" in znodes.lane(0)[0]


def test_conflicts_are_repeated(routed):
    """Six at once, with a lane each and one assign node for all: everyone but the fastest is refused and tries again."""
    mirror, znodes = routed()
    numbers = range(6)
    for k in numbers:
        znodes.put_lane(k, lane(halt("orders", k, "HALT_GAP", 1, 5), partitions=(k,), owner="w1"))
    znodes.put_assign("w1", dict.fromkeys(numbers, 4))
    results = {}

    def one(k):
        results[k] = resume(mirror, "--skip", "--topic", "orders", "--partition", k)
    threads = [threading.Thread(target=one, args=(k,)) for k in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in numbers:
        assert results[k].returncode == 0 and f"orders-{k}" in results[k].stdout, results[k]
        assert "ANSWER_SKIP" in znodes.lane(k)[0]
    assert znodes.specs("w1")[0] == dict.fromkeys(numbers, 5)


def test_the_topic_of_dead_letters_is_created(field, topic):
    mirror = field(lanes=7, **{"poison.record.policy": "dead-letter"})
    mirror.create(topic, 1)
    mirror.apply()
    mirror.start_coordinator("c1")
    name = f"heliostat.{topic}.dead-letters"
    wait_until(lambda: mirror.oracle.call("describe-topic", bootstrap=mirror.destination, topic=name) == 7, 30,
               mirror.describe)
    configs = mirror.oracle.call("topic-configs", bootstrap=mirror.destination, topic=name)
    assert {key: configs[key] for key in ("cleanup.policy", "retention.ms", "max.message.bytes")} == {
        "cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": "104857600"}
