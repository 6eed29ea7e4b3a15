"""Real servers on loopback, for the quickstart and the integration tests: ZooKeeper, Kafka, Heliostat, the Java oracle.

Each server has its own folder, free ports that it keeps over restarts, and a log.  A start waits for the condition that
matters (the server answers its protocol), and an expired limit raises with the tail of the log.  A server is ended by
the handle that started it, and dies with this process even if that is killed.  Standard library only.
"""

import atexit
import contextlib
import ctypes
import hashlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

REPO = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("HELIOSTAT_CACHE") or REPO / ".cache")
BUILD = pathlib.Path(os.environ.get("HELIOSTAT_BUILD") or REPO / "build")
LOOPBACK = "127.0.0.1"

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class ServerError(Exception):
    """A server or tool did not do what it must; the text carries the tail of its log."""


def wait_until(condition, limit_s, what, interval_s=0.05):
    """Returns the first true value of condition().  `what` is the text of the failure, or a function that gives it."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise ServerError(f"not within {limit_s:g} s: {what() if callable(what) else what}")
        time.sleep(interval_s)


# --- ports -----------------------------------------------------------------------------------------------------------

_reserved = {}


def reserve_port():
    """A free port that stays ours over a server's restarts, and that no other run of this library takes.

    Ports lie below the ephemeral range, so that no outgoing connection lands on one while its server is down.  The
    reservation is an abstract Unix socket: it vanishes with this process and leaves no file."""
    for port in random.sample(range(20000, 32000), 500):
        name = f"\0heliostat-port-{port}"
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(name)
            with socket.socket() as probe:
                probe.bind((LOOPBACK, port))
        except OSError:
            lock.close()
            continue
        _reserved[port] = lock
        return port
    raise ServerError("no free port between 20000 and 32000")


def release_port(port):
    lock = _reserved.pop(port, None)
    if lock:
        lock.close()


# --- processes -------------------------------------------------------------------------------------------------------

_running = set()


def _die_with_parent(parent):
    def in_child():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:      # the parent died before prctl: nobody would end us
            os._exit(1)
    return in_child


class Process:
    """One child process with a log file.  Start it from the main thread: the kernel ties the child to the thread."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = self.directory / "log"
        self.popen = None
        self.told_to_end = False

    def spawn(self, command, env=None, **streams):
        assert not self.alive(), f"{self.name} runs already"
        self.told_to_end = False
        with open(self.log, "ab") as log:
            streams.setdefault("stdin", subprocess.DEVNULL)
            streams.setdefault("stdout", log)
            streams.setdefault("stderr", log)
            # Its own session: a Ctrl-C ends the servers in our order, not all at once.
            self.popen = subprocess.Popen([str(word) for word in command], cwd=self.directory, start_new_session=True,
                                          env={**os.environ, **(env or {})},
                                          preexec_fn=_die_with_parent(os.getpid()), **streams)
        _running.add(self)
        return self

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen is not None and self.popen.poll() is None

    def signal(self, number):
        assert self.alive(), f"{self.name} does not run\n{self.tail()}"
        self.told_to_end |= number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT)
        self.popen.send_signal(number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL, and wait for the end."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def terminate(self):
        self.signal(signal.SIGTERM)

    def wait(self, limit_s):
        """The exit code."""
        try:
            code = self.popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise ServerError(f"{self.name} (pid {self.pid}) did not end within {limit_s} s\n{self.tail()}") from None
        _running.discard(self)
        return code

    def stop(self, limit_s=10):
        """Orderly end, with force after the limit.  Ending what has ended is no error."""
        self.told_to_end = True
        if self.alive():
            self.popen.send_signal(signal.SIGTERM)
            self.popen.send_signal(signal.SIGCONT)
            try:
                self.popen.wait(limit_s)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self._end_group()
        _running.discard(self)

    def end(self):
        """Immediate end, for clean-up."""
        if self.alive():
            self.popen.kill()
            self.popen.wait()
        self._end_group()
        _running.discard(self)

    def _end_group(self):
        # The group is ours alone (start_new_session); its id stays taken while a descendant lives.
        if self.popen is not None:
            try:
                os.killpg(self.popen.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass

    def tail(self, lines=25):
        try:
            text = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            text = []
        return f"--- last lines of {self.log} ---\n" + "\n".join(text[-lines:])

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_log(self, pattern, limit_s=10, after=0):
        """The first match of pattern in the log behind byte `after`."""
        def found():
            return re.search(pattern, self.log_text()[after:])
        return wait_until(found, limit_s, lambda: f"{pattern!r} in the log of {self.name}\n{self.tail()}")

    def cpu_seconds(self):
        """CPU time of the process and of its live descendants."""
        ticks = 0
        for pid in [self.pid, *descendants(self.pid)]:
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            except FileNotFoundError:
                continue
            fields = stat.rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak_memory_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def descendants(pid):
    found, parents = [], [pid]
    while parents:
        parent = parents.pop()
        for task in pathlib.Path(f"/proc/{parent}/task").glob("*"):
            try:
                children = [int(child) for child in (task / "children").read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
            found += children
            parents += children
    return found


@contextlib.contextmanager
def adopting():
    """Inside, the children of a process of ours that dies become ours, and os.waitpid() gives their exit codes."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)


@atexit.register
def end_all():
    for process in list(_running):
        process.end()


def on_signals_exit():
    """Makes SIGTERM, SIGHUP and SIGINT unwind the stack, so that every clean-up runs."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, leave)


def temporary_directory(purpose):
    return pathlib.Path(tempfile.mkdtemp(prefix=f"heliostat-{purpose}-"))


# --- servers ---------------------------------------------------------------------------------------------------------

# These JVMs live for minutes on few cores: a quick start and a small footprint count, peak speed does not.
_JVM = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData"]

# Java's garbage collectors.  Serial stops everything for milliseconds, and takes the least; Z hardly stops at all.
COLLECTORS = {"serial": "-XX:+UseSerialGC", "g1": "-XX:+UseG1GC", "z": "-XX:+UseZGC"}

_LOG4J = """\
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d{ISO8601} %p %m (%c{1})%n
"""

def kafka_jars(version):
    jars = CACHE / f"kafka-{version}"
    if not jars.is_dir():
        raise ServerError(f"no Kafka {version} in {CACHE}: run deploy/dependencies first")
    return f"{jars}/*"


def kafka_archive(version):
    """The option that lets a broker take its classes from the archive of class_archive.py.  A JVM that the archive does
    not fit, or that finds none, loads them as ever."""
    return f"-XX:SharedArchiveFile={CACHE}/kafka-{version}.jsa"


def _write_properties(path, settings):
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))


class Server(Process):
    """A process with a port, which can be stopped and started again on the same port and data."""

    start_limit_s = 180
    host = LOOPBACK
    within = ()     # what starts the command in another place, as `nsenter --net=FILE` does

    def start(self, wait=True):
        self.spawn([*self.within, *self.command()])
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if not self.alive():
                raise ServerError(f"{self.name} ended with code {self.popen.returncode}\n{self.tail()}")
            try:
                return self.answers()
            except (OSError, struct.error):
                return False
        wait_until(ready, self.start_limit_s, lambda: f"{self.name} answers on port {self.port}\n{self.tail()}")
        return self

    @property
    def address(self):
        return f"{self.host}:{self.port}"


class ZooKeeper(Server):
    """A standalone ZooKeeper, out of Kafka 3.9's jars."""

    def __init__(self, directory, name="zookeeper", version="3.9.1", heap="128m", durable=False):
        """durable: each write is on the disk before its answer; test data need not outlive the machine."""
        super().__init__(name, directory)
        self.heap = heap
        self.durable = durable
        self.port = reserve_port()
        self.jars = kafka_jars(version)
        (self.directory / "log4j.properties").write_text(_LOG4J)
        _write_properties(self.directory / "zoo.cfg", {
            "dataDir": self.directory / "data",
            "clientPort": self.port,
            "clientPortAddress": LOOPBACK,
            "tickTime": 500,
            "minSessionTimeout": 1000,
            "maxSessionTimeout": 60000,
            "maxClientCnxns": 0,
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "*",
        })

    def command(self):
        return [*_JVM, f"-Xmx{self.heap}", f"-Dlog4j.configuration=file:{self.directory}/log4j.properties",
                f"-Dzookeeper.forceSync={'yes' if self.durable else 'no'}", "-cp", self.jars,
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.directory / "zoo.cfg"]

    def ask(self, word):
        """A four-letter command: srvr, mntr, cons, dump, wchp ..."""
        with socket.create_connection((LOOPBACK, self.port), 2) as connection:
            connection.sendall(word.encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def mode(self):
        """standalone, leader or follower; None while it does not serve."""
        found = re.search(r"^Mode: (\w+)$", self.ask("srvr"), re.M)
        return found and found.group(1)

    def answers(self):
        return self.mode() is not None


class ZooKeeperEnsemble:
    """Some ZooKeepers that elect a leader among them."""

    def __init__(self, directory, count=3):
        self.members = [ZooKeeper(directory / f"zookeeper{i}", f"zookeeper{i}") for i in range(1, count + 1)]
        quorum = {f"server.{i}": f"{LOOPBACK}:{reserve_port()}:{reserve_port()}:participant"
                  for i in range(1, count + 1)}
        for i, member in enumerate(self.members, 1):
            with open(member.directory / "zoo.cfg", "a", encoding="utf-8") as config:
                config.write("".join(f"{key}={value}\n" for key, value in
                                     {"initLimit": 20, "syncLimit": 10, **quorum}.items()))
            (member.directory / "data").mkdir(exist_ok=True)
            (member.directory / "data" / "myid").write_text(f"{i}\n")

    @property
    def address(self):
        return ",".join(member.address for member in self.members)

    def start(self):
        for member in self.members:
            member.start(wait=False)
        for member in self.members:
            member.wait_ready()
        return self

    def leader(self):
        def find():
            for member in self.members:
                try:
                    if member.alive() and member.mode() == "leader":
                        return member
                except OSError:
                    pass
            return None
        return wait_until(find, 30, "the ensemble has a leader", 0.1)

    def end(self):
        for member in self.members:
            member.end()


class KafkaBroker(Server):
    """A cluster of one KRaft node."""

    format_arguments = ()

    def __init__(self, directory, version, name=None, settings=None, heap="384m", views=None, users=None,
                 host=LOOPBACK, within=(), compilers="first", collector="serial"):
        """views: name -> port.  A client that comes through that port (a proxy's, in front of view_port(name)) is told to
        stay on it: each view is a listener of its own, which advertises the other port.
        users: name -> password.  A listener more (secure_address), with SASL/PLAIN, and an authorizer; who comes through
        the other listeners may do all, users only what is allowed.
        host, within: where it listens, and what starts it there.
        compilers: first | both, of Java's; with both it takes a minute of load until it is at its speed.
        collector: one of COLLECTORS."""
        super().__init__(name or f"kafka-{version}", directory)
        self.host = host
        self.within = within
        self.compilers = compilers
        self.collector = collector
        self.version = version
        self.heap = heap
        self.port = reserve_port()
        self.controller_port = reserve_port()
        self.view_ports = {view: reserve_port() for view in views or {}}
        listeners = {"PLAINTEXT": self.port, **{view.upper(): port for view, port in self.view_ports.items()}}
        advertised = {"PLAINTEXT": self.port, **{view.upper(): port for view, port in (views or {}).items()}}
        protocols = {listener: "PLAINTEXT" for listener in (*listeners, "CONTROLLER")}
        security = {}
        if users:
            port = reserve_port()
            self.secure_address = f"{host}:{port}"
            listeners["SECURE"] = advertised["SECURE"] = port
            protocols["SECURE"] = "SASL_PLAINTEXT"
            passwords = " ".join(f'user_{user}="{password}"' for user, password in users.items())
            security = {
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.secure.plain.sasl.jaas.config":
                    f"org.apache.kafka.common.security.plain.PlainLoginModule required {passwords};",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
            }

        def addresses(ports):
            return ",".join(f"{listener}://{host}:{port}" for listener, port in ports.items())
        self.jars = kafka_jars(version)
        self.archive = kafka_archive(version)
        self.cluster_id = hashlib.sha256(os.urandom(16)).hexdigest()[:22]
        (self.directory / "log4j.properties").write_text(_LOG4J)
        self.logging = f"-Dlog4j.configuration=file:{self.directory}/log4j.properties"
        self.properties = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{host}:{self.controller_port}",
            "listeners": addresses({**listeners, "CONTROLLER": self.controller_port}),
            "advertised.listeners": addresses(advertised),
            "listener.security.protocol.map": ",".join(f"{listener}:{protocol}" for listener, protocol in protocols.items()),
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.directory / "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "num.recovery.threads.per.data.dir": 1,
            # Records from 1970 are data here, not rubbish, and so are those of the next century (KIP-937).
            "log.retention.ms": -1,
            "log.message.timestamp.after.max.ms": 2**63 - 1,
            "log.cleaner.dedupe.buffer.size": 2 * 1024 * 1024,
            **security,
        }
        self.settings(settings or {})

    def settings(self, more):
        """For the next start."""
        self.properties.update(more)
        _write_properties(self.directory / "server.properties", self.properties)

    def view_port(self, view):
        """Where the proxy of a view connects."""
        return self.view_ports[view]

    def _java(self, *arguments):
        jvm = [COLLECTORS[self.collector] if word in COLLECTORS.values() else word
               for word in _JVM if self.compilers == "first" or "TieredStopAtLevel" not in word]
        return [*jvm, self.archive, f"-Xmx{self.heap}", self.logging, "-cp", self.jars, *arguments]

    def format(self):
        if (self.directory / "data" / "meta.properties").exists():
            return
        done = subprocess.run([str(word) for word in self._java(
            "kafka.tools.StorageTool", "format", "-t", self.cluster_id, "-c", self.directory / "server.properties",
            *self.format_arguments)],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise ServerError(f"{self.name}: format failed\n{done.stdout}{done.stderr}")

    def start(self, wait=True):
        self.format()
        return super().start(wait)

    def command(self):
        return self._java("kafka.Kafka", self.directory / "server.properties")

    def answers(self):
        """True when a Metadata request names the broker, that is, when it is registered and open for clients."""
        request = (struct.pack(">hhih", 3, 4, 7, 5) + b"probe" +    # Metadata v4, correlation id, client id
                   struct.pack(">ib", 0, 0))                        # no topics, no auto-creation
        with socket.create_connection((self.host, self.port), 2) as connection:
            connection.settimeout(2)
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = b""
            while len(head) < 16:
                chunk = connection.recv(4096)
                if not chunk:
                    return False
                head += chunk
        _size, _correlation, _throttle, broker_count = struct.unpack(">iiii", head[:16])
        return broker_count > 0

    def stop(self, limit_s=15):
        super().stop(limit_s)


def start_together(*servers):
    """Starts all, then waits for all: the JVMs' start-up overlaps."""
    for server in servers:
        server.start(wait=False)
    for server in servers:
        server.wait_ready()


# --- the other mirrors -----------------------------------------------------------------------------------------------

def _java_of_a_peer(directory, jvm, *arguments):
    (directory / "log4j.properties").write_text(_LOG4J)
    return [*jvm, f"-Dlog4j.configuration=file:{directory}/log4j.properties", "-cp", kafka_jars("3.9.1"), *arguments]


class MirrorMaker1(Process):
    """kafka.tools.MirrorMaker, out of Kafka 3.9's jars."""

    def __init__(self, directory, source, destination, topics, group, name="mm1", commit_interval_ms=1000, streams=2,
                 consumer=None, producer=None, jvm=None):
        """consumer, producer: more settings of the clients; jvm: the command `java` with its options."""
        super().__init__(name, directory)
        self.topics = topics
        self.commit_interval_ms = commit_interval_ms
        self.streams = streams
        self.jvm = jvm or [*_JVM, "-Xmx256m"]
        _write_properties(self.directory / "consumer.properties", {
            "bootstrap.servers": source.address, "group.id": group, "auto.offset.reset": "earliest", **(consumer or {})})
        _write_properties(self.directory / "producer.properties", {
            "bootstrap.servers": destination.address, **(producer or {})})

    def start(self):
        return self.spawn(_java_of_a_peer(
            self.directory, self.jvm, "kafka.tools.MirrorMaker", "--consumer.config", self.directory / "consumer.properties",
            "--producer.config", self.directory / "producer.properties", "--whitelist", self.topics,
            "--num.streams", self.streams, "--offset.commit.interval.ms", self.commit_interval_ms))


class MirrorMaker2(Process):
    """MirrorMaker 2 in its dedicated mode, with the names of the source's topics."""

    def __init__(self, directory, source, destination, topics, aliases=("east", "west"), name="mm2", settings=None, jvm=None):
        super().__init__(name, directory)
        self.jvm = jvm or [*_JVM, "-Xmx384m"]
        here, there = aliases
        route = f"{here}->{there}"
        _write_properties(self.directory / "mm2.properties", {
            "clusters": f"{here}, {there}",
            f"{here}.bootstrap.servers": source.address,
            f"{there}.bootstrap.servers": destination.address,
            f"{route}.enabled": "true",
            f"{route}.topics": topics,
            f"{there}->{here}.enabled": "false",
            "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
            "emit.heartbeats.enabled": "false",
            f"{there}->{here}.emit.heartbeats.enabled": "false",
            "emit.checkpoints.enabled": "false",
            "sync.topic.acls.enabled": "false",
            "refresh.topics.interval.seconds": 2,
            "offset.flush.interval.ms": 1000,
            "replication.factor": 1,
            "offset-syncs.topic.replication.factor": 1,
            "offset.storage.replication.factor": 1,
            "offset.storage.partitions": 5,
            "status.storage.replication.factor": 1,
            "config.storage.replication.factor": 1,
            **(settings or {}),
        })

    def start(self):
        return self.spawn(_java_of_a_peer(self.directory, self.jvm, "org.apache.kafka.connect.mirror.MirrorMaker",
                                          self.directory / "mm2.properties"))


# --- Heliostat -------------------------------------------------------------------------------------------------------

def binary():
    return BUILD / "heliostat"


# A sanitizer's finding must end the process, and its text must reach the log.
_SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": f"halt_on_error=0:exitcode=66:suppressions={REPO}/tests/tsan/suppressions",
}


class HeliostatProcess(Process):
    """`heliostat worker` or `heliostat coordinator`."""

    def __init__(self, role, node_id, config, directory, arguments=(), supervised=False):
        """Unsupervised by default: a signal to its pid then reaches the worker itself, and its death is a lost host's."""
        super().__init__(f"{role} {node_id}", directory)
        self.role = role
        self.id = node_id
        self.config = config
        self.supervised = supervised
        self.arguments = arguments if supervised or role != "worker" else ("--no-supervisor", *arguments)

    def start(self):
        return self.spawn([binary(), self.role, "--config", self.config, "--id", self.id, *self.arguments],
                          env=_SANITIZER_ENV)

    def child_pid(self):
        """The worker's own pid under a supervisor, or None between two lives."""
        assert self.supervised
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        assert len(children) <= 1, children
        return int(children[0]) if children else None


class Heliostat:
    """One field: a chroot, a config file, and the workers and coordinators that use them."""

    def __init__(self, directory, zookeeper, clusters, routes, session_timeout_ms=6000, settings=None,
                 chroot="/heliostat"):
        """clusters: alias -> broker (or address); routes: "east->west" -> {"topics": ..., other keys of the route}."""
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.zookeeper = zookeeper
        self.chroot = chroot
        self.session_timeout_ms = session_timeout_ms
        self.clusters = dict(clusters)
        self.routes = {name: dict(keys) for name, keys in routes.items()}
        self.settings = dict(settings or {})
        self.config = self.directory / "heliostat.properties"
        self.workers = {}
        self.coordinators = {}
        self.write_config()

    @property
    def connect(self):
        return f"{self.zookeeper.address}{self.chroot}"

    def write_config(self, path=None, zookeeper=None, clusters=None):
        """The file of all, or one process's own view: other addresses of the same servers, in a file of its own."""
        lines = {
            "zookeeper.connect": f"{zookeeper}{self.chroot}" if zookeeper else self.connect,
            "zookeeper.session.timeout.ms": self.session_timeout_ms,
            "clusters": ", ".join(self.clusters),
            "worker.http.listen": f"{LOOPBACK}:0",
            "coordinator.http.listen": f"{LOOPBACK}:0",
        }
        for alias, broker in (clusters or self.clusters).items():
            address = getattr(broker, "address", broker)
            lines[f"{alias}.bootstrap.servers"] = getattr(broker, "secure_address", address)
        for route, keys in self.routes.items():
            lines[f"{route}.enabled"] = "true"
            for key, value in keys.items():
                lines[f"{route}.{key}"] = value
        lines.update(self.settings)
        path = path or self.config
        path.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
        return path

    # Verbs

    def run(self, *arguments, limit_s=30):
        """One CLI call.  The result has returncode, stdout, stderr."""
        return subprocess.run([str(word) for word in (binary(), *arguments)], capture_output=True, text=True,
                              timeout=limit_s, cwd=self.directory, env={**os.environ, **_SANITIZER_ENV})

    def apply(self):
        done = self.run("apply", self.config)
        if done.returncode != 0:
            raise ServerError(f"apply: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def status(self):
        done = self.run("status", "--config", self.config, "-o", "json")
        if done.returncode != 0:
            raise ServerError(f"status: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    # Processes

    def start_worker(self, node_id, supervised=False, config=None):
        worker = self.workers[node_id] = HeliostatProcess("worker", node_id, config or self.config,
                                                          self.directory / node_id, supervised=supervised)
        return worker.start()

    def start_coordinator(self, node_id, config=None):
        coordinator = self.coordinators[node_id] = HeliostatProcess("coordinator", node_id, config or self.config,
                                                                    self.directory / node_id)
        return coordinator.start()

    def processes(self):
        return [*self.workers.values(), *self.coordinators.values()]

    def end(self):
        for process in self.processes():
            process.end()

    def check_processes(self):
        """A process that ended without being told to is a crash: to wait on would only hide it."""
        for process in self.processes():
            if not process.alive() and not process.told_to_end:
                raise ServerError(f"{process.name} has ended by itself, code {process.popen.returncode}\n{process.tail(60)}")

    # Conditions

    def describe(self):
        """Text for a failed wait: the status, and the logs' ends."""
        try:
            status = self.run("status", "--config", self.config, "-o", "wide").stdout
        except Exception as failure:        # the failure to report is another one
            status = f"(no status: {failure})"
        return "\n".join([status, *(process.tail(12) for process in self.processes())])

    def wait_status(self, condition, what, limit_s=30):
        """The first status for which condition(status) is true."""
        def check():
            self.check_processes()
            try:
                status = self.status()
            except (ServerError, ValueError, subprocess.TimeoutExpired):
                return None
            return status if condition(status) else None
        return wait_until(check, limit_s, lambda: f"{what}\n{self.describe()}", interval_s=0.1)

    def wait_running(self, partition_count, limit_s=40, workers=None):
        """Every partition RUNNING (and, if given, on exactly these workers)."""
        def condition(status):
            partitions = status["partitions"]
            return (len(partitions) == partition_count
                    and all(partition["state"] == "RUNNING" for partition in partitions)
                    and (workers is None or {partition["worker"] for partition in partitions} <= set(workers)))
        return self.wait_status(condition, f"{partition_count} partitions RUNNING", limit_s)

    def owners(self, status=None):
        """(topic, partition) -> worker id"""
        return {(partition["topic"], partition["partition"]): partition["worker"]
                for partition in (status or self.status())["partitions"]}


# --- the Java oracle -------------------------------------------------------------------------------------------------

def compile_oracle():
    """The folder with the oracle's classes.  Compiled once per state of the sources."""
    sources = sorted((REPO / "tests" / "java").glob("*.java"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    target = CACHE / f"oracle-{digest}"
    if target.is_dir():
        os.utime(target)                    # in use: see below
        return target
    work = pathlib.Path(tempfile.mkdtemp(prefix="oracle.", dir=CACHE))
    done = subprocess.run(["javac", "--release", "17", "-Xlint:all,-processing,-classfile,-path", "-d", work,
                           "-cp", kafka_jars("3.9.1"), *sources], capture_output=True, text=True)
    if done.returncode != 0:
        shutil.rmtree(work)
        raise ServerError(f"javac: {done.stdout}{done.stderr}")
    for old in CACHE.glob("oracle-*"):
        # An older state may be in use by another run; only what no run has begun with for an hour goes.
        if time.time() - old.stat().st_mtime > 3600:
            shutil.rmtree(old, ignore_errors=True)
    try:
        work.rename(target)
    except OSError:                         # another run was first
        shutil.rmtree(work)
    return target


class Oracle(Process):
    """The Java tool in serve mode: commands and answers are JSON lines, many commands may run at once."""

    def __init__(self, directory, heap="768m"):
        super().__init__("oracle", directory)
        self.heap = heap
        self.answers = {}
        self.changed = threading.Condition()
        self.ids = itertools.count(1)

    def start(self):
        classes = compile_oracle()
        log4j = self.directory / "log4j.properties"
        log4j.write_text(_LOG4J.replace("ConsoleAppender", "ConsoleAppender\nlog4j.appender.stdout.target=System.err")
                         .replace("INFO", "WARN"))
        self.spawn(["java", "-XX:+UseSerialGC", "-XX:-UsePerfData", f"-Xmx{self.heap}",
                    f"-Dlog4j.configuration=file:{log4j}", "-cp", f"{classes}:{kafka_jars('3.9.1')}", "Oracle", "serve"],
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self._read, args=(self.popen.stdout,), daemon=True).start()
        self.call("ping")
        return self

    def _read(self, stream):
        for line in stream:
            answer = json.loads(line)
            with self.changed:
                self.answers[answer["id"]] = answer
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def begin(self, verb, **arguments):
        """Starts a command and returns its handle at once."""
        return self._send(verb, arguments)

    def call(self, verb, limit_s=120, **arguments):
        """Runs a command to its end.  In arguments a broker stands for its address."""
        return self._send(verb, arguments).result(limit_s)

    def _send(self, verb, arguments):
        plain = {key: getattr(value, "address", value) for key, value in arguments.items()}
        command = OracleCommand(self, next(self.ids), verb)
        with self.changed:                  # one writer at a time
            self.popen.stdin.write(json.dumps({"id": command.id, "verb": verb, **plain}).encode() + b"\n")
            self.popen.stdin.flush()
        return command


class OracleCommand:
    def __init__(self, oracle, number, verb):
        self.oracle = oracle
        self.id = number
        self.verb = verb

    def done(self):
        with self.oracle.changed:
            return self.id in self.oracle.answers

    def result(self, limit_s=120):
        oracle = self.oracle
        with oracle.changed:
            if not oracle.changed.wait_for(lambda: self.id in oracle.answers or not oracle.alive(), limit_s):
                raise ServerError(f"oracle: {self.verb} not done within {limit_s} s\n{oracle.tail()}")
            answer = oracle.answers.get(self.id)
        if answer is None:
            raise ServerError(f"oracle: ended during {self.verb}\n{oracle.tail()}")
        if "error" in answer:
            raise ServerError(f"oracle: {self.verb}: {answer['error']}")
        return answer["result"]

    def query(self, **arguments):
        """Asks the running command (a producer: counts so far; a watch: its report)."""
        return self.oracle.call("query", target=self.id, **arguments)

    def stop(self, limit_s=60):
        """Tells the command to finish, and returns its result."""
        self.oracle.call("stop", target=self.id)
        return self.result(limit_s)
