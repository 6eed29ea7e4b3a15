"""What workers and coordinators serve: metrics, checked by promtool and against what was really mirrored, and health."""

import os
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request

from local_cluster import CACHE, LOOPBACK, REPO, wait_until

def promtool():
    return shutil.which("promtool") or CACHE / "promtool"


def get(url, path, token=None, context=None, method="GET"):
    """status, text"""
    request = urllib.request.Request(url + path, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def parse(text):
    """(name, {label: value}) -> number.  Written by nobody who wrote the other side."""
    series = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r'([a-z_0-9]+)(?:\{(.*)\})? (\S+)', line).groups()
        pairs = tuple(sorted((key, bytes(text, "utf-8").decode("unicode_escape"))
                             for key, text in re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or "")))
        assert (name, pairs) not in series, f"twice: {line}"
        series[name, pairs] = float(value)
    return series


def total(pages, name, **labels):
    """The sum over pages of the series that have these labels; None: there is none."""
    found = [value for page in pages for (family, pairs), value in page.items()
             if family == name and labels.items() <= dict(pairs).items()]
    return sum(found) if found else None


def lint(text):
    return subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)


class Urls:
    """Where the processes of a mirror serve, as ZooKeeper knows."""

    def __init__(self, mirror):
        status = mirror.status()
        self.workers = {worker["id"]: worker["http"] for worker in status["workers"]}
        self.leader = status["leader"]["http"]

    def pages(self, query=""):
        pages = []
        for url in self.workers.values():
            code, text = get(url, "/metrics" + query)
            assert code == 200, text
            pages.append(parse(text))
        return pages


