"""Hostile benchmarks: addresses of private networks, links out of the folder, and files that cost too
much."""

from __future__ import annotations

import gzip
import http.server
import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark_files import in_hub_cache, write_json, write_parquet, write_png, write_zip
from tsv_files import b64, png, read_tsv, row, write
from unswayed.benchmarks import load
from unswayed.benchmarks.files import access, archives, download, limits
from unswayed.benchmarks.files.access import is_public, public_addresses
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.errors import BadImage, BadInput

# ── Addresses ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, the network allowed, no proxies."""
    monkeypatch.setenv("UNSWAYED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    """A server on the loopback; ``/to/…`` redirects to the rest of its path; `hits` are the paths asked
    for."""
    hits: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            redirect = self.path.startswith("/to/")
            self.send_response(302 if redirect else 200)
            if redirect:
                self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            if not redirect:
                self.wfile.write(png(1))

        def log_message(self, *args: object) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    yield SimpleNamespace(port=httpd.server_port, hits=hits)
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "127.1",
        "017700000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
    ],
)
def test_a_server_of_this_machine_is_not_asked_however_it_is_spelled(
    server: SimpleNamespace, host: str
) -> None:
    with pytest.raises(BadImage, match=r"private or local address|cannot be fetched"):
        download.fetch(f"http://{host}:{server.port}/secret.png")
    assert server.hits == []


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "fe80::1",
        "fc00::1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "::",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "::7f00:1",
    ],
)
def test_private_addresses_in_all_their_forms_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def resolve_to(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> list[str]:
    """Lets names resolve to addresses; returns the list of look-ups made."""
    original, asked = socket.getaddrinfo, []

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host in names:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in names[host]]
        return original(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_resolves_to_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace
) -> None:
    resolve_to(monkeypatch, {"images.example": ["127.0.0.1"], "mixed.example": ["8.8.8.8", "10.0.0.1"]})
    for host in ("images.example", "mixed.example"):
        with pytest.raises(BadImage, match=f"{host} is the private or local address .*--allow-private-urls"):
            download.fetch(f"http://{host}:{server.port}/a.png")
    assert server.hits == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace
) -> None:
    asked = resolve_to(monkeypatch, {"images.example": ["127.0.0.1"]})
    monkeypatch.setattr(access, "is_public", lambda address: True)
    assert download.fetch(f"http://images.example:{server.port}/a.png") == png(1)
    assert asked == ["images.example"], "a second look-up could give another address"


def test_every_redirect_is_checked(monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace) -> None:
    resolve_to(monkeypatch, {"public.example": ["127.0.0.1"]})
    # The first server counts as public, nothing else does.
    monkeypatch.setattr(
        download,
        "public_addresses",
        lambda host, port: ["127.0.0.1"] if host == "public.example" else public_addresses(host, port),
    )
    at = f"http://public.example:{server.port}"
    assert download.fetch(f"{at}/to/{at}/a.png") == png(1)
    server.hits.clear()
    for target in (f"http://127.0.0.1:{server.port}/a.png", f"http://2130706433:{server.port}/a.png"):
        with pytest.raises(BadImage, match="private or local address"):
            download.fetch(f"{at}/to/{target}")
    for target in ("ftp://127.0.0.1/a.png", "file:///etc/hostname", "data:image/png;base64,AA"):
        with pytest.raises(BadImage, match=r"only http and https|HTTP 302"):
            download.fetch(f"{at}/to/{target}")
    assert all(path.startswith("/to/") for path in server.hits)


def test_a_proxy_is_not_asked_for_what_is_known_to_be_private(
    monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    with pytest.raises(BadImage, match="private or local address"):
        download.fetch("http://169.254.169.254/latest/meta-data")
    assert server.hits == []
    assert download.fetch("http://name-only-the-proxy-knows.invalid/a.png") == png(1)


def pixmo(folder: Path, url: str) -> Path:
    write_parquet(folder / "validation-0.parquet", [{"image_url": url, "label": "cups", "count": 3}])
    return folder


def test_private_addresses_are_fetched_only_if_allowed(tmp_path: Path, server: SimpleNamespace) -> None:
    data = pixmo(tmp_path / "data", f"http://127.0.0.1:{server.port}/a.png")
    with pytest.raises(BadImage, match="--allow-private-urls"):
        load("pixmo-count", data=data)[0].images[0].read()
    assert server.hits == []
    assert load("pixmo-count", data=data, allow_private_urls=True)[0].images[0].read() == png(1)


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://exa mple/a", "http://a:99999/x", "http://\n/", "http://", "x"]
)
def test_an_address_that_is_none_is_a_bad_image(url: str) -> None:
    with pytest.raises(BadImage):
        download.fetch(url)


# ── Links ──────────────────────────────────────────────────────────────────────────────────────

NLVR = {"identifier": "1-0", "directory": "3", "sentence": "There is a box.", "label": "true"}


def test_a_picture_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    secret = write_png(tmp_path / "secret.png", 7)
    data = tmp_path / "data"
    write_json(data / "dev.json", [NLVR], lines=True)
    (data / "3").mkdir()
    (data / "3" / "dev-1-0-0.png").symlink_to(secret)
    with pytest.raises(BadInput, match=r"leads out of .*data by a symbolic link; .*--follow-links"):
        load("nlvr", data=data)
    assert load("nlvr", data=data, follow_links=True)[0].images[0].read() == png(7)


def test_rows_and_archives_that_are_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "outside" / "dev.json", [NLVR], lines=True)
    rows = tmp_path / "rows"
    rows.mkdir()
    (rows / "dev.json").symlink_to("../outside/dev.json")
    with pytest.raises(BadInput, match="symbolic link"):
        load("nlvr", data=rows)
    packed = tmp_path / "packed"
    packed.mkdir()
    write_zip(tmp_path / "outside" / "x.zip", {"dev.json": b"{}"})
    (packed / "x.zip").symlink_to("../outside/x.zip")
    with pytest.raises(BadInput, match="symbolic link"):
        load("nlvr", data=packed)


def test_links_within_the_folder_and_to_the_folder_are_followed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_json(data / "dev.json", [NLVR], lines=True)
    write_png(data / "blobs" / "x", 3)
    (data / "3").mkdir()
    (data / "3" / "dev-1-0-0.png").symlink_to("../blobs/x")
    (tmp_path / "linked").symlink_to(data)
    for folder in (data, tmp_path / "linked"):
        assert load("nlvr", data=folder)[0].images[0].read() == png(3)


def test_a_snapshot_in_the_hubs_cache_may_link_to_its_blobs_but_no_further(tmp_path: Path) -> None:
    files = {"dev.json": write_json(tmp_path / "dev.json", NLVR).read_bytes(), "3/dev-1-0-0.png": png(4)}
    folder = in_hub_cache(tmp_path / "hub", "a/b", files)
    assert load("nlvr", data=folder)[0].images[0].read() == png(4)
    image = folder / "3" / "dev-1-0-0.png"
    image.unlink()
    image.symlink_to(write_png(tmp_path / "secret.png"))
    with pytest.raises(BadInput, match="symbolic link"):
        load("nlvr", data=folder)


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_link_beside_a_tsv_file_is_refused(tmp_path: Path, where: str) -> None:
    outside, data = tmp_path / "outside", tmp_path / "data"
    write_png(outside / "secret.png", 5)
    data.mkdir()
    if where == "file":
        (data / "a.png").symlink_to(outside / "secret.png")
    else:
        (data / "images").symlink_to(outside)
    path = write(
        data / "made.tsv", [row(image="", image_path="a.png" if where == "file" else "images/secret.png")]
    )
    with pytest.raises(BadInput, match="symbolic link"):
        load(path)
    assert load(path, follow_links=True)[0].images[0].read() == png(5)


def test_a_link_put_there_after_loading_is_refused_when_read(tmp_path: Path) -> None:
    image = write_png(tmp_path / "data" / "a.png")
    path = write(tmp_path / "data" / "made.tsv", [row(image="", image_path="a.png")])
    (question,) = load(path)
    image.unlink()
    image.symlink_to(write_png(tmp_path / "secret.png", 9))
    with pytest.raises(BadInput, match="symbolic link"):
        question.images[0].read()


def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_json(data / "dev.json", [NLVR], lines=True)
    write_png(data / "3" / "dev-1-0-0.png", 2)
    (data / "3" / "loop").symlink_to(data)
    (data / "loop").symlink_to(data / "3")
    assert load("nlvr", data=data)[0].images[0].read() == png(2)
    assert load("nlvr", data=data, follow_links=True)[0].images[0].read() == png(2)


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    write_json(tmp_path / "dev.json", [NLVR], lines=True)
    (tmp_path / "3").mkdir()
    os.mkfifo(tmp_path / "3" / "dev-1-0-0.png")
    with pytest.raises(BadImage, match="no regular file"):
        load("nlvr", data=tmp_path)[0].images[0].read()


# ── Exhaustion ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test can reach quickly; what they do is the same."""
    monkeypatch.setattr(limits, "FREE_EXPANSION", 1 << 20)


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path, small: None) -> None:
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("a.png")
        info.size = 20 << 20
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(BadInput, match=r"x\.tar\.gz unpacks to more than 100 times .*decompression bomb"):
        archives.members(path)


