"""A TCP proxy that does to a link what a network or a hanging server can do to it, and nothing that they cannot.

A link is one listening port in front of one server; a process under test has links of its own, so that a fault concerns it
alone.  All links live on one event loop in a thread of their own; the methods of Proxy and Link may be called from any other.

    client --requests--> [reader -> queue -> writer] --> server        one pair of these per connection
           <--answers--- [writer <- queue <- reader] <--

Kafka and ZooKeeper both send frames of a 4-byte length, so one reader serves both: it knows the API key of each Kafka request
and answer, and the id and password of the ZooKeeper session of each link.

What a link can do:
  cut       nothing passes, in one direction or both, and nothing is closed.  What was under way arrives when the cut heals,
            also the end of a connection: that is how TCP behaves across a network that drops packets
  delay     each frame arrives this much later
  reset     all its connections end with a RST
  fault     something happens to one Kafka request of the given kind:
              lose-request  it does not arrive; the connection is reset
              lose-answer   it arrives; in place of its answer the connection is reset
              swallow       it arrives; its answer does not, and nothing else happens: the client has to give up by its own
                            clock
              stall         it, and all behind it on its connection, arrive later
              late          the client's connection is reset, so that the client sends it again over another one; this
                            original arrives later, after the copy.  A retried EndTxn may so end a later transaction
                            (KAFKA-17754)
              repeat        it arrives, is answered, and arrives once more later.  No network does this, and no client without
                            KIP-890 survives it: it is here to prove that the checker sees a broken promise

              forget        (OffsetFetch, of one group) the answer says that no partition has a position, as a broker's may that
                            is unloading the group

A copy of a request whose answer the client has seen is thus never made but by `repeat`: TCP delivers each byte once.
"""

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
import time

API_KEYS = {"Produce": 0, "Fetch": 1, "ListOffsets": 2, "Metadata": 3, "OffsetCommit": 8, "OffsetFetch": 9,
            "FindCoordinator": 10, "InitProducerId": 22, "AddPartitionsToTxn": 24, "EndTxn": 26}
API_NAMES = {key: name for name, key in API_KEYS.items()}
ACTIONS = ("lose-request", "lose-answer", "swallow", "stall", "late", "repeat", "forget")

REQUESTS, ANSWERS = "requests", "answers"
_FRAME_MAX = 256 << 20
_QUEUED_MAX = 64            # frames of one direction of a connection
_ZK_CLOSE_SESSION = -11
_RST = struct.pack("ii", 1, 0)      # SO_LINGER: on, 0 s


def forget_positions(frame, version):
    """The answer to an OffsetFetch (versions 1 to 7) without positions."""
    data = bytearray(frame)
    flexible = version >= 6
    at = 8 + flexible + (4 if version >= 3 else 0)      # length, correlation id, tags; throttle time

    def size(wide):
        nonlocal at
        if not flexible:
            value, = struct.unpack_from(">i" if wide else ">h", data, at)
            at += 4 if wide else 2
            return value
        value = shift = 0
        while True:
            value |= (data[at] & 0x7f) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                return value - 1
    for _ in range(size(True)):
        name = size(False)
        at += name
        for _ in range(size(True)):
            struct.pack_into(">q", data, at + 4, -1)
            at += 12 + (4 if version >= 5 else 0)       # partition, offset, leader epoch
            metadata = size(False)
            at += max(0, metadata) + 2 + flexible       # and error, tags
        at += flexible
    return bytes(data)


class Fault:
    """One thing to happen to the next request of a kind."""

    def __init__(self, api_key, action, seconds=0.0):
        assert action in ACTIONS
        self.api_key = api_key
        self.action = action
        self.seconds = seconds


