"""TensorFlow Serving's own way with reloads, as recorded: its commands must not need a better server.

A label is refused while its version is only being loaded; a refused reload has taken every label; a version that the
configuration no longer names goes before labels move.
"""

import pytest


@pytest.fixture
def promoted(new_site, tf_serving):
    """A site with version 1 stable and versions 2 and 3 in its folder."""
    site = new_site([tf_serving.address])
    assert site.run("promote", "1") == 0
    site.put(2)
    site.put(3)
    tf_serving.reloads.clear()
    return site


def test_versions_come_before_labels_and_go_after_them(promoted, tf_serving):
    promoted.run("promote", "2")
    promoted.run("promote", "3")

    one, two, three = ({"stable": version, "canary": version} for version in (1, 2, 3))
    assert tf_serving.reloads == [
        ((1, 2), one),
        ((1, 2), two),
        ((1, 2, 3), two),
        ((1, 2, 3), three),
        ((2, 3), three),
    ]
    assert tf_serving.lost == []


def test_the_labels_that_a_refused_reload_took_are_set_again(promoted, tf_serving, capsys):
    tf_serving.broken.add(2)

    assert promoted.run("promote", "2") == 1

    assert "did not become available" in capsys.readouterr().err
    assert tf_serving.labels == {"stable": 1, "canary": 1}
    assert tf_serving.available() == {1}


def test_a_server_that_came_up_without_labels_is_named_by_status_and_set_right_by_promote(promoted, tf_serving, capsys):
    tf_serving.labels = {}

    promoted.run("status")
    assert "has the label stable on None" in capsys.readouterr().out
    assert promoted.run("promote", "1") == 0

    assert tf_serving.labels == {"stable": 1, "canary": 1}
