"""First half of every script here: standard library only, run with whichever Python was found.

It installs what the command needs and then goes on as ``launcher.<command>`` in ``.venv``.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

from launcher import help_texts, preflight
from launcher.checkout import PYTHON, ROOT, VENV
from launcher.install import DEVELOPMENT, RUNTIME, InstallFailed, install


def main(command: str, arguments: list[str]) -> None:
    """Carry ``command`` out; ends the process with a sentence where it cannot begin."""
    if {"-h", "--help"} & set(arguments):
        print(help_texts.TEXTS[command])
        return
    os.chdir(ROOT)
    try:
        if command == "start":
            preflight.check()
        install(RUNTIME if command == "start" else DEVELOPMENT)
    except (InstallFailed, preflight.NotStarted) as fault:
        sys.exit(str(fault))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(PYTHON, [str(PYTHON), str(ROOT / "bin"), command, *arguments])
    sys.argv = [f"bin/{command}", *arguments]
    runpy.run_module(f"launcher.{command}", run_name="__main__")


if __name__ == "__main__":
    # pip and npm end with this process: an exception lets subprocess.run kill what it waits for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    main(sys.argv[1], sys.argv[2:])
