"""Sets Django up as soon as it is imported, for what measures inside the application."""

from __future__ import annotations

import django

django.setup()
