"""A process that ends with the one that started it. Imports no torch.

``python -P .../parent.py PARENT MODULE ARGUMENTS...`` is such a ``python -m MODULE ARGUMENTS...``.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 1.0
"""How often a parent is looked for where the kernel cannot tell of its death."""
ORPHANED = 1
"""Exit status of a process whose parent was gone before it could ask."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent, the process ``parent``, dies.

    Ends it at once where that has happened already. Where the kernel has no such service a thread
    looks every ``LOOK_SECONDS``.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()
    if os.getppid() != parent:
        os._exit(ORPHANED)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(ORPHANED)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))  # as ``-m`` has it
    _parent, _module = int(sys.argv[1]), sys.argv[2]
    del sys.argv[1:3]
    die_with(_parent)
    runpy.run_module(_module, run_name="__main__", alter_sys=True)
