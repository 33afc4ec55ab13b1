import shutil

import pytest

from ace_rollout.__main__ import main


@pytest.fixture(scope="module")
def address(serve, kinds, tmp_path_factory):
    base_path = tmp_path_factory.mktemp("models") / "detector"
    shutil.copytree(kinds["good"], base_path / "1")
    return serve(base_path, "--model_name=detector").address


def test_status_is_a_table_of_versions(address, capsys):
    assert main(["status", address]) == 0
    assert capsys.readouterr().out == "version  state      error\n1        AVAILABLE\n"


def test_wait_returns_once_the_version_answers(address, capsys):
    assert main(["wait", address, "1"]) == 0
    assert capsys.readouterr().out == f"version 1 of detector answers at {address}\n"


def test_wait_gives_up_on_a_version_that_does_not_come(address, capsys):
    assert main(["wait", address, "2", "--timeout-s", "0.3"]) == 1
    assert "no version 2 is there" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_an_error_in_words(capsys):
    assert main(["status", "127.0.0.1:1"]) == 1
    assert "127.0.0.1:1" in capsys.readouterr().err
