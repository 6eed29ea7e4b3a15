"""A short run of tests/chaos/nemesis with each guarantee, and what its verdict stands on: plan, proxy, window."""

import contextlib
import importlib.machinery
import importlib.util
import itertools
import json
import pathlib
import socket
import struct
import sys
import threading
import time

import pytest

from local_cluster import Process, reserve_port, wait_until

CHAOS = pathlib.Path(__file__).resolve().parent.parent / "chaos"
# Of a few thousand seeds one whose first 25 s have, for both guarantees, a killed worker, cut links, servers that go away,
# and a worker frozen or its session expired; with exactly-once also an EndTxn that arrives after its repetition.
SEED = 1026
SECONDS = 25
GUARANTEES = ("exactly-once", "at-least-once")


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, str(CHAOS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = bytecode
    return module


nemesis = load("nemesis")
fault_proxy = nemesis.fault_proxy
END_TXN = fault_proxy.API_KEYS["EndTxn"]


# --- the run ---

@pytest.mark.quiet
def test_random_faults_keep_the_promise(run_directory):
    """Both guarantees side by side: most of a run is waiting."""
    runs = {}
    for guarantee in GUARANTEES:
        runs[guarantee] = Process(f"nemesis {guarantee}", run_directory / f"nemesis-{guarantee}").spawn(
            [CHAOS / "nemesis", "--seed", SEED, "--seconds", SECONDS, "--guarantee", guarantee, "--rate", 300,
             "--history", "history.jsonl"])
    try:
        codes = {guarantee: run.wait(240) for guarantee, run in runs.items()}
    finally:
        for run in runs.values():
            run.end()
    assert set(codes.values()) == {0}, f"{codes}\n" + "\n".join(
        runs[guarantee].tail(200) for guarantee, code in codes.items() if code)
    for guarantee, run in runs.items():
        events = [json.loads(line) for line in (run.directory / "history.jsonl").read_text().splitlines()]
        kinds = [event["event"] for event in events]
        compared = events[kinds.index("compared")]
        assert compared["source"] > SECONDS * 100, compared
        # The seed must have done something: to processes, links and single requests.
        assert sum(kinds.count(kind) for kind in nemesis.DISRUPTIVE - {"request"}) >= 5, kinds
        assert kinds.count("met") >= 1, kinds


# --- the plan ---

def test_a_seed_replays():
    first = nemesis.plan(7, 600, "exactly-once")
    assert first == nemesis.plan(7, 600, "exactly-once")
    assert first != nemesis.plan(8, 600, "exactly-once")
    assert nemesis.plan(7, 100, "exactly-once") == [step for step in first if step["at"] < 100]


def test_hot_lanes_come_beside_the_plan_of_a_seed():
    def first(seed):
        return list(itertools.islice(nemesis.hot_plan(seed, "exactly-once"), 20))
    assert first(7) == first(7) != first(8)
    line = "time=x level=info msg=coordinator.partition.move route=east->west topic=t partition=3 from=1 to={} position=9 gen=4"
    assert [bool(nemesis.MOVED.search(line.format(lane))) for lane in (0, 1, 12)] == [True, False, True]


def test_every_kind_of_fault_comes_also_none_and_several_at_once():
    steps = list(itertools.chain.from_iterable(nemesis.plan(seed, 600, "exactly-once") for seed in range(5)))
    assert {fault["kind"] for step in steps for fault in step["faults"]} == set(nemesis.KINDS)
    assert {len(step["faults"]) for step in steps} == set(nemesis.SET_SIZES)
    requests = [fault for step in steps for fault in step["faults"] if fault["kind"] == "request"]
    assert {fault["api"] for fault in requests} == set(nemesis.REQUESTS["exactly-once"])
    assert {fault["action"] for fault in requests} == set(nemesis.ACTIONS)


# --- the window of repeats ---

def sample(at_ms, end, committed):
    return {"ends_from_ms": at_ms, "ends_to_ms": at_ms + 5, "ends": {"0": end}, "committed_to_ms": at_ms + 10,
            "committed": {"0": committed}}


def trouble_of(start, held=(), disrupted=((40000, 40000),)):
    """A record a millisecond; committed at once; the record `start` comes again at 50 s."""
    samples = [sample(at_ms, at_ms, at_ms) for at_ms in range(0, 50000, 200)] + [sample(50200, 50210, 50200)]
    holds = [{"from_ms": begin, "to_ms": end, "unchecked": False} for begin, end in held]
    runs = {"0": {"duplicate_runs": [{"at": 50100, "from": start, "to": start + 9, "from_ms": start, "records": 10}]}}
    line, = nemesis.judge_repeats(runs, samples, holds, disrupted)
    return line["trouble"]


def test_repeats_of_the_last_interval_are_allowed():
    assert trouble_of(49000) is None


def test_repeats_of_what_was_committed_long_ago_are_found():
    assert "came again" in trouble_of(30000)


def test_what_a_fault_held_back_may_come_late():
    assert trouble_of(30000, held=[(29000, 49000)]) is None
    assert "came again" in trouble_of(30000, held=[(10000, 20000)])     # over long before


def test_repeats_without_a_fault_are_found():
    assert "without a disruptive fault" in trouble_of(49900, disrupted=[(1000, 5000)])


def test_an_owner_that_waits_long_for_a_broker_repeats_what_its_predecessor_had_delivered():
    away = [(10000, 49000)]
    assert trouble_of(12000, held=away, disrupted=[(12500, 12600)]) is None
    assert "without a disruptive fault" in trouble_of(12000, held=away, disrupted=[(9000, 11900)])


def test_a_crash_that_a_supervisor_hides_is_seen():
    line = "supervisor.child.ended worker=w2 pid=7 {} lived_ms=10 note=\"restarting in 100 ms\""
    assert [bool(nemesis.CRASH.search(line.format(end))) for end in ("signal=9", "exit=0", "signal=6", "signal=99", "exit=1")] \
        == [False, False, True, True, True]
    assert nemesis.CRASH.search("heliostat: pump.c:7: pump_run: Assertion `x' failed.")


# --- the proxy, in front of a server that speaks frames ---

class Server:
    """Notes (connection, correlation id) of each request, and answers with the correlation id."""

    def __init__(self):
        self.seen = []
        self.ended = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        for number in itertools.count():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(number, connection), daemon=True).start()

    def serve(self, number, connection):
        with connection, contextlib.suppress(OSError, EOFError):
            while True:
                correlation = Client.correlation_of(receive(connection), 4)
                self.seen.append((number, correlation))
                connection.sendall(struct.pack(">ii", 4, correlation))
        self.ended += 1

    def correlations(self):
        return [correlation for _, correlation in self.seen]


