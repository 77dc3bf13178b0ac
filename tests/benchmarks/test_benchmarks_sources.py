"""Where files and pictures come from: the hub's cache, addresses, and files too large for memory."""

from __future__ import annotations

import hashlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark_files import in_hub_cache, write_parquet
from tsv_files import png
from unswayed.benchmarks import load
from unswayed.benchmarks.files import download, hub
from unswayed.benchmarks.files.access import Access
from unswayed.benchmarks.files.local import LocalFiles
from unswayed.benchmarks.files.parquet import ParquetTable
from unswayed.benchmarks.files.parquet_images import ParquetImages
from unswayed.errors import BadImage, BadInput, MissingExtra

# ── The hub ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("UNSWAYED_CACHE", str(tmp_path / "own"))
    return tmp_path / "hub"


def geometry(tmp_path: Path, ids: str) -> bytes:
    fields = {"problem": "<image>Find x.", "choices": ["1", "2"], "ground_truth": "B", "answer": "2"}
    rows = [{**fields, "id": k, "images": [{"bytes": png(ord(k)), "path": None}]} for k in ids]
    return write_parquet(tmp_path / "made.parquet", rows).read_bytes()


def test_a_benchmark_is_read_from_the_hubs_cache(cache: Path, tmp_path: Path) -> None:
    files = {
        "data/train-00000-of-00002.parquet": geometry(tmp_path, "ab"),
        "data/train-00001-of-00002.parquet": geometry(tmp_path, "c"),
        "data/test-00000-of-00001.parquet": geometry(tmp_path, "d"),
    }
    in_hub_cache(cache, "hiyouga/geometry3k", files)
    questions = load("geometry3k")
    assert [q.uid for q in questions] == ["a", "b", "c"]
    assert [q.images[0].read() for q in questions] == [png(ord(k)) for k in "abc"]
    assert [q.uid for q in load("geometry3k", split="test")] == ["d"]
    with pytest.raises(BadInput, match=r"validation-\*\.parquet"):
        load("geometry3k", split="validation")


def test_offline_any_revision_in_the_cache_will_do_and_the_pinned_one_first(
    cache: Path, tmp_path: Path
) -> None:
    row = {"question": "Q?", "answers": ["a", "b"], "question_type": "other", "correct_answer": "a"}
    one, two = (
        write_parquet(tmp_path / f"{k}.parquet", [{**row, "image_bytes": [png(k)]}]).read_bytes()
        for k in (1, 2)
    )
    in_hub_cache(cache, "array/SAT", {"SAT_test.parquet": one})
    assert load("sat")[0].images[0].read() == png(1)
    in_hub_cache(cache, "array/SAT", {"SAT_test.parquet": two}, "bda5dde942d7f7b41bff7935f086ed9a9e348ae3")
    assert load("sat")[0].images[0].read() == png(2)


@pytest.mark.parametrize("offline", [True, False])
def test_what_cannot_be_got_is_named_with_the_command_that_gets_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    def unreachable(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no route")

    if not offline:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(BadInput) as caught:
        load("sat", split="static")
    said = str(caught.value)
    assert "hf download array/SAT --repo-type dataset --revision bda5dde" in said
    assert "--include 'SAT_static.parquet'" in said
    assert str(cache) in said
    assert ("HF_HUB_OFFLINE is set" in said) == offline
    assert ("no route" in said) != offline


def test_online_only_the_files_of_the_split_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    asked: list[tuple[object, dict[str, object]]] = []

    def download(repo: str, **how: object) -> str:
        asked.append((repo, how))
        return "/there"

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    source = hub.HubSource("a/b", ("x_{split}.parquet", "*.zip"), "abc")
    assert hub.snapshot(source, "val", "made") == Path("/there")
    ((repo, how),) = asked
    assert repo == "a/b"
    assert how["allow_patterns"] == ["x_val.parquet", "*.zip"]
    assert (how["revision"], how["repo_type"], how["local_files_only"]) == ("abc", "dataset", False)
    assert how["cache_dir"] == cache


def test_without_the_hubs_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"unswayed\[hub\]"):
        load("sat")


def test_to_import_the_benchmarks_needs_no_client() -> None:
    code = "import sys, unswayed.benchmarks; print({'huggingface_hub', 'datasets'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
    )


