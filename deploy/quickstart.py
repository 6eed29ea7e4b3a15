"""The body of deploy/quickstart, from the second step on."""

import argparse
import contextlib
import shutil
import subprocess
import sys
import time

import local_cluster
from local_cluster import BUILD, REPO, Heliostat, KafkaBroker, Oracle, ServerError, ZooKeeper

STEPS = 9
TOPIC = "orders"
PARTITIONS = 12
RATE = 2000
SESSION_TIMEOUT_MS = 6000


class Steps:
    """Numbered progress, with the time since the start."""

    def __init__(self):
        self.number = 1         # the first was the installation
        self.start = time.monotonic()

    def next(self, text):
        self.number += 1
        print(f"\n[{self.number}/{STEPS}] {text}", flush=True)

    def say(self, text):
        print(f"      {time.monotonic() - self.start:5.1f} s  {text}", flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="deploy/quickstart")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.seconds < 20:
        parser.error("--seconds: at least 20, or there is no time to see the lanes move")
    return options


def build(steps):
    commands = [["meson", "compile", "-C", BUILD]]
    if not (BUILD / "build.ninja").exists():
        commands.insert(0, ["meson", "setup", BUILD, REPO])
    for command in commands:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise ServerError(f"the build failed\n{done.stdout}")
    version = subprocess.run([local_cluster.binary(), "--version"], capture_output=True, text=True).stdout.strip()
    steps.say(version.replace("\n", ", "))


def show_status(heliostat):
    print("\n".join("      | " + line for line in heliostat.run("status", "--config", heliostat.config).stdout.splitlines()),
          flush=True)


def lag(status):
    return sum(partition["lag"] or 0 for partition in status["partitions"])


def kill_one(steps, heliostat, watch):
    """SIGKILLs the busiest worker and follows its partitions to their new owners."""
    before = heliostat.owners()
    owners = [owner for owner in before.values() if owner]
    victim = max(sorted(set(owners)), key=owners.count)
    moving = {key for key, owner in before.items() if owner == victim}
    killed_ms = int(time.time() * 1000)
    pid = heliostat.workers[victim].pid
    heliostat.workers[victim].kill()
    steps.say(f"kill -9 {pid}: {victim} is gone, and {len(moving)} of {len(before)} partitions have no worker")

    shown = {}

    def moved(status):
        for (topic, partition), owner in sorted(heliostat.owners(status).items()):
            key = (topic, partition)
            if key in moving and owner and owner != victim and shown.get(key) != owner:
                shown[key] = owner
                steps.say(f"{topic}-{partition}: {victim} -> {owner}")
        left = [partition for partition in status["partitions"]
                if partition["state"] != "RUNNING" or partition["worker"] == victim]
        return not left

    heliostat.wait_status(moved, f"the partitions of {victim} run elsewhere", SESSION_TIMEOUT_MS / 1000 + 20)

    closing = time.monotonic()

    def closed(status):
        nonlocal closing
        if time.monotonic() >= closing:
            steps.say(f"lag {lag(status):,} records")
            closing = time.monotonic() + 1
        return lag(status) < RATE / 2
    heliostat.wait_status(closed, "the lag closes", 30)
    steps.say("the lag has closed")

    reports = watch.query(from_ms=killed_ms - 2000)
    delays = {key: reports[str(key[1])]["max_delay_ms"] for key in before}
    steps.say(f"longest delay of a record: {max(delays[key] for key in moving):,} ms in the moved partitions (the session "
              f"timeout is {SESSION_TIMEOUT_MS:,} ms), "
              f"{max((delays[key] for key in before if key not in moving), default=0):,} ms in the others")
    return victim


def compare(steps, oracle, source, destination):
    def run():
        return oracle.call("compare", source=source, destination=destination, topic=TOPIC, mode="at-least-once")
    deadline = time.monotonic() + 60
    result = run()
    while result["total"]["missing"] and time.monotonic() < deadline:
        time.sleep(0.5)
        result = run()
    total = result["total"]
    steps.say(f"source {total['source']:,} records, destination {total['destination']:,}: {total['missing']} missing, "
              f"{total['changed']} changed, {total['reordered']} out of order, {total['extra']} unknown, "
              f"{total['duplicated']} sent twice")
    steps.say("THE COMPARISON HOLDS: every record arrived, in order and unchanged (at-least-once: repeats after a kill "
              "are allowed)" if result["ok"] and total["source"] else f"THE COMPARISON FAILED: {result}")
    return result["ok"] and total["source"] > 0


