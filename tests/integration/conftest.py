"""Servers for the integration tests.  They start once per run; each test gets its own chroot, topics and processes."""

import itertools
import pathlib
import re
import shutil
import sys
import time
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "deploy"))

import local_cluster  # noqa: E402
from local_cluster import Heliostat, KafkaBroker, Oracle, ZooKeeper, wait_until  # noqa: E402

# A shorter session than the default of 6 s: the tests derive every limit from it.
SESSION_TIMEOUT_MS = 3000
COMMIT_INTERVAL_MS = 1000

_numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "quiet: holds times against limits: runs while no other test does")


@pytest.fixture(scope="session", autouse=True)
def _clean_exit():
    local_cluster.on_signals_exit()
    yield
    local_cluster.end_all()


@pytest.fixture(scope="session")
def run_directory(request):
    directory = local_cluster.temporary_directory("tests")
    yield directory
    local_cluster.end_all()
    if request.session.testsfailed:
        for data in directory.glob("**/data"):      # the logs tell; the records only fill the disk
            shutil.rmtree(data, ignore_errors=True)
        terminal = request.config.pluginmanager.getplugin("terminalreporter")
        if terminal:
            terminal.write_line(f"\nlogs are kept in {directory}")
        else:                           # one of several processes: the first one says it
            request.config.workeroutput.setdefault("kept", []).append(str(directory))
    else:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def servers(run_directory):
    """ZooKeeper, the source (3.9) and the destination (4.1), shared by the tests that leave them alone."""
    zookeeper = ZooKeeper(run_directory / "zookeeper")
    # They keep ACLs; whoever does not say who he is, as all here, may do everything.
    authorizer = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                  "super.users": "User:ANONYMOUS"}
    source = KafkaBroker(run_directory / "source", "3.9.1", "source", authorizer)
    destination = KafkaBroker(run_directory / "destination", "4.1.0", "destination", authorizer)
    local_cluster.start_together(zookeeper, source, destination)
    return zookeeper, source, destination


@pytest.fixture(scope="session")
def zookeeper(servers):
    return servers[0]


@pytest.fixture(scope="session")
def source(servers):
    return servers[1]


@pytest.fixture(scope="session")
def destination(servers):
    return servers[2]


@pytest.fixture(scope="session")
def oracle(run_directory):
    return Oracle(run_directory / "oracle").start()


@pytest.fixture
def name(request):
    """A topic and chroot name that no other test of the run has."""
    return re.sub(r"\W+", "-", request.node.name).strip("-")[:60] + f"-{next(_numbers)}"


@pytest.fixture
def topic(name):
    return name


class Field:
    """A mirror under test, and what a test asks of it."""

    def __init__(self, heliostat, oracle, source, destination):
        self.heliostat = heliostat
        self.oracle = oracle
        self.source = source
        self.destination = destination
        self.loads = []
        self.watches = []

    def __getattr__(self, attribute):
        return getattr(self.heliostat, attribute)

    def up(self, workers=1, coordinators=1, supervised=False):
        """Applies the routes and starts the processes."""
        self.apply()
        for i in range(1, coordinators + 1):
            self.start_coordinator(f"c{i}")
        for i in range(1, workers + 1):
            self.start_worker(f"w{i}", supervised)
        return self

    def create(self, topic, partitions, both=False, **configs):
        for broker in (self.source, self.destination) if both else (self.source,):
            self.oracle.call("create-topic", bootstrap=broker, topic=topic, partitions=partitions, configs=configs)

    def load(self, topic, partitions, rate, **more):
        """A paced load in the background; stop() gives what was sent."""
        command = self.oracle.begin("produce-seq", bootstrap=self.source, topic=topic, partitions=partitions, rate=rate,
                                    **more)
        self.loads.append(command)
        return command

    def metric(self, name):
        """The sum of its series at all workers."""
        total = 0.0
        for worker in self.status()["workers"]:
            with urllib.request.urlopen(f"{worker['http']}/metrics", timeout=10) as answer:
                total += sum(float(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\S+)$", answer.read().decode(), re.M))
        return total

    def watch(self, topic, partitions):
        command = self.oracle.begin("watch", source=self.source, destination=self.destination, topic=topic,
                                    partitions=partitions)
        self.watches.append(command)
        return command

    def watch_control(self, topic):
        """A record every 20 ms through a mirror that nothing disturbs, beside the one under test: a watch of that."""
        control = f"control.{topic}"
        self.create(control, 1, both=True)
        self.load(control, 1, 50)
        self.loads.append(self.oracle.begin("relay", source=self.source, bootstrap=self.destination, topic=control))
        return self.watch(control, 1)

    def wait_flowing(self, watch, limit_s=40):
        """Records of every partition have arrived, and nothing waits for long."""
        def flowing():
            now_ms = int(time.time() * 1000)
            reports = watch.query(from_ms=now_ms - 700)
            return reports and all(report["source_records"] > 0 and report["max_delay_ms"] < 700 for report in reports.values())
        wait_until(flowing, limit_s, lambda: f"every partition flows\n{watch.query()}\n{self.describe()}", 0.2)

    def compare(self, topic, mode="at-least-once", limit_s=30, **more):
        """The comparison, once nothing is missing any more (or the limit has passed)."""
        deadline = time.monotonic() + limit_s
        while True:
            self.check_processes()
            result = self.oracle.call("compare", source=self.source, destination=self.destination, topic=topic, mode=mode,
                                      **more)
            if result["total"]["missing"] == 0 or time.monotonic() > deadline:
                return result
            time.sleep(0.3)

    def assert_mirrored(self, topic, mode="at-least-once", limit_s=30):
        result = self.compare(topic, mode, limit_s)
        assert result["total"]["source"] > 0, "the source is empty: nothing was tested"
        assert result["ok"], f"{result}\n{self.describe()}"
        return result

    def end(self):
        for command in (*self.loads, *self.watches):
            if not command.done():
                command.stop()
        self.heliostat.end()


@pytest.fixture
def field(request, run_directory, servers, oracle, name):
    """field(topics=..., ...) makes a mirror between the shared clusters; it ends with the test."""
    fields = []

    def make(topics=None, source=servers[1], destination=servers[2], zookeeper=servers[0], settings=None,
             session_timeout_ms=SESSION_TIMEOUT_MS, routes=None, chroot=None, **route_keys):
        # A literal name as a rule: the dots and hyphens of test names are harmless in a regular expression.
        keys = {"topics": topics or name, "offset.commit.interval.ms": COMMIT_INTERVAL_MS,
                "refresh.topics.interval.seconds": 2, "group.id": f"heliostat.{name}", **route_keys}
        heliostat = Heliostat(run_directory / name / f"field{len(fields)}", zookeeper,
                              {"east": source, "west": destination},
                              routes if routes is not None else {"east->west": keys},
                              session_timeout_ms, settings, chroot=f"/{chroot or ''}{name}")
        fields.append(Field(heliostat, oracle, source, destination))
        return fields[-1]

    yield make
    for one in fields:
        one.end()
    # A sanitizer's finding, or a crash, in any process of the test is a failure of the test.
    for one in fields:
        for process in one.processes():
            text = process.log_text()
            trouble = re.search(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed|pump\.count", text)
            assert not trouble, f"{process.name}: {trouble.group(0)}\n{process.tail(60)}"