def test_metrics_and_health_tell_what_is_so(field, topic):
    plain, exact = topic, f"{topic}.tx"
    mirror = field(routes={
        "east->west": {"topics": plain, "group.id": f"g.{topic}", "poison.record.policy": "dead-letter", "lanes": 4,
                       # bytes are those of keys and values where records are opened, and of batches where they are not
                       "batch.relay.enabled": "false", "refresh.topics.interval.seconds": 2},
        "east->north": {"topics": re.escape(exact), "group.id": f"g.{exact}", "delivery.guarantee": "exactly-once",
                        "topic.naming": "prefix", "lanes": 4, "refresh.topics.interval.seconds": 2},
    }, settings={"report.interval.ms": 500}, session_timeout_ms=10_000)
    mirror.heliostat.clusters["north"] = mirror.destination
    mirror.write_config()
    mirror.create(plain, 3)
    mirror.oracle.call("create-topic", bootstrap=mirror.destination, topic=plain, partitions=3,
                       configs={"max.message.bytes": "100000"})
    mirror.create(exact, 2)
    values = {partition: [100 + (partition * 37 + i) % 50 for i in range(400)] for partition in range(3)}
    for partition, sizes in values.items():
        mirror.oracle.call("produce", bootstrap=mirror.source, topic=plain, records=[
            {"partition": partition, "key": f"k{i:04}", "value": "x" * size} for i, size in enumerate(sizes)])
    mirror.oracle.call("produce", bootstrap=mirror.source, topic=plain,
                       records=[{"partition": 0, "key": "large", "value": "x" * 200_000}])
    mirror.oracle.call("preload", bootstrap=mirror.source, topic=exact, partitions=2, count=1500, size=200)
    mirror.up(workers=2).wait_running(5)

    # --- what was mirrored ---
    urls = Urls(mirror)
    assert set(urls.workers) == {"w1", "w2"} and all(urls.workers.values()) and urls.leader

    def settled():
        pages = urls.pages()
        return pages if total(pages, "heliostat_records_total", route="east->west") == 1201 and \
            total(pages, "heliostat_records_total", route="east->north") == 1500 and \
            total(pages, "heliostat_lag_records") == 0 and \
            total(pages, "heliostat_skipped_ranges_total", answer="dead-letter") == 1 and \
            all(total(pages, "heliostat_commit_seconds_count", route=route) > 0 for route in ("east->west", "east->north")) \
            else None
    pages = wait_until(settled, 30, lambda: "\n".join(get(url, "/metrics")[1] for url in urls.workers.values()), 0.3)
    at_destination = sum(len(records) for records in
                         mirror.oracle.call("dump", bootstrap=mirror.destination, topic=plain).values())
    assert at_destination == 1200       # and one more in the topic of dead letters
    bytes_plain = sum(sum(sizes) + 5 * len(sizes) for sizes in values.values()) + 200_000 + len("large")
    assert total(pages, "heliostat_bytes_total", route="east->west") == bytes_plain
    for route, records in (("east->west", 1201), ("east->north", 1500)):
        assert total(pages, "heliostat_replication_latency_seconds_count", route=route) == records
        assert total(pages, "heliostat_replication_latency_seconds_bucket", route=route, le="+Inf") == records
        assert total(pages, "heliostat_replication_latency_seconds_sum", route=route) > 0
        assert total(pages, "heliostat_commit_seconds_count", route=route) > 0
        assert total(pages, "heliostat_commit_failures_total", route=route) == 0
        assert total(pages, "heliostat_in_flight_records", route=route) == 0
    assert total(pages, "heliostat_transaction_seconds_count", route="east->north") > 0
    assert total(pages, "heliostat_transaction_commit_seconds_sum", route="east->north") > 0
    assert total(pages, "heliostat_transaction_seconds_count", route="east->west") == 0
    assert total(pages, "heliostat_partitions", route="east->west", state="RUNNING") == 3
    assert total(pages, "heliostat_partitions", route="east->north", state="RUNNING") == 2
    assert total(pages, "heliostat_partitions") == 5
    assert total(pages, "heliostat_dead_letters_total", route="east->west") == 1
    assert total(pages, "heliostat_halts_total", kind="refused") == 1 and total(pages, "heliostat_halts_total") == 1
    assert total(pages, "heliostat_lanes", state="RUNNING") == 5
    for page in pages:
        assert total([page], "heliostat_zookeeper_connected") == 1 and total([page], "heliostat_registered") == 1
        assert 0 <= total([page], "heliostat_loop_lag_seconds", loop="control") < 10
        assert 0 <= total([page], "heliostat_snapshot_age_seconds") < 10
        assert total([page], "process_resident_memory_bytes") > 1 << 20 and total([page], "process_open_fds") > 3
        assert total([page], "heliostat_memory_budget_bytes") == 128 << 20

    # --- finer, and as MirrorMaker 2 says it ---
    by_topic, by_partition = urls.pages("?granularity=topic"), urls.pages("?granularity=partition&compat=mm2")
    assert total(by_topic, "heliostat_records_total", topic=plain) == 1201
    assert total(by_topic, "heliostat_records_total", topic=exact) == 1500
    for partition in range(3):
        sent = 401 if partition == 0 else 400
        assert total(by_partition, "heliostat_records_total", topic=plain, partition=str(partition)) == sent
        assert total(by_partition, "heliostat_lag_records", topic=plain, partition=str(partition)) == 0
        mm2 = {"target": "west", "topic": plain, "partition": str(partition)}
        prefix = "kafka_connect_mirror_mirrorsourceconnector_"
        assert total(by_partition, f"{prefix}record_count", **mm2) == sent
        assert total(by_partition, f"{prefix}byte_count", **mm2) >= sum(values[partition])
        low, mean, high = (total(by_partition, f"{prefix}replication_latency_ms_{which}", **mm2)
                           for which in ("min", "avg", "max"))
        assert 0 <= low <= mean <= high
    assert total(by_partition, "kafka_connect_mirror_mirrorsourceconnector_record_count", source="east", target="north",
                 topic=f"east.{exact}") == 1500
    for url in (*urls.workers.values(), urls.leader):
        for query in ("", "?granularity=topic", "?granularity=partition"):
            done = lint(get(url, f"/metrics{query}")[1])
            assert done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr
        # MirrorMaker 2's names break the rules, but nothing else does.
        done = lint(get(url, "/metrics?compat=mm2")[1])
        assert all(line.startswith("kafka_connect_mirror_") for line in (done.stdout + done.stderr).splitlines()), done
        code, text = get(url, "/metrics?granularity=topics")
        assert code == 400 and "expected granularity=route" in text
        assert get(url, "/livez") == get(url, "/readyz") == (200, "ok\n")
        assert get(url, "/metrics", method="POST")[0] == 405

    # --- the coordinator ---
    coordinator = parse(get(urls.leader, "/metrics")[1])
    assert total([coordinator], "heliostat_leader") == 1 and total([coordinator], "heliostat_leaderships_total") == 1
    assert total([coordinator], "heliostat_rebalances_total", reason="free") == 5
    assert total([coordinator], "heliostat_rebalance_seconds_count", reason="free") == 5
    assert total([coordinator], "heliostat_rebalances_under_way") == 0
    assert total([coordinator], "heliostat_discoveries_total", route="east->west", result="ok") > 0

    wait_until(lambda: total([parse(get(urls.leader, "/metrics")[1])], "heliostat_field_partitions", state="RUNNING") == 5,
               10, lambda: get(urls.leader, "/metrics")[1])
    coordinator = parse(get(urls.leader, "/metrics")[1])
    assert [total([coordinator], f"heliostat_field_{what}") for what in ("workers", "coordinators", "has_leader")] == [2, 1, 1]
    assert total([coordinator], "heliostat_field_partitions") == 5

    # --- a stall: status, health and metrics say the same, while the processes live and are ready ---
    mirror.destination.pause()
    try:
        mirror.oracle.call("produce", bootstrap=mirror.source, topic=plain,
                           records=[{"partition": 1, "key": "k", "value": "v"}])

        def stalled():
            rows = [p for p in mirror.status()["partitions"] if p["state"] == "STALLED"]
            if not rows or rows[0]["topic"] != plain or total(urls.pages(), "heliostat_partitions", state="STALLED") != 1:
                return None
            return [text for code, text in (get(url, "/healthz") for url in urls.workers.values()) if code == 503]
        texts = wait_until(stalled, 40, mirror.describe, 0.5)
        assert len(texts) == 1 and f"stalled failed: 1 STALLED (east->west {plain}-1" in texts[0], texts
        wait_until(lambda: get(urls.leader, "/healthz")[0] == 503, 10, lambda: get(urls.leader, "/healthz?verbose")[1])
        assert "[-]field failed: 1 partition of east->west is STALLED" in get(urls.leader, "/healthz?verbose")[1]
        assert total([parse(get(urls.leader, "/metrics")[1])], "heliostat_field_partitions", state="STALLED") == 1
        assert all(get(url, path)[0] == 200 for url in urls.workers.values() for path in ("/livez", "/readyz"))
    finally:
        mirror.destination.resume()
    wait_until(lambda: all(get(url, "/healthz")[0] == 200 for url in urls.workers.values()), 60, mirror.describe, 0.5)
    mirror.wait_running(5)

    # --- a worker is lost: its lanes are counted with the reason, and what the other has counted never shrinks ---
    before = parse(get(urls.workers["w1"], "/metrics")[1])
    lost = {(lane["route"], lane["lane"]) for lane in mirror.status()["lanes"] if lane["worker"] == "w2"}
    mirror.workers["w2"].kill()
    wait_until(lambda: total([parse(get(urls.workers["w1"], "/metrics")[1])], "heliostat_partitions", state="RUNNING") == 5,
               60, mirror.describe, 0.3)
    wait_until(lambda: total([parse(get(urls.leader, "/metrics")[1])], "heliostat_rebalance_seconds_count", reason="lost")
               == len(lost) or None, 20, lambda: get(urls.leader, "/metrics")[1])
    after = parse(get(urls.workers["w1"], "/metrics")[1])
    for (name, pairs), value in before.items():
        if name.endswith(("_total", "_count", "_bucket", "_sum")):
            assert after[name, pairs] >= value, name


