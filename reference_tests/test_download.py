"""Fetching published data sets, from a server of this test: whole, checked and unpacked, or not at all."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest

from numpycnn.data import download, load_dataset, published
from reference_tests.test_datasets import small_set


@pytest.fixture
def server(tmp_path):
    """(folder, address) of files that are served."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def served_mnist(server, tmp_path, monkeypatch):
    folder, address = server
    np.savez(folder / "mnist.npz", **small_set())
    digest = hashlib.sha256((folder / "mnist.npz").read_bytes()).hexdigest()
    downloads = {"mnist.npz": (f"{address}/mnist.npz", digest)}
    known = replace(published.PUBLISHED["mnist"], counts=(30, 11), sha256={"mnist.npz": digest}, downloads=downloads)
    monkeypatch.setitem(published.PUBLISHED, "mnist", known)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return folder / "mnist.npz"


def test_only_when_asked_for_and_only_once(served_mnist, tmp_path):
    with pytest.raises(FileNotFoundError, match="--download"):
        load_dataset("mnist")
    assert not (tmp_path / "keras").exists()
    assert len(load_dataset("mnist", validation=3, download=True).train) == 27
    served_mnist.unlink()
    assert len(load_dataset("mnist", validation=3, download=True).train) == 27
    assert [path.name for path in (tmp_path / "keras" / "datasets").iterdir()] == ["mnist.npz"]


def test_another_file_is_refused_and_leaves_nothing(served_mnist, tmp_path):
    served_mnist.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"^download: http.*mnist\.npz is not the published file: its sha256 must be "):
        load_dataset("mnist", download=True)
    assert not list((tmp_path / "keras" / "datasets").iterdir())


def test_no_network_is_said_with_the_address(served_mnist, tmp_path):
    served_mnist.unlink()
    with pytest.raises(
        ConnectionError, match=r"^download: http.*mnist\.npz cannot be fetched: Not Found|File not found"
    ):
        load_dataset("mnist", download=True)
    assert not list((tmp_path / "keras" / "datasets").iterdir())


def test_archives_are_unpacked_and_stay_in_their_folder(server, tmp_path, monkeypatch):
    from numpycnn.data.download import download

    folder, address = server
    for name, member in (("good", "cifar-10-batches-py/data_batch_1"), ("bad", "../../outside")):
        with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as tar:
            tar.addfile(info := tarfile.TarInfo(member), io.BytesIO(b""))
            assert info.size == 0
        target = {f"{name}.tar.gz": (f"{address}/{name}.tar.gz", None)}
        monkeypatch.setitem(published.PUBLISHED, name, replace(published.PUBLISHED["cifar10"], downloads=target))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    download("good")
    assert (tmp_path / "keras" / "datasets" / "cifar-10-batches-py" / "data_batch_1").is_file()
    with pytest.raises(ValueError, match=r"bad\.tar\.gz cannot be unpacked: .*outside"):
        download("bad")
    assert not (tmp_path / "outside").exists()


def test_of_several_files_only_those_that_are_missing_are_fetched(server, served_mnist, tmp_path, monkeypatch):
    folder, address = server
    (folder / "b.bin").write_bytes(b"new")
    downloads = {"a.bin": (f"{address}/nowhere", None), "b.bin": (f"{address}/b.bin", None)}
    known = replace(published.PUBLISHED["mnist"], downloads=downloads)
    monkeypatch.setitem(published.PUBLISHED, "mnist", known)
    kept = tmp_path / "keras" / "datasets"
    kept.mkdir(parents=True)
    (kept / "a.bin").write_bytes(b"old")
    download.download("mnist")
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {"a.bin": b"old", "b.bin": b"new"}


@pytest.mark.parametrize("error", [TimeoutError("timed out"), ConnectionResetError("reset by peer")])
def test_a_network_that_goes_away_is_one_error_and_leaves_nothing(served_mnist, tmp_path, monkeypatch, error):
    class Answer(io.BytesIO):
        def read(self, size=-1):
            raise error

    monkeypatch.setattr("urllib.request.urlopen", lambda *args, **options: Answer())
    with pytest.raises(ConnectionError, match=rf"^download: http.*mnist.npz cannot be fetched: {error}"):
        load_dataset("mnist", download=True)
    assert not list((tmp_path / "keras" / "datasets").iterdir())
