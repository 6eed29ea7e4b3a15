"""Whatever is wrong outside is said in one line, or waited for with a line; nothing crashes, nothing is lost."""

import kazoo.client
import pytest

from local_cluster import reserve_port, wait_until

VERBS = {
    "worker": lambda config: ("worker", "--config", config, "--id", "w1"),
    "coordinator": lambda config: ("coordinator", "--config", config, "--id", "c1"),
    "apply": lambda config: ("apply", config),
    "status": lambda config: ("status", "--config", config),
    "resume": lambda config: ("resume", "east->west", "--config", config),
}

GOOD = """\
zookeeper.connect = {zookeeper}/heliostat-bad-input
clusters = east, west
east.bootstrap.servers = 127.0.0.1:9
west.bootstrap.servers = 127.0.0.1:9
east->west.enabled = true
east->west.topics = orders
"""

# name -> (line to add or, if its key is there already, to replace; what the message must say)
BAD_LINES = {
    "unknown key": ("zookeeper.session.timout.ms = 6000", ["zookeeper.session.timout.ms", "zookeeper.session.timeout.ms"]),
    "unknown route key": ("east->west.topcis = a", ["east->west.topcis", "topics"]),
    "bad number": ("zookeeper.session.timeout.ms = soon", ["zookeeper.session.timeout.ms", "soon"]),
    "number with a tail": ("zookeeper.session.timeout.ms = 6000x", ["zookeeper.session.timeout.ms", "6000x"]),
    "number out of range": ("zookeeper.session.timeout.ms = 1", ["zookeeper.session.timeout.ms", "1000"]),
    "invalid regex": ("east->west.topics = orders(", ["east->west.topics", "orders("]),
    "unknown alias": ("east->wets.enabled = true", ["wets"]),
    "route to itself": ("east->east.enabled = true", ["east->east"]),
    "no address": ("west.bootstrap.servers =", ["west.bootstrap.servers"]),
    "address with a wrong port": ("zookeeper.connect = nowhere:zk", ["zookeeper.connect"]),
}


def one_line(done):
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, f"one line is expected\n{done.stderr}"
    assert done.stdout == ""
    return lines[0]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("what", BAD_LINES)
def test_bad_line(field, zookeeper, verb, what):
    added, expected = BAD_LINES[what]
    key = added.split("=")[0].strip()
    lines = [line for line in GOOD.format(zookeeper=zookeeper.address).splitlines() if line.split(" =")[0] != key]
    mirror = field()
    path = mirror.directory / "bad.properties"
    path.write_text("\n".join([*lines, added]) + "\n")
    done = mirror.run(*VERBS[verb](path))
    assert done.returncode == 2, done
    message = one_line(done)
    assert path.name in message or verb == "status"
    for word in expected:
        assert word in message, message


@pytest.mark.parametrize("verb", VERBS)
def test_missing_and_unreadable_file(field, verb):
    mirror = field()
    for path in (mirror.directory / "absent.properties", mirror.directory):     # a folder cannot be read as a file
        done = mirror.run(*VERBS[verb](path))
        assert done.returncode == 2, done
        assert str(path) in one_line(done)


@pytest.mark.parametrize("arguments", [(), ("fly",), ("worker",), ("worker", "--wings"), ("apply",),
                                       ("coordinator", "--config")])
def test_usage(field, arguments):
    done = field().run(*arguments)
    assert done.returncode == 2 and done.stderr.strip() and done.stdout == "", done


def test_garbage_as_a_file(field):
    mirror = field()
    path = mirror.directory / "garbage.properties"
    for content in (b"\0\1\2\xff" * 500, b"=\n" * 100, b"\\", b"x" * 3_000_000, b"a=\\u12\n"):
        path.write_bytes(content)
        for verb in VERBS:
            assert mirror.run(*VERBS[verb](path)).returncode == 2, (content[:20], verb)


