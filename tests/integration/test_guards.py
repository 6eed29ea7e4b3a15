"""Faults from which one guard alone protects.  Elsewhere a second one hides its absence: these fail without it, which
tests/chaos/check-the-checker proves with builds that lack one each."""

import contextlib
import pathlib
import re
import socket
import struct
import sys
import threading
import time

import kazoo.security
import pytest

from conftest import COMMIT_INTERVAL_MS
from local_cluster import LOOPBACK, KafkaBroker, ZooKeeper, release_port, reserve_port, wait_until
from records import zookeeper_client

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))

import fault_proxy  # noqa: E402

PARTITIONS = 4
OFFSET_FETCH, END_TXN = 9, 26   # Kafka's API keys
COMMIT_LIMIT_S = 10             # PUMP_REQUEST_MS: then the end of a transaction counts as unknown
MESSAGE_TIMEOUT_S = 5           # KAFKA_MESSAGE_TIMEOUT_MIN_MS, above the session timeout of the tests


def pass_seconds(seconds):
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, seconds + 10, "time passes")


def arrived(mirror, topic, mode="at-least-once"):
    return mirror.oracle.call("compare", source=mirror.source, destination=mirror.destination, topic=topic,
                              mode=mode)["total"]["destination"]


def test_one_answer_without_a_position_halts_nothing(field, topic, run_directory):
    """A broker that is stopped in order may answer for a group that it has unloaded already: no position, and no error.  Of a
    running partition, and of one that starts."""
    port = reserve_port()
    broker = KafkaBroker(run_directory / f"{topic}-broker", "3.9.1", views={"w": port}).start()
    proxy = fault_proxy.Proxy()
    try:
        link = proxy.link("w-source", port, broker.view_port("w"), kafka=True)
        mirror = field(source=broker, lanes=1)
        config = mirror.write_config(mirror.directory / "w.properties", clusters={
            "east": f"{LOOPBACK}:{port}", "west": mirror.destination})
        mirror.create(topic, 1)
        mirror.apply()
        mirror.start_coordinator("c1")
        mirror.start_worker("w1", config=config)
        mirror.wait_running(1)
        load = mirror.load(topic, 1, rate=200)
        mirror.wait_flowing(mirror.watch(topic, 1))

        def forget(worker, text):
            link.fault(OFFSET_FETCH, "forget")
            mirror.workers[worker].wait_log(text, 20)
            mirror.wait_flowing(mirror.watches[0])
            assert mirror.status()["partitions"][0]["state"] == "RUNNING"
        forget("w1", r"lane\.commit\.retry.*asked again")
        mirror.workers["w1"].terminate()
        assert mirror.workers["w1"].wait(10) == 0
        link.fault(OFFSET_FETCH, "forget")
        mirror.start_worker("w2", config=config)
        mirror.workers["w2"].wait_log(r"lane\.start\.retry.*asked again", 20)
        mirror.wait_flowing(mirror.watches[0])
        load.stop()
        mirror.assert_mirrored(topic, "exact")
        assert not any("partition.halt" in worker.log_text() for worker in mirror.workers.values())
    finally:
        proxy.close()
        broker.end()


def test_nothing_is_mirrored_before_the_claim(field, topic, run_directory):
    """The lane's record cannot be written, so nobody can say that the lane is this worker's."""
    broker = KafkaBroker(run_directory / f"{topic}-broker", "4.1.0").start()
    try:
        mirror = field(destination=broker, lanes=1, session_timeout_ms=10_000, **{"delivery.guarantee": "exactly-once"})
        mirror.create(topic, 1, both=True)
        mirror.up().wait_running(1)
        mirror.oracle.call("produce-seq", bootstrap=mirror.source, topic=topic, partitions=1, rate=5000, count=100)
        mirror.assert_mirrored(topic, "exact")

        # The next owner has the lane assigned, and cannot make its producer: the record is made read-only meanwhile.
        broker.stop()
        mirror.workers["w1"].kill()
        worker = mirror.start_worker("w2")
        worker.wait_log("lane.open", 40)
        mirror.coordinators["c1"].kill()
        mirror.oracle.call("produce-seq", bootstrap=mirror.source, topic=topic, partitions=1, rate=5000, count=100, run="more")
        with zookeeper_client(mirror) as client:
            path = "/lane/east->west/0"
            client.set_acls(path, [kazoo.security.make_acl("world", "anyone", read=True, admin=True)])
            broker.start()
            worker.wait_log("request=claim", 40)
            pass_seconds(5)
            assert arrived(mirror, topic) == 100, f"records of a lane that is not claimed arrived\n{mirror.describe()}"
            client.set_acls(path, kazoo.security.OPEN_ACL_UNSAFE)
        result = mirror.assert_mirrored(topic, "exact")
        assert result["total"]["source"] == 200
    finally:
        broker.end()