class Link:
    """Made by Proxy.link(); `port` is where clients connect."""

    def __init__(self, proxy, name, port, target_port, kafka):
        self.name = name
        self.port = port
        self.target_port = target_port
        self.kafka = kafka
        self._proxy = proxy
        self._open = {REQUESTS: asyncio.Event(), ANSWERS: asyncio.Event()}
        for direction in self._open.values():
            direction.set()
        self._delay_s = 0.0
        self._faults = []
        self._connections = set()
        self._session = None            # of ZooKeeper: id, password
        self._held = 0                  # requests that are still to arrive

    def __repr__(self):
        return self.name

    # --- from any thread ---

    def cut(self, *directions):
        self._proxy._call(self._set_open, directions or (REQUESTS, ANSWERS), False)

    def heal(self):
        """Ends cuts and delays, and forgets faults that have not met a request.  What is held back still arrives."""
        def run():
            self._delay_s = 0.0
            self._faults.clear()
            self._set_open((REQUESTS, ANSWERS), True)
        self._proxy._call(run)

    def delay(self, seconds):
        self._proxy._call(setattr, self, "_delay_s", seconds)

    def fault(self, api_key, action, seconds=0.0):
        """Happens once, to the next such request."""
        self._proxy._call(self._faults.append, Fault(api_key, action, seconds))

    def pending(self):
        """Faults that have not met a request."""
        return self._proxy._call(lambda: len(self._faults))

    def reset(self):
        """Returns how many connections that were."""
        def run():
            connections = list(self._connections)
            for connection in connections:
                connection.reset_client()
                connection.reset_server()
            return len(connections)
        return self._proxy._call(run)

    def held(self):
        """Requests that are still to arrive late."""
        return self._proxy._call(lambda: self._held)

    def session(self):
        """(id, password) of the ZooKeeper session that was last begun or joined through this link, or None."""
        return self._proxy._call(lambda: self._session)

    # --- on the loop ---

    def _set_open(self, directions, is_open):
        for direction in directions:
            if is_open:
                self._open[direction].set()
            else:
                self._open[direction].clear()

    def _take_fault(self, api_key):
        for fault in self._faults:
            if fault.api_key == api_key:
                self._faults.remove(fault)
                return fault
        return None

    async def _accept(self, reader, writer):
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)


