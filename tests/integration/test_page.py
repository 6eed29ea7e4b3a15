"""The coordinator's HTTP API and its page, the page in a real browser.

One test is over a real mirror: what is shown must be what `status` and the Java tools say.  The others are over fields that
are made up (page_server): 10,000 partitions, texts that look like HTML, a token."""

import gzip
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from browser import DESKTOP, PHONE, Browser
from local_cluster import BUILD, REPO, wait_until

sys.path.insert(0, str(REPO / "tests" / "unit"))

from openapi import ENDPOINTS, validate  # noqa: E402



@pytest.fixture(scope="module")
def browser():
    one = Browser()
    yield one
    one.end()


def get(url, token=None, **headers):
    """status, headers, body"""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def api(url, name, status=200, token=None):
    code, _, body = get(f"{url}/api/v1/{name}", token)
    assert code == status, (name, code, body)
    return json.loads(body)


# --- a real mirror ---------------------------------------------------------------------------------------------------

def urls(mirror):
    """Of its coordinators, the leading one first."""
    found = {}
    for name, process in mirror.coordinators.items():
        found[name] = process.wait_log(r"http\.listen url=(\S+)").group(1)
    leader = mirror.wait_status(lambda status: status["leader"], "somebody leads")["leader"]["id"]
    return found.pop(leader), *found.values()


def shown_partitions(browser):
    """(topic, partition) -> the row's cells"""
    rows = browser.script("""return [...document.querySelectorAll("#partitions tbody tr")].map((tr) =>
        [...tr.cells].map((td) => td.innerText))""")
    cells = ("name", "state", "lag", "lag_time", "rate", "position", "end", "worker", "lane")
    rows = [dict(zip(cells, row)) for row in rows]
    return {tuple(row["name"].split("\n")[0].split(" · ")): row for row in rows}


def number(text):
    return int(text.replace(",", ""))


