"""One contract for every place of models: a folder, a bucket, a bucket read through a cache.

The bucket is a real HTTP server on the loopback that speaks S3.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from domain.deployments import Stage
from domain.errors import BadUse, Corrupt, Retry
from models.registry.acts import register, retire
from models.registry.artefact import artefacts, load, proof, save
from models.registry.bucket import BucketStore
from models.registry.cache import CachedStore, open_store
from models.registry.ledger import history
from models.registry.report import read_report
from models.registry.rollback import roll_back
from models.registry.stages import deployments
from models.registry.store import FolderStore, ModelStore
from tests.models.registry.life import raised
from tests.models.registry.made import (
    HORIZON_NS,
    SCHEMA,
    logistic,
    made,
    manifest_of,
    passed_report,
)

BUCKET = "models-of-tests"


def _line(number: int) -> Callable[[Sequence[bytes]], bytes]:
    """Return a composer of a line that says a number, whatever stands before."""
    return lambda _: str(number).encode()


def _silent(line: str) -> None:
    del line


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Start an S3 server, make one bucket, and name it in the environment as a person would."""
    pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import fsspec

        # Buckets of moto live as long as the process: another module may have made this one.
        fsspec.filesystem("s3", skip_instance_cache=True).makedirs(BUCKET, exist_ok=True)
        yield address
    server.stop()


