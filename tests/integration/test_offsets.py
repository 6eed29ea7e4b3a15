"""`heliostat offsets`: positions exported, imported, set and reset, in both guarantees."""

import base64
import json
import threading
import time

import pytest

from local_cluster import wait_until

ROUTE = "east->west"
GUARANTEES = ("at-least-once", "exactly-once")


def keys_of(mirror, topic):
    records = mirror.oracle.call("dump", bootstrap=mirror.destination, topic=topic)
    return {int(partition): [base64.b64decode(record["key"]).decode() for record in rows]
            for partition, rows in records.items()}


def produce(mirror, topic, keys):
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic, records=[
        {"partition": p, "key": key, "value": "v"} for p in (0, 1) for key in keys])


def offsets(mirror, verb, *arguments, code=0):
    done = mirror.run("offsets", verb, ROUTE, "--config", mirror.config, *arguments)
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


def enable(mirror, enabled):
    mirror.routes[ROUTE]["enabled"] = "true" if enabled else "false"
    mirror.write_config()
    mirror.apply()


def disable(mirror):
    enable(mirror, False)
    mirror.wait_status(lambda status: all(p["worker"] is None for p in status["partitions"]), "all lanes are free")


def wait_keys(mirror, topic, wanted):
    wait_until(lambda: keys_of(mirror, topic) == wanted, 30,
               lambda: f"{keys_of(mirror, topic)}, not {wanted}\n{mirror.describe()}", 0.3)


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_positions_are_exported_and_moved(field, topic, guarantee):
    mirror = field(lanes=2, **{"delivery.guarantee": guarantee})
    mirror.create(topic, 2, both=True)
    mirror.apply()
    assert "no partitions yet" in offsets(mirror, "export", code=2)
    mirror.up().wait_running(2)
    produce(mirror, topic, ["a", "b", "c"])
    wait_keys(mirror, topic, {p: ["a", "b", "c"] for p in (0, 1)})

    # Moved only where nobody runs the lane; the same positions are there already, whoever runs it.
    file = mirror.directory / "positions.csv"
    refused = offsets(mirror, "set", "--topic", topic, "--partition", 0, "--to", 1, code=1)
    assert "is with worker w1" in refused and "nothing was written" in refused
    disable(mirror)
    exported = offsets(mirror, "export")
    assert exported == f"topic,partition,offset\n{topic},0,3\n{topic},1,3\n"
    assert json.loads(offsets(mirror, "export", "-o", "json", "--topic", topic, "--partition", 1)) == {
        "route": ROUTE, "partitions": [{"topic": topic, "partition": 1, "offset": 3}]}
    file.write_text(exported)
    assert offsets(mirror, "import", "--file", file) == "2 positions are there already\n"

    # What cannot be is refused as a whole.
    assert "above the source's log, which holds 0 to 3" in offsets(
        mirror, "set", "--topic", topic, "--partition", 0, "--to", 4, code=1)
    bad = mirror.directory / "bad.csv"
    bad.write_text(f"{topic},0,1\n{topic},7,1\n")
    assert "the route has no partition 7" in offsets(mirror, "import", "--file", bad, code=2)
    assert "did you mean" in offsets(mirror, "set", "--topic", topic[:-1], "--partition", 0, "--to", 1, code=2)
    assert "-> 1" in offsets(mirror, "set", "--topic", topic, "--partition", 0, "--to", 1, "--dry-run")
    assert offsets(mirror, "export") == exported

    # Moved back and forth before anybody has run it: what was asked for last counts, and asking twice changes nothing.
    moved = f"{topic}-0: 3 -> 1, once lane 0 has an owner\n"
    assert offsets(mirror, "set", "--topic", topic, "--partition", 0, "--to", 1) == moved
    assert "as asked before" in offsets(mirror, "set", "--topic", topic, "--partition", 0, "--to", 1)
    assert f"{topic},0,1\n" in offsets(mirror, "export")
    assert "(asked for: 1) -> 3" in offsets(mirror, "import", "--file", file)
    assert offsets(mirror, "export") == exported
    assert "-> 2" in offsets(mirror, "set", "--topic", topic, "--partition", 0, "--to", 2)
    enable(mirror, True)
    wait_keys(mirror, topic, {0: ["a", "b", "c", "c"], 1: ["a", "b", "c"]})
    mirror.wait_status(lambda status: all(p["state"] == "RUNNING" and not p["halts"] for p in status["partitions"]),
                       "the move is carried out and taken out of the lane")

    # Reset, and the next owner begins there too: the move is committed where the guarantee keeps positions.
    disable(mirror)
    assert offsets(mirror, "reset", "--to", "earliest", "--topic", topic, "--partition", 1) == (
        f"{topic}-1: 3 -> 0, once lane 1 has an owner\n")
    enable(mirror, True)
    wait_keys(mirror, topic, {0: ["a", "b", "c", "c"], 1: ["a", "b", "c", "a", "b", "c"]})
    mirror.wait_status(lambda status: all(p["state"] == "RUNNING" and not p["halts"] for p in status["partitions"]),
                       "the move is carried out")
    # Killed once the repeat is committed: before that, at-least-once may rightly repeat it once more.
    wait_until(lambda: offsets(mirror, "export") == exported, 30, mirror.describe, 0.3)
    mirror.workers["w1"].kill()
    mirror.start_worker("w2")
    mirror.wait_running(2, workers=["w2"])
    produce(mirror, topic, ["d"])
    wait_keys(mirror, topic, {0: ["a", "b", "c", "c", "d"], 1: ["a", "b", "c", "a", "b", "c", "d"]})


def test_a_claim_at_the_same_moment_is_refused_or_comes_after(field, topic):
    """The tool against claims and releases in a quick change: each move is carried out whole, or refused."""
    mirror = field(lanes=1)
    mirror.create(topic, 2, both=True)
    mirror.up().wait_running(2)
    produce(mirror, topic, [f"k{i}" for i in range(9)])
    wait_until(lambda: len(keys_of(mirror, topic)[0]) == 9, 30, mirror.describe, 0.3)
    taken = 0
    config = mirror.write_config(mirror.directory / "tool.properties")     # the other is written anew meanwhile
    for delay_s in (0, 0.02, 0.05, 0.1, 0.3):
        disable(mirror)
        answers = []
        tool = threading.Thread(target=lambda: answers.append(mirror.run(
            "offsets", "set", ROUTE, "--config", config, "--topic", topic, "--partition", 0, "--to", 8)))
        tool.start()
        time.sleep(delay_s)
        enable(mirror, True)
        tool.join()
        [done] = answers
        assert done.returncode == 0 or (done.returncode == 1 and "is with worker" in done.stderr), done
        taken += done.returncode == 0
        mirror.wait_status(lambda status: all(p["state"] == "RUNNING" and not p["halts"] for p in status["partitions"]),
                           "both run, and nothing is asked for any more")
        # A move that was taken repeats the last record, once; a refused one does nothing.
        wait_until(lambda: keys_of(mirror, topic)[0].count("k8") == 1 + taken, 30,
                   lambda: f"{taken}: {keys_of(mirror, topic)[0]}\n{mirror.describe()}", 0.2)
    assert keys_of(mirror, topic) == {0: [f"k{i}" for i in range(9)] + ["k8"] * taken, 1: [f"k{i}" for i in range(9)]}