@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_worker_killed_while_the_destination_is_away(field, topic, run_directory, guarantee):
    """What was read and not acknowledged dies with the worker: the next owner must read it again."""
    broker = KafkaBroker(run_directory / f"{topic}-broker", "4.1.0").start()
    try:
        mirror = field(destination=broker, **{"delivery.guarantee": guarantee})
        mirror.create(topic, PARTITIONS)
        mirror.up(workers=1).wait_running(PARTITIONS)
        load = mirror.load(topic, PARTITIONS, 400)
        wait_until(lambda: arrived(mirror, topic) > 400, 30, mirror.describe, 0.5)
        broker.kill()
        # Records are read on, and a commit or two comes; none of these records was delivered, or given up, by then.
        pass_seconds(2.5 * COMMIT_INTERVAL_MS / 1000)
        mirror.workers["w1"].kill()
        broker.start()
        mirror.start_worker("w2")
        load.stop()
        mirror.assert_mirrored(topic, "exact" if guarantee == "exactly-once" else "at-least-once", 60)
    finally:
        broker.end()


def test_records_deleted_before_they_were_mirrored_halt_the_partition(field, topic):
    """Neither the oldest nor the newest that is left: a person decides about a gap."""
    mirror = field()
    mirror.create(topic, 2)
    mirror.up().wait_running(2)
    mirror.oracle.call("produce-seq", bootstrap=mirror.source, topic=topic, partitions=2, rate=5000, count=200)
    mirror.assert_mirrored(topic, "exact")
    mirror.workers["w1"].terminate()
    assert mirror.workers["w1"].wait(10) == 0
    mirror.oracle.call("produce-seq", bootstrap=mirror.source, topic=topic, partitions=2, rate=5000, count=200, run="gone")
    mirror.oracle.call("delete-records", bootstrap=mirror.source, topic=topic, before={"0": 150})
    mirror.start_worker("w2")

    def halted(status):
        return [p for p in status["partitions"] if p["state"] == "HALTED"]
    found = halted(mirror.wait_status(halted, "the partition with the gap halts", 20))
    assert [p["partition"] for p in found] == [0], found
    assert "100" in found[0]["error"], found

    def counts():
        partitions = mirror.oracle.call("compare", source=mirror.source, destination=mirror.destination, topic=topic,
                                        mode="at-least-once")["partitions"]
        return [partitions[str(p)]["destination"] for p in range(2)]
    wait_until(lambda: counts() == [100, 200], 20, lambda: f"nothing behind the gap, all of the other partition: {counts()}")


# --- answers that do not come ---

