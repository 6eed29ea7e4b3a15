"""What an operator asks and does on the command line, against one running mirror after the other thing."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from local_cluster import binary, wait_until

LANES = 4


def command(mirror, code, *arguments, text=""):
    done = mirror.run(*arguments, "--config", mirror.config, limit_s=60)
    assert done.returncode == code and text in done.stdout + done.stderr, \
        f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}\n{mirror.describe()}"
    return done.stdout


def events(mirror, *arguments):
    return [json.loads(line) for line in command(mirror, 0, "events", *arguments, "-o", "json").splitlines()]


@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_paused_partitions_rest_and_keep_their_positions(field, topic, guarantee):
    """A topic, a partition, a route: nothing more is read, over a restart and a change of owner, and then everything
    arrives once."""
    mirror = field(topics=topic + ".*", lanes=LANES, **{"delivery.guarantee": guarantee})
    other = topic + ".other"
    mirror.create(topic, LANES)
    mirror.create(other, 2)
    mirror.up(workers=2).wait_running(LANES + 2)
    load = mirror.load(topic, LANES, rate=1000)
    mirror.wait_flowing(mirror.watch(topic, LANES))

    def rows(name=topic):
        return {p["partition"]: p for p in mirror.status()["partitions"] if p["topic"] == name}

    def rested(*partitions):
        """The rows, once what was under way is committed."""
        def same():
            at = rows()
            time.sleep(3)
            return at if all(rows()[p]["position"] == at[p]["position"] for p in partitions) else None
        return wait_until(same, 30, mirror.describe)

    command(mirror, 2, "pause", "east->wst", text="did you mean 'east->west'?")
    command(mirror, 0, "pause", "east->west", "--topic", topic, "--partition", 1, "--dry-run", text="1 partition would be paused")
    assert all(row["state"] == "RUNNING" for row in rows().values())
    command(mirror, 0, "pause", "east->west", "--topic", topic, "--partition", 1, "--no-wait")
    # A worker that was not told would read of it by itself, within 30 s.
    wait_until(lambda: "lane.paused" in "".join(w.log_text() for w in mirror.workers.values()), 10, mirror.describe)
    command(mirror, 0, "pause", "east->west", "--topic", topic, "--partition", 1, text="as said before")
    wait_until(lambda: rows()[1]["state"] == "PAUSED", 10, mirror.describe)
    first = rested(1)
    wait_until(lambda: all(rows()[p]["position"] > first[p]["position"] for p in (0, 2, 3)), 15, mirror.describe)
    assert rows()[1]["position"] == first[1]["position"]
    assert mirror.run("status", "--config", mirror.config, "--check").returncode == 0

    # The whole topic by a regex; the other one flows. A restart and another owner change nothing.
    command(mirror, 0, "pause", "east->west", "--topics", re.escape(topic) + "$", text=f"{LANES} partitions are paused")
    before = rested(*range(LANES))
    assert {row["state"] for row in before.values()} == {"PAUSED"} and {r["state"] for r in rows(other).values()} == {"RUNNING"}
    assert "Paused" in command(mirror, 0, "describe", "east->west")
    mirror.apply()
    mirror.workers["w1"].kill()
    mirror.wait_status(lambda s: all(p["worker"] == "w2" and p["state"] in ("PAUSED", "RUNNING") for p in s["partitions"]),
                       "w2 has all", 20)
    after = rows()
    assert {row["state"] for row in after.values()} == {"PAUSED"}
    assert all(after[p]["position"] >= before[p]["position"] for p in after)
    load.stop()

    # An answer to halts leaves pauses alone; a plain resume lets all go on.
    command(mirror, 0, "resume", "east->west", "--retry")
    assert {row["state"] for row in rows().values()} == {"PAUSED"}
    command(mirror, 0, "resume", "east->west", "--topic", topic, "--partition", 2, text="1 partition is no longer paused")
    wait_until(lambda: rows()[2]["state"] == "RUNNING" and rows()[3]["state"] == "PAUSED", 10, mirror.describe)
    command(mirror, 0, "resume", "east->west", text="are no longer paused")
    mirror.wait_running(LANES + 2)
    mirror.assert_mirrored(topic, "exact" if guarantee == "exactly-once" else "at-least-once")

    def told():
        return [e["kind"] for e in events(mirror, "east->west") if e["kind"] in ("pause", "resume", "apply")]
    wait_until(lambda: told() == ["pause", "pause", "resume", "resume"], 10, lambda: f"{told()}")


def test_a_running_mirror_is_described(field, topic, oracle, source):
    """list, lag, describe and events say what was really mirrored, and what happened."""
    mirror = field(lanes=LANES, session_timeout_ms=10_000)
    mirror.create(topic, LANES)
    mirror.up(workers=2).wait_running(LANES)
    mirror.wait_status(lambda status: sorted(lane["worker"] or "" for lane in status["lanes"]) == ["w1", "w1", "w2", "w2"],
                       "two lanes each")
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

    # Shells complete the names that there are.
    script = ('source <("$0" completion bash); COMP_WORDS=("$0" describe ""); COMP_CWORD=2; _heliostat; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    names = subprocess.run(["bash", "-c", script, binary()], capture_output=True, text=True, timeout=30,
                           env={**os.environ, "HELIOSTAT_CONFIG": str(mirror.config)})
    assert names.stdout.splitlines() == ["east-\\>west", "w1", "w2", topic], names

    # What happens is told: a follower sees it come.
    follower = subprocess.Popen([binary(), "events", "--follow", "-o", "json", "--config", mirror.config],
                                stdout=subprocess.PIPE, text=True)
    try:
        command(mirror, 0, "drain", "w2")

        def moves():
            return [e for e in events(mirror, "w2") if e["kind"] == "move" and e["reason"] == "drained"]
        wait_until(lambda: sum(m["count"] for m in moves()) == LANES // 2, 20, mirror.describe)
        assert all(m["detail"] == "w2 -> w1" and 0 <= m["duration_ms"] < 10000 for m in moves())
        assert [e for e in events(mirror) if e["kind"] == "leader" and e["subject"] == "c1"]
        assert [e for e in events(mirror, "w2") if e["kind"] == "drain"]
        mirror.workers["w2"].terminate()
        wait_until(lambda: [e for e in events(mirror) if e["kind"] == "worker-left" and e["subject"] == "w2"], 10, mirror.describe)
        # A new leader goes on where the old one stopped.
        count = len(events(mirror))
        mirror.coordinators["c1"].kill()
        mirror.start_coordinator("c2").wait_log("coordinator.lead", 40)
        wait_until(lambda: [e for e in events(mirror) if e["kind"] == "leader" and e["subject"] == "c2"], 10, mirror.describe)
        numbers = [e["number"] for e in events(mirror)]
        assert numbers == list(range(len(numbers))) and len(numbers) == count + 1
        assert "c2" in command(mirror, 0, "events", "--last", "1")
    finally:
        follower.terminate()
    seen = [json.loads(line)["number"] for line in follower.communicate()[0].splitlines()]
    assert follower.returncode == 0 and seen == numbers[:len(seen)] and len(seen) >= count, (seen, numbers)



def test_a_field_is_rebalanced_and_a_route_removed_and_added(field, topic):
    """rebalance moves what the coordinator by itself would leave. remove takes the lanes away after their last commit, keeps the positions and says what is left; added again, nothing
    is repeated and nothing is missing."""
    mirror = field(topics=topic + ".*", lanes=LANES, session_timeout_ms=10_000,
                   settings={"rebalance.imbalance.percent": 0})     # by number
    mirror.create(topic, LANES)
    mirror.create(topic + ".other", 2)      # two lanes have two partitions, two have one
    mirror.up(workers=2).wait_running(LANES + 2)
    load = mirror.load(topic, LANES, rate=1000)
    mirror.wait_flowing(mirror.watch(topic, LANES))

    def partitions():
        return {worker["id"]: worker["partitions"] for worker in mirror.status()["workers"]}
    command(mirror, 0, "rebalance")     # a worker that came a little later may have fewer
    command(mirror, 0, "rebalance", text="as even as")
    command(mirror, 0, "drain", "w2")
    command(mirror, 0, "undrain", "w2")
    wait_until(lambda: partitions() == {"w1": 4, "w2": 2}, 20, mirror.describe)
    assert "worker w1: 4 -> 3" in command(mirror, 0, "rebalance", "--dry-run", text="dry run: nothing was written")
    assert partitions() == {"w1": 4, "w2": 2}
    command(mirror, 0, "rebalance", text="done")
    assert partitions() == {"w1": 3, "w2": 3}
    command(mirror, 0, "rebalance", text="as even as")

    command(mirror, 2, "routes", "remove", "east->wst", text="did you mean 'east->west'?")
    command(mirror, 2, "routes", "add", "east->wst", text="did you mean 'east->west'?")
    command(mirror, 0, "routes", "remove", "east->west", "--dry-run", text=f"{LANES} lanes would be taken")
    mirror.wait_running(LANES + 2)
    said = command(mirror, 0, "routes", "remove", "east->west", text="- east->west\n")
    assert f"records of {LANES} lanes" in said and "consumer group heliostat." in said and "adds it again" in said
    assert not any(lane["worker"] for lane in mirror.status()["lanes"])
    assert mirror.run("status", "--config", mirror.config, "--check").returncode == 0, mirror.describe()
    command(mirror, 0, "routes", "remove", "east->west", text="was removed before")
    command(mirror, 0, "routes", "add", "east->west", "--dry-run", text="+ east->west")
    command(mirror, 0, "routes", "add", "east->west", text="+ east->west")
    assert "ENABLED" in command(mirror, 0, "routes", "list")
    mirror.wait_running(LANES + 2)
    load.stop()
    mirror.assert_mirrored(topic, "exact")
    assert [e["detail"] for e in events(mirror, "east->west") if e["kind"] == "apply"][-3:] == ["changed: enabled", "removed", "added"]


class Terminal:
    """A command on a pseudo-terminal, and what is on its screen."""

    def __init__(self, *arguments):
        # The terminal stays open here, so that its modes can be read when the command, its other user, has ended.
        self.fd, self.terminal = os.openpty()
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 160, 0, 0))
        self.pid = os.fork()
        if self.pid == 0:
            os.login_tty(self.terminal)
            os.environ.update(TERM="xterm", NO_COLOR="")
            os.execv(binary(), ["heliostat", *map(str, arguments)])
        self.text = ""

    def read(self, limit_s):
        """Whether there was something to read within the time."""
        if not select.select([self.fd], [], [], limit_s)[0]:
            return False
        self.text += os.read(self.fd, 65536).decode(errors="replace")
        return True

    def wait(self, pattern, limit_s=15):
        """Reads on until the pattern comes, and forgets what was before it."""
        end = time.monotonic() + limit_s
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < end, f"{pattern!r} is not in {self.text[-3000:]!r}"
            self.read(0.2)
        self.text = self.text[found.end():]
        return found

    def press(self, key):
        os.write(self.fd, key.encode())

    def modes(self):
        return termios.tcgetattr(self.terminal)[3] & (termios.ICANON | termios.ECHO)

    def exit(self, limit_s=10):
        """The wait status, and the modes that the command left behind, when all that was written is read."""
        end = time.monotonic() + limit_s
        while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            assert time.monotonic() < end, "it does not end"
            self.read(0.05)
        while self.read(0):
            pass
        modes = self.modes()
        os.close(self.terminal)
        os.close(self.fd)
        return ended[1], modes


def test_status_watch_on_a_terminal(field, topic, oracle, source, zookeeper):
    """It redraws in place, obeys its keys, and leaves the terminal as it was on every way out."""
    mirror = field(lanes=2)
    mirror.create(topic, 2)
    mirror.up().wait_running(2)
    both = termios.ICANON | termios.ECHO
    for way in ("q", signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT):
        screen = Terminal("status", "--watch", "--interval", 1, "--config", mirror.config)
        screen.wait(r"\x1b\[\?1049h")
        screen.wait(rf"(OK|WARN).*2 RUNNING(.|\n)*{topic}")
        assert screen.modes() == 0
        if way == "q":
            screen.press("p")
            screen.wait(r"WORKER(.|\n)*w1(.|\n)*p partitions")
            screen.press("+")
            screen.wait("every 2 s")
            screen.press("-")
            screen.wait("every 1 s")
            screen.press("p")
            screen.wait("LAG TIME")
            oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=2, rate=2000, count=2000)
            screen.wait(r" 1000 +1000 ")
            fcntl.ioctl(screen.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 40, 0, 0))
            screen.wait(r"\x1b\[8;1H")
            screen.press("q")
        else:
            os.kill(screen.pid, way)
        status, modes = screen.exit()
        assert modes == both, way
        assert screen.text.endswith("\x1b[?25h\x1b[?1049l"), (way, screen.text[-200:])
        if way == signal.SIGABRT:
            assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == way
        else:
            assert os.waitstatus_to_exitcode(status) == 0, way
    # Without a terminal: a line each time.
    lines = command(mirror, 0, "status", "--watch", "--interval", 1, "--rounds", 2).splitlines()
    assert len(lines) == 2 and all(' OK lag=0 ' in line and 'partitions="2 RUNNING"' in line for line in lines), lines
