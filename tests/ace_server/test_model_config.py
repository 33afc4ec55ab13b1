"""Where a ModelServerConfig file is wrong."""

import pytest

from ace_server.errors import StartError
from ace_server.model_config import read_model_config


@pytest.mark.parametrize(
    ("text", "place", "complaint"),
    [
        (
            'model_config_list {\n  config { name: "a" base_path: "/a" model_platform: "tensorflow" }\n'
            '  config { name: "b" base_path: "b/" model_platform: "tensorflow" }\n}',
            ":3",
            "Expected model b to have an absolute path or URI; got base_path()=b/",
        ),
        (
            'model_config_list {\n  config { name: "a" base_path: "/a" model_platform: "tensorflow" }\n'
            "  # the same again\n  config { name: 'a' base_path: '/b' model_platform: 'tensorflow' }\n}",
            ":4",
            "Illegal to list model a multiple times in config list",
        ),
        (
            'model_config_list {\n  config { name: "a" base_path: "/a" }\n}',
            ":2",
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform, model name is a",
        ),
        (
            'model_config_list {\n  config { nam: "a" }\n}',
            ":2:12",
            'no usable ModelServerConfig: Message type "tensorflow.serving.ModelConfig" has no field named "nam".',
        ),
        (
            "custom_model_config { [type.googleapis.com/tensorflow.serving.ModelServerConfig] { " * 1000,
            "",
            "no usable ModelServerConfig: its messages are nested too deeply.",
        ),
        (
            "model_config_list { config { model_type: 2147483648 } }",
            "",
            "no usable ModelServerConfig: Value out of range: 2147483648",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(text, place, complaint, tmp_path):
    file = tmp_path / "models.config"
    file.write_text(text)

    with pytest.raises(StartError) as caught:
        read_model_config(file)

    assert str(caught.value) == f"{file}{place}: {complaint}"
