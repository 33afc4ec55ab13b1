"""Which TensorFlow Serving loads what is exported: the lowest version is 2.20, the first to decode WebP.

Operations and graph versions were read from the wheels of 2.18.0, 2.19.1 and 2.20.0; the first two lack DecodeWebP.
"""

from pathlib import Path

from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

GRAPH_VERSION_OF_2_20 = 2288  # TF_GRAPH_DEF_VERSION; a runtime refuses graphs whose min_consumer is above its own
OPERATIONS = """
Add AddV2 BatchDatasetV2 BiasAdd Cast ConcatV2 ConcatenateDataset Const Conv2D DatasetToSingleElement DecodeImage
DecodeJpeg DecodeWebP DepthwiseConv2dNative EnsureShape Equal ExpandDims Fill Floor GatherV2 GreaterEqual Identity
IgnoreErrorsDataset MatMul MaxPool Maximum Mean MergeV2Checkpoints Minimum Mul NoOp Pack ParallelMapDatasetV2
ParseExampleV2 PartitionedCall Placeholder Range RealDiv Relu RepeatDataset Reshape RestoreV2 Round SaveV2 Select
SelectV2 Shape ShardedFilename Sigmoid StatefulPartitionedCall StatelessIf StaticRegexFullMatch StridedSlice
StringJoin Sub Substr TakeDataset TensorDataset TensorScatterUpdate TensorSliceDataset Tile
"""


def graph_of(version: Path) -> graph_pb2.GraphDef:
    [graph] = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs
    assert graph.meta_info_def.stripped_default_attrs  # attributes that are newer than the runtime are left out
    return graph.graph_def


def test_every_operation_is_one_of_tensorflow_2_20(version: Path):
    graph = graph_of(version)
    functions = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]

    assert {node.op for node in nodes} - functions <= set(OPERATIONS.split())


def test_the_graph_asks_for_no_newer_runtime(version: Path):
    versions = graph_of(version).versions

    assert versions.min_consumer <= GRAPH_VERSION_OF_2_20
    assert not versions.bad_consumers