def test_api_and_page_show_a_running_mirror(field, topic, oracle, source, destination, browser):
    mirror = field(session_timeout_ms=10_000)
    mirror.create(topic, 6)
    mirror.up(workers=2, coordinators=2).wait_running(6)
    leading, standby = urls(mirror)
    load = mirror.load(topic, 6, 900)
    browser.size(*DESKTOP)
    browser.open(leading)

    # It lives: the load is seen, by both coordinators, and in the history.
    browser.wait("#tile-rate .big", lambda text: text.endswith(" /s") and number(text.split()[0]) > 300, "the load")
    for url in (leading, standby):
        wait_until(lambda: api(url, "status")["totals"]["rate"] > 300, 15, f"{url} sees the load")
        for name in ENDPOINTS:
            validate(name, api(url, name))
            wait_until(lambda: 0 <= api(url, name)["age_seconds"] < 10, 15, f"{url} has a young {name}")    # noqa: B023
        assert api(url, "status")["served_by"]["leads"] == (url == leading)
        wait_until(lambda: max(rate or 0 for rate in api(url, "history?route=east-%3Ewest")["rate"]) > 300, 15, "history")
    sent = load.stop()

    # Nothing waits: the page, `status` and the Java tools agree on every offset.
    compared = mirror.assert_mirrored(topic)
    # A report of a second ago may tell of no lag too: at the ends of then.
    status = mirror.wait_status(lambda s: all(p["lag"] == 0 and p["position"] for p in s["partitions"]) and
                                sum(p["end_offset"] for p in s["partitions"]) == compared["total"]["source"],
                                f"no lag at the ends of {sent}")
    ends = {p["partition"]: p["end_offset"] for p in status["partitions"]}
    wait_until(lambda: browser.tile("lag") == "0" and all(
        row["position"] == row["end"] == str(ends[int(partition)]) and row["state"] == "RUNNING"
        for (_, partition), row in shown_partitions(browser).items()), 15, "the page has the last offsets")
    page = shown_partitions(browser)
    assert set(page) == {(topic, str(n)) for n in range(6)}
    assert browser.text("#health-level") == "OK" and browser.attribute("#health", "data-level") == "OK"
    assert browser.tile("partitions").split() == ["6", "of", "6"] and browser.tile("workers") == "2"
    assert browser.tile("halted") == "0"
    owners = {(p["topic"], str(p["partition"])): p["worker"] for p in status["partitions"]}
    assert {key: row["worker"] for key, row in page.items()} == owners
    assert {text.split()[0] for text in browser.texts("#workers tbody .name")} == {"w1", "w2"}
    assert len(browser.texts("#lanes .cell")) == 24
    config = {s["name"]: s["value"] for s in api(leading, "config")["routes"][0]["settings"]}
    assert config["topics"] == topic and config["lanes"] == "24"
    for key in ("lag", "position", "end_offset", "worker", "state", "lane"):
        assert [p[key] for p in api(leading, "partitions?sort=topic")["partitions"]] == [p[key] for p in status["partitions"]]

    # A lost worker, and a partition that halts when its records are gone before the other one takes over.
    mirror.workers["w1"].terminate()
    assert mirror.workers["w1"].wait(20) == 0
    mirror.workers["w2"].kill()
    browser.wait("#tile-workers .big", lambda text: text == "0", "no worker is left")
    browser.wait("#health", lambda text: "no worker is alive" in text, "it says so")
    assert browser.attribute("#health", "data-level") == "ERR" and browser.attribute("#tile-workers", "data-bad") == "err"
    oracle.call("produce-seq", bootstrap=source, topic=topic, partitions=6, rate=6000, count=600)
    oracle.call("delete-records", bootstrap=source, topic=topic, before={"0": ends[0] + 20})
    mirror.start_worker("w3")
    halted = mirror.wait_status(lambda s: [p for p in s["partitions"] if p["state"] == "HALTED"], "a partition halts", 30)
    reason = next(p for p in halted["partitions"] if p["state"] == "HALTED")["error"]
    browser.wait("#tile-halted .big", lambda text: text == "1", "one is halted")
    browser.wait("#health-line", lambda text: "HALTED" in text and f"{topic}-0" in text, "the reason is on top")
    browser.click("#states [data-state=HALTED]")
    wait_until(lambda: set(shown_partitions(browser)) == {(topic, "0")}, 10, "only the halted one is listed")
    row = shown_partitions(browser)[topic, "0"]
    assert row["state"] == "HALTED" and reason in row["name"], (row, reason)
    assert "state=HALTED" in browser.driver.current_url
    told = [event["kind"] for event in api(leading, "events")["events"]]
    assert told[-1] == "leader" and {"worker-joined", "worker-left", "move"} <= set(told), told
    browser.wait("#events", lambda text: all(word in text for word in ("Leader", "Worker left w2", "w2 -> w3")), "what happened")
    validate("partitions", api(leading, "partitions?state=HALTED"))
    assert browser.complaints() == []

    # The leader is lost: the standby goes on, and the page of the lost one says how old its facts are.
    leader = mirror.status()["leader"]["id"]
    mirror.coordinators[leader].kill()
    browser.wait("#notice", lambda text: "cannot be reached" in text and "ago" in text, "the coordinator is away")
    assert browser.attribute("#live", "data-live") == "off" and "old" in browser.text("#live-text")
    assert browser.tile("halted") == "1", "what was known stays"
    wait_until(lambda: api(standby, "status")["served_by"]["leads"], 30, "the standby leads")
    browser.open(standby)
    browser.wait("#tile-halted .big", lambda text: text == "1", "the other one knows it too")
    assert browser.text("#served").startswith("Served by c") and "which leads" in browser.text("#served")


# --- fields that are made up -----------------------------------------------------------------------------------------

