"""One log record is one line, whatever was logged."""

from __future__ import annotations

import logging
import time

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127) if chr(code) not in "\t"}


class OneLineFormatter(logging.Formatter):
    """UTC time first, control characters escaped: logged text can forge no line and no colour.

    A traceback stays on lines of its own, indented by four spaces.
    """

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        """UTC, wherever the computer is."""
        return time.gmtime(seconds)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of ``record`` without its traceback."""
        record.message = record.message.translate(_ESCAPES)
        return super().formatMessage(record)

    def formatException(self, ei: logging._SysExcInfoType) -> str:
        """The traceback, indented, so that it is never taken for a record."""
        return "\n".join(f"    {line}" for line in super().formatException(ei).splitlines())
