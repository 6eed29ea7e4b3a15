"""A MirrorMaker 2 file drives a mirror, and what it asks for is in effect."""

import json
import re

from local_cluster import wait_until

MM2 = """\
clusters = east, west
east.bootstrap.servers = {source}
west.bootstrap.servers = {destination}
security.protocol = PLAINTEXT
east->west.enabled = true
east->west.topics = {topic}
replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy
sync.topic.acls.enabled = false
refresh.topics.interval.seconds = 2
tasks.max = 4
replication.factor = 1
offset-syncs.topic.replication.factor = 1
east.fetch.min.bytes = 2
east.consumer.fetch.min.bytes = 3
east->west.consumer.fetch.min.bytes = 4
east.consumer.fetch.max.wait.ms = 50
consumer.check.crcs = true
east->west.source.consumer.client.id = at-the-source
east.consumer.max.poll.records = 500
west.producer.linger.ms = 7
east->west.producer.override.linger.ms = 11
west.producer.buffer.memory = 33554432
west.producer.max.request.size = 2000000
west.request.timeout.ms = 400000
"""

# client, cluster -> librdkafka's names and values, as the worker tells them
IN_EFFECT = {
    ("consumer", "east"): {"fetch.min.bytes": "4", "fetch.wait.max.ms": "50", "client.id": "at-the-source",
                           "isolation.level": "read_committed"},
    ("producer", "west"): {"queue.buffering.max.ms": "11", "queue.buffering.max.kbytes": "32768", "message.max.bytes": "2000000",
                           "enable.idempotence": "true"},
}


def test_a_mirrormaker_2_file_drives_a_mirror(field, topic, oracle, source, destination):
    mirror = field()
    mirror.create(topic, 2)
    old = mirror.directory / "mm2.properties"
    old.write_text(MM2.format(source=source.address, destination=destination.address, topic=topic))

    # Read as it is, and translated; the translation is what runs.
    assert mirror.run("config", "check", old).returncode == 0
    made = mirror.run("config", "translate", old, "--zookeeper", mirror.connect)
    assert made.returncode == 0, made.stderr
    assert "# dropped: " in made.stdout and ": tasks.max: " in made.stdout
    mirror.config.write_text(made.stdout + "log.level = debug\nworker.http.listen = 127.0.0.1:0\n"
                             "coordinator.http.listen = 127.0.0.1:0\n")
    checked = mirror.run("config", "check", mirror.config, "-o", "json")
    assert checked.returncode == 0 and json.loads(checked.stdout)["valid"], checked.stdout
    whats = {row["key"]: row["what"] for row in json.loads(checked.stdout)["keys"]}
    assert whats["east.consumer.fetch.min.bytes"] == "overridden" and whats["west.producer.linger.ms"] == "overridden"

    mirror.up().wait_running(2)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=2, rate=5000, count=1000)
    mirror.assert_mirrored(topic, "exact")

    # `config show` and the clients themselves say the same.
    shown = json.loads(mirror.run("config", "show", mirror.config, "-o", "json").stdout)["sections"]
    log = mirror.workers["w1"].log_text()
    for (client, alias), expected in IN_EFFECT.items():
        section, = [one for one in shown if (one["client"], one["cluster"], one["route"]) == (client, alias, "east->west")]
        values = {one["name"]: one["value"] for one in section["settings"]}
        lines = re.findall(rf'kafka\.settings .*client="?{client}"? alias="?{alias}"? route="?east->west"? settings="([^"]*)"', log)
        assert lines, f"no client of the kind {client} in the log"
        for name, value in expected.items():
            assert values[name] == value, (name, values.get(name))
            of_lanes = [line for line in lines if "client.id=at-the-source" in line] if client == "consumer" else lines
            # what librdkafka has by default, it does not tell
            told = [re.search(rf"(?:^| ){re.escape(name)}=(\S+)", line) for line in of_lanes]
            assert any(found and found.group(1) == value for found in told) or name == "isolation.level", (name, of_lanes[:2])
    wait_until(lambda: mirror.status()["partitions"], 10, lambda: mirror.describe())
