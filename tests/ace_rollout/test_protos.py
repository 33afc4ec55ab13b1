"""Our messages are on the wire what TensorFlow Serving's are."""

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from ace_rollout.protos import model_config_pb2
from ace_rollout.servers import RELOAD

OURS = [*model_config_pb2.DESCRIPTOR.message_types_by_name.values()]


def theirs() -> dict[str, Descriptor]:
    pytest.importorskip("tensorflow_serving.apis")
    from tensorflow_serving.apis import model_management_pb2
    from tensorflow_serving.config import (
        file_system_storage_path_source_pb2,
        log_collector_config_pb2,
        logging_config_pb2,
        model_server_config_pb2,
    )

    files = (
        model_management_pb2,
        model_server_config_pb2,
        file_system_storage_path_source_pb2,
        logging_config_pb2,
        log_collector_config_pb2,
    )
    return {name: message for file in files for name, message in file.DESCRIPTOR.message_types_by_name.items()}


@pytest.mark.parametrize("ours", OURS, ids=lambda message: message.name)
def test_messages_have_tensorflow_servings_fields(ours):
    assert_compatible(as_proto(ours), as_proto(theirs()[ours.name]))


def test_no_field_of_a_models_config_is_lost():
    """What is read is written again: a field that we lack would be an error to whoever wrote it."""
    whole = (
        "ModelServerConfig",
        "ModelConfigList",
        "ModelConfig",
        "LoggingConfig",
        "LogCollectorConfig",
        "SamplingConfig",
    )
    their = theirs()
    ours = model_config_pb2.DESCRIPTOR.message_types_by_name

    assert {name: {*ours[name].fields_by_name} for name in whole} == {
        name: {*their[name].fields_by_name} for name in whole
    }


def test_the_method_has_tensorflow_servings_path():
    pytest.importorskip("tensorflow_serving.apis")
    from tensorflow_serving.apis import model_service_pb2

    service = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
    assert RELOAD in {f"/{service.full_name}/{method.name}" for method in service.methods}


def assert_compatible(ours: DescriptorProto, theirs: DescriptorProto) -> None:
    their_fields = {field.name: field for field in theirs.field}
    for field in ours.field:
        assert wire_facts(field, ours) == wire_facts(their_fields[field.name], theirs), f"{ours.name}.{field.name}"
    their_nested = {nested.name: nested for nested in theirs.nested_type}
    for nested in ours.nested_type:
        assert_compatible(nested, their_nested[nested.name])


def wire_facts(field: FieldDescriptorProto, message: DescriptorProto) -> tuple[object, ...]:
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
    return field.number, field.type, field.label, field.type_name.rpartition(".")[2], oneof


def as_proto(message: Descriptor) -> DescriptorProto:
    proto = DescriptorProto()
    message.CopyToProto(proto)
    return proto
