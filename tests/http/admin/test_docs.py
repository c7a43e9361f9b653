"""The examples of docs/admin-api.md do what they say: each curl line, as it stands."""

import re
import shlex
from pathlib import Path

from admin_api import Open, ok

_LINE = re.compile(r"^curl .*$", re.MULTILINE)


def test_each_curl_line(open_admin: Open, checkout: Path) -> None:
    running, api = open_admin()
    lines = _LINE.findall((checkout / "docs/admin-api.md").read_text())
    assert len(lines) > 8
    for line in lines:
        words = shlex.split(line.replace("$TOKEN", running.token))[1:]
        given = {"-X": "", "-d": "", "-H": ""}
        target = ""
        while words:
            word = words.pop(0)
            if word in given:
                given[word] = words.pop(0)
            else:
                target = word
        path = target.removeprefix("localhost:8080/admin")
        name, _, value = given["-H"].partition(": ")
        headers = {name: value, **({"content-type": "application/x-www-form-urlencoded"} if given["-d"] else {})}
        method = given["-X"] or ("POST" if given["-d"] else "GET")
        assert ok(api.request(method, path, content=given["-d"] or None, headers=headers)), line
