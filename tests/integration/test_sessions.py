"""ZooKeeper sessions that end, or are without a connection, while their processes live."""

import pathlib
import re
import sys
import time
import urllib.request

from local_cluster import LOOPBACK, KafkaBroker, reserve_port, wait_until

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


def test_a_leader_cut_from_zookeeper_changes_nothing(field, topic, zookeeper, oracle, source, run_directory):
    """It lets topics and groups be, and goes no further in a look that is under way.  Back within its session it goes on as before;
    once another leads, what its routes have said counts no more."""
    fresh, gone, kept, group = f"{topic}-fresh", f"{topic}-gone", f"{topic}-kept", f"app.{topic}"
    proxy = fault_proxy.Proxy()
    port = reserve_port()
    broker = KafkaBroker(run_directory / f"{topic}-destination", "4.1.0", f"{topic}-destination", views={"c1": port})
    try:
        broker.start()
        kafka = proxy.link("kafka", port, broker.view_port("c1"), kafka=True)
        keeper = proxy.link("keeper", reserve_port(), zookeeper.port, kafka=False)
        mirror = field(destination=broker, topics=f"{topic}-.*", session_timeout_ms=30_000, lanes=1,
                       **{"refresh.topics.interval.seconds": 1, "sync.topic.deletes": "true", "groups": "app[.].*",
                          "sync.group.offsets.enabled": "true", "sync.group.offsets.interval.seconds": 1})
        for one in (gone, kept):
            mirror.create(one, 1)
        oracle.call("produce-seq", bootstrap=source, topic=kept, partitions=1, rate=5000, count=300)
        mirror.apply()
        first = mirror.start_coordinator("c1", mirror.write_config(mirror.directory / "c1.properties", f"{LOOPBACK}:{keeper.port}",
                                                                   {"east": source, "west": f"{LOOPBACK}:{kafka.port}"}))
        first.wait_log("coordinator.lead ", 20)
        second = mirror.start_coordinator("c2")
        mirror.start_worker("w1")
        mirror.wait_running(2)

        def there(one):
            return oracle.call("describe-topic", bootstrap=broker, topic=one)

        def read_up_to(offset):
            oracle.call("set-group-offsets", bootstrap=source, group=group, topic=kept, offsets={"0": offset})

        def carried():
            found = oracle.call("group-offsets", bootstrap=broker, group=group)
            return found[kept]["0"]["offset"] if kept in found else None

        def metric(coordinator, name):
            url = coordinator.wait_log(r"http\.listen url=(\S+)").group(1)
            with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
                return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", answer.read().decode(), re.M))

        read_up_to(100)
        wait_until(lambda: carried() == 100, 40, mirror.describe, 0.5)
        assert metric(first, "heliostat_leader") == 1

        # A look that has found a topic to create waits for the destination's answer when the connection is lost.
        kafka.cut()
        mirror.create(fresh, 1)
        first.wait_log("discover.retry ", 30)
        time.sleep(2)           # the next one has seen it
        keeper.cut()
        keeper.reset()
        first.wait_log("coordinator.suspended ", 20)
        assert metric(first, "heliostat_leader") == metric(first, "heliostat_leader_epoch") == 0
        kafka.heal()
        oracle.call("delete-topic", bootstrap=source, topic=gone)
        read_up_to(200)
        time.sleep(6)           # several looks and rounds of groups
        assert (there(fresh), there(gone), carried()) == (0, 1, 100), mirror.describe()
        keeper.heal()
        first.wait_log("coordinator.reconnected ", 20)
        wait_until(lambda: (there(fresh), there(gone), carried()) == (1, 0, 200), 30, mirror.describe, 0.5)
        assert first.log_text().count("coordinator.lead ") == 1 and "coordinator.lead " not in second.log_text()
        assert metric(first, "heliostat_leader") == 1

        keeper.cut()
        keeper.reset()
        second.wait_log("coordinator.lead ", 90)
        mirror.routes["east->west"]["sync.topic.deletes"] = "false"
        mirror.write_config()
        mirror.apply()
        oracle.call("delete-topic", bootstrap=source, topic=fresh)
        looks = metric(second, "heliostat_discoveries_total")
        wait_until(lambda: metric(second, "heliostat_discoveries_total") >= looks + 5, 40, mirror.describe, 0.5)
        assert there(fresh) == 1, mirror.describe()
        assert (metric(first, "heliostat_leader"), metric(second, "heliostat_leader")) == (0, 1)
        keeper.heal()
        first.wait_log("coordinator.standby ", 30)
        assert there(fresh) == 1
    finally:
        proxy.close()
        broker.end()


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
