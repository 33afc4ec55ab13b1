"""`python -m ace_export.tuning.bound PID MODULE ...`: the module as `python -m` runs it, ended when its parent PID is.

However that ends: a SIGKILL leaves it no chance to end its children. Only Linux can be asked for this; elsewhere the
module is run all the same. A `preexec_fn` would be shorter, and may lock up in a parent that has threads.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Run what the arguments say."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it had ended before the kernel was asked
            sys.exit(1)
    del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
