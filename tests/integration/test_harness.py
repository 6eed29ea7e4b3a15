"""The comparison finds what it must find, and nothing else.  No Heliostat here: both topics are made by hand."""

import time

import pytest

from local_cluster import wait_until


def records(*numbers, **change):
    return [{"partition": 0, "timestamp": 1000 + number, "key": f"k{number}", "value": f"v{number}",
             "headers": [["a", str(number)], ["a", "second"]], **change} for number in numbers]


@pytest.fixture
def compare(oracle, source, destination, topic):
    """compare(source records, destination records, mode) -> result"""
    def run(sent, arrived, mode="at-least-once", partitions=1):
        for broker, content in ((source, sent), (destination, arrived)):
            oracle.call("create-topic", bootstrap=broker, topic=topic, partitions=partitions)
            oracle.call("produce", bootstrap=broker, topic=topic, records=content)
        return oracle.call("compare", source=source, destination=destination, topic=topic, mode=mode)
    return run


def counts(result):
    return {kind: count for kind, count in result["total"].items()
            if kind in ("missing", "extra", "changed", "duplicated", "reordered") and count}


@pytest.mark.parametrize("mode", ["exact", "at-least-once"])
def test_equal_topics_pass(compare, mode):
    result = compare(records(*range(50)), records(*range(50)), mode)
    assert result["ok"] and counts(result) == {}
    assert result["total"]["source"] == result["total"]["destination"] == 50


@pytest.mark.parametrize("lost", [0, 7, 19])
def test_loss_is_found(compare, lost):
    result = compare(records(*range(20)), records(*(n for n in range(20) if n != lost)))
    assert not result["ok"] and counts(result) == {"missing": 1}


def test_everything_lost(compare):
    result = compare(records(*range(20)), [])
    assert not result["ok"] and counts(result) == {"missing": 20}


def test_scattered_records_are_found_in_any_order(compare):
    result = compare(records(*range(9)), records(5, 3, 4, 0, 1, 2, 5, 7, 8, 99), "scattered")
    assert not result["ok"] and counts(result) == {"missing": 1, "duplicated": 1, "extra": 1}


def test_missing_topic_is_loss(oracle, source, destination, topic):
    oracle.call("create-topic", bootstrap=source, topic=topic, partitions=2)
    oracle.call("produce", bootstrap=source, topic=topic, records=records(1, 2))
    result = oracle.call("compare", source=source, destination=destination, topic=topic)
    assert not result["ok"] and counts(result) == {"missing": 2}


def test_duplicates_in_a_run(compare):
    result = compare(records(*range(20)), records(*range(12), *range(8, 20)))
    assert result["ok"] and counts(result) == {"duplicated": 4}
    run, = result["partitions"]["0"]["duplicate_runs"]
    assert (run["from"], run["to"], run["records"]) == (8, 11, 4)
    assert (run["from_ms"], run["to_ms"]) == (1008, 1011)


def test_two_runs_of_duplicates(compare):
    result = compare(records(*range(20)), records(*range(5), *range(3, 10), *range(4, 20)))
    assert result["ok"] and counts(result) == {"duplicated": 8}
    assert [(run["from"], run["to"]) for run in result["partitions"]["0"]["duplicate_runs"]] == [(3, 4), (4, 9)]


def test_duplicates_fail_an_exact_comparison(compare):
    result = compare(records(*range(20)), records(*range(12), 11, *range(12, 20)), "exact")
    assert not result["ok"] and counts(result) == {"duplicated": 1}


def test_duplicate_at_the_end(compare):
    result = compare(records(*range(5)), records(0, 1, 2, 3, 4, 4))
    assert result["ok"] and counts(result) == {"duplicated": 1}


def test_swap_is_found(compare):
    result = compare(records(*range(20)), records(*range(7), 8, 7, *range(9, 20)))
    assert not result["ok"] and counts(result) == {"reordered": 1}


def test_order_between_partitions_is_free(compare):
    sent = [{**record, "partition": i % 2} for i, record in enumerate(records(*range(10)))]
    result = compare(sent, sent[1::2] + sent[::2], partitions=2)
    assert result["ok"] and counts(result) == {}


