"""The parent process of a worker: its child dies, is told to end, is refused; the parent itself dies.

The session timeout is long here: lanes that wait for it to pass are seen."""

import os
import pathlib
import re
import signal

import pytest
from local_cluster import HeliostatProcess, ZooKeeper, adopting, wait_until
from test_failure import (HANDOVER_PAUSE_MS, LIVING_PAUSE_MS, PARTITIONS, assert_delays, assert_duplicates_bounded, finish,
                          now_ms, others, partitions_of, running, wait_caught_up)  # noqa: F401 (running is a fixture)

LONG_SESSION_MS = 12_000
FAILOVER_MS = 3000          # the promise


def wait_child(worker, other_than=None):
    return wait_until(lambda: worker.child_pid() not in (None, other_than) and worker.child_pid(), 15,
                      lambda: f"a child of {worker.name}\n{worker.tail()}", 0.01)


def log_times_ms(worker, event):
    """When the event was logged, with the rest of its lines."""
    found = re.findall(rf"^time=\S+T(\d+):(\d+):(\d+)\.(\d+)Z level=\w+ component=\w+ msg={re.escape(event)} (.*)$", worker.log_text(), re.MULTILINE)
    return [(((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms), rest) for h, m, s, ms, rest in found]


@pytest.mark.quiet
def test_killed_child_fails_over_before_the_session_timeout(running, topic):  # noqa: F811
    mirror, load, watch = running(supervised=True, session_timeout_ms=LONG_SESSION_MS)
    moved = partitions_of(mirror, "w1")
    assert moved and len(moved) < PARTITIONS
    worker = mirror.workers["w1"]
    child = worker.child_pid()
    since = now_ms()
    os.kill(child, signal.SIGKILL)
    wait_caught_up(mirror, watch, since, LONG_SESSION_MS / 1000 + 10)

    assert_delays(watch, since - 1000, FAILOVER_MS, moved)
    # Not lost, but perhaps moved in order, if w1 was back after its lanes had gone elsewhere.
    assert_delays(watch, since - 1000, HANDOVER_PAUSE_MS, others(moved))
    worker.wait_log(r"supervisor\.session\.closed .*found=alive", 1)
    assert worker.alive()
    assert wait_child(worker) != child
    # The next life is a full one: it has lanes, and its end is seen to as well.
    mirror.wait_status(lambda status: "w1" in mirror.owners(status).values(), "w1 has lanes again")
    mirror.wait_running(PARTITIONS)
    mirror.wait_flowing(watch)
    moved_again = partitions_of(mirror, "w1")
    again = now_ms()
    os.kill(worker.child_pid(), signal.SIGKILL)
    wait_caught_up(mirror, watch, again, LONG_SESSION_MS / 1000 + 10)
    assert_delays(watch, again - 1000, FAILOVER_MS, moved_again)
    assert_duplicates_bounded(finish(mirror, topic, load), moved | moved_again, watch, since)


def test_killed_children_repeat_nothing_exactly_once(field, topic):
    """The next owner begins while the dead one's last requests may still be on their way: the epoch fences those."""
    mirror = field(session_timeout_ms=LONG_SESSION_MS, **{"delivery.guarantee": "exactly-once"})
    mirror.create(topic, 6)
    mirror.up(workers=2, supervised=True).wait_running(6)
    load = mirror.load(topic, 6, 600)
    for name in ("w1", "w2", "w1", "w2"):
        mirror.wait_status(lambda status: name in mirror.owners(status).values(), f"{name} has lanes")
        mirror.wait_running(6)
        worker = mirror.workers[name]
        before = len(worker.log_text())
        os.kill(wait_child(worker), signal.SIGKILL)
        # Until its session is closed the dead one still counts as running.
        worker.wait_log(r"supervisor\.session\.closed .*found=alive", 10, after=before)
    mirror.wait_running(6)
    finish(mirror, topic, load, "exact")


@pytest.mark.quiet
def test_supervisor_told_to_stop_hands_over(running, topic):  # noqa: F811
    mirror, load, watch = running(supervised=True, session_timeout_ms=LONG_SESSION_MS)
    moved = partitions_of(mirror, "w1")
    assert moved
    worker = mirror.workers["w1"]
    since = now_ms()
    worker.terminate()
    assert worker.wait(10) == 0, worker.tail()
    mirror.wait_running(PARTITIONS, workers={"w2", "w3"})
    wait_caught_up(mirror, watch, since, 15)

    assert_delays(watch, since - 1000, HANDOVER_PAUSE_MS, moved)
    assert_delays(watch, since - 1000, LIVING_PAUSE_MS, others(moved))
    # The child closed its session itself, and stayed the only one.
    assert "supervisor.session" not in worker.log_text(), worker.tail()
    assert len(log_times_ms(worker, "supervisor.child")) == 1, worker.tail()
    finish(mirror, topic, load, "exact")


@pytest.mark.quiet
def test_killed_supervisor_is_not_missed(running, topic, run_directory):  # noqa: F811
    zookeeper = ZooKeeper(run_directory / f"{topic}-zookeeper").start()
    try:
        mirror, load, watch = running(workers=1, coordinators=1, supervised=True, zookeeper=zookeeper)
        worker = mirror.workers["w1"]
        child = worker.child_pid()
        since = now_ms()
        with adopting():
            worker.kill()
            # A reconnection is what the child would tell its supervisor: the pipe has no reader now.
            before = len(worker.log_text())
            zookeeper.stop()
            zookeeper.start()
            worker.wait_log(r"zookeeper\.connected", 20, after=before)
            wait_until(lambda: now_ms() - since > 8000, 20, "eight seconds pass")
            wait_caught_up(mirror, watch, since, 10)
            assert_delays(watch, since - 1000, LIVING_PAUSE_MS)
            os.kill(child, signal.SIGTERM)

            def ended():
                pid, status = os.waitpid(child, os.WNOHANG)
                return pid and (os.waitstatus_to_exitcode(status),)
            assert wait_until(ended, 10, lambda: f"the child's end\n{worker.tail()}") == (0,)
        load.stop()
        mirror.start_worker("w2")
        mirror.assert_mirrored(topic, "exact")
    finally:
        zookeeper.end()


def test_crash_loop_backs_off_and_can_be_stopped(field):
    mirror = field(session_timeout_ms=LONG_SESSION_MS)
    worker = mirror.start_worker("w1", supervised=True)
    child = wait_child(worker)
    worker.wait_log(r"zookeeper\.connected", 20)
    proc = pathlib.Path(f"/proc/{worker.pid}")

    def held():
        """What a supervisor must not grow: descriptors, threads, heap."""
        heap = re.search(r"^(\S+) .*\[heap\]$", (proc / "maps").read_text(), re.MULTILINE)
        return (sorted(os.readlink(fd).partition(":")[0] for fd in (proc / "fd").iterdir()),
                len(list((proc / "task").iterdir())), heap and heap.group(1))
    first = held()
    assert len(first[0]) == 4 and "pipe" in first[0] and first[1] == 1, first

    expected_ms = [100, 200, 400, 800]
    for _ in expected_ms:
        os.kill(child, signal.SIGKILL)
        child = wait_child(worker, other_than=child)
    # A worker without lanes has a session as well: each is closed, but those of a child that had not connected yet.
    wait_until(lambda: held() == first, 10, lambda: f"{held()}, as before: {first}")
    ends, starts = log_times_ms(worker, "supervisor.child.ended"), log_times_ms(worker, "supervisor.child")
    assert [int(re.search(r"restarting in (\d+) ms", rest).group(1)) for _, rest in ends] == expected_ms, worker.tail(60)
    for (end_ms, _), (start_ms, _), limit_ms in zip(ends, starts[1:], expected_ms):
        assert limit_ms - 10 <= (start_ms - end_ms) % 86_400_000 <= limit_ms + 15_000, worker.tail(60)

    # Within a pause of 6.4 s there is no child to forward to.
    for _ in (1600, 3200):
        os.kill(child, signal.SIGKILL)
        child = wait_child(worker, other_than=child)
    os.kill(child, signal.SIGKILL)
    worker.wait_log(r"restarting in 6400 ms", 15)
    wait_until(lambda: worker.child_pid() is None, 3, "the pause")
    worker.terminate()
    assert worker.wait(5) == 0, worker.tail()
    assert len(log_times_ms(worker, "supervisor.child")) == len(expected_ms) + 3, worker.tail(60)


def test_refused_child_is_not_started_again(field, topic, oracle, source):
    mirror = field(session_timeout_ms=10_000)
    mirror.create(topic, 2)
    mirror.up(supervised=True).wait_running(2)
    first = mirror.workers["w1"]
    second = HeliostatProcess("worker", "w1", mirror.config, mirror.directory / "second", supervised=True).start()
    try:
        assert second.wait(40) == 1, second.tail()
        text = second.log_text()
        assert "worker.refused" in text and str(first.child_pid()) in text, text
        assert len(log_times_ms(second, "supervisor.child")) == 1, text
        assert "supervisor.session" not in text, text
    finally:
        second.end()
    assert first.alive()
    assert len(log_times_ms(first, "supervisor.child")) == 1, first.tail()
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=2, rate=5000, count=1000)
    mirror.assert_mirrored(topic, "exact")