def test_a_zip_member_that_unpacks_to_a_thousand_times_its_size_is_refused(
    tmp_path: Path, small: None
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(20 << 20))
        archive.writestr("b.png", png(1))
    members = archives.members(path)
    assert members["b.png"]() == png(1)
    with pytest.raises(BadInput, match=r"member 'a\.png', unpacks to more than 100 times"):
        members["a.png"]()


@pytest.mark.parametrize("content", [b"\n", b"index\tquestion\n", b"\t"])
def test_a_gzipped_table_of_nothing_is_refused(tmp_path: Path, small: None, content: bytes) -> None:
    path = tmp_path / "x.tsv.gz"
    path.write_bytes(gzip.compress(content * ((8 << 20) // len(content))))
    with pytest.raises(BadInput, match=r"decompression bomb|more than 4,096 cells"):
        TsvTable(path)


def test_ordinary_archives_of_text_are_no_bombs(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv.gz"
    write(tmp_path / "x.tsv", [row(k, question="How many cups are there?" * 20) for k in range(2000)])
    path.write_bytes(gzip.compress((tmp_path / "x.tsv").read_bytes()))
    assert len(load(path)) == 2000


def test_limits_on_columns_rows_and_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made.tsv"
    path.write_text("\t".join(f"c{k}" for k in range(50_000)) + "\n")
    with pytest.raises(BadInput, match=r"line 1: has more than 4,096 cells"):
        TsvTable(path)
    path.write_text("a\tb\n1\t2\n" + "\t" * 5_000_000 + "\n")
    with pytest.raises(BadInput, match=r"line 3: has more than 4,096 cells"):
        TsvTable(path)
    path.write_text("a\tb\n" + "x" * (limits.MAX_TEXT + 1) + "\ty\n")
    with pytest.raises(BadInput, match=r"line 2: a cell has 4,194,305 bytes; at most 4,194,304 are read"):
        TsvTable(path).text(0, "a")
    path.write_text("x" * (limits.MAX_TEXT + 1) + "\tb\n")
    with pytest.raises(BadInput, match=r"line 1: a cell has"):
        TsvTable(path)
    monkeypatch.setattr("unswayed.benchmarks.files.tsv.MAX_ROWS", 100)
    path.write_text("a\tb\n" + "1\t2\n" * 101)
    with pytest.raises(BadInput, match="more than 100 rows"):
        TsvTable(path)


def test_limits_on_picture_cells_and_parquet_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unswayed.benchmarks.files.tsv.MAX_IMAGE_CELL", 200)
    (question,) = read_tsv(write(tmp_path / "made.tsv", [row(image=b64(png(1)))]))
    with pytest.raises(BadInput, match=r"line 2: a cell has .* at most 200 are read"):
        question.images[0].read()
    monkeypatch.setattr("unswayed.benchmarks.files.parquet.MAX_ROWS", 3)
    fields = {"question": "Q?", "answers": ["a", "b"], "correct_answer": "a", "image_bytes": [png(1)]}
    write_parquet(tmp_path / "SAT_test.parquet", [fields] * 4)
    with pytest.raises(BadInput, match="has 4 rows; at most 3 are read"):
        load("sat", data=tmp_path / "SAT_test.parquet")


def test_a_small_file_that_repeats_a_long_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unswayed.benchmarks.files.parquet.MAX_TEXTS", 50 << 20)
    fields = {"answers": ["a", "b"], "correct_answer": "a", "image_bytes": [png(1)]}
    rows = [{**fields, "question": "x" * (1 << 20)}] * 400
    path = write_parquet(tmp_path / "SAT_test.parquet", rows)
    assert path.stat().st_size < 4 << 20
    with pytest.raises(BadInput, match=r"SAT_test\.parquet has more than 52,428,800 bytes of text"):
        load("sat", data=path)


def test_a_json_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unswayed.benchmarks.files.json_rows.MAX_JSON", 1000)
    write_json(tmp_path / "loose" / "dev.json", [NLVR] * 20)
    packed = tmp_path / "packed"
    packed.mkdir()
    write_zip(packed / "x.zip", {"dev.json": b" " * 2000})
    for folder in (tmp_path / "loose", packed):
        with pytest.raises(BadInput, match=r"dev\.json has .* at most 1,000 are read"):
            load("nlvr", data=folder)


# Measured in a process of its own, because the peak of this one includes other tests.
CHILD = """
import sys
from pathlib import Path
from unswayed.benchmarks.files.tsv_images import decode_base64
from unswayed.benchmarks.files.tsv_scan import unquote
from unswayed.errors import BadImage

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

before = peak()
quotes = b'"' + b'""' * (SIZE // 16) + b"A" * SIZE + b'"'
for cell in (b"A" * SIZE, b"A\\n" * (SIZE // 2), quotes, b"*" * SIZE):
    try:
        decode_base64(unquote(cell), "x")
    except BadImage:
        pass
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to tell the peak of memory")
def test_a_huge_cell_costs_a_few_times_its_size_whatever_is_in_it() -> None:
    size = 32 << 20
    code = CHILD.replace("SIZE", str(size))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(out) * 1024 < 8 * size
