"""The programs that are measured against each other, as classes that start, tell what they cost, and end.

Each mirrors one topic from its beginning, with the source's partition numbers and names where it can.  What is common to the
benchmarks is here too: how many records a topic has, making it empty."""

import re
import socket
import struct
import subprocess
import time
import urllib.request

import local_cluster
from local_cluster import Heliostat, MirrorMaker1, MirrorMaker2, Process, ServerError, wait_until

# A mirror that runs for weeks: with both compilers, unlike the servers of the tests.
JVM = ["java", "-server", "-XX:-UsePerfData"]
HEAP = "512m"           # Kafka's scripts give MirrorMaker 1 256 MB and MirrorMaker 2 2 GB
OF_THE_JVM = {"heap": HEAP, "collector": "serial"}      # the collector that takes the least of few cores

# The best that was found for throughput on few cores.  MirrorMaker 1 takes one request in flight where nothing is said.
MM1_STREAMS = 2
MM2_TASKS = 2
JAVA_CONSUMER = {
    "max.poll.records": 5000,
    "fetch.min.bytes": 1,
    "max.partition.fetch.bytes": 1048576,
    "receive.buffer.bytes": -1,
}
JAVA_PRODUCER = {
    "acks": "all",
    "batch.size": 262144,
    "linger.ms": 5,
    "buffer.memory": 67108864,
    "max.request.size": 4194304,
    "max.in.flight.requests.per.connection": 5,
    "send.buffer.bytes": -1,
}


class Job:
    """What is to be mirrored: one topic (a plain name), from broker to broker, with the producer's compression."""

    def __init__(self, source, destination, topic, partitions, codec="none"):
        self.source = source
        self.destination = destination
        self.topic = topic
        self.partitions = partitions
        self.codec = codec


def _jvm(settings):
    return [*JVM, local_cluster.COLLECTORS[settings["collector"]], "-Xms256m", f"-Xmx{settings['heap']}"]


class Peer:
    """settings: more lines of the program's own configuration, stronger than the ones here.  tuned: for throughput; else
    the program's defaults.  run: a word for groups and internal topics: equal words share the work and the positions."""

    # What it takes until all code is compiled; the figures of these seconds are not its own.
    warm_s = 0.5
    # The destination's offsets do not tell how many records there are (ends of transactions have some): records() does.
    counts_itself = False

    def __init__(self, directory, job, run, settings=None, tuned=True):
        self.directory = directory
        self.job = job
        self.run = run
        self.given = dict(settings or {})
        self.tuned = tuned
        self.process = None         # the one that mirrors, and whose cost is told

    def start(self):
        """Returns at once: the first record at the destination tells that it mirrors."""
        raise NotImplementedError

    def settings(self):
        """What differs from the program's defaults: name -> value."""
        raise NotImplementedError

    def check(self):
        if not self.process.alive():
            raise ServerError(f"{self.process.name} has ended by itself, code {self.process.popen.returncode}\n"
                              f"{self.process.tail(60)}")

    def describe(self):
        return self.process.tail(40)

    def cpu_seconds(self):
        """User and system time of all its threads so far."""
        return self.process.cpu_seconds()

    def beside_cpu_seconds(self):
        """The same of processes that mirror nothing, and are not in the figures above."""
        return 0.0

    def sent_bytes(self):
        """What it has given its TCP connections so far, requests to the source included (ss: bytes_sent)."""
        done = subprocess.run(["ss", "-tinpHO"], capture_output=True, text=True, check=True)
        mine = f",pid={self.process.pid},"
        return sum(int(found.group(1)) for line in done.stdout.splitlines()
                   if mine in line and (found := re.search(r"\bbytes_sent:(\d+)", line)))

    def peak_memory_bytes(self):
        """The most that was resident (VmHWM)."""
        return self.process.peak_memory_bytes()

    def stop(self, limit_s=30):
        self.process.stop(limit_s)

    def end(self):
        """At once."""
        if self.process:
            self.process.end()


def _split(settings, prefix):
    return {key[len(prefix):]: value for key, value in settings.items() if key.startswith(prefix)}


