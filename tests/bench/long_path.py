"""Two places with a long way between them: this process and all that it starts move into a network namespace of their own,
`far` is another one, and what goes from one to the other is delayed by half a round trip and limited to a rate.  All of it
ends with this process.  Needs root and /dev/net/tun; nothing of the machine's own network is touched."""

import ctypes
import os
import signal
import subprocess

import local_cluster
from local_cluster import Process, ServerError

NEAR, FAR = "10.98.0.1", "10.98.0.2"
_CLONE_NEWNET = 0x40000000


def _ip(*words, within=()):
    done = subprocess.run([*within, "ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise ServerError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class LongPath:
    def __init__(self, directory, rtt_ms, mbit_per_s):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise ServerError(f"--rtt needs a network namespace: {os.strerror(ctypes.get_errno())} (run as root)")
        _ip("link", "set", "lo", "up")
        self.holder = Process("far", directory / "far").spawn(["unshare", "--net", "sleep", "infinity"])
        self.file = f"/proc/{self.holder.pid}/ns/net"
        local_cluster.wait_until(lambda: os.readlink(self.file) != os.readlink("/proc/self/ns/net"), 10, "a second namespace")
        self.within = ("nsenter", f"--net={self.file}")
        _ip("link", "set", "lo", "up", within=self.within)
        self.line = Process("line", directory / "line")
        self.line.spawn([local_cluster.BUILD / "tests/bench/long_path", self.file, rtt_ms / 2, mbit_per_s])
        self.line.wait_log("up", 10)
        for address, other, within in ((NEAR, FAR, ()), (FAR, NEAR, self.within)):
            _ip("address", "add", address, "peer", other, "dev", "path", within=within)
            _ip("link", "set", "path", "mtu", "9000", "txqueuelen", "4000", "up", within=within)

    def set_long(self, is_long):
        """At first it is a short way, over which topics are filled."""
        self.line.signal(signal.SIGUSR1 if is_long else signal.SIGUSR2)
