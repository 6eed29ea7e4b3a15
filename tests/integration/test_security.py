"""TLS, client certificates and logins against real brokers, and what an operator reads when they do not fit."""

import re
import signal
import types

import pytest

import local_cluster
from local_cluster import wait_until
from secure_broker import PASSWORDS, STORE_PASSWORD, Authority, SecureBroker, unsecured_token

JAAS = "org.apache.kafka.common.security"


@pytest.fixture(scope="module")
def secure(run_directory):
    """A source (3.9) and a destination (4.1) with a listener for every case, and the files of their clients."""
    directory = run_directory / "secure"
    authority = Authority(directory / "ca")
    authority.identity("broker", "IP:127.0.0.1")
    authority.identity("elsewhere", "DNS:elsewhere.example")
    authority.identity("expired", "IP:127.0.0.1", expired=True)
    authority.identity("mirror", "DNS:mirror")
    authority.identity("late", "DNS:late", expired=True)
    authority.pkcs12("mirror")
    authority.trust("jks")
    authority.trust("p12")
    other = Authority(directory / "other-ca")
    files = types.SimpleNamespace(directory=directory, ca=authority.directory, other=other.directory)
    (directory / "secrets.properties").write_text("".join(f"{user} = {password}\n" for user, password in PASSWORDS.items())
                                                  + f"store = {STORE_PASSWORD}\n")
    (directory / "token").write_text(unsecured_token("mirror"))
    (directory / "old-token").write_text(unsecured_token("mirror", -600))
    brokers = [SecureBroker(directory / side, version, f"secure-{side}", authority)
               for side, version in (("source", "3.9.1"), ("destination", "4.1.0"))]
    local_cluster.start_together(*brokers)
    yield types.SimpleNamespace(source=brokers[0], destination=brokers[1], files=files)
    for broker in brokers:
        broker.end()


# What docs/security.md lists: (type, name or its beginning, rights).
RIGHTS = {
    "source": (("TOPIC", "{topics}", "READ DESCRIBE_CONFIGS"), ("GROUP", "{group}", "READ")),
    "destination": (("TOPIC", "{topics}", "WRITE CREATE ALTER ALTER_CONFIGS DESCRIBE_CONFIGS"),
                    ("TOPIC", "heliostat.", "READ WRITE CREATE DESCRIBE_CONFIGS"),
                    ("TRANSACTIONAL_ID", "{group}.", "WRITE DESCRIBE")),
}


def allow(oracle, broker, side, user, **names):
    for kind, name, operations in RIGHTS[side]:
        for operation in operations.split():
            oracle.call("allow", bootstrap=broker, type=kind, name=name.format(**names), pattern="PREFIXED", user=user,
                        operation=operation, permission="ALLOW")


def clients(files, user="mirror"):
    """name -> (listener, settings): the ways to reach a secure broker."""
    tls = {"security.protocol": "SSL", "ssl.truststore.location": files.ca / "root.pem", "ssl.truststore.type": "PEM"}
    sasl = {**tls, "security.protocol": "SASL_SSL"}
    def login(module, mechanism, user=user):
        secret = "${file:" + str(files.directory / "secrets.properties") + ":" + user + "}"
        return {**sasl, "sasl.mechanism": mechanism, "debug": "security,protocol,broker,conf",
                "sasl.jaas.config": f'{JAAS}.{module} required username="{user}" password="{secret}";'}
    store = "${file:" + str(files.directory / "secrets.properties") + ":store}"
    return {
        "tls": ("tls", {"security.protocol": "SSL", "ssl.truststore.location": files.ca / "trust.jks",
                        "ssl.truststore.password": store}),
        "mutual": ("mutual", {"security.protocol": "SSL", "ssl.truststore.location": files.ca / "trust.p12",
                              "ssl.truststore.password": store, "ssl.keystore.location": files.ca / "mirror.p12",
                              "ssl.keystore.password": store}),
        "mutual-pem": ("mutual", {**tls, "ssl.keystore.location": files.ca / "mirror.pem", "ssl.keystore.type": "PEM"}),
        "plain": ("sasl", login("plain.PlainLoginModule", "PLAIN")),
        "scram": ("sasl", login("scram.ScramLoginModule", "SCRAM-SHA-512")),
        "token-file": ("sasl", {**sasl, "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.token.file": files.directory / "token"}),
        "token-command": ("sasl", {**sasl, "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.token.command":
                                   f"echo run >> {files.directory}/runs; cat {files.directory}/token"}),
        "short": ("sasl", {**sasl, "sasl.mechanism": "OAUTHBEARER",
                           "sasl.oauthbearer.token.command": short_tokens(files.directory / "short.sh")}),
        # User:other, who has the rights of RIGHTS alone.
        "least-scram": ("sasl", login("scram.ScramLoginModule", "SCRAM-SHA-512", "other")),
        "least-plain": ("sasl", login("plain.PlainLoginModule", "PLAIN", "other")),
        # What must fail.
        "no-password": ("sasl", {**sasl, "debug": "security,protocol", "sasl.mechanism": "PLAIN", "sasl.username": user, "sasl.password": "canary-wrong"}),
        "elsewhere": ("elsewhere", tls),
        "expired": ("expired", tls),
        "untrusted": ("tls", {**tls, "ssl.truststore.location": files.other / "root.pem"}),
        "no-certificate": ("mutual", tls),
        "late": ("mutual", {**tls, "ssl.keystore.location": files.ca / "late.pem"}),
        "old-token": ("sasl", {**sasl, "sasl.mechanism": "OAUTHBEARER",
                               "sasl.oauthbearer.token.file": files.directory / "old-token"}),
        "no-token": ("sasl", {**sasl, "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.token.command": "echo; exit 3"}),
        "no-tls": ("tls", {}),
    }


