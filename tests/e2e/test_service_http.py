"""The service over HTTP: what clients do when all goes well, on a real server with real models."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from films import empty_film, face_film
from service_openapi import Described
from service_server import RunningServer, eventually, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_film(tmp_path_factory.mktemp("films") / "face.mp4")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("service"), legacy_upload_limit=3_000_000) as running:
        yield running


@pytest.fixture(scope="module")
def described(server: RunningServer) -> Described:
    return Described(server.client.get("/openapi.json").raise_for_status().json())


@pytest.fixture(scope="module")
def done(server: RunningServer, film: Path) -> Any:
    """A job that is done: its JSON."""
    options = {"scan": {"effort": "fast"}, "people": {"per_person": 2}}
    return server.finished(server.upload(film, name="Früh am Tag.mp4", recipe="people", options=options))


@pytest.fixture
def ask(server: RunningServer, described: Described) -> Any:
    """Ask the server; the answer is as the document says."""

    def asking(method: str, path: str, **more: Any) -> Any:
        return described.check(server.client.request(method, path, **more))

    return asking


def test_a_job_is_followed_to_its_end(server: RunningServer, film: Path, described: Described) -> None:
    answer = described.check(server.try_upload(film, name="clip.mp4"))
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == job["links"]["self"]
    assert (job["recipe"], job["name"], job["source"], job["expires"]) == ("thumbnails", "clip.mp4", None, None)

    events = list(server.events(job))

    numbers = [number for number, _, _ in events]
    names = [name for _, name, _ in events]
    last = events[-1][2]
    assert numbers == sorted(set(numbers))
    assert names[-1] == "done"
    assert set(names[:-1]) <= {"progress"}
    assert last == server.job(job)
    described.check_value(last, {"$ref": "#/components/schemas/JobModel"})
    assert last["summary"]["found"] == len([one for one in last["artifacts"] if one["kind"] == "picture"]) > 0
    assert last["expires"] > last["finished"] >= last["started"] >= last["created"]


def test_events_go_on_where_they_were_left(server: RunningServer, done: Any) -> None:
    number, name, job = list(server.events(done))[-1]
    assert name == "done"
    assert [one[1] for one in server.events(done, after=number)] == ["done"]  # an end is told whoever asks
    assert server.client.get(f"{done['links']['self']}0/events").status_code == 404
    assert job["state"] == "done"


def test_options_come_back_as_they_were_given(done: Any) -> None:
    assert done["options"] == {"scan": {"effort": "fast"}, "people": {"per_person": 2}}
    assert done["name"] == "Früh am Tag.mp4"


def test_the_result_is_the_first_artifact(ask: Any, done: Any) -> None:
    result = ask("GET", done["links"]["result"])
    first = done["artifacts"][0]
    assert result.json()["schema"].startswith("stills/people/")
    assert result.content == ask("GET", first["url"]).content
    assert first["kind"] == "result"
    again = ask("GET", done["links"]["result"], headers={"If-None-Match": result.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_artifacts_can_be_had_in_parts(ask: Any, done: Any) -> None:
    picture = next(one for one in done["artifacts"] if one["kind"] == "picture")
    whole = ask("GET", picture["url"])
    assert (len(whole.content), whole.headers["content-type"]) == (picture["bytes"], "image/jpeg")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"] == f'inline; filename="{picture["name"]}"'
    loaded = ask("GET", picture["url"], params={"download": "1"})
    assert loaded.headers["content-disposition"].startswith("attachment;")

    def part(asked: str, **more: str) -> Any:
        return ask("GET", picture["url"], headers={"Range": asked, **more})

    first, last, open_end = part("bytes=0-9"), part("bytes=-10"), part("bytes=10-")
    size = picture["bytes"]
    assert (first.status_code, first.content) == (206, whole.content[:10])
    assert last.content == whole.content[-10:]
    assert last.headers["content-range"] == f"bytes {size - 10}-{size - 1}/{size}"
    assert open_end.content == whole.content[10:]
    beyond = part(f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert part("bytes=0-1,5-6").status_code == 200
    assert part("bytes=0-9", **{"If-Range": whole.headers["etag"]}).status_code == 206
    assert part("bytes=0-9", **{"If-Range": '"other"'}).status_code == 200
    assert ask("GET", f"{done['links']['self']}/artifacts/..%2f..%2fvideo").status_code == 404


def test_the_archive_has_everything(ask: Any, done: Any) -> None:
    answer = ask("GET", done["links"]["archive"])
    assert "filename*=UTF-8''Fr%C3%BCh%20am%20Tag-people.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        sizes = {one.filename: (one.file_size, one.compress_type) for one in archive.infolist()}
        assert json.loads(archive.read("people.json"))["people"]
    assert sorted(size for size, _ in sizes.values()) == sorted(one["bytes"] for one in done["artifacts"])
    assert {how for _, how in sizes.values()} == {zipfile.ZIP_STORED}
    assert {name.partition("/")[0] for name in sizes} == {"people.json", "people"}


def test_another_question_is_answered_from_what_was_measured(ask: Any, done: Any) -> None:
    body = {"recipe": "keyframes", "options": {"keyframes": {"target": 2}}}
    answer = ask("POST", done["links"]["select"], json=body).json()
    assert answer["recipe"] == "keyframes"
    assert answer["document"]["schema"].startswith("stills/keyframes/")
    assert {one["pts"] for one in answer["document"]["frames"]} <= set(answer["pts"])
    assert answer["artifacts"] == []
    same = ask("POST", done["links"]["select"], json={}).json()
    assert same["recipe"] == "people"

    frame = ask("GET", f"{done['links']['self']}/frames/{answer['pts'][0]}.jpg", params={"width": 320})
    assert Image.open(io.BytesIO(frame.content)).size == (320, 180)
    assert "stills-rough" not in frame.headers
    for pts in ("123456789", str(2**70), "-1", "x"):
        assert ask("GET", f"{done['links']['self']}/frames/{pts}.jpg").status_code in {404, 422}


def test_a_selection_can_be_saved(ask: Any, done: Any) -> None:
    before = {one["name"] for one in ask("GET", done["links"]["self"]).json()["artifacts"]}
    body = {"recipe": "portrait", "options": {}, "save": True}
    answer = ask("POST", done["links"]["select"], json=body).json()
    saved, document = answer["artifacts"], answer["document"]
    assert document["files"]
    assert all(any(one["file"].endswith(f"/{file}") for one in saved) for file in document["files"])
    assert {one["kind"] for one in saved} == {"other", "picture"}
    assert before.isdisjoint(one["name"] for one in saved)
    for one in saved:
        assert len(ask("GET", one["url"]).content) == one["bytes"]
    after = ask("GET", done["links"]["self"]).json()["artifacts"]
    assert {one["name"] for one in after} == before | {one["name"] for one in saved}


def test_posters_go_with_a_cast_job(server: RunningServer, described: Described, film: Path, tmp_path: Path) -> None:
    from skimage.data import astronaut

    poster = tmp_path / "poster.jpg"
    Image.fromarray(astronaut()).save(poster)
    files = [("file", ("film.mp4", film.read_bytes())), ("poster", ("../a.jpg", poster.read_bytes()))]
    answer = described.check(server.client.post("/v1/jobs", files=files, data={"recipe": "cast"}))
    job = server.finished(answer.json())
    assert job["posters"] == ["a.jpg"]
    assert server.client.get(job["links"]["result"]).json()["posters"]
    refused = described.check(server.client.post("/v1/jobs", files=files, data={"recipe": "people"}))
    assert refused.status_code == 422


def test_what_is_left_out_or_wrong_in_a_selection_is_told(ask: Any, done: Any) -> None:
    def refused(**body: Any) -> tuple[int, str]:
        answer = ask("POST", done["links"]["select"], json=body)
        return answer.status_code, answer.json()["code"]

    assert refused(recipe="nothing") == (422, "invalid-request")
    assert refused(recipe="people", options={"people": {"similarity": 3}}) == (422, "settings")
    assert refused(recipe="people", options={"scan": {"workers": 3}}) == (422, "settings")
    assert refused(options={"output": {"quality": float(10**300)}}) == (422, "settings")
    assert refused(more=1) == (422, "invalid-request")


def test_a_time_line_is_for_plotting(ask: Any, done: Any) -> None:
    line = ask("GET", done["links"]["timeline"]).json()
    assert len(line["sharpness"]) == len(line["luma"]) > 0


def test_recipes_have_schemas_that_their_defaults_keep_to(ask: Any) -> None:
    recipes = {one["name"]: one for one in ask("GET", "/v1/recipes").json()["recipes"]}
    assert set(recipes) == {"people", "cast", "keyframes", "thumbnails", "portrait"}
    for one in recipes.values():
        jsonschema.Draft202012Validator.check_schema(one["options"])
        jsonschema.Draft202012Validator(one["options"]).validate(one["defaults"])
        for name, section in one["options"]["properties"].items():
            fields = section.get("properties", {name: section})
            assert all(field["title"] and "default" in field for field in fields.values())
            assert all(field["description"] for field in fields.values())
    assert set(recipes["cast"]["options"]["properties"]) >= {"cast", "people", "output", "scan"}
    assert recipes["people"]["defaults"]["scan"] == {"effort": "balanced"}
    assert "people" in recipes["keyframes"]["selects_from"]


def test_jobs_are_listed_a_page_at_a_time(ask: Any, server: RunningServer, done: Any, film: Path) -> None:
    other = server.finished(server.upload(film, name="other.mp4"))
    first = ask("GET", "/v1/jobs", params={"limit": 1, "state": "done"}).json()
    rest = ask("GET", "/v1/jobs", params={"cursor": first["next"], "state": "done"}).json()
    found = [one["id"] for page in (first, rest) for one in page["jobs"]]
    assert found.index(other["id"]) < found.index(done["id"])
    assert ask("GET", "/v1/jobs", params={"state": "queued"}).json() == {"jobs": [], "next": None}
    for wrong in ({"limit": 0}, {"limit": "x"}, {"state": "over"}, {"cursor": "x"}):
        assert ask("GET", "/v1/jobs", params=wrong).status_code == 422


def test_nobody_in_the_film_is_no_failure(ask: Any, server: RunningServer, tmp_path: Path) -> None:
    job = server.finished(server.upload(empty_film(tmp_path / "empty.mp4"), recipe="people"))
    assert (job["summary"]["found"], job["error"] is None or job["error"]["code"]) in {(0, True), (0, "nothing-found")}
    for link in ("result", "archive"):
        answer = ask("GET", job["links"][link])
        assert answer.status_code in {200, 422}


def test_the_same_key_is_the_same_job(server: RunningServer, film: Path, described: Described) -> None:
    one = described.check(server.try_upload(film, key="k-1"))
    two = described.check(server.try_upload(film, key="k-1"))
    three = described.check(server.try_upload(film, key="k-1", recipe="people"))
    assert one.json()["id"] == two.json()["id"]
    assert (one.headers.get("idempotent-replayed"), two.headers["idempotent-replayed"]) == (None, "true")
    assert (three.status_code, three.json()["code"]) == (409, "idempotency-conflict")
    assert described.check(server.try_upload(film, key="no key")).status_code == 422


def test_what_is_erased_is_gone(server: RunningServer, ask: Any, film: Path) -> None:
    job = server.finished(server.upload(film, name="erased.mp4", recipe="portrait"))
    home = job["links"]["self"]
    assert (server.store.data / "jobs" / job["id"]).is_dir()
    assert ask("DELETE", home).status_code == 204
    for method, path in (("GET", home), ("GET", job["links"]["result"]), ("DELETE", home), ("POST", f"{home}/cancel")):
        answer = ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "no-job")
    eventually(lambda: not (server.store.data / "jobs" / job["id"]).exists())


def test_the_endpoints_of_the_thumbnail_system(ask: Any, film: Path) -> None:
    with film.open("rb") as content:
        task = ask("POST", "/upload-video/", files={"file": ("old.mov", content)}).json()
    assert task["status"] == "completed"
    assert task["thumbnail_paths"]
    for path in task["thumbnail_paths"]:
        assert Image.open(io.BytesIO(ask("GET", path).content)).format == "JPEG"
    assert ask("GET", f"/upload-video/{task['task_id']}").json() == task
    text = ask("POST", "/upload-video/", files={"file": ("film.mp4", b"this is no film" * 99)})
    assert (text.status_code, text.json()["code"]) == (400, "not-a-video")
    large = ask("POST", "/upload-video/", files={"file": ("film.mp4", bytes(3_000_001))})
    assert (large.status_code, large.json()["code"]) == (413, "too-large")
    assert ask("POST", "/upload-video/", content=b"{}").status_code == 415
    assert ask("GET", "/upload-video/nothing").status_code == 404


def test_an_old_task_that_takes_long_is_asked_for_later(
    server: RunningServer, ask: Any, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = server.settings.service.model_copy(update={"legacy_wait": 0.001})
    monkeypatch.setattr(server.context, "settings", server.settings.model_copy(update={"service": impatient}))
    with film.open("rb") as content:
        task = ask("POST", "/upload-video/", files={"file": ("old.mov", content)}).json()
    assert (task["status"], task["thumbnail_paths"]) == ("processing", [])
    server.finished({"links": {"events": f"/v1/jobs/{task['task_id']}/events"}})
    later = ask("GET", f"/upload-video/{task['task_id']}").json()
    assert later["status"] == "completed"
    assert ask("GET", later["thumbnail_paths"][0]).status_code == 200


def test_whoever_watches_hears_how_it_is(ask: Any, done: Any) -> None:
    assert ask("GET", "/healthz").json()["status"] == "ok"
    ready = ask("GET", "/readyz")
    assert ready.json()["checks"]["models"]["ok"], ready.text
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    text = ask("GET", "/metrics").text
    assert 'stills_service_jobs{state="running"} 0.0' in text
    assert 'route="/v1/jobs/{id}/artifacts/{name}",status="206"' in text
    assert done["id"] not in text
