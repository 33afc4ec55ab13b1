"""How calls are split, without a server."""

import json

import pytest

from ace_rollout.rollout import opened
from ace_rollout.settings import read_settings


@pytest.mark.parametrize(
    ("weights", "split"),
    [
        ({}, {"stable": 90, "canary": 10}),
        ({"stable": 100}, {"stable": 90, "canary": 10}),
        ({"stable": 0.9, "nightly": 0.1}, {"stable": 0.81, "canary": 0.09, "nightly": 0.1}),
        ({"stable": 0.6, "canary": 0.2, "nightly": 0.2}, {"stable": 0.72, "canary": 0.08, "nightly": 0.2}),
        ({"nightly": 5}, {"stable": 90, "canary": 10, "nightly": 5}),
    ],
)
def test_the_canary_gets_its_share_of_what_both_have_and_the_others_keep_theirs(new_site, weights, split):
    site = new_site(["127.0.0.1:1"])
    if weights:
        (site.root / "routing.json").write_text(json.dumps({"weights": weights}))

    with opened(read_settings(site.root / "rollout.toml"), None) as rollout:
        assert rollout.split(10) == pytest.approx(split)
