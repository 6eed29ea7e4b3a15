"""Three ZooKeepers: their leader changes, and mirroring neither stops nor moves nor repeats."""

import pytest

from local_cluster import ZooKeeperEnsemble, wait_until

PARTITIONS = 6


@pytest.fixture
def ensemble(run_directory, name):
    servers = ZooKeeperEnsemble(run_directory / f"{name}-ensemble")
    try:
        yield servers.start()
    finally:
        servers.end()


def owners(status):
    return {(lane["route"], lane["lane"]): (lane["worker"], lane["generation"]) for lane in status["lanes"] if lane["worker"]}


def test_zookeeper_s_leader_killed_twice(field, topic, ensemble):
    mirror = field(zookeeper=ensemble, session_timeout_ms=15_000, **{"delivery.guarantee": "exactly-once"})
    mirror.create(topic, PARTITIONS)
    mirror.up(workers=3, coordinators=2)
    before = owners(mirror.wait_running(PARTITIONS))
    load = mirror.load(topic, PARTITIONS, 300)

    def connections():
        return [process.log_text().count("msg=zookeeper.connected ") for process in mirror.processes()]
    for _ in range(2):
        old, were = ensemble.leader(), connections()
        old.kill()
        assert ensemble.leader() is not old
        # The others end their connections too while they elect.
        wait_until(lambda: all(now > was for was, now in zip(were, connections())), 30, mirror.describe)   # noqa: B023
        # Every session moves to a server that is left, in time: nobody loses anything.
        assert owners(mirror.wait_running(PARTITIONS)) == before
        old.start()
    assert not any("zk.expired" in process.log_text() for process in mirror.processes())

    # And what comes next works with the new leader: a worker is lost.
    lost = mirror.status()["partitions"][0]["worker"]
    mirror.workers[lost].kill()
    left = set(mirror.workers) - {lost}
    wait_until(lambda: {worker for worker, _ in owners(mirror.status()).values()} <= left, 60, mirror.describe, 0.2)
    mirror.wait_running(PARTITIONS, workers=left)
    load.stop()
    mirror.assert_mirrored(topic, "exact")