class PeerMirrorMaker1(Peer):
    """settings: heap, collector (local_cluster.COLLECTORS), streams, offset.commit.interval.ms, consumer.NAME, producer.NAME"""

    warm_s = 8

    def settings(self):
        tuned = {"streams": MM1_STREAMS,
                 **{f"consumer.{key}": value for key, value in JAVA_CONSUMER.items()},
                 **{f"producer.{key}": value for key, value in JAVA_PRODUCER.items()}} if self.tuned else {"streams": 1}
        # MirrorMaker itself makes new topics known only so often.
        return {**OF_THE_JVM, "offset.commit.interval.ms": 60000, "consumer.metadata.max.age.ms": 5000,
                "producer.compression.type": self.job.codec, **tuned, **self.given}

    def start(self):
        settings = self.settings()
        self.process = MirrorMaker1(self.directory, self.job.source, self.job.destination, self.job.topic,
                                    f"mm1-{self.run}", commit_interval_ms=settings["offset.commit.interval.ms"],
                                    streams=settings["streams"], consumer=_split(settings, "consumer."),
                                    producer=_split(settings, "producer."), jvm=_jvm(settings))
        self.process.start()
        return self


class PeerMirrorMaker2(Peer):
    """settings: heap, collector (local_cluster.COLLECTORS), tasks.max, consumer.NAME (of the source), producer.NAME (of the
    destination), other lines of its file"""

    warm_s = 10

    def settings(self):
        tuned = {"tasks.max": MM2_TASKS,
                 **{f"consumer.{key}": value for key, value in JAVA_CONSUMER.items()},
                 **{f"producer.{key}": value for key, value in JAVA_PRODUCER.items()}} if self.tuned else {}
        # Its defaults: the cluster of the tests looks for new topics, and commits, more often.
        return {**OF_THE_JVM, "refresh.topics.interval.seconds": 600, "offset.flush.interval.ms": 60000,
                "producer.compression.type": self.job.codec, **tuned, **self.given}

    def start(self):
        here, there = f"east{self.run}", f"west{self.run}"
        settings = self.settings()
        lines = {key: value for key, value in settings.items()
                 if key not in OF_THE_JVM and not key.startswith(("consumer.", "producer."))}
        lines[f"{there}.plugin.discovery"] = "service_load"     # it looks through all classes otherwise: not its work here
        lines.update({f"{here}.{key}": value for key, value in settings.items() if key.startswith("consumer.")})
        lines.update({f"{there}.{key}": value for key, value in settings.items() if key.startswith("producer.")})
        self.process = MirrorMaker2(self.directory, self.job.source, self.job.destination, self.job.topic,
                                    (here, there), settings=lines, jvm=_jvm(settings))
        self.process.start()
        return self


class PeerPlainLoop(Peer):
    """librdkafka alone.  settings: consumer.NAME, producer.NAME, batch.wait.ms"""

    def settings(self):
        return {"producer.compression.type": self.job.codec, **self.given}

    def start(self):
        job = self.job
        self.process = Process("plain loop", self.directory)
        self.process.spawn([local_cluster.BUILD / "tests/bench/plain_loop", job.source.address, job.destination.address,
                            job.topic, job.partitions, 0, *(f"{key}={value}" for key, value in self.settings().items())])
        return self


class PeerHeliostat(Peer):
    """One worker, and a coordinator whose cost is told apart.  settings: lines of the configuration file"""

    def __init__(self, directory, job, run, zookeeper, guarantee, settings=None):
        super().__init__(directory, job, run, settings)
        self.guarantee = guarantee
        self.counts_itself = guarantee == "exactly-once"
        self.field = Heliostat(directory, zookeeper, {"east": job.source, "west": job.destination},
                               {"east->west": {"topics": job.topic, "group.id": run}},
                               settings=self.settings(), chroot=f"/{run}")

    def settings(self):
        codec = {"west.producer.compression.type": self.job.codec} if self.job.codec != "none" else {}
        return {"east->west.delivery.guarantee": self.guarantee, **codec, **self.given}

    def start(self):
        self.field.apply()
        self.coordinator = self.field.start_coordinator("c1")
        self.process = self.field.start_worker("w1")
        return self

    def check(self):
        self.field.check_processes()

    def describe(self):
        return self.field.describe()

    def beside_cpu_seconds(self):
        return self.coordinator.cpu_seconds()

    def records(self):
        """Records that it has mirrored so far, by its own count."""
        url = self.process.wait_log(r"http\.listen .*?url=\"?(http://[0-9.]+:\d+)", 10).group(1)
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as page:
            found = re.findall(r"^heliostat_records_total\S* (\S+)", page.read().decode(), re.M)
        return int(sum(float(value) for value in found))

    def stop(self, limit_s=30):
        self.process.terminate()
        code = self.process.wait(limit_s)
        self.field.end()
        if code != 0:
            raise ServerError(f"the worker's exit code is {code}\n{self.process.tail()}")

    def end(self):
        self.field.end()


