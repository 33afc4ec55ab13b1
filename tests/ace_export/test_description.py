import json
from pathlib import Path

import pytest

from ace_export.description import compare, describe
from ace_export.errors import VersionError


def test_what_is_in_a_version_is_said_in_words(changed: Path):
    lines = dict(line.split(maxsplit=1) for line in describe(changed).replace("· ", "").splitlines()[1:])

    manifest = json.loads((changed / "assets.extra" / "manifest.json").read_text())
    assert lines["source"] == f"detector.keras, SHA-256 {manifest['source']['sha256']}"
    assert lines["input"] == "96×96 RGB, scaled as unit; images of up to 1,000,000 pixels"
    assert lines["output"] == "sigmoid of (fake, real), temperature 2"
    assert lines["threshold"] == "fake from 0.4"
    assert lines["precision"] == "bfloat16"
    assert lines["graph"] == f"SHA-256 {manifest['files']['saved_model.pb']}"
    assert lines["pixels"] == "pixels uint8[n, 96, 96, 3] → label string[n], prob_fake float32[n]"
    assert lines["regress"] == "inputs string[n] → outputs float32[n]"


def test_two_versions_are_compared_image_by_image(version: Path, changed: Path):
    manifests = [json.loads((v / "assets.extra" / "manifest.json").read_text())["golden"] for v in (version, changed)]

    lines = compare(version, changed).splitlines()

    table = {line[: lines[0].index(str(version))].strip(): line for line in lines[1:-1]}
    assert table.keys() == manifests[0].keys()
    for name, line in table.items():
        first, second = (manifest[name] for manifest in manifests)
        if first["error"]:
            assert line.split()[-1] == "0"
            continue
        assert f"{first['prob_fake']:.6f} {first['label']}" in line
        assert f"{second['prob_fake']:.6f} {second['label']}" in line
        assert f"{abs(first['prob_fake'] - second['prob_fake']):.1e}"[:3] in line
        assert ("→" in line) == (first["label"] != second["label"])
    assert lines[-1].startswith("largest difference ")
    assert lines[-1].endswith(f" of {len(table)} labels differ")


def test_what_is_no_version_is_named(version: Path, tmp_path: Path):
    with pytest.raises(VersionError, match="is no version that ace-export wrote"):
        describe(tmp_path)
    with pytest.raises(VersionError, match="is no version that ace-export wrote"):
        compare(version, tmp_path)
