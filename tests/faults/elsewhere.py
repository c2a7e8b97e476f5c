"""``python -m tests.faults.elsewhere NAME COMMAND...``: the command on a host of that name.

To be called inside ``unshare --uts``, so that the name is this process's own.
"""

from __future__ import annotations

import os
import socket
import sys

if __name__ == "__main__":
    name, *command = sys.argv[1:]
    socket.sethostname(name)
    os.execv(command[0], command)