def many(field, secure, name, rows):
    """One mirror with a route per row: (source way or None for the plain one, destination way or None)."""
    ways, clusters, settings, routes = clients(secure.files), {}, {"log.level": "debug"}, {}
    for here, there in rows:
        for side, way, broker in (("s", here, secure.source), ("d", there, secure.destination)):
            alias = f"{side}-{way or 'open'}"
            listener, client = ways[way] if way else (None, {})
            clusters[alias] = broker.addresses[listener] if way else broker.address
            settings.update({f"{alias}.{key}": value for key, value in client.items()})
        routes[f"s-{here or 'open'}->d-{there or 'open'}"] = {
            "topics": f"{name}.{here}.{there}", "lanes": 1, "refresh.topics.interval.seconds": 2,
            "offset.commit.interval.ms": 500, "group.id": f"{name}.{here}.{there}"}
    mirror = field(source=secure.source, destination=secure.destination, settings=settings, routes=routes)
    mirror.heliostat.clusters = clusters
    mirror.write_config()
    for here, there in rows:
        mirror.create(f"{name}.{here}.{there}", 1, both="least" not in str(here))
    return mirror


# What a reader of `status` finds at the route.
REASONS = {
    "no-password": r"Authentication failed: Invalid username or password",
    "scram": r"a wrong password, or a broker of Kafka 4\.0 or later, which refuses SCRAM from librdkafka before 2\.6\.1",
    "elsewhere": r"the broker's certificate \(/CN=elsewhere\) is for another host; its names: elsewhere\.example",
    "expired": r"the broker's certificate \(/CN=expired\) is out of date: valid from .* to 20..-.* UTC",
    "untrusted": r"\(/CN=intermediate\) is signed by none that is trusted: ssl\.truststore\.location",
    "no-certificate": r"the broker refuses the client's certificate, or wants one: ssl\.keystore\.location",
    "late": r"the broker refuses the client's certificate",
    "old-token": r"no OAUTHBEARER token from the file: the token expired on 20..-.* UTC",
    "no-token": r"no OAUTHBEARER token from the command: the command ended with exit code 3",
    "no-tls": r"the listener speaks TLS, or is no Kafka: see security\.protocol",
}


def short_tokens(path):
    """A shell script that prints tokens of 15 s, and counts its runs."""
    path.write_text('b() { printf %s "$1" | base64 -w0 | tr -d = | tr "+/" "-_"; }\n'
                    f'echo run >> {path}.runs\n'
                    'now=$(date +%s)\n'
                    'printf "%s.%s." "$(b \'{"alg":"none"}\')" "$(b "{\\"sub\\":\\"mirror\\",\\"iat\\":$now,\\"exp\\":$((now + 15))}")"\n')
    return f"sh {path}"


