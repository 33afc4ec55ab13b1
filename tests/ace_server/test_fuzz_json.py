"""Whatever a REST body holds, it is tensors or examples, or an error of ours, for memory that was sent."""

import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from ace_server.errors import CallError
from ace_server.json_bodies import parse, predict_body, predict_inputs
from ace_server.json_examples import examples_input
from ace_server.tensors import DTYPES, to_array, to_packed_proto

KEYS = st.sampled_from(["instances", "inputs", "examples", "context", "signature_name", "x", "y_bytes", "b64"])
INFOS = st.dictionaries(
    st.sampled_from(["x", "y_bytes", "z"]), st.sampled_from(types_pb2.DataType.values()), min_size=1
).map(lambda dtypes: {name: meta_graph_pb2.TensorInfo(dtype=dtype) for name, dtype in dtypes.items()})
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**308, 10**309, 10**4000])
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from(["\ud800", "\x00", "////", "A==="]).flatmap(lambda text: st.sampled_from([text, {"b64": text}]))
)
VALUES = st.recursive(
    LEAVES,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), values, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=3)


@st.composite
def damaged(draw):
    """The bytes of a document, some of them others."""
    body = bytearray(json.dumps(draw(DOCUMENTS), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 3))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body)


@st.composite
def towers(draw):
    """A document of one value that is deep, wide or long."""
    key, count = draw(st.sampled_from(["instances", "inputs", "examples"])), draw(st.integers(1, 20_000))
    inner = draw(
        st.sampled_from(
            [
                "[" * count + "]" * count,
                '{"x":' * count + "1" + "}" * count,
                f"[{'1,' * count}1]",
                f"[{'[],' * count}1]",
                f"[{'{},' * count}1]",
                "[" + "1" * count + "]",
                "[1e" + "1" * count + "]",
                f'["{"x" * count}"]',
                f'[{{"b64": "{"A" * count}"}}]',
            ]
        )
    )
    return f'{{"{key}": {inner}}}'.encode()


def complaint(read):
    """What it says against what it is to read; nothing where it reads it."""
    try:
        read()
    except CallError as error:
        return str(error)
    return ""


@given(damaged() | towers() | st.binary(max_size=100), INFOS, st.sets(st.sampled_from(["x", "z"])))
def test_any_body_is_read_or_refused_within_memory_that_was_sent(memory_peak, body, infos, optional):
    optional -= {next(iter(infos))}  # a signature without any input that it needs has no place in a plain list

    with memory_peak() as peak:
        complaints = [
            complaint(lambda: predict_inputs(parse(body), infos, optional=optional)),
            complaint(lambda: examples_input(parse(body))),
        ]

    assert max(map(len, complaints)) < 6000
    assert peak.bytes < 2**23 + 300 * len(body)  # 2.4 MB were seen once, and not again, of the interpreter's own


TYPES = [
    np.dtype(kind)
    for kind in (
        *(np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.bool_, np.object_),
        *(np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
    )
]


@st.composite
def arrays(draw):
    """An array of any dtype that JSON carries, without empty dimensions, which lists do not keep."""
    dtype = draw(st.sampled_from(TYPES))
    shape = [2, *draw(st.lists(st.integers(1, 3), max_size=2))]
    size = int(np.prod(shape))
    if dtype == np.object_:
        flat = np.empty(size, dtype)
        flat[:] = draw(
            st.lists(st.binary(max_size=5) | st.text(max_size=5).map(str.encode), min_size=size, max_size=size)
        )
        return flat.reshape(shape)
    bits = draw(st.binary(min_size=size * dtype.itemsize, max_size=size * dtype.itemsize))
    return (
        (np.frombuffer(bits, np.uint8) % 2 if dtype == np.bool_ else np.frombuffer(bits, dtype))
        .astype(dtype)
        .reshape(shape)
    )


@pytest.mark.parametrize(
    ("as_rows", "answer", "question"), [(True, "predictions", "instances"), (False, "outputs", "inputs")]
)
@given(st.dictionaries(st.sampled_from(["x", "y_bytes"]), arrays(), min_size=1))
def test_any_answer_can_be_sent_back_as_a_request_of_the_same_tensors(as_rows, answer, question, given_arrays):
    infos = {name: meta_graph_pb2.TensorInfo(dtype=DTYPES[array.dtype]) for name, array in given_arrays.items()}

    body = predict_body({name: to_packed_proto(array) for name, array in given_arrays.items()}, as_rows=as_rows)
    asked = predict_inputs({question: parse(body.encode())[answer]}, infos)

    assert asked.as_rows == as_rows
    assert asked.tensors.keys() == given_arrays.keys()
    for name, array in given_arrays.items():
        back = to_array(asked.tensors[name])
        assert back.dtype == array.dtype
        if array.dtype == ml_dtypes.bfloat16:  # of which numpy holds NaN to be unequal to itself
            back, array = back.astype(np.float32), array.astype(np.float32)
        np.testing.assert_array_equal(back, array)
