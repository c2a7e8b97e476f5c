"""This checkout: its root, and its environment read without importing the product.

Standard library only: ``bin/start`` runs it with the machine's own Python before anything is there.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aistempre.env import Environment

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def environment() -> Environment:
    """What ``aistempre/env.py`` reads; raises ``ValueError`` with a sentence on a bad value.

    The file is loaded by its path, because importing the package ``aistempre`` needs Celery.
    """
    spec = importlib.util.spec_from_file_location("launcher_env", ROOT / "aistempre" / "env.py")
    if spec is None or spec.loader is None:
        raise ValueError("aistempre/env.py is missing: this is not a whole checkout.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found: Environment = module.read()
    return found