def test_wrong_partition_is_found(compare):
    sent = [{**record, "partition": i % 2} for i, record in enumerate(records(*range(10)))]
    result = compare(sent, sent[:9] + [{**sent[9], "partition": 0}], partitions=2)
    assert not result["ok"] and counts(result) == {"missing": 1, "extra": 1}


def test_extra_record_is_found(compare):
    result = compare(records(*range(5)), records(0, 1, 2, 99, 3, 4))
    assert not result["ok"] and counts(result) == {"extra": 1}


CHANGES = {
    "value": {"value": "other"},
    "tombstone for value": {"value": None},
    "empty value": {"value": ""},
    "key": {"key": "other"},
    "null key": {"key": None},
    "timestamp": {"timestamp": 5},
    "header value": {"headers": [["a", "x"], ["a", "second"]]},
    "header order": {"headers": [["a", "second"], ["a", "3"]]},
    "header name": {"headers": [["a", "3"], ["b", "second"]]},
    "header gone": {"headers": [["a", "3"]]},
    "headers gone": {"headers": []},
    "null header value": {"headers": [["a", "3"], ["a", None]]},
    "empty header value": {"headers": [["a", "3"], ["a", ""]]},
}


@pytest.mark.parametrize("what", CHANGES)
def test_change_is_found(compare, what):
    result = compare(records(*range(6)), records(0, 1, 2) + records(3, **CHANGES[what]) + records(4, 5))
    assert not result["ok"] and counts(result) == {"changed": 1}


@pytest.mark.parametrize("pair", [(None, ""), ("", None)])
def test_null_is_not_empty(compare, pair):
    result = compare(records(0, 1, value=pair[0]), records(0, 1, value=pair[1]))
    assert not result["ok"] and counts(result) == {"changed": 2}


def test_same_data_set_twice_is_equal_and_has_all_kinds(oracle, source, destination, topic):
    """The data set of the fidelity test does hold what it claims."""
    oracle.call("create-topic", bootstrap=source, topic=topic, partitions=4)
    sent = oracle.call("fidelity", bootstrap=source, topic=topic, partitions=4, seed=3)
    dumped = [record for partition in oracle.call("dump", bootstrap=source, topic=topic).values() for record in partition]
    assert len(dumped) == sent["sent"] > 1000
    assert sent["aborted"] > 0
    assert not any(record["value"] == "YWJvcnRlZA==" for record in dumped)      # "aborted"
    assert {None, ""} <= {record["key"] for record in dumped}
    assert {-1, 0} <= {record["value_length"] for record in dumped} and max(
        record["value_length"] for record in dumped) >= 900 * 1000
    assert any(header == ["null", None] for record in dumped for header in record["headers"])
    assert {1} < {record["timestamp"] for record in dumped}


def test_delay_of_a_late_record_is_measured(oracle, source, destination, topic):
    for broker in (source, destination):
        oracle.call("create-topic", bootstrap=broker, topic=topic, partitions=2)
    watch = oracle.begin("watch", source=source, destination=destination, topic=topic, partitions=2)
    begun = time.monotonic()
    for broker, side in ((source, "source_records"), (destination, "destination_records")):
        oracle.call("produce-seq", bootstrap=broker, topic=topic, partitions=2, rate=1000, count=200, run="r")
        wait_until(lambda: [one[side] for one in (watch.query() or {}).values()] == [100, 100], 60, lambda: f"{watch.query()}")
        time.sleep(0.05)
    took_ms = (time.monotonic() - begun) * 1000
    report = watch.stop()
    for partition in ("0", "1"):
        assert report[partition]["source_records"] == report[partition]["destination_records"] == 100
        assert report[partition]["waiting"] == 0
        assert 20 < report[partition]["max_delay_ms"] <= took_ms + 100      # of another clock


def test_server_restarts_on_its_port_and_data(run_directory, oracle, topic):
    from local_cluster import KafkaBroker
    broker = KafkaBroker(run_directory / topic, "4.1.0").start()
    oracle.call("create-topic", bootstrap=broker, topic=topic, partitions=1)
    oracle.call("produce", bootstrap=broker, topic=topic, records=records(1, 2))
    broker.stop()
    broker.start()
    assert oracle.call("dump", bootstrap=broker, topic=topic, digest=True)["0"]["records"] == 2
    broker.kill()
    broker.start()
    assert oracle.call("dump", bootstrap=broker, topic=topic, digest=True)["0"]["records"] == 2
    broker.end()