OPENED = "-opened"      # Heliostat, with every record batch opened (batch.relay.enabled=false)
KINDS = ("mm1", "mm2", "mm2-untuned", "plain", "at-least-once", "exactly-once", "at-least-once" + OPENED, "exactly-once" + OPENED)


def make(kind, directory, job, run, zookeeper, settings=None):
    """kind: one of KINDS.  zookeeper: for Heliostat.  run: see Peer."""
    if kind == "mm1":
        return PeerMirrorMaker1(directory, job, run, settings)
    if kind in ("mm2", "mm2-untuned"):
        return PeerMirrorMaker2(directory, job, run, settings, tuned=kind == "mm2")
    if kind == "plain":
        return PeerPlainLoop(directory, job, run, settings)
    if kind.endswith(OPENED):
        settings = {"east->west.batch.relay.enabled": "false", **(settings or {})}
    return PeerHeliostat(directory, job, run, zookeeper, kind.removesuffix(OPENED), settings)


# --- topics ----------------------------------------------------------------------------------------------------------

class EndOffsets:
    """The sum of a topic's last stable offsets, which are the end offsets where there are no transactions; or, not `stable`, of
    the end offsets, with what is not committed yet.  Asked over an own connection: a client's CPU would disturb the
    measurement."""

    def __init__(self, broker, topic, partitions, stable=True):
        self.connection = socket.create_connection((broker.host, broker.port), 10)
        name = topic.encode()
        body = struct.pack(">ibih", -1, stable, 1, len(name)) + name + struct.pack(">i", partitions)
        body += b"".join(struct.pack(">iq", partition, -1) for partition in range(partitions))
        request = struct.pack(">hhih", 2, 2, 0, 5) + b"bench" + body        # ListOffsets v2
        self.request = struct.pack(">i", len(request)) + request
        self.skip = 4 + 4 + 4 + 2 + len(name) + 4                           # correlation, throttled, topics, name, partitions

    def _read(self, size):
        data = b""
        while len(data) < size:
            chunk = self.connection.recv(size - len(data))
            if not chunk:
                raise ServerError("the destination has closed the connection")
            data += chunk
        return data

    def total(self):
        deadline = time.monotonic() + 20
        while True:
            self.connection.sendall(self.request)
            answer = self._read(struct.unpack(">i", self._read(4))[0])
            rows = list(struct.iter_unpack(">ihqq", answer[self.skip:]))
            errors = {error for _partition, error, _timestamp, _offset in rows if error}
            if not errors:
                return sum(offset for _partition, _error, _timestamp, offset in rows)
            # Of a topic that was just made: not known here yet, no leader yet, not its leader yet.
            if not errors <= {3, 5, 6} or time.monotonic() > deadline:
                raise ServerError(f"ListOffsets: errors {sorted(errors)}")
            time.sleep(0.1)

    def close(self):
        self.connection.close()


def create_topic(oracle, broker, topic, partitions):
    """Waits while a deleted topic still has the name: Kafka deletes in the background."""
    def created():
        try:
            oracle.call("create-topic", bootstrap=broker, topic=topic, partitions=partitions)
            return True
        except ServerError as failure:
            if "exist" not in str(failure).lower():
                raise
            return False
    wait_until(created, 60, f"{topic} can be created", 0.2)


def empty_topic(oracle, broker, topic, partitions):
    """Makes it anew."""
    oracle.call("delete-topic", bootstrap=broker, topic=topic)
    create_topic(oracle, broker, topic, partitions)
