"""`heliostat mirror`: MirrorMaker 1's command line in one process, without ZooKeeper.  Records come from Java's producer,
and Java's consumer compares."""

import json
import signal
import subprocess

import pytest

from local_cluster import MirrorMaker1, Process, binary, _SANITIZER_ENV, wait_until


class MirrorProcess(Process):
    """`heliostat mirror ARGUMENTS`; its report is stdout, everything else the log."""

    def __init__(self, directory, *arguments):
        super().__init__(f"mirror {directory.name}", directory)
        self.arguments = arguments

    def start(self):
        self.out = (self.directory / "stdout").open("w+")
        return self.spawn([binary(), "mirror", *self.arguments], env=_SANITIZER_ENV, stdout=self.out)

    def end_with(self, code, limit_s=60):
        seen = self.wait(limit_s)
        assert seen == code, f"exit code {seen}\n{self.report()}\n{self.tail(60)}"
        return self.report()

    def report(self):
        return (self.directory / "stdout").read_text()

    def interrupt(self):
        self.told_to_end = True
        self.signal(signal.SIGINT)


@pytest.fixture
def mirror(run_directory, name):
    """mirror(*arguments) starts one, in a folder of its own; directory: where its files are."""
    started = []

    def make(*arguments, directory=None):
        directory = directory or run_directory / name / f"mirror{len(started)}"
        directory.mkdir(parents=True, exist_ok=True)
        started.append(MirrorProcess(directory, *(getattr(word, "address", word) for word in arguments)))
        return started[-1].start()
    yield make
    for process in started:
        process.end()


def compare(oracle, source, destination, topic, mode="exact"):
    result = oracle.call("compare", source=source, destination=destination, topic=topic, mode=mode)
    assert result["ok"] and result["total"]["source"] > 0, result
    return result["total"]


def test_the_tutorial_s_command(mirror, oracle, source, destination, topic, run_directory, name):
    """The command line of the HDInsight tutorial, with the program's name replaced and nothing else."""
    directory = run_directory / name / "tutorial"
    directory.mkdir(parents=True)
    (directory / "consumer.properties").write_text(f"bootstrap.servers={source.address}\ngroup.id={topic}\n")
    (directory / "producer.properties").write_text(f"bootstrap.servers={destination.address}\ncompression.type=none\n")
    oracle.call("create-topic", bootstrap=source, topic=topic, partitions=8)
    process = mirror("--consumer.config", "consumer.properties", "--producer.config", "producer.properties",
                     "--whitelist", topic, "--num.streams", "4", directory=directory)
    process.wait_log("mirror of 8 partitions, at-least-once", 30)
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=8, rate=5000, count=4000)
    wait_until(lambda: oracle.call("compare", source=source, destination=destination, topic=topic,
                                   mode="at-least-once")["total"]["missing"] == 0, 30, process.tail, 0.3)
    # The tutorial ends it with Ctrl-C.  The topic was made at the destination.
    process.interrupt()
    report = process.end_with(0)
    assert "ended: 4,000 records" in report
    compare(oracle, source, destination, topic)
    assert oracle.call("describe-topic", bootstrap=destination, topic=topic) == 8
    # What it has committed is where the next one goes on: nothing comes twice.
    offsets = oracle.call("group-offsets", bootstrap=source, group=topic)
    assert len(offsets[topic]) == 8, offsets
    again = mirror("--consumer.config", "consumer.properties", "--producer.config", "producer.properties",
                   "--include", topic, "--num.streams", "2", "--until-end", directory=directory)
    assert "complete: 0 records" in again.end_with(0)
    compare(oracle, source, destination, topic)


def test_mirrormaker_1_is_replaced_by_its_own_command_line(mirror, oracle, source, destination, topic, run_directory, name):
    """The same files and flags: refused while MirrorMaker runs, and then it goes on exactly where that has ended."""
    for broker in (source, destination):
        oracle.call("create-topic", bootstrap=broker, topic=topic, partitions=4)
    load = oracle.begin("produce-seq", bootstrap=source, topic=topic, partitions=4, rate=400)
    other = MirrorMaker1(run_directory / name / "mm1", source, destination, topic, f"mm1.{topic}").start()

    def keys(broker):
        return [row["key"] for rows in oracle.call("dump", bootstrap=broker, topic=topic).values() for row in rows]
    command = ("--consumer.config", other.directory / "consumer.properties", "--producer.config",
               other.directory / "producer.properties", "--whitelist", topic, "--num.streams", 2)
    try:
        wait_until(lambda: len(keys(destination)) > 800, 90, other.tail, 0.3)
        early = mirror(*command)
        early.end_with(4)
        assert "members at the source" in early.log_text()
        other.terminate()
        other.wait(60)
    finally:
        other.end()
    before = len(keys(destination))
    process = mirror(*command)
    wait_until(lambda: len(keys(destination)) > before + 400, 30, process.tail, 0.3)
    load.stop()
    sent = keys(source)
    wait_until(lambda: len(keys(destination)) >= len(sent), 30, process.tail, 0.3)
    process.interrupt()
    process.end_with(0)
    there = keys(destination)
    assert sorted(there) == sorted(sent), f"{len(there)} for {len(sent)}: {len(set(sent) - set(there))} are missing"