def test_unreachable_zookeeper(field, topic):
    """The verbs say so and end with 3; the servers say so and wait."""
    mirror = field()
    config = mirror.config.read_text().replace(mirror.zookeeper.address, f"127.0.0.1:{reserve_port()}")
    mirror.config.write_text(config)
    for verb in ("status", "apply"):
        done = mirror.run(*VERBS[verb](mirror.config))
        assert done.returncode == 3, done
        assert "127.0.0.1:" in one_line(done)
    for process in (mirror.start_worker("w1"), mirror.start_coordinator("c1")):
        process.wait_log(r"(?i)zk|zookeeper", limit_s=15)
    wait_until(lambda: all(process.log_text().count("\n") > 1 for process in mirror.processes()), 15, mirror.describe)
    for process in mirror.processes():
        assert process.alive(), process.tail()
        process.terminate()
        assert process.wait(10) == 0, process.tail()


def test_wrong_chroot(field, zookeeper):
    """Reading never creates a chroot."""
    mirror = field()
    done = mirror.run("status", "--zookeeper", f"{zookeeper.address}/no-such-chroot")
    assert done.returncode in (1, 3), done
    assert "no-such-chroot" in one_line(done)
    client = kazoo.client.KazooClient(zookeeper.address)
    client.start()
    try:
        assert not client.exists("/no-such-chroot")
    finally:
        client.stop()
        client.close()


@pytest.mark.parametrize("side", ["source", "destination"])
def test_unreachable_broker(field, topic, oracle, source, destination, side):
    """One route's broker is not there: said, retried, and no harm to the other route."""
    nowhere = f"127.0.0.1:{reserve_port()}"
    broken = {"source": "away->west", "destination": "east->away"}[side]
    mirror = field(routes={
        "east->west": {"topics": topic, "group.id": f"group-{topic}"},
        broken: {"topics": f"{topic}.*", "group.id": f"broken-{topic}"},
    })
    mirror.clusters["away"] = nowhere
    mirror.write_config()
    mirror.create(topic, 2)
    mirror.up()
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=2, rate=2000, count=2000)
    mirror.assert_mirrored(topic, "exact", limit_s=60)
    wait_until(lambda: any(nowhere in process.log_text() or "away" in process.log_text()
                           for process in mirror.processes()), 20, mirror.describe)
    assert all(process.alive() for process in mirror.processes()), mirror.describe()
    assert broken in mirror.run("status", "--config", mirror.config).stdout


GARBAGE = [b"", b"\0" * 64, b"\xff" * 200, b"{\"json\": true}", b"\x08\xff\xff\xff\xff\x7f"]


@pytest.mark.parametrize("path", ["/lane/east->west/0", "/assign/w1", "/report/w1", "/route/east->west", "/leader",
                                  "/meta", "/route/no-route", "/worker/stranger", "/election/c-rubbish"])
def test_garbage_in_a_znode(field, topic, oracle, source, zookeeper, path):
    """Nothing crashes, and what is not touched by it goes on."""
    mirror = field(lanes=4)
    mirror.create(topic, 4)
    mirror.up(workers=2, coordinators=2).wait_running(4)
    load = mirror.load(topic, 4, rate=400)
    client = kazoo.client.KazooClient(f"{zookeeper.address}{mirror.chroot}")
    client.start()
    try:
        original = client.get(path)[0] if client.exists(path) else None
        for garbage in GARBAGE:
            if client.exists(path):
                client.set(path, garbage)
            else:
                client.create(path, garbage, makepath=True)
            for output in ("table", "wide", "json"):
                done = mirror.run("status", "--config", mirror.config, "-o", output)
                assert done.returncode >= 0, f"status crashed: {done}"
            assert all(process.alive() for process in mirror.processes()), mirror.describe()
        # The operator repairs it; all comes back without a restart.
        if original is None:
            client.delete(path)
        elif client.exists(path):
            client.set(path, original)
    finally:
        client.stop()
        client.close()
    load.stop()
    assert all(process.alive() for process in mirror.processes()), mirror.describe()
    mirror.assert_mirrored(topic, limit_s=60)
