"""Second half of ``bin/bench``, in ``.venv``: runs benches and fails where one cannot measure.

A bench is a module in ``bin/benches`` with a docstring, whose first line is its description, and a
function ``measure() -> list[Figure]``; a ``Row`` of figures may stand among them.
``launcher.product.Product`` starts a whole product for it.
"""

from __future__ import annotations

import sys
from importlib import import_module

from launcher.figures import print_figures
from launcher.help_texts import bench_names


def main(names: list[str]) -> int:
    """Run the named benches, or all; 2 where a name is not known."""
    known = bench_names()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"No bench is called {unknown[0]}; there are: {', '.join(known)}.", file=sys.stderr)
        return 2
    for name in names or known:
        print(f"\n{name}: {known[name]}", flush=True)
        print_figures(import_module(f"benches.{name.replace('-', '_')}").measure())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