def test_killed_in_the_middle_and_run_again_exactly_once(mirror, oracle, source, destination, topic, run_directory, name):
    """A one-time migration of two topics, killed twice; the third run ends it.  Nothing is missing, nothing comes twice."""
    topics = [f"{topic}-a", f"{topic}-b"]
    for one in topics:
        oracle.call("create-topic", bootstrap=source, topic=one, partitions=4)
        oracle.call("preload", bootstrap=source, topic=one, partitions=4, count=20_000, size=1000)
    arguments = ("--from", source, "--to", destination, "--topics", f"{topic}-.*", "--group", topic, "--exactly-once",
                 "--until-end", "--output", "json", "--num.streams", "3")
    # The same, slow enough (20 s) to be killed before its end, also on a busy machine.
    (run_directory / name).mkdir(exist_ok=True)
    slow = run_directory / name / "slow.properties"
    route = {"enabled": "true", "topics": f"{topic}-.*", "group.id": topic, "delivery.guarantee": "exactly-once", "lanes": 3,
             "limit.bytes.per.second": "2MiB"}
    slow.write_text("\n".join(["clusters = east, west", f"east.bootstrap.servers = {source.address}",
                               f"west.bootstrap.servers = {destination.address}"]
                              + [f"east->west.{key} = {value}" for key, value in route.items()]) + "\n")

    def arrived():
        return sum(sum(oracle.call("end-offsets", bootstrap=destination, topic=one).values()) for one in topics)
    for _ in range(2):
        process = mirror("--config", slow, "--until-end")
        before = arrived()
        wait_until(lambda: arrived() > before + 1000, 40, process.tail, 0.05)
        process.kill()
        assert arrived() < before + 20_000, "the limit does not hold"
    report = json.loads(mirror(*arguments, "--compare").end_with(0, 90))
    assert report["complete"] and report["mode"] == "until-end" and not report["missing"]
    assert {row["topic"]: row["missing"] for row in report["topics"]} == {one: 0 for one in topics}
    assert report["records"] < 40_000, "the third run began again"
    assert "contents" in report["verified"] and report["comparison"]["verdict"] == "equal", report
    for one in topics:
        total = compare(oracle, source, destination, one)
        assert total["source"] == 20_000
    # A record that is not the source's, in the middle of nothing: found, and the exit code says so.
    oracle.call("produce", bootstrap=destination, topic=topics[0], records=[{"partition": 2, "key": "stray", "value": "x"}])
    report = json.loads(mirror(*arguments, "--compare").end_with(1))
    assert report["differs"] and not report["complete"] and not report["missing"], report


def test_a_second_process_of_the_group_replaces_the_first(mirror, oracle, source, destination, topic):
    oracle.call("create-topic", bootstrap=source, topic=topic, partitions=2)
    load = oracle.begin("produce-seq", bootstrap=source, topic=topic, partitions=2, rate=500)
    arguments = ("--from", source, "--to", destination, "--topics", topic, "--group", topic)
    first = mirror(*arguments)
    first.wait_log("mirror of 2 partitions", 30)
    wait_until(lambda: sum(oracle.call("end-offsets", bootstrap=destination, topic=topic).values()) > 500, 30, first.tail, 0.2)
    second = mirror(*arguments)
    first.told_to_end = True
    first.end_with(4, 30)
    assert f"another process mirrors with group '{topic}'" in first.log_text()
    assert "one process for each group" in first.log_text()
    load.stop()
    third = mirror(*arguments, "--until-lag", "0")
    third.end_with(0)
    second.told_to_end = True
    second.end_with(4, 30)
    compare(oracle, source, destination, topic, "at-least-once")


