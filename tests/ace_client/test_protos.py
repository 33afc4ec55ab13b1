import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from ace_client.protos import serving_pb2, tensor_pb2

OURS = [
    *tensor_pb2.DESCRIPTOR.message_types_by_name.values(),
    *serving_pb2.DESCRIPTOR.message_types_by_name.values(),
]


def theirs() -> dict[str, Descriptor]:
    """TensorFlow's own messages by name."""
    pytest.importorskip("tensorflow_serving.apis")
    from tensorflow.core.framework import tensor_pb2 as tf_tensor_pb2
    from tensorflow.core.framework import tensor_shape_pb2
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_pb2,
        predict_pb2,
        status_pb2,
    )

    files = (
        tf_tensor_pb2,
        tensor_shape_pb2,
        model_pb2,
        predict_pb2,
        get_model_metadata_pb2,
        get_model_status_pb2,
        meta_graph_pb2,
        status_pb2,
    )
    return {name: message for file in files for name, message in file.DESCRIPTOR.message_types_by_name.items()}


@pytest.mark.parametrize("ours", OURS, ids=lambda message: message.name)
def test_messages_have_tensorflow_servings_fields(ours):
    assert_compatible(ours, theirs()[ours.name])


def test_types_have_tensorflows_numbers():
    tf_types_pb2 = pytest.importorskip("tensorflow.core.framework.types_pb2")

    assert tensor_pb2.DataType.items() <= tf_types_pb2.DataType.items()


def test_methods_have_tensorflow_servings_paths():
    pytest.importorskip("tensorflow_serving.apis")
    from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

    from ace_client.channel import GET_MODEL_METADATA, GET_MODEL_STATUS, PREDICT

    services = (
        *prediction_service_pb2.DESCRIPTOR.services_by_name.values(),
        *model_service_pb2.DESCRIPTOR.services_by_name.values(),
    )
    paths = {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}
    assert {PREDICT, GET_MODEL_METADATA, GET_MODEL_STATUS} <= paths


def assert_compatible(ours: Descriptor, theirs: Descriptor) -> None:
    their_fields = theirs.fields_by_name
    for field in ours.fields:
        assert wire_facts(field) == wire_facts(their_fields[field.name]), f"{ours.name}.{field.name}"
    for nested in ours.nested_types:
        assert_compatible(nested, theirs.nested_types_by_name[nested.name])
    for enum in ours.enum_types:
        assert numbers(enum) == numbers(theirs.enum_types_by_name[enum.name])


def wire_facts(field: FieldDescriptor) -> tuple[object, ...]:
    of_type = field.message_type or field.enum_type
    oneof = field.containing_oneof
    return field.number, field.type, field.label, field.is_packed, of_type and of_type.name, oneof and oneof.name


def numbers(enum: EnumDescriptor) -> dict[str, int]:
    return {value.name: value.number for value in enum.values}
