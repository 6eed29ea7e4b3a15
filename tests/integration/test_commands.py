"""What an operator asks and does on the command line, against one running mirror after the other thing."""

import json
import subprocess

from local_cluster import binary, wait_until

LANES = 4


def command(mirror, code, *arguments, text=""):
    done = mirror.run(*arguments, "--config", mirror.config, limit_s=60)
    assert done.returncode == code and text in done.stdout + done.stderr, \
        f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}\n{mirror.describe()}"
    return done.stdout


def events(mirror, *arguments):
    return [json.loads(line) for line in command(mirror, 0, "events", *arguments, "-o", "json").splitlines()]


def test_a_running_mirror_is_described(field, topic, oracle, source):
    """list, lag, describe and events say what was really mirrored, and what happened."""
    mirror = field(lanes=LANES)
    mirror.create(topic, LANES)
    mirror.up(workers=2).wait_running(LANES)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=LANES, rate=4000, count=4000)
    mirror.assert_mirrored(topic, "exact")
    mirror.wait_status(lambda s: all(p["position"] == 1000 and p["lag"] == 0 for p in s["partitions"]), "no lag")

    assert command(mirror, 0, "list", "routes", "-o", "names") == "east->west\n"
    assert command(mirror, 0, "list", "workers", "-o", "names") == "w1\nw2\n"
    assert command(mirror, 0, "list", "topics", "-o", "names") == f"{topic}\n"
    assert command(mirror, 0, "list", "lanes", "-o", "names", "--route", "east->west") == "0\n1\n2\n3\n"
    (row,) = json.loads(command(mirror, 0, "list", "topics", "-o", "json"))["topics"]
    assert row["topic"] == topic and row["partitions"] == LANES and row["lag"] == 0 and row["states"] == {"RUNNING": LANES}
    assert "RUNNING" in command(mirror, 0, "list", "topics") and "UP" in command(mirror, 0, "list", "workers")
    command(mirror, 2, "list", "routes", "--route", "east->wst", text="did you mean 'east->west'?")

    rows = json.loads(command(mirror, 0, "lag", "east->west", "-o", "json"))["partitions"]
    assert sorted(r["partition"] for r in rows) == list(range(LANES))
    assert all(r["position"] == r["end_offset"] == 1000 and r["lag"] == 0 and r["group"] for r in rows)
    assert [line.split()[:2] for line in command(mirror, 0, "lag").splitlines()[:1]] == [["GROUP", "TOPIC"]]
    assert len(command(mirror, 0, "lag", "--top", "1").splitlines()) == 2
    command(mirror, 0, "lag", "--max-lag", "0", "--max-seconds", "0")

    told = command(mirror, 0, "describe", "east->west")
    assert "exactly" in told or "at-least-once" in told
    worker = json.loads(command(mirror, 0, "describe", "w1", "-o", "json"))
    assert worker["kind"] == "worker" and len(worker["lanes"]) == len(worker["partitions"]) == LANES // 2
    assert "1000" in command(mirror, 0, "describe", topic)
    lane = json.loads(command(mirror, 0, "describe", "east->west", "3", "-o", "json"))
    assert lane["kind"] == "lane" and [x["lane"] for x in lane["lanes"]] == [3]
    command(mirror, 2, "describe", "w3", text="did you mean 'w")
    command(mirror, 2, "describe", "east->west", "7", text="has no lane 7")

    # What happens is told: a follower sees it come.
    follower = subprocess.Popen([binary(), "events", "--follow", "-o", "json", "--config", mirror.config],
                                stdout=subprocess.PIPE, text=True)
    try:
        command(mirror, 0, "drain", "w2")
        moves = wait_until(lambda: [e for e in events(mirror, "w2") if e["kind"] == "move" and e["reason"] == "drained"], 10,
                           mirror.describe)
        assert sum(m["count"] for m in moves) == LANES // 2
        assert all(m["detail"] == "w2 -> w1" and 0 <= m["duration_ms"] < 10000 for m in moves)
        assert [e for e in events(mirror) if e["kind"] == "leader" and e["subject"] == "c1"]
        assert [e for e in events(mirror, "w2") if e["kind"] == "drain"]
        mirror.workers["w2"].terminate()
        wait_until(lambda: [e for e in events(mirror) if e["kind"] == "worker-left" and e["subject"] == "w2"], 10, mirror.describe)
        # A new leader goes on where the old one stopped.
        count = len(events(mirror))
        mirror.coordinators["c1"].kill()
        mirror.start_coordinator("c2").wait_log("coordinator.lead", 20)
        wait_until(lambda: [e for e in events(mirror) if e["kind"] == "leader" and e["subject"] == "c2"], 10, mirror.describe)
        numbers = [e["number"] for e in events(mirror)]
        assert numbers == list(range(len(numbers))) and len(numbers) == count + 1
        assert "c2" in command(mirror, 0, "events", "--last", "1")
    finally:
        follower.terminate()
    seen = [json.loads(line)["number"] for line in follower.communicate()[0].splitlines()]
    assert follower.returncode == 0 and seen == numbers[:len(seen)] and len(seen) >= count, (seen, numbers)
