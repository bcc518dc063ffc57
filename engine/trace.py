"""Where an error came from, without what it was about: file, line and function of each frame, no values (G10)."""

from __future__ import annotations

import traceback


def where(error: BaseException, frames: int = 6) -> str:
    """Return ``file:line function`` of the innermost frames, outermost first, and the kind of error."""
    found = traceback.extract_tb(error.__traceback__)[-frames:]
    places = " > ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in found)
    return f"{type(error).__name__} at {places}"
