"""The command line of the server: flags in, exit status out."""

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop, and end the process: with 0 after a drain, with 1 where calls were left unanswered.

    Returns 1 where the server could not start; wrong flags end the process with 2.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # we say what it would; some of it, it would say every second
    from .errors import StartError  # with gRPC, which looks at its variable as it is imported
    from .logs import Log
    from .options import parse

    log = Log()
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        log.show(options.log_format)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault(
            "TF_ENABLE_ONEDNN_OPTS", "1"
        )  # TensorFlow leaves it off on processors without AVX-512 VNNI
        from .app import serve  # loads TensorFlow: seconds, which a wrong flag should not cost

        asyncio.run(_serve_and_end(serve(options)))
    except StartError as error:
        print(f"ace-server: {error}", file=sys.stderr)
    except asyncio.CancelledError:  # by a signal while it stopped already
        pass
    return 1


async def _serve_and_end(serving: Coroutine[Any, Any, int]) -> NoReturn:
    """Serve, and end the process: what still runs has had its grace, and Python would wait for its threads."""
    status = await serving
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
