"""Second half of ``bin/look``, in ``.venv``: what it shows is made with the tests' own servers."""

from __future__ import annotations

import sys

from tests.look.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
