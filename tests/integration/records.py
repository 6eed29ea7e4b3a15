"""Records in ZooKeeper, read and written as the text of protobuf."""

import contextlib
import subprocess

import kazoo.client

from local_cluster import REPO


def message(text, kind="Lane", way="encode"):
    """Bytes of one into the text, or the text into bytes."""
    return subprocess.run(["protoc", f"--proto_path={REPO / 'proto'}", f"--{way}=heliostat.pb.{kind}", "heliostat.proto"],
                          input=text if way == "decode" else text.encode(), capture_output=True, check=True).stdout


@contextlib.contextmanager
def zookeeper_client(mirror):
    """A session below the mirror's chroot."""
    client = kazoo.client.KazooClient(hosts=mirror.connect)
    client.start(10)
    try:
        yield client
    finally:
        client.stop()
        client.close()
