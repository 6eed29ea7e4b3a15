#!/usr/bin/env python3
"""Makes C arrays of the page and of the API's description.

usage: embed.py PAGE.html PAGE.css PAGE.js OPENAPI.json OUT.c OUT.h

The page becomes one document, with the policy (Content-Security-Policy) that lets in these very scripts and styles, and
nothing else.  Both are there plain and in gzip, with an ETag of their content.
"""

import base64
import gzip
import hashlib
import json
import pathlib
import re
import sys


def array(name, data):
    rows = (", ".join(str(byte) for byte in data[i:i + 32]) for i in range(0, len(data), 32))
    return f"const unsigned char {name}[{len(data)}] = {{\n" + ",\n".join(rows) + "};\n"


def document(name, data):
    packed = gzip.compress(data, 9, mtime=0)
    etag = '"' + hashlib.sha256(data).hexdigest()[:20] + '"'
    source = array(name, data) + array(name + "_gzip", packed) + f"const char {name}_etag[] = {json.dumps(etag)};\n"
    header = (f"extern const unsigned char {name}[{len(data)}];\n"
              f"extern const unsigned char {name}_gzip[{len(packed)}];\n"
              f"extern const char {name}_etag[{len(etag) + 1}];\n")
    return source, header


def main():
    html, css, script, openapi, out_c, out_h = (pathlib.Path(argument) for argument in sys.argv[1:])
    page = html.read_text()
    for mark, file in (("/*{page.css}*/", css), ("/*{page.js}*/", script)):
        text = file.read_text()
        if page.count(mark) != 1 or re.search("</(script|style)", text, re.IGNORECASE):
            sys.exit(f"embed.py: {file} does not fit into {html}")
        page = page.replace(mark, text)

    def hashes(tag):
        return " ".join("'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
                        for text in re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL))
    policy = (f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; connect-src 'self'; "
              "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
              "require-trusted-types-for 'script'")
    page_c, page_h = document("page_html", page.encode())
    api_c, api_h = document("openapi_json", json.dumps(json.loads(openapi.read_text()), separators=(",", ":")).encode())
    out_h.write_text("#pragma once\n" + page_h + api_h + f"extern const char page_policy[{len(policy) + 1}];\n")
    out_c.write_text(f'#include "{out_h.name}"\n\n' + page_c + api_c + f"const char page_policy[] = {json.dumps(policy)};\n")


if __name__ == "__main__":
    main()
