"""ZooKeeper's digest identities: what we create is ours, a reader may look, and what everyone may change is not trusted."""

import base64
import hashlib

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_acl, make_digest_acl

USER, PASSWORD = "mirror", "canary-zookeeper"
READER, READER_PASSWORD = "watcher", "canary-reader"


def digest(user, password):
    return f"{user}:" + base64.b64encode(hashlib.sha1(f"{user}:{password}".encode()).digest()).decode()


@pytest.fixture
def client(zookeeper):
    kazoo = KazooClient(zookeeper.address)
    kazoo.start()
    kazoo.add_auth("digest", f"{USER}:{PASSWORD}")
    yield kazoo
    kazoo.stop()
    kazoo.close()


def all_nodes(kazoo, path):
    yield path
    for child in kazoo.get_children(path):
        yield from all_nodes(kazoo, f"{path}/{child}")


def test_nodes_belong_to_the_identity_and_a_reader_may_only_look(field, client, name):
    mirror = field(settings={"zookeeper.acl.readers": digest(READER, READER_PASSWORD)})
    secret = mirror.directory / "zk.properties"
    secret.write_text(f"password={PASSWORD}\nreader={READER_PASSWORD}\n")
    mirror.settings["zookeeper.auth"] = f"digest:{USER}:${{file:{secret}:password}}"
    mirror.write_config()
    mirror.create(name, 2, both=True)
    mirror.up(workers=2)
    mirror.wait_running(2)
    mirror.oracle.call("produce-seq", bootstrap=mirror.source, topic=name, partitions=2, rate=1000, count=200)
    mirror.assert_mirrored(name)
    assert mirror.run("drain", "--config", mirror.config, "w1").returncode == 0
    assert mirror.run("undrain", "--config", mirror.config, "w1").returncode == 0

    expected = {("digest", digest(USER, PASSWORD), 31), ("digest", digest(READER, READER_PASSWORD), 1)}
    nodes = list(all_nodes(client, f"/{name}"))
    assert len(nodes) > 10, nodes
    for node in nodes:
        entries, _stat = client.get_acls(node)
        assert {(entry.id.scheme, entry.id.id, entry.perms) for entry in entries} == expected, node

    # A reader: `status` works, what would change something does not, and says why.
    reader = mirror.directory / "reader.properties"
    text = mirror.config.read_text()
    reader.write_text(text.replace(f"digest:{USER}:${{file:{secret}:password}}", f"digest:{READER}:${{file:{secret}:reader}}"))
    done = mirror.run("status", "--config", reader)
    assert done.returncode == 0 and "east->west  yes" in done.stdout and "w1 " in done.stdout, done.stdout + done.stderr
    for verb in (["drain", "--config", reader, "w1"], ["apply", reader]):
        if verb[0] == "apply":
            reader.write_text(reader.read_text() + "east->west.gap.policy = restart\n")
        done = mirror.run(*verb)
        assert done.returncode != 0, done.stdout + done.stderr
        assert "not authorized by ZooKeeper; see zookeeper.auth and the node's ACL" in done.stderr, done.stderr

    # Somebody else, and nobody.
    for auth, expected_text in (("digest:mirror:wrong", f"/{name} may not be read by digest:mirror: a wrong user or password"),
                                ("", "not authorized by ZooKeeper")):
        reader.write_text(text.replace(f"digest:{USER}:${{file:{secret}:password}}", auth)
                          .replace("zookeeper.acl.readers", "zookeeper.acl.readers" if auth else "#"))
        done = mirror.run("status", "--config", reader)
        assert done.returncode != 0 and expected_text in done.stderr, done.stdout + done.stderr
    for process in mirror.processes():
        assert PASSWORD not in process.log_text() and READER_PASSWORD not in process.log_text()


def test_nodes_that_everyone_may_change_are_refused(field, client, zookeeper, name):
    """A cluster that began without an identity gets one."""
    mirror = field()
    mirror.create(name, 1, both=True)
    mirror.up()
    mirror.wait_running(1)
    for process in mirror.processes():
        process.stop()

    mirror.settings["zookeeper.auth"] = f"digest:{USER}:{PASSWORD}"
    mirror.write_config()
    for verb in (["status", "--config", mirror.config], ["apply", mirror.config]):
        done = mirror.run(*verb)
        assert done.returncode != 0, done.stdout
        assert f"/{name} may be changed by everyone (world:anyone cdrwa)" in done.stderr, done.stderr
        assert f"setAcl -R /{name} auth::cdrwa" in done.stderr
    for process in (mirror.start_worker("w2"), mirror.start_coordinator("c3")):
        assert process.wait(10) == 1
        assert "may be changed by everyone" in process.log_text()
        process.told_to_end = True

    # Closing the chroot alone is not enough.
    ours = [make_digest_acl(USER, PASSWORD, all=True)]
    client.set_acls(f"/{name}", ours)
    done = mirror.run("status", "--config", mirror.config)
    assert done.returncode != 0 and "may be changed by everyone" in done.stderr, done.stderr
    for node in list(all_nodes(client, f"/{name}")):
        client.set_acls(node, ours)
    assert mirror.run("status", "--config", mirror.config).returncode == 0

    # Reading for everyone is no harm; and what is open may be allowed, for the change.
    client.set_acls(f"/{name}", [*ours, make_acl("world", "anyone", read=True)])
    assert mirror.run("status", "--config", mirror.config).returncode == 0
    client.set_acls(f"/{name}", [make_acl("world", "anyone", all=True)])
    assert mirror.run("status", "--config", mirror.config).returncode != 0
    mirror.settings["zookeeper.acl.open"] = "true"
    mirror.write_config()
    assert mirror.run("status", "--config", mirror.config).returncode == 0
    mirror.start_coordinator("c2")
    mirror.start_worker("w3")
    mirror.wait_running(1, workers=["w3"])
