"""docs/operations says what the code does: metrics, dashboard, alerts, logs, commands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import stills
from stills.jobs.watch import labels
from stills.jobs.watch.metrics import Metrics

FOLDER = Path(__file__).parents[2] / "docs" / "operations"
PAGES = sorted(FOLDER.glob("*.md"))
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
TARGETS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES = [
    *TARGETS,
    *((rule["alert"], rule["expr"]) for rule in RULES),
    *((one["name"], one["expr"]) for one in DASHBOARD["annotations"]["list"]),
]
METRICS = {one.name: one for one in Metrics().described}
GIVEN = {"job", "instance", "file", "le"}
"""Labels that Prometheus and the node exporter give."""

PROCESS = {
    "stills_process_resident_memory_bytes",
    "stills_process_virtual_memory_bytes",
    "stills_process_cpu_seconds_total",
    "stills_process_open_fds",
    "stills_process_max_fds",
    "stills_process_start_time_seconds",
}
VALUES = {
    "recipe": labels.RECIPES,
    "status": labels.STATUSES,
    "class": labels.CLASSES,
    "state": labels.STATES,
    "stage": labels.STAGES,
}


def series() -> dict[str, set[str]]:
    """The names of all series, with their labels."""
    known: dict[str, set[str]] = {name: set() for name in PROCESS}
    for name, one in METRICS.items():
        known[name] = set(one.labels)
        if one.kind == "histogram":
            del known[name]
            known |= {f"{name}{end}": set(one.labels) for end in ("_bucket", "_sum", "_count")}
    return known


def without_strings(query: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)


def test_there_are_metrics_of_every_name_that_was_promised() -> None:
    promised = "videos_total segment_seconds frames_decoded_total faces_total queue_depth bytes_read_total".split()
    assert {f"stills_{name}" for name in promised} <= METRICS.keys()


def test_the_table_of_metrics_is_the_code() -> None:
    page = (FOLDER / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(stills_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    told = {name: (kind, tuple(re.findall(r"`(\w+)`", listed)), what) for name, kind, listed, what in rows}
    assert told == {one.name: (one.kind, one.labels, one.meaning) for one in METRICS.values()}


def test_every_value_of_every_label_is_explained() -> None:
    page = (FOLDER / "metrics.md").read_text(encoding="utf-8")
    for label, values in VALUES.items():
        (row,) = re.findall(rf"^\| `{label}` \| (.*) \|$", page, re.MULTILINE)
        assert set(re.findall(r"`([a-z]+)`", row)) == set(values), label


@pytest.mark.parametrize(("place", "query"), QUERIES, ids=[place for place, _ in QUERIES])
def test_queries_ask_for_what_there_is(place: str, query: str) -> None:
    known = series()
    bare = without_strings(query)
    names = set(re.findall(r"\bstills_\w+", bare))
    assert names <= known.keys(), place
    assert names, place
    for opening, closing in ("()", "{}", "[]"):
        assert bare.count(opening) == bare.count(closing), place
    allowed = set.union(*(known[name] for name in names)) | GIVEN
    for grouped in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", bare):
        assert {one.strip() for one in grouped.split(",")} <= allowed, place
    for name, selectors in re.findall(r"\b(stills_\w+)\{([^}]*)\}", query):
        for label, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', selectors):
            assert label in known[name] | GIVEN, place
            if label in VALUES:
                for word in value.split("|") if "~" in operator else [value]:
                    assert word in VALUES[label], place
    for name in re.findall(r"(?:rate|increase|irate)\(\s*(stills_\w+)", bare):
        assert name.endswith(("_total", "_bucket", "_sum", "_count")), f"{place}: {name} is no counter"


def test_histograms_are_asked_for_by_their_borders() -> None:
    for place, query in TARGETS:
        if "_bucket" in query:
            assert re.search(r"by \([^)]*\ble\b", query), place


def test_legends_use_labels_that_are_left() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            grouped = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]):
                assert not grouped or any(label in one for one in grouped), panel["title"]


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    assert DASHBOARD["title"]
    assert DASHBOARD["schemaVersion"] >= 36
    assert "id" not in DASHBOARD, "the number that another Grafana gave it"
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) > 10
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, f"{panel['title']} lies over another"
        taken |= cells
        assert panel["type"] in {"stat", "timeseries", "table", "heatmap"}
        assert panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0
        for target in (panel, *panel["targets"]):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used - {"__rate_interval", "__range"} == variables.keys()


def test_every_metric_that_was_promised_is_on_the_dashboard() -> None:
    text = " ".join(query for _, query in TARGETS)
    assert [name for name in METRICS if name not in text] == [
        "stills_segments_resumed_total",
        "stills_run_start_timestamp_seconds",
        "stills_last_success_timestamp_seconds",
    ]


def test_alerts_are_whole() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "description"}
        grouped = " ".join(re.findall(r"\bby \(([^)]*)\)", rule["expr"]))
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            assert not grouped or label in grouped, rule["alert"]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        there = page.parent / target if target else page
        assert there.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_commands_and_flags_are_there(page: Path) -> None:
    """Every call of stills on the pages has a command and flags that there are."""
    from stills.cli.app import COMMANDS, cli

    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    context = cli.make_context("stills", [], resilient_parsing=True)
    places = re.findall(r"`[^`\n]+`|^    .*$|^ExecStart=.*$", text, re.MULTILINE)
    calls = [call for place in places for call in re.findall(r"(?:^|[`/ ])stills ([a-z]+(?: [^`#\n]*)?)", place)]
    assert calls or page.name == "README.md"
    for call in calls:
        words = shlex.split(call.replace("…", ""))
        assert words[0] in COMMANDS, call
        command: Any = cli.get_command(context, words[0])
        if hasattr(command, "commands") and len(words) > 1 and words[1] in command.list_commands(context):
            command = command.get_command(context, words[1])
        flags = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        for word in words[1:]:
            if word.startswith("--"):
                assert word.partition("=")[0] in flags, call
    everywhere = {
        flag
        for name in COMMANDS
        for parameter in getattr(cli.get_command(context, name), "params", ())
        for flag in (*parameter.opts, *parameter.secondary_opts)
    }
    text = re.sub(r"ray start[^`\n]*", "", text)  # has flags of its own
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= everywhere


def test_the_example_of_a_log_line_is_one() -> None:
    page = (FOLDER / "logs.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"```json\n(.*?)\n```", page, re.DOTALL)
    fields = json.loads(line)
    for name in ("run", "video", "attempt", "segment"):
        assert name in fields
        assert f"| `{name}` |" in page


@pytest.mark.slow
def test_the_example_in_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    page = (FOLDER / "running.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    films = tmp_path / "films"
    films.mkdir()
    (films / "text.mp4").write_bytes(b"this is no video " * 100)
    monkeypatch.chdir(tmp_path)
    stills.library([films], "OUT", recipe="keyframes", workers=1, settle=0, cache_dir=tmp_path / "cache")
    exec(code.replace('"bug"', '"corrupt"'), {})  # noqa: S102 - our own page
    assert "text.mp4" in capsys.readouterr().out


def test_the_manifest_for_kubernetes_is_yaml() -> None:
    page = (FOLDER / "running.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    job = yaml.safe_load(text)
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["args"][0] == "people"
    assert "--share" in container["args"]
