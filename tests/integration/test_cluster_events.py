"""What happens to a Kafka cluster as a whole: an unclean election at the source, a right that is missing at the destination."""

import base64

import pytest

from local_cluster import LOOPBACK, KafkaBroker, start_together, wait_until

GUARANTEES = ("at-least-once", "exactly-once")


@pytest.fixture
def three_brokers(run_directory, topic):
    """Node 1 is the controller too and stays; nodes 2 and 3 come and go."""
    quick = {"broker.session.timeout.ms": 5000, "broker.heartbeat.interval.ms": 400, "min.insync.replicas": 1,
             "replica.lag.time.max.ms": 2000, "offsets.topic.replication.factor": 1,
             # Internal topics are made while node 1 is alone: they are to survive.
             "unclean.leader.election.enable": "true", "unclean.leader.election.interval.ms": 1000,
             "controlled.shutdown.enable": "false",
             # Who lost its lead to a pause of the machine gets it back.
             "leader.imbalance.check.interval.seconds": 1, "leader.imbalance.per.broker.percentage": 0}
    first = KafkaBroker(run_directory / f"{topic}-1", "3.9.1", settings=quick, heap="256m")
    nodes = [first]
    for number in (2, 3):
        node = KafkaBroker(run_directory / f"{topic}-{number}", "3.9.1", settings=quick, heap="256m")
        node.settings({"node.id": number, "process.roles": "broker",
                       "controller.quorum.voters": f"1@{LOOPBACK}:{first.controller_port}",
                       "listeners": f"PLAINTEXT://{LOOPBACK}:{node.port}"})
        node.cluster_id = first.cluster_id
        nodes.append(node)
    first.start()
    yield nodes
    for node in nodes:
        node.end()


def keys(mirror, topic):
    rows = mirror.oracle.call("dump", bootstrap=mirror.destination, topic=topic).get("0", [])
    return [base64.b64decode(record["key"]).decode() for record in rows]


def produce(mirror, topic, name, count):
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=topic,
                       records=[{"partition": 0, "key": f"{name}{i}", "value": "x"} for i in range(count)])


def test_truncation_by_an_unclean_election_halts_with_the_range(field, topic, oracle, three_brokers):
    """A leader takes what only it has along, and that was mirrored: the log is shorter than the position."""
    first, second, third = three_brokers
    # __consumer_offsets, on node 1 alone.
    oracle.call("create-topic", bootstrap=first, topic=f"{topic}-before", partitions=1)
    oracle.call("set-group-offsets", bootstrap=first, group=f"{topic}-before", topic=f"{topic}-before", offsets={"0": 0})
    start_together(second, third)
    mirrors = {}
    for guarantee in GUARANTEES:
        name = f"{topic}-{guarantee}"
        mirrors[name] = mirror = field(topics=name, source=first, lanes=1,
                                       **{"delivery.guarantee": guarantee, "group.id": f"heliostat.{name}"})
        mirror.heliostat.chroot = f"/{name}"
        mirror.write_config()
        oracle.call("create-topic", bootstrap=first, topic=name, partitions=1, replicas=[2, 3])
        mirror.up()
    for name, mirror in mirrors.items():
        mirror.wait_running(1)
        produce(mirror, name, "both", 100)

    def leaders(wanted):
        wait_until(lambda: all(oracle.call("leaders", bootstrap=first, topic=name) == wanted for name in mirrors), 40,
                   lambda: str([oracle.call("leaders", bootstrap=first, topic=name) for name in mirrors]), 0.2)
    leaders([{"leader": 2, "isr": [2, 3]}])
    third.kill()
    leaders([{"leader": 2, "isr": [2]}])
    for name, mirror in mirrors.items():
        produce(mirror, name, "second", 50)
        wait_until(lambda: len(keys(mirror, name)) == 150, 30, mirror.describe, 0.2)    # noqa: B023
        mirror.wait_status(lambda status: status["partitions"][0]["position"] == 150, "all is mirrored")
    second.kill()
    third.start()
    leaders([{"leader": 3, "isr": [3]}])
    for name, mirror in mirrors.items():
        status = mirror.wait_status(lambda status: status["partitions"][0]["state"] == "HALTED", "it halts", 40)
        halt, = status["partitions"][0]["halts"]
        assert halt["kind"] == "above-end" and (halt["from"], halt["to"]) == (150, 100), (halt, mirror.describe())
        # Nothing of the new log passes, not even when it has grown.
        produce(mirror, name, "third", 20)
        assert len(keys(mirror, name)) == 150
        done = mirror.run("resume", "east->west", "--config", mirror.config, "--topic", name, "--partition", 0, "--to", 100)
        assert done.returncode == 0, done
        wait_until(lambda: keys(mirror, name)[150:] == [f"third{i}" for i in range(20)], 30, mirror.describe, 0.2)  # noqa: B023


def test_no_right_to_add_partitions(field, topic, oracle, run_directory):
    """What has a place is mirrored on, status says why the rest is not, and the rest follows once the right is there."""
    broker = KafkaBroker(run_directory / f"{topic}-broker", "4.1.0", settings={
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true"}).start()
    try:
        mirror = field(destination=broker)
        mirror.create(topic, 1)
        mirror.up().wait_running(1)
        oracle.call("create-acls", bootstrap=broker, topic=topic, acls=[["User:*", "ALL", "ALLOW"], ["User:*", "ALTER", "DENY"]])
        oracle.call("add-partitions", bootstrap=mirror.source, topic=topic, partitions=3)
        status = mirror.wait_status(lambda status: status["routes"][0]["parked_topics"], "the others have no place", 40)
        parked, = status["routes"][0]["parked_topics"]
        assert parked["topic"] == topic and "uthoriz" in parked["reason"], parked
        oracle.call("produce-seq", bootstrap=mirror.source, topic=topic, partitions=3, rate=5000, count=300)
        wait_until(lambda: len(keys(mirror, topic)) == 100, 20, mirror.describe, 0.2)
        assert [p["partition"] for p in mirror.status()["partitions"] if p["state"] == "RUNNING"] == [0]
        oracle.call("delete-acls", bootstrap=broker, topic=topic)
        mirror.wait_running(3, 40)
        mirror.assert_mirrored(topic, "exact")
    finally:
        broker.end()
