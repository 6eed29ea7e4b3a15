"""`heliostat doctor`: each thing that is wrong is found by its name, what is well is not complained of, and nothing is changed."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import types

import kazoo.client
import pytest

import local_cluster
from local_cluster import LOOPBACK, KafkaBroker, binary, reserve_port, wait_until

USER = "mirror"


@pytest.fixture(scope="module")
def guarded(run_directory, oracle):
    """Lets User:mirror describe everything, and no more; a view of it advertises an address where nobody is."""
    broker = KafkaBroker(run_directory / "doctor", "4.1.0", "doctor", users={USER: "secret"}, views={"dark": reserve_port()})
    local_cluster.start_together(broker)
    for operation in ("DESCRIBE", "DESCRIBE_CONFIGS"):
        oracle.call("allow", bootstrap=broker, type="TOPIC", name="*", user=USER, operation=operation, permission="ALLOW")
    yield broker
    broker.end()


def doctor(mirror, *arguments, code, limit_s=120):
    done = mirror.run("doctor", "--config", mirror.config, "-o", "json", "--timeout", "20", *arguments, limit_s=limit_s)
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}{done.stderr}"
    found = json.loads(done.stdout)["findings"]
    assert all((finding["voids"] is None) == (finding["level"] == "OK") for finding in found), found
    return {(finding["level"], finding["check"]): finding["text"] for finding in found}, done.stderr


def test_each_thing_that_is_wrong_is_found(field, guarded, oracle, source, destination, zookeeper, topic):
    good, large, closed, missing = (f"{topic}.{word}" for word in ("good", "large", "closed", "missing"))
    routes = {"east->north": {"topics": good, "group.id": f"n-{topic}"},
              "east->west": {"topics": f"{topic}\\..*", "group.id": f"w-{topic}", "delivery.guarantee": "exactly-once"},
              "west->east": {"topics": f"{topic}\\..*", "group.id": f"e-{topic}", "topic.naming": "prefix"},
              "east->south": {"topics": good, "group.id": f"s-{topic}"}}
    mirror = field(source=source, destination=guarded, routes=routes, settings={
        f"west.{key}": value for key, value in (("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"),
                                                ("sasl.username", USER), ("sasl.password", "secret"))})
    mirror.clusters.update(north=destination, south=f"{LOOPBACK}:{guarded.view_port('dark')}")
    mirror.write_config()
    mirror.create(good, 2, both=True)
    oracle.call("create-topic", bootstrap=destination, topic=good, partitions=2, configs={})
    mirror.create(large, 1, both=False, **{"max.message.bytes": 3000000})
    oracle.call("create-topic", bootstrap=guarded, topic=large, partitions=1,
                configs={"max.message.bytes": 1000000, "unclean.leader.election.enable": "true"})
    mirror.create(closed, 1, both=True)
    mirror.create(missing, 1)
    for name in (good, large):
        for operation in ("READ", "WRITE"):
            oracle.call("allow", bootstrap=guarded, type="TOPIC", name=name, user=USER, operation=operation, permission="ALLOW")

    # All is well but for what one broker and one ZooKeeper cannot be: warnings, and no failure.
    found, _ = doctor(mirror, "east->north", "--probe-writes", code=0)
    assert not any(level == "FAIL" for level, _ in found), found
    for check in ("address", "version", "read", "commit", "write", "size", "zookeeper-timeout", "files"):
        assert ("OK", check) in found, (check, found)
    assert {("WARN", "copies"), ("WARN", "zookeeper-servers"), ("WARN", "zookeeper-open")} <= set(found), found

    # A destination with limits, an unclean topic, and rights that are not there.
    found, _ = doctor(mirror, "east->west", "--probe-writes", code=1)
    assert large in found["FAIL", "size"] and "3000000" in found["FAIL", "size"] and "1000000" in found["FAIL", "size"], found
    assert large in found["FAIL", "unclean"], found
    assert closed in found["FAIL", "write"] and found["FAIL", "write"].startswith("1 topic "), found
    assert missing in found["FAIL", "create"] and "uthorization" in found["FAIL", "create"], found
    assert ("FAIL", "transaction") in found and ("OK", "read") in found and ("OK", "commit") in found, found

    # As a source: what may not be read, and a group that may not be used.
    found, _ = doctor(mirror, "west->east", code=1)
    assert closed in found["FAIL", "read"] and found["FAIL", "read"].startswith("1 topic "), found
    assert ("FAIL", "commit") in found, found

    # An address that is advertised and does not answer, though the one of the file does.
    found, _ = doctor(mirror, "east->south", code=1)
    assert "broker 1 at" in found["FAIL", "address"] and "refused" in found["FAIL", "address"], found

    # Nothing was made or committed on the way.
    client = kazoo.client.KazooClient(zookeeper.address)
    client.start()
    assert client.exists(mirror.chroot) is None
    client.stop()
    text = mirror.run("doctor", "--config", mirror.config, "east->west", "--timeout", "20", limit_s=120)
    assert text.returncode == 1 and "voids:" in text.stdout and "do:" in text.stdout, text
    assert "has no route" in mirror.run("doctor", "--config", mirror.config, "west->mars").stderr


def test_a_terminal_sees_how_far_it_is_and_ctrl_c_ends_it(field):
    """A ZooKeeper that accepts and says nothing: on a terminal one line is drawn over, elsewhere it is told now and then."""
    silent = socket.create_server((LOOPBACK, 0))
    mirror = field(zookeeper=types.SimpleNamespace(address=f"{LOOPBACK}:{silent.getsockname()[1]}"))
    command = [binary(), "doctor", "--config", mirror.config, "--timeout", "60"]
    master, slave = pty.openpty()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    os.set_blocking(master, False)
    seen = b""

    def told(pattern):
        nonlocal seen
        try:
            seen += os.read(master, 65536)
        except (BlockingIOError, OSError):
            pass
        return re.search(pattern, seen)
    wait_until(lambda: told(rb"\r\x1b\[Kdoctor: zookeeper: 127\.0\.0\.1:\d+"), 10, lambda: repr(seen))
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
    wait_until(lambda: told(rb"heliostat: doctor: interrupted; nothing was changed"), 5, lambda: repr(seen))
    os.close(master)
    # Without a terminal, and to its end.
    done = mirror.run("doctor", "--config", mirror.config, "--timeout", "4", limit_s=60)
    assert done.returncode == 3 and "\x1b" not in done.stderr + done.stdout and "zookeeper-session" in done.stdout, done
    assert "heliostat: doctor: " in done.stderr, done.stderr
    silent.close()
