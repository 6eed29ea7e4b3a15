"""ZooKeeper sessions that end from outside, while their processes live."""

import pathlib
import sys
import time

from local_cluster import LOOPBACK, reserve_port, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "chaos"))

import fault_proxy  # noqa: E402

PARTITIONS = 4


def test_sessions_ended_from_outside(field, topic, zookeeper):
    """A worker's: it registers anew, its lanes run on, under a higher generation, and it hears of what changes.  The leader's: the
    other one leads, and no lane changes.  Nothing is lost or repeated."""
    mirror = field(lanes=PARTITIONS, session_timeout_ms=20_000, **{"delivery.guarantee": "exactly-once"})
    proxy = fault_proxy.Proxy()
    try:
        links, configs = {}, {}
        for name in ("w1", "c1"):
            port = reserve_port()
            links[name] = proxy.link(name, port, zookeeper.port, kafka=False)
            configs[name] = mirror.write_config(mirror.directory / f"{name}.properties", f"{LOOPBACK}:{port}")
        mirror.create(topic, PARTITIONS)
        mirror.apply()
        mirror.start_coordinator("c1", configs["c1"]).wait_log("coordinator.lead ", 20)
        mirror.start_coordinator("c2")
        mirror.start_worker("w1", config=configs["w1"])
        mirror.start_worker("w2")
        mirror.wait_running(PARTITIONS)
        load = mirror.load(topic, PARTITIONS, rate=400)
        mirror.wait_flowing(mirror.watch(topic, PARTITIONS))

        def expire(name):
            assert fault_proxy.expire_session(zookeeper.port, links[name].session())

        def lanes(status):
            return {lane["lane"]: (lane["worker"], lane["generation"]) for lane in status["lanes"]}
        before = mirror.status()
        incarnation = next(w["incarnation"] for w in before["workers"] if w["id"] == "w1")
        expire("w1")
        after = mirror.wait_status(
            lambda status: all(p["state"] == "RUNNING" for p in status["partitions"]) and
            any(w["id"] == "w1" and w["incarnation"] != incarnation for w in status["workers"]) and
            [worker for worker, _ in lanes(status).values()].count("w1") == PARTITIONS // 2 and
            all(now[1] > was[1] for was, now in zip(lanes(before).values(), lanes(status).values()) if was[0] == "w1"),
            "w1 has its lanes anew", 30)
        # On a busy machine w1 may come after the leader has given them to w2, and get any two.
        if "coordinator.takeover" not in mirror.coordinators["c1"].log_text():
            assert all(now == was for was, now in zip(lanes(before).values(), lanes(after).values()) if was[0] == "w2")

        # What is published for a route reaches it in its new session as well.
        for verb in ("pause", "resume"):
            done = mirror.run(verb, "--config", mirror.config, "--timeout", 30, "east->west", limit_s=60)
            assert done.returncode == 0, done.stdout + done.stderr + mirror.describe()

        mirror.wait_flowing(mirror.watches[0])
        before = mirror.status()
        expire("c1")
        mirror.coordinators["c2"].wait_log("coordinator.lead ", 20)
        mirror.coordinators["c1"].wait_log("coordinator.standby", 20)
        wait_until(lambda: mirror.status()["leader"]["id"] == "c2", 10, mirror.describe)
        assert lanes(mirror.status()) == lanes(before)
        load.stop()
        mirror.assert_mirrored(topic, "exact")
        mirror.wait_running(PARTITIONS)
    finally:
        proxy.close()


def test_a_dead_server_beside_a_living_one(field, zookeeper):
    """Of two and of four servers one lives.  A process that was stopped for longer than its session finds it again, and does not
    turn in circles meanwhile."""
    mirror = field(session_timeout_ms=2000)
    mirror.apply()
    for count in (2, 4):
        dead = [f"{LOOPBACK}:{reserve_port()}" for _ in range(count - 1)]
        config = mirror.write_config(mirror.directory / f"of{count}.properties", ",".join([zookeeper.address, *dead]))
        coordinator = mirror.start_coordinator(f"of{count}", config)
        coordinator.wait_log("zookeeper.connected ", 20)
        for times in (2, 3):
            coordinator.pause()
            time.sleep(3.5)
            coordinator.resume()
            cpu = coordinator.cpu_seconds()
            wait_until(lambda: coordinator.log_text().count("zookeeper.connected ") >= times, 15, coordinator.tail)
            assert coordinator.cpu_seconds() - cpu < 1
        coordinator.end()
        del mirror.coordinators[f"of{count}"]
