"""Which TensorFlow Serving serves what is exported: 2.20 and newer all of it, 2.18 and 2.19 all but WebP.

The wheels of 2.18.0, 2.19.1 and 2.20.0 register every operation below. WebP is decoded inside of DecodeImage, and only
2.20's library has a decoder for it: the others answer such an image with an error.
"""

from pathlib import Path

from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

GRAPH_VERSION_OF_2_18 = 1994  # TF_GRAPH_DEF_VERSION; a runtime refuses graphs whose min_consumer is above its own
OPERATIONS = """
Abs Add AddV2 All Any AsString Assert BatchDatasetV2 BiasAdd BitwiseAnd Case Cast ConcatV2 ConcatenateDataset Const
Conv2D Cumprod Cumsum DatasetToSingleElement DecodeGif DecodeImage DecodeJpeg DecodePng DecodeRaw DenseBincount
DepthwiseConv2dNative EnsureShape Equal ExpandDims ExtractJpegShape Fill Floor FloorDiv FloorMod GatherV2 Greater
GreaterEqual Identity If IgnoreErrorsDataset Less LessEqual LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool
Maximum Mean MergeV2Checkpoints Minimum Mul Neg NoOp NotEqual Pack Pad ParallelMapDatasetV2 ParseExampleV2
PartitionedCall Placeholder Pow Prod Range Rank RealDiv ReduceJoin Relu RepeatDataset Reshape RestoreV2 RightShift
Round SaveV2 Select SelectV2 Shape ShardedFilename Sigmoid Size SparseMatrixMatMul SparseTensorToCSRSparseMatrix
Squeeze StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile StaticRegexFullMatch StridedSlice
StringFormat StringJoin StringLength StringSplitV2 Sub Substr Sum TakeDataset TensorDataset TensorListLength
TensorListReserve TensorListSetItem TensorListStack TensorScatterUpdate TensorSliceDataset Tile Transpose Unpack
Where ZerosLike
"""


def graph_of(version: Path) -> graph_pb2.GraphDef:
    [graph] = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs
    assert graph.meta_info_def.stripped_default_attrs  # attributes that are newer than the runtime are left out
    return graph.graph_def


def test_every_operation_is_one_of_tensorflow_2_18(version: Path):
    graph = graph_of(version)
    functions = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]

    assert {node.op for node in nodes} - functions <= set(OPERATIONS.split())


def test_the_graph_asks_for_no_newer_runtime(version: Path):
    versions = graph_of(version).versions

    assert versions.min_consumer <= GRAPH_VERSION_OF_2_18
    assert not versions.bad_consumers
