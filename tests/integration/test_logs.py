"""What processes log in a run with faults: every line is an event in logfmt or JSON, and what a peer says stays in its value."""

import datetime
import json
import os
import re
import signal
import time

import kazoo.client
from local_cluster import HeliostatProcess, binary, reserve_port, wait_until

HEAD = ("time", "level", "component", "msg")
PARTITIONS = 4
SESSION_MS = 3000


def parse_logfmt(line):
    """As go-logfmt reads it, but strict: no duplicate, no bare quote, no key without a value."""
    pairs, at = [], 0
    while at < len(line):
        found = re.compile(r'([A-Za-z0-9_.]+)=("(?:[^"\\\x00-\x1f]|\\.)*"|[^ "=\\\x00-\x1f]+)( |$)').match(line, at)
        assert found, f"no logfmt behind byte {at}: {line!r}"
        key, value = found.group(1), found.group(2)
        pairs.append((key, json.loads(value) if value.startswith('"') else value))
        at = found.end()
    return no_duplicates(pairs)


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), keys
    return dict(pairs)


def parse_json(line):
    return json.loads(line, object_pairs_hook=no_duplicates)


def events(process, parse, prefix=None):
    """Every line of the log, parsed and looked at."""
    found = []
    for line in process.log.read_bytes().decode("utf-8").splitlines():
        if prefix:
            assert re.match(prefix, line), line
            line = line[3:]
        event = parse(line)
        assert tuple(event)[:4] == HEAD, line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]), line
        assert event["level"] in ("debug", "info", "warn", "error") and event["component"] == event["msg"].split(".")[0], line
        assert "detail" not in event and "truncated" not in event, f"a call whose text has no key: {line}"
        found.append(event)
    return found


def test_every_line_parses_through_faults(field, topic, source):
    nowhere = f"127.0.0.1:{reserve_port()}"
    mirror = field(lanes=PARTITIONS, settings={
        "east.bootstrap.servers": f"{nowhere},{source.address}",
        "log.level": "debug"}, session_timeout_ms=SESSION_MS)
    json_config = mirror.directory / "json.properties"
    json_config.write_text(mirror.config.read_text() + "log.format = json\n")
    mirror.create(topic, PARTITIONS)
    mirror.apply()
    mirror.start_coordinator("c1").wait_log("coordinator.lead ", 20)
    mirror.start_coordinator("c2", json_config)
    mirror.start_worker("w1", supervised=True)
    second = mirror.workers["w2"] = HeliostatProcess("worker", "w2", mirror.config, mirror.directory / "w2",
                                                     ("--log-format=json",), supervised=True).start()
    mirror.wait_running(PARTITIONS, workers=("w1", "w2"))
    mirror.load(topic, PARTITIONS, rate=400)
    mirror.wait_flowing(mirror.watch(topic, PARTITIONS))

    # One is stopped for longer than its session lives, the other is killed, then the leader goes.
    frozen = mirror.workers["w1"].child_pid()
    os.kill(frozen, signal.SIGSTOP)
    time.sleep(SESSION_MS / 1000 + 1.5)
    os.kill(frozen, signal.SIGCONT)
    mirror.workers["w1"].wait_log("zookeeper.expired", 20)
    os.kill(second.child_pid(), signal.SIGKILL)
    second.wait_log("supervisor.session.closed", 20)
    mirror.coordinators["c1"].stop()
    mirror.coordinators["c2"].wait_log('"msg":"coordinator.lead"', 20)
    mirror.wait_running(PARTITIONS)

    # One whose id another has, who says strange things of himself; its standard error is a journal's.
    client = kazoo.client.KazooClient(mirror.connect)
    client.start()
    host = b'\x1b[2J" level=error msg=forged\n<0>root: x\xc2\x9b'
    message = b"\x08\x01\x12\x02w3\x1a\x01i\x22" + bytes([len(host)]) + host + b"\x28\x07\x30\x01\x50\x01"
    client.create("/worker/w3", message, ephemeral=True)
    third = mirror.workers["w3"] = HeliostatProcess("worker", "w3", mirror.config, mirror.directory / "w3")
    third.log.touch()
    file = third.log.stat()
    third.spawn([binary(), "worker", "-c", mirror.config, "-i", "w3", "--no-supervisor"],
                env={"JOURNAL_STREAM": f"{file.st_dev}:{file.st_ino}"})
    third.wait_log("worker.wait", 20)
    wait_until(lambda: not third.alive(), 20, "w3 is refused")
    third.told_to_end = True
    client.stop()
    for process in mirror.processes():
        process.stop()

    logfmt = {name: events(process, parse_logfmt) for name, process in
              (("w1", mirror.workers["w1"]), ("c1", mirror.coordinators["c1"]))}
    as_json = {name: events(process, parse_json) for name, process in (("w2", second), ("c2", mirror.coordinators["c2"]))}
    told = {name: {event["msg"] for event in found} for name, found in {**logfmt, **as_json}.items()}
    assert {"zookeeper.expired", "loop.gap", "kafka.client", "lane.open", "lane.running"} <= told["w1"], told["w1"]
    assert {"supervisor.child.ended", "supervisor.session.closed", "lane.running", "kafka.client"} <= told["w2"], told["w2"]
    assert {"coordinator.lead", "coordinator.stopped"} <= told["c1"] and "coordinator.lead" in told["c2"], told
    assert any(event["component"] == "zk" for found in (*logfmt.values(), *as_json.values()) for event in found)
    running = next(event for event in as_json["w2"] if event["msg"] == "lane.running")
    assert running["route"] == "east->west" and isinstance(running["lane"], int) and isinstance(running["gen"], int), running
    # librdkafka complains of the address that nobody has without end: once in 5 s and process is enough.
    complaints = [event["time"] for event in logfmt["w1"] if (event["msg"], event.get("facility")) == ("kafka.client", "FAIL")]
    times = [datetime.datetime.fromisoformat(time.replace("Z", "+00:00")) for time in complaints]
    assert all((later - earlier).total_seconds() >= 4.9 for earlier, later in zip(times, times[1:])), complaints

    journal = events(third, parse_logfmt, prefix=r"<[3467]>")
    wait = next(event for event in journal if event["msg"] == "worker.wait")
    assert wait["host"] == host.decode("utf-8") and wait["pid"] == "7", wait
    assert b"\x1b" not in third.log.read_bytes() and b"\xc2\x9b" not in third.log.read_bytes()
    assert {event["level"] for event in journal if event["msg"] == "worker.refused"} == {"error"}
    priorities = {line[:3] for line in third.log_text().splitlines() if "msg=worker.refused" in line}
    assert priorities == {"<3>"}, priorities