def test_what_other_machines_reach_is_guarded(field, topic, tmp_path):
    """TLS and a token on every address; health alone needs none; nothing of the token in the logs."""
    certificate, key, secrets = tmp_path / "http.pem", tmp_path / "http.key", tmp_path / "secrets.properties"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    secrets.write_text("token = canary-0815-token\n")
    os.chmod(secrets, 0o600)
    mirror = field(settings={"worker.http.listen": "0.0.0.0:0", "coordinator.http.listen": f"{LOOPBACK}:0",
                             "http.token": f"${{file:{secrets}:token}}", "http.tls.certificate": certificate,
                             "http.tls.key": key})
    worker = mirror.start_worker("w1")
    worker.wait_log("http.listen", 10)
    port = re.search(r"http\.listen url=https://\S+:(\d+) token=yes", worker.log_text()).group(1)
    url = f"https://localhost:{port}"
    trust = ssl.create_default_context(cafile=certificate)
    assert get(url, "/livez", context=trust) == (200, "ok\n")
    code, text = get(url, "/readyz?verbose", context=trust)         # there is no coordinator yet, and no chroot
    assert code == 503 and "registered failed: reason withheld" in text
    assert "not registered in ZooKeeper yet" in get(url, "/readyz", token="canary-0815-token", context=trust)[1]
    assert get(url, "/metrics", context=trust)[0] == get(url, "/none", context=trust)[0] == 401
    assert get(url, "/metrics", token="canary-0815-tokem", context=trust)[0] == 401
    code, text = get(url, "/metrics", token="canary-0815-token", context=trust)
    assert code == 200 and lint(text).returncode == 0
    assert "canary-0815" not in worker.log_text() + text

    # Without either, no process starts there.
    for settings, expected in (({"worker.http.listen": ":9180"}, "it needs 'http.token'"),
                               ({"worker.http.listen": ":9180", "http.token": "t"}, "http.tls.certificate")):
        path = tmp_path / "open.properties"
        path.write_text(mirror.config.read_text().replace("worker.http.listen", "#").replace("http.t", "#") +
                        "".join(f"{k} = {v}\n" for k, v in settings.items()))
        done = mirror.run("worker", "--config", path, "--id", "w2")
        assert done.returncode == 2 and expected in done.stderr, done.stderr


def test_alert_rules():
    for arguments in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run([promtool(), *arguments], cwd=REPO / "deploy/monitoring", capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    rules = (REPO / "deploy/monitoring/alerts.yml").read_text()
    table = (REPO / "docs/metrics.md").read_text()
    for name in set(re.findall(r"heliostat_[a-z_]+", rules)):
        assert f"`{name}`" in table, f"alerts.yml: {name} is no metric"
