"""The ZooKeeper adapter (tests/unit/test_zk.c) against a server of its own, which is stopped, killed and paused."""

import os
import socketserver
import subprocess
import sys
import threading

from local_cluster import BUILD, ZooKeeper

# Run by the test program: one word, done when the answer has come.
CLIENT = """import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(60)
    s.connect(sys.argv[1])
    s.sendall(sys.argv[2].encode() + b"\\n")
    sys.exit(0 if s.recv(16) == b"done" else 1)
"""


def test_zk_adapter(tmp_path):
    zookeeper = ZooKeeper(tmp_path / "zookeeper", "zookeeper-adapter").start()
    actions = {"stop": zookeeper.stop, "start": zookeeper.start, "kill": zookeeper.kill, "pause": zookeeper.pause,
               "resume": zookeeper.resume}

    class Control(socketserver.StreamRequestHandler):
        def handle(self):
            actions[self.rfile.readline().decode().strip()]()
            self.wfile.write(b"done")

    path = tmp_path / "control"
    with socketserver.UnixStreamServer(str(path), Control) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "client.py").write_text(CLIENT)
        try:
            done = subprocess.run(
                [BUILD / "tests" / "unit" / "zk_adapter_test"],
                env={**os.environ, "HELIOSTAT_TEST_ZOOKEEPER": zookeeper.address,
                     "HELIOSTAT_TEST_ZOOKEEPER_CONTROL": f"{sys.executable} {tmp_path}/client.py {path}"},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        finally:
            server.shutdown()
            zookeeper.end()
    assert done.returncode == 0, done.stdout
    assert "[  SKIPPED ]" not in done.stdout, done.stdout