class PageServer:
    def __init__(self, token=None):
        self.process = subprocess.Popen([BUILD / "tests" / "unit" / "page_server", "127.0.0.1:0", *([token] if token else [])],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url, "page_server did not start"

    def make(self, **what):
        query = "&".join(key if value is True else f"{key}={value}" for key, value in what.items())
        assert get(f"{self.url}/made?{query}")[0] == 200

    def end(self):
        self.process.terminate()
        assert self.process.wait(10) == 0


@pytest.fixture
def page_server():
    servers = []

    def start(token=None):
        servers.append(PageServer(token))
        return servers[-1]
    yield start
    for one in servers:
        one.end()


def open_page(browser, server, **what):
    server.make(**what)
    browser.size(*DESKTOP)
    browser.open("about:blank")         # the same address again would only move its hash
    browser.open(server.url)
    browser.wait("#live", lambda text: text == "live", "it has its first answer")


def test_page_of_10000_partitions(page_server, browser):
    server = page_server()
    open_page(browser, server, partitions=10000, lanes=48, workers=6)
    assert browser.tile("partitions").split() == ["10,000", "of", "10,000"]
    assert browser.text("#page-at") == "1 – 25 of 10,000"
    lags = [number(row["lag"]) for row in shown_partitions(browser).values()]
    assert len(lags) == 25 and lags == sorted(lags, reverse=True) and lags[0] > 0

    # The server filters; the page asks for what it shows.
    browser.click("#page-on")
    browser.wait("#page-at", lambda text: text.startswith("26 – 50"), "the next page")
    browser.type("#filter", "orders.01")
    browser.wait("#page-at", lambda text: text == "1 – 25 of 200", "ten topics of twenty")
    assert all(name.startswith("orders.01") for name, _ in shown_partitions(browser))
    browser.click("#partitions th button")
    wait_until(lambda: [key for key in shown_partitions(browser)] == [("orders.010", str(n)) for n in range(20)] +
               [("orders.011", str(n)) for n in range(5)], 10, "sorted by name")
    assert browser.attribute("#partitions th:first-child", "aria-sort") == "ascending"
    assert "q=orders.01" in browser.driver.current_url and "sort=topic" in browser.driver.current_url
    browser.type("#filter", "no such topic")
    browser.wait("#partitions .empty", lambda text: text == "No partition matches.", "nothing")

    # Bounds: what one look costs.
    cost = {}
    for name in ("status", "workers?limit=200", "lanes?limit=500", "partitions?limit=25", "partitions?limit=500&offset=9000", "history"):
        times = []
        for _ in range(3):      # the best one counts: the machine has other work
            begin = time.monotonic()
            _, _, body = get(f"{server.url}/api/v1/{name}")
            times.append(time.monotonic() - begin)
        cost[name] = (len(body), round(min(times) * 1000, 1))
    print("10,000 partitions: bytes, ms:", cost)
    assert all(size < 350_000 and ms < 1000 for size, ms in cost.values()), cost
    assert cost["partitions?limit=25"][0] < 20_000 and cost["status"][0] < 10_000
    assert browser.complaints() == []


def test_page_is_one_document_with_a_strict_policy(page_server):
    server = page_server()
    status, headers, body = get(server.url)
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "require-trusted-types-for 'script'" in policy
    text = body.decode()
    assert not [mark for mark in ("src=", "http://", "@import", "url(", "innerHTML", "insertAdjacentHTML", "document.write")
                if mark in text.replace("http://www.w3.org/2000/svg", "")]
    again, again_headers, nothing = get(server.url, **{"If-None-Match": headers["ETag"]})
    assert (again, nothing) == (304, b"") and again_headers["Content-Security-Policy"] == policy
    _, packed_headers, packed = get(server.url, **{"Accept-Encoding": "gzip"})
    assert packed_headers["Content-Encoding"] == "gzip" and gzip.decompress(packed) == body
    print("page:", len(body), "bytes,", len(packed), "in gzip")
    assert len(packed) < 40_000


def test_page_says_what_is_wrong(page_server, browser):
    server = page_server()
    open_page(browser, server)
    assert browser.attribute("#health", "data-level") == "WARN" and "no route is defined" in browser.text("#health-line")
    assert "heliostat apply" in browser.text("#partitions .empty") and "heliostat worker" in browser.text("#workers .empty")
    assert browser.text("#chart-lag .none") == "nothing is known yet"

    # Text of others stays text.
    open_page(browser, server, partitions=160, lanes=24, workers=3, halted=True, hostile=True, more=True)
    assert browser.attribute("#health", "data-level") == "ERR" and "<img src=x" in browser.text("#health-line")
    assert browser.script("return document.querySelectorAll('img').length") == 0 and browser.driver.title == "ERR · Heliostat"
    assert "<img src=x" in browser.text("#events li") and browser.tile("halted") == "1"
    browser.click("#routes button:last-child")
    browser.wait("#partitions .empty", lambda text: text, "the other route has no partition")
    assert browser.tile("partitions").split() == ["0", "of", "0"] and "route=west" in browser.driver.current_url

    open_page(browser, server, partitions=160, lanes=24, workers=3, lost=True)
    assert browser.tile("workers") == "2" and "8 lanes without one" in browser.text("#tile-workers")
    assert "w3 (gone)" in browser.text("#lanes") and len(browser.texts("#lanes .cell[data-tone=warn]")) == 8
    open_page(browser, server, partitions=160, lanes=24, workers=3, paused=True)
    assert "partly paused" in browser.text("#routes") and "paused\n20" in browser.text("#states")
    open_page(browser, server, partitions=160, lanes=24, workers=3, stale=True)
    assert browser.texts("#workers tbody td:nth-child(2)") == ["live", "live", "old report"]

    # ZooKeeper is away: what is shown is old, and says so.
    server.make(partitions=160, lanes=24, workers=3, old=95)
    browser.wait("#health-line", lambda text: "cannot read ZooKeeper: connection refused" in text, "why it is old")
    browser.wait("#live", lambda text: text.startswith("data is 95") or text.startswith("data is 9"), "how old")
    assert browser.attribute("#live", "data-live") == "old"

    # Keys alone: the filter, a chart.
    server.make(partitions=160, lanes=24, workers=3)
    browser.wait("#live", lambda text: text == "live", "it is back")
    browser.script("document.activeElement.blur()")
    browser.driver.switch_to.active_element.send_keys("/")
    assert browser.script("return document.activeElement.id") == "filter"
    browser.script("document.querySelector('#chart-lag .plot').focus()")
    browser.driver.switch_to.active_element.send_keys("\ue011")       # Home
    assert "records" in browser.text("#chart-lag .tip")

    # A phone, and both themes.
    browser.size(*PHONE)
    assert browser.overflow() == 0
    assert browser.script("return getComputedStyle(document.querySelector('#partitions thead')).display") == "none"
    before = browser.script("return getComputedStyle(document.body).backgroundColor")
    browser.click("#theme")
    assert browser.script("return getComputedStyle(document.body).backgroundColor") != before
    browser.script("localStorage.clear()")
    assert browser.complaints() == []


def test_page_asks_for_the_token(page_server, browser):
    server = page_server("right-token")
    assert get(f"{server.url}/api/v1/status")[0] == 401
    server.make(partitions=40, lanes=4, workers=2)
    browser.size(*DESKTOP)
    browser.open(server.url)
    browser.wait("#token-dialog", lambda text: "asks for a token" in text, "the question")
    assert browser.tile("lag") == "–"
    browser.type("#token", "wrong-token")
    browser.click("#token-form button")
    browser.wait("#token-why", lambda text: "not this coordinator's token" in text, "it was wrong")
    browser.type("#token", "right-token")
    browser.click("#token-form button")
    browser.wait("#tile-partitions .big", lambda text: text.split() == ["40", "of", "40"], "the mirror")
    assert browser.script("return localStorage.length") == 0
    assert "right-token" not in browser.driver.current_url and "right-token" not in browser.driver.page_source
    browser.open("about:blank")
    browser.open(server.url)            # the same tab still has it
    browser.wait("#tile-partitions .big", lambda text: text.split() == ["40", "of", "40"], "the mirror again")
    browser.script("sessionStorage.clear()")
    assert browser.complaints() == []
