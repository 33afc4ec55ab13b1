import threading
import time
from collections import Counter

import pytest

from ace_client import Detector, Options, SetupError
from ace_client.routing import choose, read_routes

KEYS = [f"user-{number}" for number in range(4000)]


def labels(weights: dict[str, float]) -> dict[str, str]:
    return {key: choose(weights, key) for key in KEYS}


def test_keys_are_split_by_weight():
    counts = Counter(labels({"stable": 90, "canary": 10}).values())

    assert 0.08 < counts["canary"] / len(KEYS) < 0.12  # 4 standard deviations


def test_calls_without_a_key_are_split_by_weight():
    counts = Counter(choose({"stable": 90, "canary": 10}, None) for _ in KEYS)

    assert 0.07 < counts["canary"] / len(KEYS) < 0.13


def test_a_key_has_the_same_label_in_every_process():
    assert [choose({"stable": 1, "canary": 1}, key) for key in KEYS[:6]] == [
        choose({"canary": 1, "stable": 1}, key) for key in KEYS[:6]
    ]
    assert "".join(choose({"a": 1, "b": 1}, key) for key in KEYS[:16]) == "bbbbbabbbbbaaaba"


def test_a_canary_that_grows_keeps_the_keys_that_it_had():
    few, more = labels({"stable": 95, "canary": 5}), labels({"stable": 80, "canary": 20})

    moved = {(few[key], more[key]) for key in KEYS if few[key] != more[key]}
    assert moved == {("stable", "canary")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "Expecting property name"),
        (b"\xff", "codec can't decode"),
        (b"[]", "a routing file is"),
        (b'{"weights": {"stable": 1}, "wieghts": 1}', "a routing file is"),
        (b'{"weights": [1]}', "a routing file is"),
        (b'{"weights": {}}', "no label has a weight"),
        (b'{"weights": {"stable": 0}}', "no label has a weight"),
        (b'{"weights": {"stable": -1}}', "'stable' is -1"),
        (b'{"weights": {"stable": "1"}}', "'stable' is '1'"),
        (b'{"weights": {"stable": true}}', "'stable' is True"),
        (b'{"weights": {"stable": NaN}}', "'stable' is nan"),
        (b'{"weights": {"": 1}}', "the label a name"),
        (b'{"weights": {"stable": 1}, "shadow": {"label": "canary"}}', '"shadow" is'),
        (b'{"weights": {"stable": 1}, "shadow": {"label": "canary", "share": 10, "answers": "a"}}', "from 0 to 1"),
        (b'{"weights": {"stable": 1}, "shadow": {"label": "canary", "share": 0.1, "answers": 1}}', '"shadow" is'),
    ],
)
def test_what_is_no_routing_file_says_why(content, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_routes(content)
    (tmp_path / "routing.json").write_bytes(content)
    with pytest.raises(SetupError, match=message):
        Detector("127.0.0.1:1", options=Options(routing_file=tmp_path / "routing.json"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "routing.json"
    path.write_text('{"weights": {"stable": 1}}')
    return path


def replace(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def asked(server) -> str:
    return server.requests[-1].model_spec.version_label


def test_a_change_is_in_force_within_a_second(connect, server, file):
    with connect(server.address, options=Options(routing_file=file)) as detector:
        detector.detect(b"image")
        assert asked(server) == "stable"

        replace(file, '{"weights": {"canary": 1}}')
        changed_s = time.monotonic()
        while asked(server) != "canary":
            assert time.monotonic() < changed_s + 20
            detector.detect(b"image")


def test_a_malformed_file_keeps_the_last_good_one_and_warns_once(connect, server, file, caplog):
    with connect(server.address, options=Options(routing_file=file)) as detector:
        for broken in ("{", '{"weights": {}}'):
            caplog.clear()
            replace(file, broken)
            while "holds on" not in caplog.text:
                detector.detect(b"image")
                threading.Event().wait(0.02)
            assert asked(server) == "stable"
        [warning] = caplog.records
        assert warning.levelname == "WARNING"
        assert str(file) in warning.message

        caplog.clear()
        file.unlink()
        while "cannot read" not in caplog.text:
            detector.detect(b"image")
            threading.Event().wait(0.02)
        assert asked(server) == "stable"


def test_a_pinned_version_or_label_is_not_routed(connect, server, file):
    with connect(server.address, options=Options(routing_file=file)) as detector:
        detector.detect(b"image", version=3)
        assert asked(server) == ""
        detector.detect(b"image", label="canary")
        assert asked(server) == "canary"


def test_all_images_of_a_key_go_to_one_label(connect, server, file):
    replace(file, '{"weights": {"stable": 1, "canary": 1}}')

    with connect(server.address, options=Options(routing_file=file, max_batch=1)) as detector:
        for key in KEYS[:8]:
            detector.detect([b"1", b"2", b"3"], key=key)
            labels_asked = {request.model_spec.version_label for request in server.requests}
            assert labels_asked == {choose({"stable": 1, "canary": 1}, key)}
            server.requests.clear()
