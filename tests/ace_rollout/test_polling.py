"""A server that takes no reloads where it is called, and reads models.config by itself."""

import pytest

from ace_client import Detector


@pytest.fixture
def polling(new_site, kinds, serve):
    """A site whose server looks at its models.config every second; reloads are for another port."""
    site = new_site([], kinds)
    flags = ("--model_config_file_poll_wait_seconds=1", "--load_retry_interval_micros=200000", "--admin_port=-1")
    server = serve(None, f"--model_config_file={site.config}", *flags)
    site.servers.append(server.address)
    return site


def test_versions_come_and_go_by_the_file_alone(polling, capsys):
    polling.write_settings()
    assert polling.run("promote", "1") == 1
    assert "does not take the configuration" in capsys.readouterr().err
    polling.write_settings("polls = true")
    polling.put(2)
    polling.put(3, "broken")

    assert polling.run("promote", "1") == 0
    assert polling.run("promote", "2") == 0
    assert polling.run("promote", "3") == 1
    assert "cannot load version 3" in capsys.readouterr().err

    with Detector(polling.servers[0], model=polling.model) as detector:
        assert detector.detect(b"x", label="stable")[0].version == 2
        assert polling.run("rollback") == 0
        assert detector.detect(b"x", label="stable")[0].version == 1