class _Connection:
    _numbers = itertools.count(1)

    def __init__(self, link, reader, writer):
        self.link = link
        self.number = next(self._numbers)
        self.client_reader, self.client_writer = reader, writer
        self.server_reader = self.server_writer = None
        self.answers = {}               # correlation id -> api key, and the fault that waits for the answer
        self.deaf = False               # the client is gone; what it had sent still goes to the server
        self.linger_s = 0.0

    async def run(self):
        try:
            if not all(direction.is_set() for direction in self.link._open.values()):
                # No handshake crosses a cut: nothing that was said into it arrives, and the client has to try again.
                for direction in self.link._open.values():
                    await direction.wait()
                self.reset_client()
                return
            self.server_reader, self.server_writer = await asyncio.open_connection("127.0.0.1", self.link.target_port)
        except OSError:
            self.reset_client()
            return
        tasks = [asyncio.ensure_future(task) for task in (
            self.pass_on(REQUESTS, self.client_reader, self.server_writer),
            self.pass_on(ANSWERS, self.server_reader, self.client_writer))]
        try:
            # The end of either direction is the end of the connection, as with Kafka's and ZooKeeper's own clients.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self.deaf and tasks[0] not in done:
                await asyncio.wait(tasks[:1])
            if tasks[0].done() and not tasks[1].done():
                # The client's last words may still be answered, or at least read.
                await asyncio.wait(tasks[1:], timeout=max(self.linger_s, 0.5))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.close()

    async def pass_on(self, direction, reader, writer):
        """The reader's side; a second task writes, so that a delay does not slow the stream down."""
        queue = asyncio.Queue(_QUEUED_MAX)
        writing = asyncio.ensure_future(self.write(direction, queue, writer))
        loop = asyncio.get_running_loop()
        first = True
        try:
            while not writing.done():
                await self.link._open[direction].wait()
                frame = await read_frame(reader)
                if frame is None:
                    break
                if direction == REQUESTS:
                    stop = await self.on_request(frame, queue, loop)
                    if stop:
                        break
                    continue
                if not self.link.kafka and first:
                    self.learn_session(frame)
                first = False
                if self.link.kafka:
                    answer = self.on_answer(frame)
                    if answer is True:
                        continue
                    frame = answer or frame
                await queue.put((loop.time() + self.link._delay_s, frame))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if not writing.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await queue.put((0, None))
                    await writing
            writing.cancel()

    async def write(self, direction, queue, writer):
        while True:
            at, frame = await queue.get()
            if frame is None:
                return
            pause = at - asyncio.get_running_loop().time()
            if pause > 0:
                await asyncio.sleep(pause)
            await self.link._open[direction].wait()
            if direction == ANSWERS and self.deaf:
                continue
            try:
                writer.write(frame)
                await writer.drain()
            except OSError:
                return

    # --- requests and answers ---

    async def on_request(self, frame, queue, loop):
        """Queues the request.  True: nothing more comes from this client."""
        link = self.link
        at = loop.time() + link._delay_s
        if not link.kafka or len(frame) < 12:
            await queue.put((at, frame))
            return False
        api_key, version, correlation = struct.unpack_from(">hhi", frame, 4)
        fault = link._take_fault(api_key)
        if fault is None:
            await queue.put((at, frame))
            return False
        link._proxy._tell(link, fault, describe(frame), self.number)
        if fault.action == "lose-request":
            self.reset_client()
            return True
        if fault.action in ("lose-answer", "swallow", "forget"):
            fault.version = version
            self.answers[correlation] = fault
            await queue.put((at, frame))
            return False
        if fault.action == "stall":
            await queue.put((at + fault.seconds, frame))
            return False
        if fault.action == "late":
            # The server hears nothing of the client's end until the request has arrived.
            self.deaf = True
            self.linger_s = 2.0
            self.reset_client()
            link._held += 1
            try:
                await queue.put((at + fault.seconds, frame))
                await asyncio.sleep(fault.seconds + 0.1)
                await link._open[REQUESTS].wait()
            finally:
                link._held -= 1
            return True
        await queue.put((at, frame))
        link._held += 1
        link._proxy._spawn(link._proxy._send_alone(link, frame, fault.seconds))
        return False

    def on_answer(self, frame):
        """True: the answer goes nowhere; bytes: this goes instead."""
        if len(frame) < 8:
            return False
        correlation, = struct.unpack_from(">i", frame, 4)
        fault = self.answers.pop(correlation, None)
        if fault is None:
            return False
        if fault.action == "forget":
            return forget_positions(frame, fault.version)
        if fault.action == "lose-answer":
            self.reset_client()
            self.reset_server()
        return True

    def learn_session(self, frame):
        # length (4) version (4) timeout (4) session (8) password (4+16)
        if len(frame) >= 40 and struct.unpack_from(">i", frame, 20)[0] == 16:
            session, = struct.unpack_from(">q", frame, 12)
            if session != 0:            # 0: the session that the client asked for has expired
                self.link._session = (session, frame[24:40])

    # --- ends ---

    def reset_client(self):
        _reset(self.client_writer)

    def reset_server(self):
        _reset(self.server_writer)

    def close(self):
        for writer in (self.client_writer, self.server_writer):
            if writer is not None:
                with contextlib.suppress(OSError):
                    writer.close()


def _reset(writer):
    if writer is None:
        return
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()


async def read_frame(reader):
    """The frame with its length, or None at the end of the stream."""
    try:
        head = await reader.readexactly(4)
        size, = struct.unpack(">i", head)
        if size < 0 or size > _FRAME_MAX:
            return None
        return head + await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        return None