def receive(connection):
    """One frame, without its length."""
    def exactly(size):
        data = b""
        while len(data) < size:
            chunk = connection.recv(size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data
    return exactly(struct.unpack(">i", exactly(4))[0])


class Client:
    def __init__(self, link):
        self.connection = socket.create_connection(("127.0.0.1", link.port), 5)

    @staticmethod
    def correlation_of(frame, at):
        return struct.unpack_from(">i", frame, at)[0]

    def send(self, api_key, correlation):
        body = struct.pack(">hhih", api_key, 1, correlation, 4) + b"test"
        self.connection.sendall(struct.pack(">i", len(body)) + body)

    def answer(self, limit_s=20):
        """The correlation id, "reset", "end" or None (nothing came)."""
        self.connection.settimeout(limit_s)
        try:
            return self.correlation_of(receive(self.connection), 0)
        except TimeoutError:
            return None
        except ConnectionResetError:
            return "reset"
        except EOFError:
            return "end"


@pytest.fixture
def proxied():
    """(link, server, facts of the faults that met a request)"""
    server, met = Server(), []
    proxy = fault_proxy.Proxy(lambda link, action, seconds, facts: met.append((link.name, action, facts["api"])))
    link = proxy.link("a", reserve_port(), server.port, kafka=True)
    yield link, server, met
    proxy.close()
    server.listener.close()


def test_proxy_passes_on(proxied):
    link, server, met = proxied
    client = Client(link)
    for correlation in range(20):
        client.send(0, correlation)
    assert [client.answer() for _ in range(20)] == list(range(20))
    client.connection.close()
    wait_until(lambda: server.ended == 1, 5, "the server sees the end")
    assert met == []


def test_proxy_cut_holds_back_and_closes_nothing(proxied):
    link, server, _ = proxied
    client = Client(link)
    client.send(0, 1)
    assert client.answer() == 1
    link.cut()
    client.send(0, 2)
    late = Client(link)
    late.send(0, 3)
    assert client.answer(0.5) is None and server.correlations() == [1]
    link.heal()
    assert client.answer() == 2
    assert late.answer() == "reset"         # no handshake crossed the cut
    link.cut("answers")
    client.send(0, 4)
    wait_until(lambda: 4 in server.correlations(), 5, "requests pass")
    assert client.answer(0.3) is None
    # The client's end crosses the cut no sooner than its last words.
    link.cut("requests")
    client.send(0, 5)
    client.connection.close()
    time.sleep(0.3)
    assert server.ended == 0
    link.heal()
    wait_until(lambda: server.ended == 1, 5, "the server sees the end")
    assert server.correlations() == [1, 2, 4, 5]


def test_proxy_delays_without_throttling(proxied):
    link, _server, _ = proxied
    client = Client(link)
    link.delay(0.3)
    begun = time.monotonic()
    for correlation in range(40):
        client.send(0, correlation)
    assert [client.answer() for _ in range(40)] == list(range(40))
    assert 0.6 <= time.monotonic() - begun < 10         # there and back; one after the other it would take 12 s


@pytest.mark.parametrize("action, end, arrives", [("lose-request", "reset", False), ("lose-answer", "reset", True),
                                                  ("swallow", None, True)])
def test_proxy_loses_one_request_or_answer(proxied, action, end, arrives):
    link, server, met = proxied
    client = Client(link)
    link.fault(END_TXN, action)
    client.send(0, 1)
    assert client.answer() == 1             # of another kind: not meant
    client.send(END_TXN, 2)
    assert client.answer(20 if end else 0.5) == end
    expected = [1, 2] if arrives else [1]
    wait_until(lambda: server.correlations() == expected, 10, lambda: f"{server.correlations()}")
    again = Client(link)
    again.send(END_TXN, 3)
    assert again.answer() == 3              # once only
    assert met == [("a", action, "EndTxn")]


def test_proxy_brings_the_original_after_the_copy(proxied):
    """KAFKA-17754: the client gives up its connection and repeats; the original arrives after the repetition."""
    link, server, _ = proxied
    client = Client(link)
    link.fault(END_TXN, "late", 5)
    assert link.pending() == 1
    client.send(END_TXN, 1)
    assert client.answer() == "reset"
    assert (link.pending(), link.held()) == (0, 1)
    again = Client(link)
    again.send(END_TXN, 2)
    assert again.answer() == 2
    wait_until(lambda: link.held() == 0, 20, "the late request arrives")
    wait_until(lambda: len(server.seen) == 2, 20, "the late request arrives")
    assert server.seen == [(1, 2), (0, 1)]


def test_proxy_stalls_one_request_and_all_behind_it(proxied):
    link, server, _ = proxied
    client = Client(link)
    link.fault(0, "stall", 5)
    client.send(0, 1)
    client.send(END_TXN, 2)
    assert client.answer(0.2) is None and server.seen == []
    assert [client.answer(), client.answer()] == [1, 2]


def test_proxy_repeats_behind_the_clients_back(proxied):
    link, server, _ = proxied
    client = Client(link)
    link.fault(END_TXN, "repeat", 0.2)
    client.send(END_TXN, 1)
    assert client.answer() == 1
    wait_until(lambda: server.correlations() == [1, 1], 5, "it comes again")


def test_an_expired_session_is_gone(zookeeper):
    """The proxy learns the session, and ends it from outside: its owner hears so from the server."""
    from kazoo.client import KazooClient, KazooState
    proxy = fault_proxy.Proxy()
    link = proxy.link("z", reserve_port(), zookeeper.port, kafka=False)
    states = []
    client = KazooClient(f"127.0.0.1:{link.port}", timeout=10)
    client.add_listener(states.append)
    client.start(10)
    try:
        session = link.session()
        assert session[0] & (1 << 64) - 1 == client.client_id[0] & (1 << 64) - 1
        assert fault_proxy.expire_session(zookeeper.port, session)
        wait_until(lambda: KazooState.LOST in states, 10, lambda: f"LOST in {states}")
        assert not fault_proxy.expire_session(zookeeper.port, session)
    finally:
        client.stop()
        client.close()
        proxy.close()
