#!/usr/bin/python3
"""Every answer of the coordinator's API is as coordinator/openapi.json describes it, over fields that are made up.

usage: openapi.py PAGE_SERVER.  A client must take fields that it does not know; the description must know every field: who
adds one to an answer (status_json.c, api.c) adds it there, and to docs/status.md.  The integration test of the page asks a
real mirror, with the same `validate`.
"""

import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import jsonschema

OPENAPI = json.loads((pathlib.Path(__file__).resolve().parents[2] / "coordinator" / "openapi.json").read_text())
ENDPOINTS = ("status", "workers", "routes", "lanes", "partitions", "history", "events", "config")
FIELDS = ("", "partitions=160&lanes=24&workers=3&halted&hostile&paused&more&lost", "partitions=40&lanes=4&workers=2&stale&leaderless")


def strict(node):
    if isinstance(node, dict):
        node = {key: strict(value) for key, value in node.items()}
        return {**node, "additionalProperties": False} if node.get("type") == "object" and "properties" in node else node
    return [strict(value) for value in node] if isinstance(node, list) else node


SCHEMAS = {"components": strict(OPENAPI["components"])}


def validate(name, answer):
    """name of an endpoint, or "error"."""
    kind = "Error" if name == "error" else f"{name.capitalize()}Answer"
    jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{kind}", **SCHEMAS}).validate(answer)


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def main():
    assert set(OPENAPI["paths"]) == {f"/api/v1/{name}" for name in ENDPOINTS}
    for schema in OPENAPI["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    server = subprocess.Popen([sys.argv[1], "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = server.stdout.readline().strip()
        assert json.loads(get(f"{url}/api/v1/openapi.json")[1]) == OPENAPI

        def check(path, wanted, name):
            status, body = get(f"{url}/api/v1/{path}")
            assert status == wanted, (path, status, body)
            assert b"CANARY" not in body
            validate(name, json.loads(body))
        for field in FIELDS:
            assert get(f"{url}/made?{field}")[0] == 200
            for name in ENDPOINTS:
                check(name, 200, name)
        check("partitions?limit=0", 400, "error")
        check("nothing", 404, "error")
        assert get(f"{url}/made?nothing")[0] == 200
        check("status", 503, "error")
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main()