# ── Addresses ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    """A server on this machine; `hits` are the paths that were asked for."""
    hits: list[str] = []
    stop = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(404 if self.path == "/gone" else 302 if self.path == "/file" else 200)
            if self.path == "/file":
                self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
            if self.path == "/drip":
                while not stop.wait(0.01):
                    self.wfile.write(b"x")
            elif self.path == "/huge":
                self.wfile.write(png(1) + bytes(300_000))
            elif self.path == "/page":
                self.wfile.write(b"<html>sorry</html>")
            elif self.path != "/gone":
                self.wfile.write(png(1))

        def log_message(self, *args: object) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    yield SimpleNamespace(at=f"http://127.0.0.1:{httpd.server_port}", hits=hits)
    stop.set()
    httpd.shutdown()
    httpd.server_close()


LOCAL = Access(private_urls=True)


def test_a_picture_is_fetched_once_and_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    image = download.remote_image(
        f"{server.at}/a.png", sha256=hashlib.sha256(png(1)).hexdigest(), access=LOCAL
    )
    assert server.hits == []
    assert image.read() == image.read() == png(1)
    assert server.hits == ["/a.png"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert image.read() == png(1)
    with pytest.raises(BadImage, match="HF_HUB_OFFLINE"):
        download.fetch(f"{server.at}/b.png", access=LOCAL)
    with pytest.raises(BadImage, match="no longer the one"):
        download.fetch(f"{server.at}/a.png", sha256="0" * 64, access=LOCAL)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/drip", "more than 0.2 seconds"),
        ("/huge", "more than 100000 bytes"),
        ("/page", "HTML or XML page"),
        ("/gone", "HTTP 404"),
        ("/file", "cannot be fetched"),
    ],
)
def test_limits_hold_whatever_the_server_does(
    cache: Path, monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace, path: str, words: str
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(BadImage, match=words):
        download.fetch(
            server.at + path, access=LOCAL, seconds=0.2 if path == "/drip" else 20, max_bytes=100_000
        )
    assert not list(download.cache_dir().glob("*"))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y.png", "/etc/passwd", "data:image/png;base64,AA"]
)
def test_only_http_is_fetched(url: str) -> None:
    with pytest.raises(BadImage, match="only http"):
        download.fetch(url)


# ── Parquet ────────────────────────────────────────────────────────────────────────────────────


def test_rows_in_any_order_from_several_files_and_row_groups(tmp_path: Path) -> None:
    paths = []
    for shard in range(3):
        rows = [{"n": shard * 10 + k, "image": {"bytes": png(shard * 10 + k), "path": ""}} for k in range(10)]
        paths.append(write_parquet(tmp_path / f"{shard}.parquet", rows, group=4))
    table = ParquetTable(paths)
    shown = ParquetImages(table, "image", LocalFiles(tmp_path))
    for row in [0, 29, 5, 4, 17, 3, 3, 28, 12]:
        assert table.rows[row] == {"n": row}
        assert shown.of(row)[0].read() == png(row)
    assert table.location(12) == f"{paths[1]} row 3"


def test_shards_of_other_data_are_refused(tmp_path: Path) -> None:
    paths = [write_parquet(tmp_path / f"{name}.parquet", [{name: 1}]) for name in "ab"]
    with pytest.raises(BadInput, match=r"different columns.*--data"):
        ParquetTable(paths)


# Not `ru_maxrss`: that begins with what the process that started this one had.
CHILD = """
import sys
from pathlib import Path
from unswayed.benchmarks import load

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

before = peak()
questions = load("sat", data=Path(sys.argv[1]))
last = questions[len(questions) - 1].images[0].read()
print(len(questions), len(last), peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to tell the peak of memory")
def test_a_file_that_is_one_large_row_group_does_not_enter_memory(tmp_path: Path) -> None:
    path = tmp_path / "SAT_test.parquet"
    big = bytes(1_000_000)
    count = 120
    fields = {"question": "Q?", "answers": ["a", "b"], "question_type": "other", "correct_answer": "a"}
    schema = pa.schema(
        [
            ("image_bytes", pa.list_(pa.binary())),
            ("question", pa.string()),
            ("answers", pa.list_(pa.string())),
            ("question_type", pa.string()),
            ("correct_answer", pa.string()),
        ]
    )
    rows = [{**fields, "image_bytes": [k.to_bytes(4, "big") + big]} for k in range(count)]
    table = pa.Table.from_pylist(rows, schema=schema)
    how = {"compression": "none", "use_dictionary": False, "row_group_size": count, "write_batch_size": 8}
    pq.write_table(table, path, **how)
    del rows, table
    assert path.stat().st_size > 120e6
    assert pq.ParquetFile(path).num_row_groups == 1
    out = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True
    ).stdout
    questions, size, kilobytes = map(int, out.split())
    assert (questions, size) == (count, len(big) + 4)
    assert kilobytes < 85_000, f"{kilobytes} kB more than before, for {count} MB of pictures"
