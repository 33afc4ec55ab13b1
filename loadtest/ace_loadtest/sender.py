"""A load generator in a process of its own, told over its standard input what to do: `python -m ace_loadtest.sender`.

Locust makes its process cooperative (gevent), where gRPC costs more and sends late: so its users leave the sending to
this one. `frames` has what it is told and what it answers.
"""

import asyncio
import gc
import json
import pickle
import selectors
import signal
import sys
import time

from ace_client import AceError

from . import frames
from .errors import LoadTestError
from .generator import LoadGenerator

_REPORT_S = 0.25


async def send() -> None:
    """Reads the plan, connects, says so, waits until it is to begin, makes the load, and says what came of it."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin.buffer)
    _, work = await _read(commands)
    try:
        generator = LoadGenerator(*pickle.loads(work))  # noqa: S301 - from the process that started this one
        await generator.connect()
    except (LoadTestError, AceError, ValueError) as error:
        _say(frames.FAILED, str(error).encode())
        return
    _say(frames.READY)
    begun = asyncio.Event()
    obeying = asyncio.create_task(_obey(commands, generator, begun))
    await begun.wait()
    gc.collect()
    gc.freeze()
    busy_s, begin_s, said = time.process_time(), time.perf_counter(), 0
    running = asyncio.create_task(generator.run())
    while not running.done():
        await asyncio.wait([running], timeout=_REPORT_S)
        rows = generator.recorder.taken(said)
        said = len(generator.recorder)
        _say(frames.ROWS, rows)
    busy = (time.process_time() - busy_s) / (time.perf_counter() - begin_s)
    _say(frames.DONE, json.dumps({"until_s": running.result(), "busy": busy}).encode())
    obeying.cancel()
    await generator.close()


async def _obey(commands: asyncio.StreamReader, generator: LoadGenerator, begun: asyncio.Event) -> None:
    try:
        while True:
            kind, content = await _read(commands)
            if kind == frames.BEGIN:
                begun.set()
            elif kind == frames.USERS:
                generator.set_users(int(content))
            elif kind == frames.STOP:
                break
    except asyncio.IncompleteReadError:
        pass  # whoever gave the commands has gone
    generator.stop()
    begun.set()


async def _read(commands: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, size = frames.HEADER.unpack(await commands.readexactly(frames.HEADER.size))
    return kind, await commands.readexactly(size)


def _say(kind: bytes, content: bytes = b"") -> None:
    sys.stdout.buffer.write(frames.frame(kind, content))
    sys.stdout.buffer.flush()


def main() -> None:
    """Carries out the plan that it is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: the parent says what it means
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        loop.run_until_complete(send())
    finally:
        loop.close()


if __name__ == "__main__":
    main()