def play(directory, heliostat, source, destination):
    jars = local_cluster.kafka_jars("3.9.1")
    binary = local_cluster.binary()
    print(f"""
Everything stays up until Ctrl-C.  In another terminal:

  {binary} status --config {heliostat.config} -o wide
  kill -9 {next(worker.pid for worker in heliostat.workers.values() if worker.alive())}
  {binary} worker --config {heliostat.config} --id worker-4
  java -cp '{jars}' kafka.tools.ConsoleProducer --bootstrap-server {source.address} --topic {TOPIC}
  java -cp '{jars}' org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server {destination.address} --topic {TOPIC}

Logs and data: {directory}""", flush=True)
    while True:
        time.sleep(3600)


def run(options, steps, directory, cleanup):
    steps.next("Building")
    build(steps)

    steps.next("Starting ZooKeeper, the source (Kafka 3.9.1) and the destination (Kafka 4.1.0)")
    zookeeper = ZooKeeper(directory / "zookeeper")
    source = KafkaBroker(directory / "source", "3.9.1", "source")
    destination = KafkaBroker(directory / "destination", "4.1.0", "destination")
    for server in (zookeeper, source, destination):
        cleanup.callback(server.stop)
        steps.say(f"{server.name}: {server.address}, a free port")
    local_cluster.start_together(zookeeper, source, destination)
    oracle = Oracle(directory / "oracle").start()
    cleanup.callback(oracle.end)
    steps.say("all answer")

    steps.next(f"Creating topic {TOPIC} with {PARTITIONS} partitions at the source, and publishing the route east->west")
    oracle.call("create-topic", bootstrap=source, topic=TOPIC, partitions=PARTITIONS)
    heliostat = Heliostat(directory / "heliostat", zookeeper, {"east": source, "west": destination},
                          {"east->west": {"topics": TOPIC}}, SESSION_TIMEOUT_MS)
    cleanup.callback(heliostat.end)
    print("\n".join("      | " + line for line in heliostat.apply().splitlines()))

    steps.next("Starting two coordinators and three workers")
    for number in (1, 2):
        heliostat.start_coordinator(f"coordinator-{number}")
    for number in (1, 2, 3):
        heliostat.start_worker(f"worker-{number}")
    leader = heliostat.wait_running(PARTITIONS)["leader"]
    steps.say(f"{PARTITIONS} partitions run" + (f"; to be looked at: {leader['http']}/" if leader and leader["http"] else ""))

    steps.next(f"Producing {RATE:,} records/s for {options.seconds} s")
    started = time.monotonic()
    watch = oracle.begin("watch", source=source, destination=destination, topic=TOPIC, partitions=PARTITIONS)
    load = oracle.begin("produce-seq", bootstrap=source, topic=TOPIC, partitions=PARTITIONS, rate=RATE, size=200)
    while time.monotonic() - started < options.seconds * 0.3:
        time.sleep(2)
        show_status(heliostat)

    steps.next("Killing a worker")
    victim = kill_one(steps, heliostat, watch)
    show_status(heliostat)
    steps.say(f"starting {victim} again; it takes its share back")
    heliostat.start_worker(victim)
    while time.monotonic() - started < options.seconds:
        time.sleep(min(4, max(0.1, options.seconds - (time.monotonic() - started))))
        show_status(heliostat)

    steps.next("Stopping the producer, and comparing source and destination record by record")
    sent = load.stop()
    watch.stop()
    steps.say(f"{sent['acknowledged']:,} records were produced")
    holds = compare(steps, oracle, source, destination)
    if options.keep:
        play(directory, heliostat, source, destination)
    return holds


def main():
    options = parse_arguments()
    steps = Steps()
    local_cluster.on_signals_exit()
    directory = local_cluster.temporary_directory("quickstart")
    holds = False
    try:
        with contextlib.ExitStack() as cleanup:
            try:
                holds = run(options, steps, directory, cleanup)
            finally:
                steps.number = STEPS - 1
                steps.next("Stopping everything")
    except ServerError as failure:
        print(f"quickstart: {failure}", file=sys.stderr)
    finally:
        local_cluster.end_all()
        shutil.rmtree(directory, ignore_errors=True)
    steps.say("nothing is left behind" if not directory.exists() else f"could not remove {directory}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
