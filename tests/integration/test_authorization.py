"""Rights that are missing, taken away and given back: the topic that they concern waits with its position, and nothing else
does.  The worker is User:mirror on a listener with SASL/PLAIN; the brokers and the oracle are super users on another."""

import types

import pytest

import local_cluster
from local_cluster import KafkaBroker, wait_until

USER = "mirror"


@pytest.fixture(scope="module")
def guarded(run_directory, oracle):
    """A source and a destination where User:mirror may do all, until a test denies something."""
    brokers = [KafkaBroker(run_directory / f"guarded-{side}", version, f"guarded-{side}", users={USER: "secret"})
               for side, version in (("source", "3.9.1"), ("destination", "4.1.0"))]
    local_cluster.start_together(*brokers)
    for broker in brokers:
        for kind, name in (("TOPIC", "*"), ("GROUP", "*"), ("TRANSACTIONAL_ID", "*"), ("CLUSTER", "kafka-cluster")):
            oracle.call("allow", bootstrap=broker, type=kind, name=name, user=USER, operation="ALL", permission="ALLOW")
    yield types.SimpleNamespace(source=brokers[0], destination=brokers[1])
    for broker in brokers:
        broker.end()


class Denied:
    """with Denied(...): the user may not do `operation` on the topic."""

    def __init__(self, oracle, broker, topic, operation):
        self.oracle = oracle
        self.acl = {"bootstrap": broker, "name": topic, "user": USER, "operation": operation, "permission": "DENY"}

    def __enter__(self):
        self.oracle.call("allow", **self.acl)

    def __exit__(self, *_trouble):
        assert self.oracle.call("disallow", **self.acl) == 1


def parked(mirror, topic, whose):
    def there(status):
        return [p for p in status["partitions"] if p["topic"] == topic and p["state"] == "PARKED"
                and whose in p["error"] and "authorization" in p["error"].lower()]
    return mirror.wait_status(there, f"{topic} is PARKED, for its {whose} rights")


def count(mirror, topic):
    return mirror.oracle.call("compare", source=mirror.source, destination=mirror.destination, topic=topic,
                              mode="at-least-once")["total"]["destination"]


def wait_flowing(mirror, topic, limit_s=40):
    before = count(mirror, topic)
    wait_until(lambda: count(mirror, topic) > before + 40, limit_s, mirror.describe, 0.3)


@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_rights_taken_and_given_back_stop_their_topic_alone(field, guarded, oracle, name, guarantee):
    open_topic, closed = f"{name}.open", f"{name}.closed"
    security = {f"{alias}.{key}": value for alias in ("east", "west") for key, value in (
        ("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"), ("sasl.username", USER),
        ("sasl.password", "secret"))}
    mirror = field(topics=f"{name}\\..*", source=guarded.source, destination=guarded.destination, settings=security,
                   **{"delivery.guarantee": guarantee, "lanes": 1})
    mirror.create(open_topic, 1, both=True)
    mirror.create(closed, 2, both=True)

    # May be described and not written, from the start.
    with Denied(oracle, guarded.destination, closed, "WRITE"):
        mirror.up()
        loads = [mirror.load(open_topic, 1, 50), mirror.load(closed, 2, 50)]
        parked(mirror, closed, "destination")
        wait_flowing(mirror, open_topic)
        assert count(mirror, closed) == 0
        worker = mirror.workers["w1"].log_text()
        assert worker.count("lane.recycle") <= 6, mirror.describe()
    wait_flowing(mirror, closed)

    # While it runs.
    with Denied(oracle, guarded.destination, closed, "WRITE"):
        parked(mirror, closed, "destination")
        wait_flowing(mirror, open_topic)
    wait_flowing(mirror, closed)
    with Denied(oracle, guarded.source, closed, "READ"):
        parked(mirror, closed, "source")
        wait_flowing(mirror, open_topic)
        # Another owner starts with the others, and keeps the position.
        mirror.workers["w1"].terminate()
        mirror.workers["w1"].wait(20)
        mirror.start_worker("w2")
        parked(mirror, closed, "source")
        wait_flowing(mirror, open_topic)
    wait_flowing(mirror, closed)

    for load in loads:
        load.stop()
    for topic in (open_topic, closed):
        mirror.assert_mirrored(topic, "exact" if guarantee == "exactly-once" else "at-least-once")