def test_every_way_to_log_in_mirrors_and_what_does_not_fit_is_said(field, secure, oracle, name):
    """One mirror, whose routes each reach their clusters in another way."""
    good = [("scram", "mutual"), ("mutual-pem", "plain"), ("plain", "token-file"), ("token-command", "tls"), ("tls", "short"),
            ("least-scram", "least-plain")]
    bad = [(None, way) for way in REASONS] + [("elsewhere", None)]
    mirror = many(field, secure, name, [*good, *bad])
    for route in ("s-scram->d-mutual", "s-least-scram->d-least-plain"):
        mirror.routes[route]["delivery.guarantee"] = "exactly-once"
    least = f"{name}.least-scram.least-plain"
    for side, broker in (("source", secure.source), ("destination", secure.destination)):
        allow(oracle, broker, side, "other", topics=least, group=least)
    mirror.write_config()
    check = mirror.run("config", "check", mirror.config)
    assert check.returncode == 0, check.stderr
    assert re.search(r'config\.insecure cluster=d-late text="the client\'s certificate: CN=late: expired on', check.stderr), check.stderr
    mirror.up()
    for here, there in good:
        oracle.call("produce-seq", bootstrap=secure.source, topic=f"{name}.{here}.{there}", partitions=1, rate=1000, count=200)

    # What does not fit is in nobody's way, and its route has the reason.
    for here, there in good:
        mirror.assert_mirrored(f"{name}.{here}.{there}", "exact" if here in ("scram", "least-scram") else "at-least-once")

    def reasons(status):
        return {route["name"]: route.get("error") or "" for route in status["routes"]}

    def missing(status):
        errors = reasons(status)
        expected = {**{f"s-open->d-{way}": text for way, text in REASONS.items()}, "s-elsewhere->d-open": REASONS["elsewhere"]}
        return [f"{route}: {errors[route]}" for route, text in expected.items() if not re.search(text, errors[route])]
    try:
        mirror.wait_status(lambda status: not missing(status), "each route has its reason", 40)
    except local_cluster.ServerError as failure:
        raise AssertionError(f"{missing(mirror.status())}") from failure
    errors = reasons(mirror.status())
    assert all(error.startswith("destination: ") for route, error in errors.items() if route.startswith("s-open->"))
    assert errors["s-elsewhere->d-open"].startswith("source: ")
    assert not any(errors[f"s-{here}->d-{there}"] for here, there in good), errors

    # A dozen clients, one command for each process; and a token is fetched again before it expires.
    assert 1 <= len((secure.files.directory / "runs").read_text().split()) <= 6
    runs = secure.files.directory / "short.sh.runs"
    before = len(runs.read_text().split())
    wait_until(lambda: len(runs.read_text().split()) >= before + 2, 60, "the command has run again")
    oracle.call("produce-seq", bootstrap=secure.source, topic=f"{name}.tls.short", partitions=1, rate=1000, count=200)
    mirror.assert_mirrored(f"{name}.tls.short")

    token = (secure.files.directory / "token").read_text()
    for secret in (*PASSWORDS.values(), STORE_PASSWORD, "canary-wrong", token, token.split(".")[1]):
        assert secret == "canary-wrong" or secret not in mirror.config.read_text()
        for text in (check.stdout + check.stderr, *(process.log_text() for process in mirror.processes())):
            assert secret not in text

    # A worker whose password is wrong says so at its lane; the right one in the same file, and SIGHUP, mend it.
    listener, login = clients(secure.files)["plain"]
    password = secure.files.directory / "password"
    password.write_text("canary-wrong")
    one = field(topics=f"{name}.rotated", source=secure.source, destination=secure.destination, lanes=1,
                settings={"west.bootstrap.servers": secure.destination.addresses[listener],
                          **{f"west.{key}": value for key, value in login.items()}})
    mirror.end()
    one.heliostat.chroot += "-rotated"
    one.write_config()
    one.create(f"{name}.rotated", 1, both=True)
    one.apply()
    one.start_coordinator("c1")
    config = one.directory / "worker.properties"
    config.write_text(re.sub(r'password="[^"]*"', f'password="${{dir:{password.parent}:{password.name}}}"', one.config.read_text()))
    worker = one.start_worker("w1", config=config)
    wait_until(lambda: re.search(r"lane 0 of east->west at w1: destination: .*Invalid username or password",
                                 one.run("status", "--config", one.config).stdout), 20, one.describe, 0.3)
    password.write_text(PASSWORDS["mirror"] + "\n")
    worker.signal(signal.SIGHUP)
    one.wait_running(1)