def test_what_cannot_arrive_is_told_exactly(mirror, oracle, source, destination, topic):
    """A record that the destination refuses: its partition halts, the others arrive, exit code 1 and the exact range."""
    oracle.call("create-topic", bootstrap=source, topic=topic, partitions=2)
    oracle.call("create-topic", bootstrap=destination, topic=topic, partitions=2, configs={"max.message.bytes": 100_000})
    records = [{"partition": 0, "key": f"k{i}", "value": "x"} for i in range(10)]
    records += [{"partition": 1, "key": "small", "value": "x"}, {"partition": 1, "key": "large", "value": "x" * 500_000},
                {"partition": 1, "key": "behind", "value": "x"}]
    oracle.call("produce", bootstrap=source, topic=topic, records=records)
    arguments = ("--from", source, "--to", destination, "--topics", topic, "--group", topic, "--until-end")
    report = mirror(*arguments).end_with(1)
    assert f"missing: {topic} partition 1 offsets [1, 3): HALTED" in report and "INCOMPLETE: 11 records" in report
    process = mirror(*arguments, "--abort.on.send.failure", "true")
    process.end_with(1)
    assert "--abort.on.send.failure is true" in process.log_text() + process.report()
    report = mirror(*arguments, "--abort.on.send.failure=false").end_with(0)
    assert f"left out: {topic} partition 1 offsets [1, 2): refused, skip" in report


def test_bad_flags_and_files(oracle, topic, source, destination, run_directory, name):
    oracle.call("create-topic", bootstrap=source, topic=topic, partitions=2)
    directory = run_directory / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "good").write_text(f"bootstrap.servers={source.address}\ngroup.id={topic}\n")
    (directory / "to").write_text(f"bootstrap.servers={destination.address}\n")
    (directory / "old").write_text(f"zookeeper.connect=zk:2181\ngroup.id={topic}\n")
    (directory / "typo").write_text(f"bootstrap.servers={source.address}\n\nfetch.min.byte=1\n")

    def run(*arguments):
        return subprocess.run([str(word) for word in (binary(), "mirror", *arguments)], capture_output=True, text=True,
                              timeout=60, cwd=directory)
    files = ("--consumer.config", "good", "--producer.config", "to", "--whitelist", topic)
    for code, text, arguments in [
            (2, "names a Java class", (*files, "--message.handler", "com.example.Rename")),
            (2, "did you mean '--num.streams'", (*files, "--num.stream", "4")),
            (2, "old:1: zookeeper.connect: a setting of Kafka's old consumer", ("--consumer.config", "old", *files[2:])),
            (2, "typo:3: fetch.min.byte: ", ("--consumer.config", "typo", *files[2:])),
            (2, "absent: cannot read the file", ("--consumer.config", "absent", *files[2:])),
            (2, "topics: ", (*files[:5], "a(b")),
            (2, "are the same cluster", ("--from", source.address, "--to", source.address, "--topics", topic)),
            (1, "no topic of the source matches", (*files[:5], f"{topic}-none", "--until-end")),
            (0, "dry run: nothing was mirrored", (*files, "--dry-run", "--until-end")),
    ]:
        done = run(*arguments)
        assert done.returncode == code and text in done.stderr + done.stdout, (arguments, done)
    assert oracle.call("describe-topic", bootstrap=destination, topic=topic) == 0


def test_a_route_of_the_cluster_is_waited_for(field, oracle, source, destination, topic):
    """`heliostat migrate`: complete when every partition is past its target; else what is missing, to the offset."""
    route = field()
    route.create(topic, 3)
    oracle.call("preload", bootstrap=source, topic=topic, partitions=3, count=30_000, size=500)
    arguments = ("migrate", "east->west", "--config", route.config)
    absent = route.run("migrate", "west->east", "--config", route.config, "--until-end")
    assert absent.returncode == 1 and "ZooKeeper has no" in absent.stderr, absent      # nothing is applied yet
    route.up()
    done = route.run(*arguments, "--until-end", "-o", "json", limit_s=90)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["complete"] and report["topics"][0]["missing"] == 0, done
    compare(oracle, source, destination, topic)
    absent = route.run("migrate", "west->east", "--config", route.config, "--until-end")
    assert absent.returncode == 2 and "has no route 'west->east'" in absent.stderr, absent

    ends = oracle.call("end-offsets", bootstrap=source, topic=topic)
    route.workers["w1"].terminate()
    route.workers["w1"].wait(20)
    oracle.call("produce", bootstrap=source, topic=topic,
                records=[{"partition": 1, "key": f"k{i}", "value": "x"} for i in range(7)])
    done = route.run(*arguments, "--until-end", "--timeout", "10")
    end = ends["1"]
    assert done.returncode == 1, done
    assert f"missing: {topic} partition 1 offsets [{end}, {end + 7}): UNASSIGNED" in done.stdout, done.stdout
    assert "--timeout has passed" in done.stdout and "INCOMPLETE" in done.stdout, done.stdout
    route.start_worker("w2")
    done = route.run(*arguments, "--until-lag", "0", limit_s=60)
    assert done.returncode == 0 and "complete: 7 offsets" in done.stdout, done
