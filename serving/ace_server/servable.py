"""One loaded SavedModel version: its signatures and its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2

from .errors import ModelError, tensorflow_errors_mapped
from .tensors import Array

_MAX_CALLABLES = 32  # of up to 75 MB each; callers choose the outputs, and so how many there might be
_CALLERS_THREAD = -1  # as an inter-op thread pool (config.proto)


@dataclass(frozen=True)
class SessionSettings:
    """How a version is loaded into a session; by default it has threads of its own, of each kind one a processor."""

    tags: tuple[str, ...] = ("serve",)
    config: config_pb2.ConfigProto = field(default_factory=lambda: config_pb2.ConfigProto(use_per_session_threads=True))


class Servable:
    """A SavedModel in a TensorFlow session of its own, as TensorFlow Serving holds it.

    A session checks the names and dtypes of what it is fed, not the shapes: what the graph can compute is computed. Its
    threads are its own, and closing it gives the memory back. `run` may be called from several threads at once.
    """

    def __init__(self, path: Path, *, name: str, version: int, settings: SessionSettings | None = None) -> None:
        """Load the version that lies in `path`.

        Raises:
            ModelError: the folder holds no SavedModel that this TensorFlow loads.
        """
        self.name = name
        self.version = version
        self.path = path
        settings = settings or SessionSettings()
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=settings.config)
        try:
            self.signatures: Mapping[str, meta_graph_pb2.SignatureDef] = _load(self._session, path, settings.tags)
        except BaseException:
            self._session.close()
            raise
        self._callable = lru_cache(_MAX_CALLABLES)(partial(_new_callable, self._session))

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str], *, in_one_thread: bool = False) -> list[Array]:
        """The values of the graph's tensors `fetches` where the tensors named in `feeds` have those values.

        `in_one_thread` runs one operation after another in the calling thread.

        Raises:
            ModelError: TensorFlow's own code and message.
        """
        names = tuple(sorted(feeds))
        with tensorflow_errors_mapped():
            run = self._callable(names, tuple(fetches), in_one_thread)
            values = run(*(feeds[name] for name in names))
        return [np.asarray(value, dtype=object if isinstance(value, bytes) else None) for value in values]

    def close(self) -> None:
        """Give the session's threads and memory back. No run may be under way, and none may follow."""
        self._callable.cache_clear()
        self._session.close()


def _new_callable(
    session: tf.compat.v1.Session, feeds: tuple[str, ...], fetches: tuple[str, ...], in_one_thread: bool
) -> Any:
    options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
    if in_one_thread:
        options.run_options.inter_op_thread_pool = _CALLERS_THREAD
    # Session.make_callable takes feeds only by way of Session.run, which costs three times as much a call.
    return session._make_callable_from_options(options)


def _load(session: tf.compat.v1.Session, path: Path, tags: Sequence[str]) -> dict[str, meta_graph_pb2.SignatureDef]:
    try:
        with tensorflow_errors_mapped(), session.graph.as_default():
            meta_graph = tf.compat.v1.saved_model.loader.load(session, list(tags), str(path))
    except OSError as error:  # no saved_model.pb, or one that does not parse
        raise ModelError(grpc.StatusCode.NOT_FOUND, str(error)) from error
    except (KeyError, RuntimeError, TypeError, ValueError) as error:  # no such tag, or a graph that is not one
        raise ModelError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
    # Copies: a part of the message would keep the whole of it, and with it the weights of a graph that has constants.
    copy = meta_graph_pb2.SignatureDef.FromString
    return {name: copy(signature.SerializeToString()) for name, signature in meta_graph.signature_def.items()}
