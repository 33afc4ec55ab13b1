"""The command line of the server: flags in, exit status out."""

import asyncio
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop: 0 after a drain, 1 where the server could not start or drain, 2 for wrong flags."""
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

        return asyncio.run(serve(options))
    except StartError as error:
        print(f"ace-server: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