@pytest.fixture(params=["folder", "bucket", "cached"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ModelStore:
    """Open an empty store of each kind."""
    if request.param == "folder":
        return open_store(tmp_path / "models")
    request.getfixturevalue("endpoint")
    url = f"s3://{BUCKET}/{tmp_path.name}"
    return open_store(url, tmp_path / "cache" if request.param == "cached" else None)


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path) -> BucketStore:
    """Open an empty prefix of the bucket."""
    del endpoint
    return BucketStore(f"s3://{BUCKET}/{tmp_path.name}")


def test_an_empty_store_is_empty(store: ModelStore) -> None:
    """Nothing is there, and nothing is an error."""
    assert store.read("some/file.json") is None
    assert store.names("some") == []
    assert store.folders() == []
    assert store.lines(_silent) == []
    assert artefacts(store) == []
    assert history(store) == []


def test_a_file_is_written_once(store: ModelStore) -> None:
    """The second writer is told, and changes nothing."""
    assert store.write_file("reports/a.json", b"first")
    assert not store.write_file("reports/a.json", b"second")
    assert store.read("reports/a.json") == b"first"
    assert store.names("reports") == ["a.json"]


def test_a_folder_is_written_once(store: ModelStore) -> None:
    """With all its files, also those that are long."""
    long = bytes(range(256)) * 8_000
    assert store.write_folder("made", {"model.onnx": long, "manifest.json": b"{}"})
    assert not store.write_folder("made", {"model.onnx": b"", "manifest.json": b""})
    assert store.names("made") == ["manifest.json", "model.onnx"]
    assert store.read("made/model.onnx") == long
    assert store.folders() == ["made"]


@pytest.mark.parametrize("name", ["../x", "/x", ".x", "a/../../x", ""])
def test_no_name_leaves_the_store(store: ModelStore, name: str) -> None:
    """Neither to read nor to write."""
    acts: list[Callable[[], object]] = [
        lambda: store.read(name),
        lambda: store.names(name),
        lambda: store.write_file(name, b""),
        lambda: store.write_folder(name, {"a": b""}),
    ]
    for act in acts:
        with pytest.raises(BadUse, match="no name in a model store"):
            act()


def test_lines_are_kept_in_order(store: ModelStore) -> None:
    """Each is composed from all before."""

    def compose(lines: Sequence[bytes]) -> bytes:
        return f'{{"n":{len(lines)}}}'.encode()

    written = [store.append(compose, _silent) for _ in range(4)]
    assert written == store.lines(_silent) == [f'{{"n":{n}}}'.encode() for n in range(4)]


def test_a_line_that_cannot_be_composed_is_not_written(store: ModelStore) -> None:
    """The error of whoever composes comes through, and the ledger stays as it was."""
    store.append(lambda _: b"1", _silent)

    def compose(_: Sequence[bytes]) -> bytes:
        msg = "no"
        raise BadUse(msg)

    with pytest.raises(BadUse, match="no"):
        store.append(compose, _silent)
    assert store.append(lambda lines: b"2" * len(lines), _silent) == b"2"
    assert store.lines(_silent) == [b"1", b"2"]


def test_two_writers_cannot_both_win(tmp_path: Path) -> None:
    """In a folder the second waits, and composes behind the first."""
    folder = FolderStore(tmp_path)
    seen: list[int] = []

    def compose(lines: Sequence[bytes]) -> bytes:
        seen.append(len(lines))
        return str(len(lines)).encode()

    writers = [threading.Thread(target=lambda: folder.append(compose, _silent)) for _ in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert seen == list(range(12))
    assert folder.lines(_silent) == [str(n).encode() for n in range(12)]


def test_the_slower_writer_of_a_bucket_composes_anew(bucket: BucketStore) -> None:
    """Another writes the same line between its reading and its writing."""
    other = BucketStore(bucket.url)
    seen: list[int] = []

    def compose(lines: Sequence[bytes]) -> bytes:
        if not seen:
            other.append(lambda _: b"quicker", _silent)
        seen.append(len(lines))
        return f"slower, behind {len(lines)}".encode()

    assert bucket.append(compose, _silent) == b"slower, behind 1"
    assert seen == [0, 1]
    assert bucket.lines(_silent) == [b"quicker", b"slower, behind 1"]


def test_a_writer_that_always_loses_gives_up(bucket: BucketStore) -> None:
    """It says so, and may be asked again."""
    other = BucketStore(bucket.url)

    def compose(lines: Sequence[bytes]) -> bytes:
        other.append(lambda _: b"quicker", _silent)
        return f"slower {len(lines)}".encode()

    with pytest.raises(Retry, match="try again"):
        bucket.append(compose, _silent)
    assert set(bucket.lines(_silent)) == {b"quicker"}


def test_a_bucket_that_ignores_the_condition_is_refused(
    bucket: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There two writers could overwrite each other's line."""
    files = bucket._files
    whole = files.pipe_file
    monkeypatch.setattr(files, "pipe_file", lambda key, raw, **_: whole(key, raw))
    with pytest.raises(BadUse, match="ignores If-None-Match"):
        bucket.append(lambda _: b"1", _silent)
    assert bucket.lines(_silent) == []


def test_a_line_that_was_taken_away_is_missed(bucket: BucketStore) -> None:
    """The numbers have no gaps, and nothing else lies among them."""
    for n in range(3):
        bucket.append(_line(n), _silent)
    bucket._files.rm_file(f"{BUCKET}/{bucket.url.rpartition('/')[2]}/ledger/00000002.json")
    with pytest.raises(Corrupt, match="line 2 is not where it belongs"):
        bucket.lines(_silent)
    with pytest.raises(Corrupt, match="line 2 is not where it belongs"):
        BucketStore(bucket.url).append(lambda _: b"3", _silent)
    bucket._files.rm_file(f"{BUCKET}/{bucket.url.rpartition('/')[2]}/ledger/00000003.json")
    assert BucketStore(bucket.url).lines(_silent) == [b"0"]


def test_a_shorter_ledger_than_before_is_noticed(bucket: BucketStore) -> None:
    """Whoever has seen the last line misses it; a chain alone could not."""
    for n in range(2):
        bucket.append(_line(n), _silent)
    assert len(bucket.lines(_silent)) == 2
    bucket._files.rm_file(f"{BUCKET}/{bucket.url.rpartition('/')[2]}/ledger/00000002.json")
    with pytest.raises(Corrupt, match="1 lines at the end are gone"):
        bucket.lines(_silent)


def test_an_artefact_without_manifest_does_not_exist_yet(bucket: BucketStore) -> None:
    """A writer died between the two objects; saving again completes it."""
    model = logistic(np.array([1.0, 2.0, 3.0]))
    manifest = manifest_of(model)
    artefact = save(bucket, manifest, model)
    root = f"{BUCKET}/{bucket.url.rpartition('/')[2]}/{artefact.artefact_id}"
    bucket._files.rm_file(f"{root}/manifest.json")
    with pytest.raises(Corrupt, match=r"manifest\.json is missing"):
        load(bucket, artefact.artefact_id)
    save(bucket, manifest, model)
    assert load(bucket, artefact.artefact_id)[0].manifest == manifest


def test_a_whole_life_is_the_same_everywhere(store: ModelStore, tmp_path: Path) -> None:
    """Two champions, a rollback, a retirement: a bucket tells what a folder tells."""

    def live(where: ModelStore) -> list[tuple[str, str]]:
        one = raised(where, 0, Stage.CHAMPION)
        two = raised(where, 1, Stage.CHAMPION, share=0.5)
        roll_back(where, "xgboost", 90, "Ada", "worse")
        three = made(where, 2).artefact_id
        register(where, three, 91, "Ada", "trained")
        retire(where, three, 92, "Ada", "no use")
        held = deployments(history(where), SCHEMA, HORIZON_NS, 2**62)
        assert [switch.artefact_id for switch in held] == [one]
        assert proof(where, one) != proof(where, two)
        assert artefacts(where) == sorted([one, two, three])
        return [(line.act, line.artefact_id) for line in history(where)]

    assert live(store) == live(FolderStore(tmp_path / "other"))


def test_reports_are_kept(store: ModelStore) -> None:
    """Under the digest of their content."""
    artefact_id = made(store).artefact_id
    digest = passed_report(store, artefact_id)
    assert passed_report(store, artefact_id) == digest
    assert read_report(store, digest).artefact_id == artefact_id


def test_damage_is_found_in_every_store(store: ModelStore) -> None:
    """Bytes that were put under a wrong name do not pass for an artefact."""
    artefact = made(store)
    wrong = "0" * 32
    store.write_folder(wrong, {"model.onnx": logistic(np.ones(3)), "manifest.json": b"{}"})
    with pytest.raises(Corrupt, match="does not hash to the id"):
        load(store, wrong)
    store.write_folder("1" * 32, {"model.pkl": b"\x80\x04.", "manifest.json": b"{}"})
    with pytest.raises(Corrupt, match="is a pickle"):
        load(store, "1" * 32)
    assert load(store, artefact.artefact_id)[0] == artefact


def test_the_cache_serves_heals_and_is_never_trusted(bucket: BucketStore, tmp_path: Path) -> None:
    """The bucket is asked once; a spoilt copy is fetched anew; a copy alone is not enough."""
    artefact = made(bucket)
    cached = CachedStore(bucket, tmp_path / "cache")
    assert load(cached, artefact.artefact_id)[0].manifest == artefact.manifest
    copy = tmp_path / "cache" / artefact.artefact_id / "model.onnx"
    good = copy.read_bytes()
    copy.write_bytes(good[:-1] + b"x")
    assert load(cached, artefact.artefact_id)[0].manifest == artefact.manifest
    assert copy.read_bytes() == good
    (copy.parent / "extra.pkl").write_bytes(b"\x80\x04.")
    assert load(cached, artefact.artefact_id)[0].manifest == artefact.manifest
    assert sorted(path.name for path in copy.parent.iterdir()) == ["manifest.json", "model.onnx"]
    # From now on the bucket is gone: the copy serves.
    bucket._files.rm(bucket.url.removeprefix("s3://") + "/" + artefact.artefact_id, recursive=True)
    assert load(cached, artefact.artefact_id)[0].manifest == artefact.manifest
    with pytest.raises(BadUse, match="no artefact"):
        load(bucket, artefact.artefact_id)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("gs://models", "gs:// is no place for models"),
        ("http://127.0.0.1/models", "http:// is no place"),
        ("s3://", "no address of a bucket"),
        ("s3://UPPER/x", "no address of a bucket"),
        ("s3://bucket/../x", "no address of a bucket"),
        ("s3://key:hush@bucket/x", "no address of a bucket"),
    ],
)
def test_an_address_of_another_kind_is_refused(address: str, words: str) -> None:
    """The line says what to give, and holds no secret."""
    with pytest.raises(BadUse, match=words) as caught:
        open_store(address)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_named(endpoint: str) -> None:
    """The line says to make it."""
    del endpoint
    store = open_store("s3://no-such-bucket/models")
    with pytest.raises(BadUse, match=r"s3://no-such-bucket/models.*make the bucket first"):
        made(store)


def test_a_server_that_does_not_answer_may_be_asked_again(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named by its address, in one line."""
    del endpoint
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = open_store("s3://somewhere/models")
    with pytest.raises(Retry, match="s3://somewhere/models does not answer") as caught:
        store.folders()
    assert "\n" not in str(caught.value)


def test_a_folder_needs_no_client_of_buckets() -> None:
    """Opening and reading a folder imports none of it."""
    import subprocess
    import sys

    code = (
        "import sys; from models.registry.cache import open_store; "
        "from models.registry.ledger import history; "
        "history(open_store('nowhere')); "
        "print([m for m in ('fsspec', 's3fs', 'botocore') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
