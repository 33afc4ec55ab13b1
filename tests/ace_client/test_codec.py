import pytest

from ace_client.codec import model_spec, predict_request


def test_a_version_a_label_or_neither_is_asked_for():
    assert str(model_spec("m", version=0)) == 'name: "m"\nversion {\n}\n'
    assert str(model_spec("m", label="stable")) == 'name: "m"\nversion_label: "stable"\n'
    assert str(model_spec("m")) == 'name: "m"\n'


def test_version_and_label_together_are_refused():
    with pytest.raises(ValueError, match="version 3 and label 'stable' were both given"):
        model_spec("m", version=3, label="stable")


def test_a_request_is_this_text():
    assert str(predict_request(model_spec("detector"), [b"jpeg", b"png"])) == (
        'model_spec {\n  name: "detector"\n  signature_name: "serving_default"\n}\n'
        'inputs {\n  key: "image_bytes"\n  value {\n    dtype: DT_STRING\n    tensor_shape {\n'
        "      dim {\n        size: 2\n      }\n    }\n"
        '    string_val: "jpeg"\n    string_val: "png"\n  }\n}\n'
    )
