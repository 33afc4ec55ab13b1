"""A load generator in a process of its own, told over its standard input what to do: `python -m ace_loadtest.sender`.

Locust makes its process cooperative (gevent), where gRPC costs more and sends late: so its users leave the sending to
this one. First comes a pickle of (Plan, Part), as long as a number says, then frames; see `frames`.
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
from .generator import LoadGenerator, Part
from .plan import Plan

_REPORT_S = 0.25


async def send(plan: Plan, part: Part) -> None:
    """Connects, says so, waits until it is to begin, makes the load, and says what came of it meanwhile."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin.buffer)
    try:
        generator = LoadGenerator(plan, part)
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
            kind, size = frames.HEADER.unpack(await commands.readexactly(frames.HEADER.size))
            content = await commands.readexactly(size)
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


def _say(kind: bytes, content: bytes = b"") -> None:
    sys.stdout.buffer.write(frames.frame(kind, content))
    sys.stdout.buffer.flush()


def main() -> None:
    """Reads the plan and carries it out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: the parent says what it means
    size = int.from_bytes(sys.stdin.buffer.read(4), "little")
    plan, part = pickle.loads(sys.stdin.buffer.read(size))  # noqa: S301 - from the process that started this one
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        loop.run_until_complete(send(plan, part))
    finally:
        loop.close()


if __name__ == "__main__":
    main()
