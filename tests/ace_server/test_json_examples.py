"""Classify and Regress bodies: tf.Examples in, results out."""

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import classification_pb2, input_pb2, regression_pb2

from ace_server.errors import InvalidArgument
from ace_server.json_bodies import parse
from ace_server.json_examples import classification_body, examples_input, regression_body


def test_each_json_type_has_its_feature_list():
    given = examples_input(
        parse(b'{"examples": [{"f": [1.5, NaN], "i": [1, true], "s": ["a", {"b64": "/w=="}], "n": []}]}')
    )

    features = given.example_list.examples[0].features.feature
    assert str(list(features["f"].float_list.value)) == "[1.5, nan]"
    assert list(features["i"].int64_list.value) == [1, 1]
    assert list(features["s"].bytes_list.value) == [b"a", b"\xff"]
    assert features["n"].WhichOneof("kind") is None


def test_the_context_goes_with_all_examples():
    given = examples_input(parse(b'{"context": {"c": 1}, "examples": [{"x": 2.0}, {}]}'))

    expected = """
        example_list_with_context {
          context { features { feature { key: "c" value { int64_list { value: 1 } } } } }
          examples { features { feature { key: "x" value { float_list { value: 2 } } } } }
          examples {}
        }"""
    assert given == text_format.Parse(expected, input_pb2.Input())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        ('{"examples": 1}', "JSON Value: {\n    \"examples\": 1\n} Expecting 'examples' value to be an list/array"),
        ('{"examples": []}', "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
        ('{"examples": [1]}', "Example must be JSON object but got JSON Number"),
        ('{"context": [], "examples": [{}]}', "Example must be JSON object but got JSON Array"),
        ('{"examples": [{"x": null}]}', "Feature: x has element with unexpected JSON type: Null"),
        ('{"examples": [{"x": [[1]]}]}', "Feature: x has element with unexpected JSON type: Array"),
        ('{"examples": [{"x": {"a": 1}}]}', "Feature: x has element with unexpected JSON type: Object"),
        ('{"examples": [{"x": [1, 2.5]}]}', "Unexpected element type in feature: x expecting type: int64"),
        ('{"examples": [{"x": ["a", 1]}]}', "Unexpected element type in feature: x expecting type: bytes"),
        ('{"examples": [{"x": 9223372036854775808}]}', "Feature: x has uint64 element. Only int64 is supported."),
        ('{"examples": [{"x": 1e39}]}', "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        ('{"examples": [{"\\ud800": 1}]}', "JSON Parse error: The surrogate pair in string is invalid."),
    ],
)
def test_words_what_is_wrong_as_tensorflow_serving_does(body, message):
    with pytest.raises(InvalidArgument) as caught:
        examples_input(parse(body.encode()))

    assert str(caught.value) == message


def test_writes_classes_as_pairs():
    result = classification_pb2.ClassificationResult()
    for label, score in (("low", 0.8), ("high", 0.2)):
        result.classifications.add().classes.add(label=label, score=score)
    result.classifications[0].classes.add(label="é", score=1)

    assert classification_body(result) == '{"results": [[["low", 0.8], ["é", 1.0]], [["high", 0.2]]]}'


def test_writes_regressions_as_numbers():
    result = regression_pb2.RegressionResult()
    for value in (0.2, float("inf")):
        result.regressions.add(value=value)

    assert regression_body(result) == '{"results": [0.2, Infinity]}'
