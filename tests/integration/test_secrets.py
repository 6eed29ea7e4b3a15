"""Canaries in the place of every password: they are where they must be, and nowhere else."""

import os
import pathlib
import re
import resource
import signal
import subprocess
import urllib.error
import urllib.request

from kazoo.client import KazooClient

from local_cluster import HeliostatProcess, binary, wait_until

JAAS = "org.apache.kafka.common.security.plain.PlainLoginModule required"
CANARIES = ("zookeeper", "token", "sasl", "store", "key", "jaas", "literal", "refused", "argument", "broken")


def canary(name):
    return f"Canary{name}9f3b{name[::-1]}"


def found(text):
    """The canaries in a text or bytes."""
    text = text if isinstance(text, bytes) else text.encode()
    return [name for name in CANARIES if canary(name).encode() in text]


def znodes(kazoo, path):
    data, _stat = kazoo.get(path)
    yield path, data or b""
    for child in kazoo.get_children(path):
        yield from znodes(kazoo, f"{path}/{child}")


def get(url, token):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.read()


def proc(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()


def test_secrets_are_nowhere_but_where_they_belong(field, name, monkeypatch):
    monkeypatch.setenv("HELIOSTAT_TEST_JAAS", canary("jaas"))
    mirror = field(topics=name, settings={"log.level": "debug", "lanes": 2})
    folder = mirror.directory / "secrets"
    folder.mkdir()
    (folder / "all.properties").write_text("".join(f"{one} = {canary(one)}\n" for one in ("zookeeper", "token", "sasl", "store")))
    (folder / "key").write_text(canary("key") + "\n")
    mirror.settings.update({
        "zookeeper.auth": f"digest:mirror:${{file:{folder}/all.properties:zookeeper}}",
        "http.token": f"${{file:{folder}/all.properties:token}}",
        "east.sasl.username": "mirror",
        "east.sasl.password": f"${{file:{folder}/all.properties:sasl}}",
        "east.ssl.key.password": f"${{dir:{folder}:key}}",
        "east.debug": "conf",
        "west.sasl.mechanism": "PLAIN",
        "west.sasl.jaas.config": f'{JAAS} username="mirror" password="${{env:HELIOSTAT_TEST_JAAS}}";',
        "west.ssl.keystore.password": f"${{file:{folder}/all.properties:store}}",
        "west.ssl.key.password": canary("literal"),
        # A login that fails, told by all that librdkafka can tell.
        "lost.security.protocol": "SASL_PLAINTEXT",
        "lost.sasl.mechanism": "PLAIN",
        "lost.sasl.username": "mirror",
        "lost.sasl.password": canary("refused"),
        "lost.debug": "all",
    })
    mirror.heliostat.clusters["lost"] = mirror.destination.address
    mirror.routes["east->lost"] = {"topics": name, "lanes": 1}
    mirror.write_config()
    mirror.create(name, 2, both=True)
    mirror.up(supervised=True)
    mirror.oracle.call("produce-seq", bootstrap=mirror.source, topic=name, partitions=2, rate=1000, count=100)
    mirror.assert_mirrored(name)

    outputs = []

    def run(*arguments, fails=None):
        done = mirror.run(*arguments, limit_s=60)
        outputs.append((arguments, done.stdout + done.stderr))
        if fails is not None:
            assert (done.returncode != 0) == fails, (arguments, done.stdout, done.stderr)
        return done

    config, route = ("--config", mirror.config), "east->west"
    for verb in (["status"], ["status", "-o", "json"], ["list", "routes"], ["lag"], ["describe", route], ["events"],
                 ["move", route, "0", "w1"], ["verify", route], ["offsets", "export", route], ["resume", route],
                 ["promote", "--dry-run", route], ["translate", route]):
        run(verb[0], *verb[1:], *config)
    run("apply", mirror.config, fails=False)
    run("config", "check", mirror.config, fails=False)
    run("config", "show", mirror.config, fails=False)
    for verb in (["topics", "east->lost"], ["describe", "nothing"]):
        run(*verb, *config, fails=True)
    # By now the coordinator has given up too.
    mirror.wait_status(lambda s: any("SASL" in (route.get("error") or "") for route in s["routes"]), "the lost route has its error")

    # Files that are wrong where a secret stands.
    text = mirror.config.read_text()
    for number, (key, value) in enumerate((
            ("zookeeper.auth", canary("broken")),
            ("zookeeper.auth", f"digest:{canary('broken')}"),
            ("zookeeper.auth", "digest:mirror:" + canary("broken")),
            ("http.token", f"${{file:{folder}/all.properties:nothing}}"),
            ("worker.loops", f"${{file:{folder}/all.properties:token}}"),
            ("log.level", f"${{dir:{folder}:key}}"),
            ("east.bootstrap.servers", f"${{file:{folder}/all.properties:sasl}}"),
            ("east.security.protocol", f"${{file:{folder}/all.properties:sasl}}"),
            ("east.consumer.fetch.min.bytes", f"${{file:{folder}/all.properties:sasl}}"),
            ("east.sasl.jaas.config", canary("broken")),
            ("east.sasl.jaas.config", f"{JAAS} username=a password={canary('broken')}"),
            ("east.sasl.jaas.config", f"{JAAS} username=a password=b {canary('broken')}=x;"),
            ("west.sasl.jaas.config", f"{JAAS} username=\"a password={canary('broken')};"),
            ("east.ssl.key.pem", canary("broken")),
            ("east.ssl.keystore.key", canary("broken")),
            ("east.ssl.truststore.location", folder / "key"),
            ("east->west.topics", f"${{file:{folder}/all.properties:token}}"),
            ("east.sasl.password", f"${{file:{folder}/nothing:x}}"))):
        bad = mirror.directory / f"bad{number}.properties"
        kept = "".join(line for line in text.splitlines(True) if line.split(" = ")[0] != key)
        extra = "east.security.protocol = ssl\n" if key.startswith("east.ssl") else ""
        bad.write_text(f"{kept}{key} = {value}\n{extra}")
        if value == "digest:mirror:" + canary("broken"):
            run("status", "--config", bad, fails=True)      # well formed; ZooKeeper denies it
        else:
            done = run("config", "check", bad, fails=True)
            assert str(bad) in done.stderr and key in done.stderr or "client settings" in done.stderr, done.stderr

    # MirrorMaker 1's flags can carry a password.
    other = HeliostatProcess("mirror", "m1", mirror.config, mirror.directory / "m1")
    for file, broker in (("consumer", mirror.source), ("producer", mirror.destination)):
        (mirror.directory / file).write_text(f"bootstrap.servers={broker.address}\n" + f"group.id={name}.m\n" * (file == "consumer"))
    other.spawn([binary(), "mirror", "--consumer.config", mirror.directory / "consumer", "--producer.config",
                 mirror.directory / "producer", "--whitelist", name, "--consumer.property", f"sasl.password={canary('argument')}"])
    pids = {process.name: process.pid for process in mirror.processes()}
    pids["child"] = mirror.workers["w1"].child_pid()
    try:
        wait_until(lambda: not other.alive() or b"sasl.password=***" in proc(other.pid, "cmdline"), 10,
                   lambda: f"the argument is hidden\n{other.tail()}")
        assert other.alive(), other.tail()
        assert not found(proc(other.pid, "cmdline"))
    finally:
        other.end()
    for pid in pids.values():
        assert not found(proc(pid, "cmdline"))
        assert found(proc(pid, "environ")) == ["jaas"]      # the user's own, who put it there

    for arguments, output in outputs:
        assert not found(output), (arguments, output)
    for process in (*mirror.processes(), other):
        assert "level=debug" in process.log_text() or process is other
        assert not found(process.log_text()), (process.name, found(process.log_text()))

    kazoo = KazooClient(mirror.zookeeper.address)
    kazoo.start()
    try:
        kazoo.add_auth("digest", f"mirror:{canary('zookeeper')}")
        nodes = list(znodes(kazoo, f"/{name}"))
    finally:
        kazoo.stop()
        kazoo.close()
    assert len(nodes) > 10
    for path, data in nodes:
        assert not found(path) and not found(data), path

    urls = re.findall(r"msg=http\.listen url=(\S+)", "".join(process.log_text() for process in mirror.processes()))
    assert len(urls) == 2, urls
    shown = [get(f"{url}/api/v1/config", canary("token")) for url in urls]
    assert any(b"zookeeper.connect" in answer for answer in shown), shown
    assert b"zookeeper.connect" not in get(f"{urls[1]}/api/v1/config", "wrong")
    for url in urls:
        for path in ("/", "/metrics", "/livez", "/readyz", "/healthz?verbose", "/nothing",
                     *(f"/api/v1/{one}" for one in ("status", "workers", "routes", "partitions", "events", "config", "openapi.json"))):
            for token in (canary("token"), "wrong", None):
                assert not found(get(url + path, token)), (url, path)

    # Nothing of it is left by a crash: see the control below.
    child = pids["child"]
    for pid in (child, pids["coordinator c1"]):
        resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    mirror.coordinators["c1"].told_to_end = True
    os.kill(pids["coordinator c1"], signal.SIGABRT)
    _pid, status = os.waitpid(pids["coordinator c1"], 0)
    assert os.WIFSIGNALED(status) and not os.WCOREDUMP(status)
    os.kill(child, signal.SIGABRT)
    mirror.workers["w1"].wait_log(rf"supervisor.child.ended worker=w1 pid={child} signal=6")
    assert not list(mirror.directory.rglob("core*"))


def test_core_dumps_can_be_allowed(tmp_path):
    """The control: here a crash leaves one."""
    for allowed in (False, True):
        config = tmp_path / "c.properties"
        config.write_text(f"zookeeper.connect = 127.0.0.1:1/x\ncore.dumps = {str(allowed).lower()}\n")
        process = subprocess.Popen([binary(), "coordinator", "--config", config, "--id", "c"], cwd=tmp_path,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=lambda: resource.setrlimit(
                                       resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
        while "coordinator.start" not in process.stdout.readline():
            pass
        os.kill(process.pid, signal.SIGABRT)
        _pid, status = os.waitpid(process.pid, 0)
        process.returncode = -signal.SIGABRT
        process.stdout.close()
        assert os.WIFSIGNALED(status) and os.WCOREDUMP(status) == allowed
