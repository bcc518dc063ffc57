"""Logs, in one place: one JSON object a line for programs, plain lines for people; nothing personal in either (G10).

Every line written while a visit is moved names it (``visit``). What other libraries log goes the same way. Code logs
codes, ids and places (:func:`engine.trace.where`), never contents; as a last net, what looks like an identity number
is masked here as it is in peers' texts.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.types import Processor

from adapters.discretion import discreet

INFO, WARNING = logging.INFO, logging.WARNING
#: Libraries whose information is of no use to whoever runs the service; their warnings are.
_CHATTY = ("httpx", "httpcore", "uvicorn.access", "apscheduler", "alembic")


def masked(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask numbers of persons in every text of a line."""
    for name, value in event.items():
        if isinstance(value, str) and name not in ("timestamp", "level", "visit"):
            event[name] = discreet(value)
    return event


def _processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=False),
        structlog.processors.format_exc_info,
        masked,
    ]


def configure_service() -> None:
    """Write JSON lines to standard error, from information up; libraries from warnings up."""
    renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*_processors(), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_processors()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(WARNING)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(WARNING)


def configure_command() -> None:
    """Send warnings and worse to standard error, as a person reads them."""
    structlog.configure(
        processors=[*_processors()[:-1], masked, structlog.dev.ConsoleRenderer(colors=False)],
        wrapper_class=structlog.make_filtering_bound_logger(WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
