"""One worker: its id, its end, its idle cost, its positions."""

import re
import time

import pytest
from local_cluster import HeliostatProcess, wait_until


def generation(committed):
    return int(re.fullmatch(r"heliostat/1 g=(\d+)", committed["metadata"]).group(1))


def committed(oracle, source, group, topic):
    """partition -> {offset, metadata}"""
    return {int(partition): entry for partition, entry in
            oracle.call("group-offsets", bootstrap=source, group=group).get(topic, {}).items()}


def test_a_second_worker_with_the_same_id_is_refused(field, topic, oracle, source):
    mirror = field(session_timeout_ms=10_000)
    mirror.create(topic, 2)
    mirror.up().wait_running(2)
    first = mirror.workers["w1"]
    second = HeliostatProcess("worker", "w1", mirror.config, mirror.directory / "second").start()
    try:
        assert second.wait(40) not in (0, None)
        text = second.log_text()
        # Both are named, so that the operator knows which one to stop.
        assert "w1" in text and str(first.pid) in text and str(second.pid) in text, text
    finally:
        second.end()
    assert first.alive()
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=2, rate=5000, count=1000)
    mirror.assert_mirrored(topic, "exact")


def test_sigterm_under_load_exits_0_within_10_s(field, topic):
    mirror = field()
    mirror.create(topic, 8)
    mirror.up().wait_running(8)
    load = mirror.load(topic, 8, rate=2000)
    watch = mirror.watch(topic, 8)
    mirror.wait_flowing(watch)
    worker = mirror.workers["w1"]
    worker.terminate()
    assert worker.wait(10) == 0, worker.tail()
    load.stop()
    # What it had taken in was delivered and committed: the next one resumes without a repetition.
    mirror.start_worker("w2")
    mirror.assert_mirrored(topic, "exact")


def test_sigterm_before_anything_is_there(field):
    """No chroot, no coordinator: it waits, and it still ends when told to."""
    mirror = field()
    worker = mirror.start_worker("w1")
    worker.wait_log(r".")
    time.sleep(0.5)         # somewhere within its start-up; any moment must do
    worker.terminate()
    assert worker.wait(10) == 0, worker.tail()


@pytest.mark.quiet
def test_idle_worker_costs_nothing(field, topic):
    mirror = field()
    mirror.create(topic, 24)
    status = mirror.up().wait_running(24, limit_s=60)
    assert len({partition["lane"] for partition in status["partitions"]}) == 24, "each lane must own clients"
    worker = mirror.workers["w1"]
    measured_s = 10

    def share():
        before = worker.cpu_seconds()
        start = time.monotonic()
        time.sleep(measured_s)
        return (worker.cpu_seconds() - before) / (time.monotonic() - start)
    # The first window may still hold the end of the start.
    shares = [share(), share()]
    assert min(shares) < 0.05, f"CPU shares of an idle worker: {shares}"


def test_positions_are_committed_with_the_generation(field, topic, oracle, source):
    mirror = field(**{"group.id": f"group-{topic}"})
    mirror.create(topic, 4)
    mirror.up(workers=1).wait_running(4)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=4, rate=5000, count=4000)
    mirror.assert_mirrored(topic, "exact")

    def all_committed():
        found = committed(oracle, source, f"group-{topic}", topic)
        return found if [found.get(p, {}).get("offset") for p in range(4)] == [1000] * 4 else None
    first = wait_until(all_committed, 30, lambda: str(committed(oracle, source, f"group-{topic}", topic)))
    generations = {partition: generation(entry) for partition, entry in first.items()}
    assert all(number >= 1 for number in generations.values())

    # A new owner commits its own, higher generation before anything else, though no record has come.
    mirror.start_worker("w2")
    mirror.workers["w1"].terminate()
    assert mirror.workers["w1"].wait(10) == 0
    wait_until(lambda: all(generation(entry) > generations[partition] for partition, entry in
                           committed(oracle, source, f"group-{topic}", topic).items()), 20,
               lambda: f"higher generations than {generations}: {committed(oracle, source, f'group-{topic}', topic)}")
    assert {entry["offset"] for entry in committed(oracle, source, f"group-{topic}", topic).values()} == {1000}


def test_default_group_is_named_after_the_route(field, topic, oracle, source):
    mirror = field(routes={"east->west": {"topics": topic}})
    mirror.create(topic, 1)
    mirror.up().wait_running(1)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=1, rate=5000, count=100)
    wait_until(lambda: committed(oracle, source, "heliostat.east->west", topic).get(0, {}).get("offset") == 100, 30,
               lambda: f"a commit to heliostat.east->west\n{mirror.describe()}")


def test_a_restarted_worker_resumes_where_it_was(field, topic, oracle, source):
    mirror = field()
    mirror.create(topic, 4)
    mirror.up().wait_running(4)
    for count in (1000, 2000, 3000):
        oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=4, rate=10_000, count=1000)
        mirror.compare(topic)
        mirror.workers["w1"].terminate()
        assert mirror.workers["w1"].wait(10) == 0
        oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=4, rate=10_000, count=1000)
        mirror.start_worker("w1")
        result = mirror.assert_mirrored(topic, "exact")
        assert result["total"]["source"] == 2 * count


def test_a_higher_committed_generation_stops_the_owner(field, topic, oracle, source):
    """The fence: whoever finds a newer owner's generation in the group stops at once, and commits nothing any more."""
    group = f"group-{topic}"
    mirror = field(**{"group.id": group})
    mirror.create(topic, 1)
    mirror.up().wait_running(1)
    load = mirror.load(topic, 1, rate=500)
    watch = mirror.watch(topic, 1)
    mirror.wait_flowing(watch)
    wait_until(lambda: committed(oracle, source, group, topic).get(0, {}).get("offset", 0) > 0, 30, "a first commit")
    # As a newer owner would: its generation, at the position that it found.  A commit of the old owner may be under way
    # and overwrite it, once.
    found = committed(oracle, source, group, topic)[0]
    newer = generation(found) + 1000
    worker = mirror.workers["w1"]
    before = len(worker.log_text())

    def fence():
        entry = committed(oracle, source, group, topic)[0]
        if generation(entry) < newer:
            oracle.call("set-group-offsets", bootstrap=source, group=group, topic=topic,
                        offsets={"0": entry["offset"]}, metadata=f"heliostat/1 g={newer}")
        return re.search(r"(?i)fence", worker.log_text()[before:])
    wait_until(fence, 30, lambda: f"the worker finds itself fenced\n{worker.tail()}")
    assert worker.alive()
    load.stop()
