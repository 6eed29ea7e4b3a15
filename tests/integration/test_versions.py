"""Pairs of broker versions other than 3.9 to 4.1, which every other test uses."""

import pytest

from local_cluster import KafkaBroker


@pytest.mark.parametrize("pair", ["4.1-3.9", "3.9-3.9", "4.1-4.1"])
def test_pair_of_versions(field, topic, oracle, run_directory, servers, pair):
    _, old, new = servers
    from_version, to_version = pair.split("-")
    source = new if from_version == "4.1" else old
    if from_version != to_version:
        destination = old if to_version == "3.9" else new
    else:
        destination = KafkaBroker(run_directory / f"{topic}-broker", {"3.9": "3.9.1", "4.1": "4.1.0"}[to_version]).start()
    try:
        mirror = field(source=source, destination=destination, session_timeout_ms=10_000)
        mirror.create(topic, 4)
        oracle.call("fidelity", bootstrap=source, topic=topic, partitions=4, seed=11)
        mirror.up(workers=2).wait_running(4)
        oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=4, rate=4000, count=8000)
        mirror.assert_mirrored(topic, "exact", limit_s=60)
    finally:
        if destination not in servers:
            destination.end()