class AnswerEater:
    """Stands in front of a broker.  While `eating`, requests of one kind arrive, and their answers do not; all else passes."""

    def __init__(self, port, target_port, api_key):
        self.target_port = target_port
        self.api_key = api_key
        self.eating = False
        self.eaten = 0
        self.listener = socket.create_server((LOOPBACK, port))
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
                server = socket.create_connection((LOOPBACK, self.target_port))
            except OSError:
                return
            self.sockets += [client, server]
            refused = set()     # correlation ids of this connection
            threading.Thread(target=self.pump, args=(client, server, self.on_request, refused), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, self.on_answer, refused), daemon=True).start()

    def on_request(self, frame, refused):
        api_key, _version, correlation = struct.unpack(">hhi", frame[:8])
        if api_key == self.api_key and self.eating:
            refused.add(correlation)
        return True

    def on_answer(self, frame, refused):
        if struct.unpack(">i", frame[:4])[0] not in refused:
            return True
        self.eaten += 1
        return False

    @staticmethod
    def pump(reader, writer, may_pass, refused):
        try:
            stream = reader.makefile("rb")
            while len(head := stream.read(4)) == 4:
                frame = stream.read(struct.unpack(">i", head)[0])
                if may_pass(frame, refused):
                    writer.sendall(head + frame)
        except (OSError, struct.error):     # cut off, also in the middle of a frame
            pass
        finally:
            for one in (reader, writer):    # the other direction's thread wakes up with it
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self):
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def behind_eater(topic, run_directory):
    """behind_eater(version, api_key) -> (address, eater) of a broker of its own."""
    ends = []

    def make(version, api_key):
        port = reserve_port()
        ends.append(lambda: release_port(port))
        broker = KafkaBroker(run_directory / f"{topic}-broker", version,
                             settings={"advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}"})
        ends.append(broker.end)
        eater = AnswerEater(port, broker.start().port, api_key)
        ends.append(eater.close)
        return f"{LOOPBACK}:{port}", eater
    yield make
    for end in reversed(ends):
        end()


def test_transaction_of_unknown_end_repeats_nothing(field, topic, behind_eater):
    """It was committed, and the lane was not told: it must start again behind it."""
    address, eater = behind_eater("4.1.0", END_TXN)
    mirror = field(destination=address, **{"delivery.guarantee": "exactly-once"})
    mirror.create(topic, PARTITIONS)
    mirror.up(workers=1).wait_running(PARTITIONS)
    load = mirror.load(topic, PARTITIONS, 400)
    wait_until(lambda: arrived(mirror, topic) > 400, 30, mirror.describe, 0.5)
    eater.eating = True
    wait_until(lambda: eater.eaten > 0, 10, "a transaction ends")
    pass_seconds(COMMIT_LIMIT_S + 2)
    eater.eating = False
    load.stop()
    mirror.assert_mirrored(topic, "exact", 60)
    assert re.search("lane.recycle.*commit_transaction", mirror.workers["w1"].log_text()), "no end was unknown"


def test_stopped_worker_sends_nothing_before_it_has_checked(field, topic, run_directory, behind_eater):
    """It wakes up and reaches both ends of the route, but nobody can tell it that its lanes have a new owner."""
    address, eater = behind_eater("3.9.1", OFFSET_FETCH)
    zookeeper = ZooKeeper(run_directory / f"{topic}-zookeeper").start()
    try:
        mirror = field(source=address, zookeeper=zookeeper)
        mirror.create(topic, PARTITIONS)
        mirror.up(workers=1).wait_running(PARTITIONS)
        load = mirror.load(topic, PARTITIONS, 400, size=5000)     # larger than what is opened to be joined
        wait_until(lambda: arrived(mirror, topic) > 400, 30, mirror.describe, 0.5)
        since_ms = int(time.time() * 1000)
        mirror.workers["w1"].pause()
        mirror.start_worker("w2")
        mirror.wait_running(PARTITIONS, workers={"w2"})
        # What the sleeper had queued is too old by then.
        pass_seconds(MESSAGE_TIMEOUT_S + 1 - (time.time() - since_ms / 1000))
        eater.eating = True
        zookeeper.pause()
        mirror.workers["w1"].resume()
        pass_seconds(4)
        load.stop()
        # While ZooKeeper is away: a session that ends then would move lanes, and allow more repetitions.
        result = mirror.assert_mirrored(topic, "at-least-once", 20)
        assert eater.eaten > 0
        for findings in result["partitions"].values():
            for run in findings["duplicate_runs"]:
                assert run["to_ms"] <= since_ms + COMMIT_INTERVAL_MS, f"the sleeper sent what it read after {since_ms}: {run}"
    finally:
        zookeeper.end()
