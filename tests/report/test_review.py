"""A person's labels: saved one by one, only for who knows the token, and weighed by what they stand for."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser import dom, needs_chromium
from unswayed.backends import open_backend
from unswayed.benchmarks import registry
from unswayed.cli.evaluate.review import review_items
from unswayed.judges.rules import RuleJudge
from unswayed.metrics.judges.results import PERSON
from unswayed.pipeline.audit import Run, audit
from unswayed.review.labels import FILE, LabelLog, read_labels, read_sample
from unswayed.review.sample import ReviewSample, sample_thoughts
from unswayed.review.server import ReviewSession, open_server


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review") / "run"
    questions = registry.load("scenes", limit=60)
    backend = open_backend("scripted:silent-flipper:p=0.3", questions)
    asyncio.run(audit(backend, questions, ["base", "wrong-think", "wrong-caption"], store=folder))
    return folder


@pytest.fixture
def run(once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(once, tmp_path / "run")


class Page:
    """Asks a server as a browser would."""

    def __init__(self, address: str) -> None:
        found = re.fullmatch(r"http://(127\.0\.0\.1:(\d+))(/[\w-]{32}/)", address)
        assert found
        self.host, self.port, self.base = found[1], int(found[2]), found[3]

    def ask(
        self, path: str, body: Any = None, raw: bytes | None = None, **headers: str
    ) -> tuple[int, Any, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        sent = {} if data is None else {"Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        target = path if path.startswith("/") else self.base + path
        connection.request("GET" if data is None else "POST", target, data, sent)
        reply = connection.getresponse()
        got = reply.read()
        connection.close()
        kind = reply.headers["Content-Type"]
        return reply.status, json.loads(got) if kind == "application/json" else got, reply.headers


@pytest.fixture
def open_page(run: Path) -> Iterator[tuple[Page, ReviewSample, Path, str]]:
    trials = Run.load(run).trials
    sample = sample_thoughts(trials, 20)
    log = LabelLog(run)
    log.add_sample(sample)
    server, address = open_server(
        ReviewSession(review_items(run, trials, sample), read_labels(run).verdicts, log)
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Page(address), sample, run, address
    server.shutdown()
    server.server_close()
    thread.join()
    log.close()


def test_the_sample_has_some_of_every_condition_and_verdict(run: Path) -> None:
    trials = Run.load(run).trials
    sample = sample_thoughts(trials, 30)
    assert sample_thoughts(trials.take(list(range(trials.num_rows))[::-1]), 30).keys == sample.keys
    assert set(sample.stratum.values()) == set(sample.sizes)
    assert {"wrong-think, inconsistent", "wrong-think, consistent", "base, consistent"} <= set(sample.sizes)
    assert sum(sample.sizes.values()) == trials.num_rows
    assert 30 <= len(sample.keys) <= 30 + len(sample.sizes)
    assert set(sample.keys) <= set(sample_thoughts(trials, 60).keys)
    assert len(sample_thoughts(trials, 10_000).keys) == trials.num_rows
    assert sample_thoughts(trials, 30, seed=1).keys != sample.keys


def test_labels_are_saved_one_by_one_and_the_answer_is_hidden(
    open_page: tuple[Page, ReviewSample, Path, str],
) -> None:
    page, sample, run, _ = open_page
    rows = {row["key"]: row for row in Run.load(run).trials.to_pylist()}
    status, told, _ = page.ask("item/0")
    row = rows[sample.keys[0]]
    assert status == 200
    assert (told["thought"], told["options"], told["label"]) == (row["thought"], row["options"], None)
    assert set(told) == {"question", "options", "thought", "images", "label", "total", "labelled", "next"}
    status, picture, headers = page.ask("image/0/0")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert picture == (run / "images" / row["image_sha256"][0]).read_bytes()
    assert page.ask("label", {"item": 0, "found": "option", "option": 1})[1] == {
        "total": len(sample.keys), "labelled": 1, "next": 1,
    }  # fmt: skip
    assert read_labels(run).verdicts == {sample.keys[0]: ("option", 1)}
    page.ask("label", {"item": 3, "found": "unsure", "option": None})
    page.ask("label", {"item": 4, "found": "elsewhere", "option": None})
    page.ask("label", {"item": 0, "found": "nothing", "option": None})  # a label may be changed
    assert read_labels(run).verdicts == {
        sample.keys[0]: ("nothing", None),
        sample.keys[3]: ("unsure", None),
        sample.keys[4]: ("elsewhere", None),
    }
    assert page.ask("item/0")[1]["label"] == ["nothing", None]
    assert read_sample(run) == sample


@pytest.mark.parametrize(
    "body",
    [
        {"item": 0, "found": "option", "option": 9}, {"item": 0, "found": "option", "option": -1},
        {"item": 0, "found": "option", "option": None}, {"item": 0, "found": "nothing", "option": 1},
        {"item": 10**6, "found": "nothing", "option": None}, {"item": -1, "found": "nothing", "option": None},
        {"item": "0", "found": "nothing", "option": None}, {"item": 0, "found": "x", "option": None},
        {"item": 0, "found": "option", "option": True}, {"found": "nothing"}, [], 1, None,
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused(open_page: tuple[Page, ReviewSample, Path, str], body: Any) -> None:
    page, _, run, _ = open_page
    assert page.ask("label", raw=json.dumps(body).encode())[0] == 400
    assert read_labels(run).verdicts == {}


@pytest.mark.parametrize("raw", [b"[" * 1000, b"{", b"\xff", b""])
def test_what_is_no_json_is_refused(open_page: tuple[Page, ReviewSample, Path, str], raw: bytes) -> None:
    page, _, run, _ = open_page
    assert page.ask("label", raw=raw)[0] == 400
    assert read_labels(run).verdicts == {}


def test_nobody_else_is_admitted(open_page: tuple[Page, ReviewSample, Path, str]) -> None:
    page, _, run, address = open_page
    label = {"item": 0, "found": "nothing", "option": None}
    assert page.ask("/")[0] == page.ask("/x/item/0")[0] == page.ask(page.base[:-2] + "/")[0] == 403
    assert page.ask("/wrong-token/label", label)[0] == 403
    assert page.ask("item/0", Host=f"evil.example:{page.port}")[0] == 403  # a name that points here
    assert page.ask("label", label, Origin="http://evil.example")[0] == 403
    assert page.ask("label", label, Content_Type="text/plain")[0] == 404  # what a form elsewhere could send
    assert page.ask("label", raw=b"x" * 5000)[0] == 413
    for path in (
        "../../etc/passwd",
        "image/0/../../manifest.json",
        "item/x",
        "item/1e3",
        "image/0/9",
        "item/%B2",
    ):
        assert page.ask(path)[0] in (400, 404)
    assert read_labels(run).verdicts == {}
    assert page.ask("label", label, Origin=f"http://{page.host}")[0] == 200
    status, body, headers = page.ask("")
    policy = headers["Content-Security-Policy"]
    assert status == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(rb"(?:src|href)=|https?://|innerHTML", body)
    assert page.base.strip("/") not in body.decode()
    assert address.endswith(page.base)


def test_torn_lines_are_passed_over_and_swallow_nothing(run: Path) -> None:
    log = LabelLog(run)
    log.add_sample(ReviewSample(("a", "b"), {"a": "s", "b": "s"}, {"s": 7}))
    log.add_label("a", "option", 2)
    log.close()
    with open(run / FILE, "ab") as file:
        file.write(b'{"crc32":"00000000","key":"b"')
    log = LabelLog(run)
    log.add_label("b", "nothing", None)
    log.close()
    assert read_labels(run).verdicts == {"a": ("option", 2), "b": ("nothing", None)}
    assert read_labels(run).sizes == {"s": 7}


def test_labels_are_set_against_judges_by_weight(run: Path) -> None:
    """Half of one stratum is labelled as the judge says, none of another: each counts by its size."""
    trials = Run.load(run).trials
    rows = {row["key"]: row for row in trials.to_pylist()}
    sample = sample_thoughts(trials, 40)
    log = LabelLog(run)
    log.add_sample(sample)
    wrong = "wrong-think, inconsistent"
    for key in sample.keys:
        option = rows[key]["concluded"]
        log.add_label(key, "option", (option + 1) % 4 if sample.stratum[key] == wrong else option)
    log.close()
    found = Run.load(run).judges()
    assert found is not None
    (person,) = found.references
    assert person.name == PERSON
    assert person.thoughts == len(sample.keys)
    (confusion,) = person.confusions
    share = 1 - sample.sizes[wrong] / sum(sample.sizes.values())
    assert confusion.agrees.value == pytest.approx(share)
    assert confusion.counts["an option"]["another option"] == Counter(sample.stratum.values())[wrong]


def test_the_command_serves_until_ctrl_c_and_goes_on_where_it_was_left(run: Path) -> None:
    def serve(labels: int) -> str:
        env = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "unswayed", "review", str(run), "--n", "12"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        )
        assert process.stdout is not None
        address = next(word for word in process.stdout.readline().split() if word.startswith("http"))
        page = Page(address)
        for _ in range(labels):
            number = page.ask("progress")[1]["next"]
            page.ask("label", {"item": number, "found": "option", "option": 0})
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    total = len(sample_thoughts(Run.load(run).trials, 12).keys)
    assert f"2 of {total} labelled" in serve(2)
    said = serve(1)
    assert f"3 of {total} labelled" in said
    assert "agrees with a person" in said
    assert RuleJudge.name in said
    assert "a person" in (run / "report.html").read_text("utf-8")


@needs_chromium
def test_the_page_shows_the_first_thought_without_a_label(
    open_page: tuple[Page, ReviewSample, Path, str], tmp_path: Path
) -> None:
    page, sample, run, address = open_page
    page.ask("label", {"item": 0, "found": "nothing", "option": None})
    seen = dom(address, tmp_path / "profile")
    row = next(r for r in Run.load(run).trials.to_pylist() if r["key"] == sample.keys[1])
    assert 'data-ready="1"' in seen
    assert f"1 of {len(sample.keys)} labelled" in seen
    assert row["thought"] in seen
    assert len(re.findall('<button[^>]*aria-pressed="', seen)) == len(row["options"]) + 3
    assert 'src="image/1/0"' in seen