def describe(frame):
    """What the history shows of a Kafka request; of EndTxn also whose and which end."""
    api_key, version, _correlation, client_size = struct.unpack_from(">hhih", frame, 4)
    facts = {"api": API_NAMES.get(api_key, api_key), "version": version}
    if api_key == API_KEYS["EndTxn"] and version < 3:
        try:
            at = 14 + max(client_size, 0)
            size, = struct.unpack_from(">h", frame, at)
            producer, epoch, committed = struct.unpack_from(">qh?", frame, at + 2 + size)
            facts.update(txn=frame[at + 2:at + 2 + size].decode(), producer=producer, epoch=epoch, commit=committed)
        except (struct.error, UnicodeDecodeError):
            pass
    return facts


class Proxy:
    """on_fault(link, action, seconds, facts) is called on the proxy's thread when a fault has met its request."""

    def __init__(self, on_fault=None):
        self.links = {}
        self._on_fault = on_fault
        self._loop = asyncio.new_event_loop()
        self._servers = []
        self._tasks = set()             # the loop alone would let them be collected
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()

    def link(self, name, port, target_port, kafka):
        """Listens at once.  port: one that the caller has reserved."""
        async def begin():
            link = Link(self, name, port, target_port, kafka)
            self._servers.append(await asyncio.start_server(link._accept, "127.0.0.1", port, limit=1 << 20))
            return link
        link = asyncio.run_coroutine_threadsafe(begin(), self._loop).result(10)
        self.links[name] = link
        return link

    def heal(self):
        for link in self.links.values():
            link.heal()

    def held(self):
        return sum(link.held() for link in self.links.values())

    def close(self):
        async def end():
            for server in self._servers:
                server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _call(self, function, *arguments):
        """Runs a function on the loop and returns its result."""
        async def run():
            return function(*arguments)
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _spawn(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, link, fault, facts, connection):
        if self._on_fault:
            self._on_fault(link, fault.action, fault.seconds, {**facts, "connection": connection})

    async def _send_alone(self, link, frame, seconds):
        """A copy, over a connection of its own; the answer is read and thrown away."""
        try:
            await asyncio.sleep(seconds)
            reader, writer = await asyncio.open_connection("127.0.0.1", link.target_port)
            writer.write(frame)
            await writer.drain()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(read_frame(reader), 5)
            writer.close()
        except OSError:
            pass
        finally:
            link._held -= 1


def expire_session(server_port, session, limit_s=5):
    """Ends a ZooKeeper session from outside: joins it with its id and password, and closes it.  True when it is gone.

    The server moves a session to the connection that joined last, so the owner sees its connection end; when it comes back,
    it is told that its session has expired."""
    deadline = time.monotonic() + limit_s
    tried = False
    while True:
        try:
            return _close_session(server_port, session, limit_s) or tried
        except ConnectionError:         # it is closed, or the owner came back in between and has it again
            tried = True
            if time.monotonic() > deadline:
                raise


def _close_session(server_port, session, limit_s):
    session_id, password = session
    with socket.create_connection(("127.0.0.1", server_port), limit_s) as connection:
        connection.settimeout(limit_s)
        join = struct.pack(">iqiqi", 0, 0, 30000, session_id, len(password)) + password + b"\0"
        connection.sendall(struct.pack(">i", len(join)) + join)
        answer = _receive_frame(connection)
        joined, = struct.unpack_from(">q", answer, 8)
        if joined != session_id:
            return False                # it had ended already
        connection.sendall(struct.pack(">iii", 8, 1, _ZK_CLOSE_SESSION))
        _receive_frame(connection)
        return True


def _receive_frame(connection):
    def exactly(size):
        data = b""
        while len(data) < size:
            chunk = connection.recv(size - len(data))
            if not chunk:
                raise ConnectionError("the server closed the connection")
            data += chunk
        return data
    size, = struct.unpack(">i", exactly(4))
    return exactly(size)
