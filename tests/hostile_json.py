"""Requests whose form is right and whose content is not: documents, addresses, keys."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import partial

from canary import Canary
from hostile_requests import END, FORM, RECIPE, Attack, Reply, Target, part, post, talk

JSON = b"application/json"
HOSTS = (
    "localhost", "127.0.0.1", "127.1", "0.0.0.0", "0", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "[::1]",
    "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fd00::1]",
    "127.0.0.1.", "localhost.", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
    "255.255.255.255",
)  # fmt: skip
"""Names and numbers of this machine and others that are nobody's business. The attacked service allows all of them by
name: that they lead to private addresses has to be what keeps it from asking there."""


def _all(*statuses: int | None) -> frozenset[int | None]:
    return frozenset(statuses)


def documents() -> Mapping[str, Attack]:
    """Options and bodies that are bombs, or no JSON, or ask for what clients may not have."""
    refused = _all(400, 413, 422)
    options = {
        "deep-lists": "[" * 50_000,
        "deep-objects": '{"a":' * 50_000,
        "deep-right": "[" * 900 + "]" * 900,
        "nan": '{"keyframes":{"target":NaN}}',
        "infinity": '{"keyframes":{"target":-Infinity}}',
        "huge-number": '{"keyframes":{"target":1e999999}}',
        "many-digits": '{"keyframes":{"target":' + "9" * 50_000 + "}}",
        "large-number": '{"keyframes":{"target":1e30}}',
        "negative": '{"keyframes":{"target":-5}}',
        "text": '"text"',
        "list": "[]",
        "null": "null",
        "number": "7",
        "empty-key": '{"":{"":1}}',
        "bom": "\ufeff{}",
        "surrogate": '{"keyframes":{"\\ud800":1}}',
        "nul": '{"scan":{"effort":"fast\\u0000"}}',
        "unended": '{"a":1',
        "two": "{}{}",
        "proto": '{"__proto__":{"x":1},"constructor":1}',
        "class": '{"keyframes":{"__class__":"x"}}',
        "workers": '{"scan":{"workers":9999}}',
        "cache": '{"cache_dir":"/tmp/owned"}',
        "models": '{"models_dir":"/tmp"}',
        "service": '{"service":{"no_auth":true}}',
        "tokens": '{"service.tokens":"/etc/passwd"}',
        "log": '{"log":{"file":"/tmp/owned"}}',
        "database": '{"jobs":{"database":"sqlite:////tmp/owned"}}',
        "report": '{"output":{"out":"../../owned"}}',
        "wrong-type": '{"scan":{"effort":{"a":[1,2,{"b":null}]}}}',
        "long-text": '{"scan":{"effort":"' + "x" * 60_000 + '"}}',
        "dotted": '{"scan.effort":{"effort":"fast"}}',
        "memory": '{"limits":{"memory":"999TB"}}',
    }
    fine = {"twice": '{"scan":{"effort":"wrong"},"scan":{"effort":"fast"}}', "blank": " \n\t{} "}
    bodies = {
        "empty": b"", "no-json": b"{", "utf16": '{"source":"x"}'.encode("utf-16"), "bytes": b"\xff\xfe\xff",
        "long": b'{"source":"' + b"x" * (1 << 20) + b'"}', "spaces": b" " * (1 << 20), "list": b"[]", "null": b"null",
        "missing": b"{}", "number": b'{"source":7}', "unknown": b'{"source":"x","path":"/etc/passwd"}',
        "deep": b'{"source":"x","options":' + b'{"a":' * 30_000,
    }  # fmt: skip
    return {
        **{f"options-{name}": Attack(partial(_options, text=text), refused) for name, text in options.items()},
        **{f"options-{name}": Attack(partial(_options, text=text), _all(202)) for name, text in fine.items()},
        **{
            f"select-{name}": Attack(partial(_select, text=text), _all(400, 413, 422)) for name, text in options.items()
        },
        **{f"body-{name}": Attack(partial(_body, body=body), _all(400, 413, 422)) for name, body in bodies.items()},
        "select-huge": Attack(partial(_select, text='{"x":"' + "y" * (1 << 20) + '"}'), _all(413)),
    }


def _options(target: Target, text: str) -> Reply | None:
    form = RECIPE + part(b"options", text.encode()) + part(b"file", b"film", b"a.mp4") + END
    return talk(target, post(target, form))


def _select(target: Target, text: str) -> Reply | None:
    path = target.done["links"]["select"].encode()
    return talk(target, post(target, b'{"recipe":"keyframes","options":' + text.encode() + b"}", JSON, path=path))


def _body(target: Target, body: bytes) -> Reply | None:
    return talk(target, post(target, body, JSON))


def addresses(canary: Canary) -> Mapping[str, Attack]:
    """Sources and webhooks that lead where nobody outside may go; none is ever asked."""
    port = canary.port
    urls = {f"host-{host}": f"http://{host}:{port}/film.mp4" for host in HOSTS}
    urls |= {f"https-{host}": f"https://{host}:{port}/film.mp4" for host in HOSTS[:2]}
    urls |= {
        "file": f"file://{canary.film}",
        "path": str(canary.film),
        "relative": "../../../etc/passwd",
        "user": f"http://media.example.org@127.0.0.1:{port}/",
        "user-2": f"http://127.0.0.1:{port}#@media.example.org/",
        "backslash": f"http://127.0.0.1:{port}\\@media.example.org/",
        "blank": f"http://media.example.org :{port}/",
        "line": f"http://media.example.org\r\nHost: 127.0.0.1:{port}/",
        "tab": f"http://127.0.0.1\t:{port}/",
        "nul": f"http://media.example.org\0.127.0.0.1:{port}/",
        "digits": f"http://①②⑦.⓪.⓪.①:{port}/",
        "dots": f"http://127。0。0。1:{port}/",
        "ftp": f"ftp://127.0.0.1:{port}/film.mp4",
        "gopher": f"gopher://127.0.0.1:{port}/",
        "subfile": f"subfile,,start,0,end,9,,:{canary.film}",
        "concat": f"concat:{canary.film}|{canary.url}/x",
        "data": "data:video/mp4;base64,AAAA",
        "s3": "s3://other-bucket/film.mp4",
        "s3-up": "s3://films/../other/x",
        "memory": "memory://film.mp4",
        "rtsp": f"rtsp://127.0.0.1:{port}/film",
        "udp": f"udp://127.0.0.1:{port}",
        "simplecache": f"simplecache::file://{canary.film}",
        "port": "http://127.0.0.1:99999/x",
        "no-host": "http:///x",
        "long": "https://media.example.org/" + "x" * 5000,
        "brackets": f"http://[127.0.0.1:{port}/",
        "empty": "",
        "no-scheme": f"//127.0.0.1:{port}/film.mp4",
        "upper": f"HTTP://LOCALHOST:{port}/film.mp4",
        "unix": "unix:///var/run/x",
        "zone": f"http://[::1%25lo]:{port}/",
        "percent": f"http://%31%32%37.0.0.1:{port}/",
        "jar": "jar:file:///etc/passwd!/",
    }
    # What is allowed by name is a job, which has to fail; its webhook was never asked. The rest is refused at once.
    allowed = _all(202, 400, 403, 422)
    return {
        **{f"source-{name}": Attack(partial(_source, url=url), allowed) for name, url in urls.items()},
        **{f"webhook-{name}": Attack(partial(_webhook, url=url), allowed) for name, url in urls.items() if url},
    }


def _source(target: Target, url: str) -> Reply | None:
    return talk(target, post(target, json.dumps({"source": url, "recipe": "keyframes"}).encode(), JSON))


def _webhook(target: Target, url: str) -> Reply | None:
    form = RECIPE + part(b"webhook", url.encode()) + part(b"file", b"film", b"a.mp4") + END
    return talk(target, post(target, form))


def keys() -> Mapping[str, Attack]:
    """Idempotency keys that are bombs, or are used for something else."""
    odd = {"long": b"x" * 50_000, "256": b"x" * 256, "empty": b"", "latin": b"\xe4\xf6", "blank": b"a b", "tab": b"\t"}
    sql = b"';DROP/**/TABLE/**/service_jobs;--"
    return {
        **{f"key-{name}": Attack(partial(_key, key=key), _all(400, 422, 431)) for name, key in odd.items()},
        "key-sql": Attack(partial(_key, key=sql), _all(202)),
        "key-two": Attack(partial(_key, key=b"a\r\nIdempotency-Key: b"), _all(202, 400, 422)),
        "key-reused": Attack(_reuse, _all(409)),
        "key-at-once": Attack(_at_once, _all(202)),
    }


def _key(target: Target, key: bytes, content: bytes = b"film", name: bytes = b"a.mp4") -> Reply | None:
    form = RECIPE + part(b"file", content, name) + END
    return talk(target, post(target, form, FORM, b"Idempotency-Key: " + key))


def _reuse(target: Target) -> Reply | None:
    first = _key(target, b"reused")
    assert first is not None
    assert first.status in {202, 409}
    return _key(target, b"reused", b"another film", b"other.mp4")


def _at_once(target: Target) -> Reply | None:
    replies: list[Reply | None] = []
    threads = [threading.Thread(target=lambda: replies.append(_key(target, b"at-once"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = {None if one is None else one.json().get("id") for one in replies}
    assert len(ids) == 1, f"one key, several jobs: {[one and (one.status, one.body[:200]) for one in replies]}"
    return replies[0]
