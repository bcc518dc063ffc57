"""What a peer's code means, as far as the adapters' error tables say: of the code alone, never of a peer's text.

Each table is loaded with its adapter when a code of its peers is asked for: no hospital has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

#: Chinese and English; of a table without English the Chinese.
Words = tuple[str, str]
_NOTHING: Words = ("", "")


def _jiangsu(_operation: str, code: str) -> Words:
    from adapters.jiangsu.errors import UNKNOWN, error_table

    number, _, business = code.partition("/")
    found = error_table().meaning(int(number), business) if number.isdecimal() else UNKNOWN
    return _NOTHING if found is UNKNOWN else (found.zh, found.zh)


def _neimenggu(operation: str, code: str) -> Words:
    from adapters.neimenggu import errors as neimenggu

    found = neimenggu.meaning(operation, code)
    return _NOTHING if found is neimenggu.UNKNOWN else (found.zh, found.en)


def _his(_operation: str, code: str) -> Words:
    from adapters.his.tables import ERRORS

    found = ERRORS.get(code)
    return _NOTHING if found is None else (found.zh, found.en)


def _platform(_operation: str, code: str) -> Words:
    from adapters.platform.contracts import RETURN_CODES

    found = RETURN_CODES.get(code)
    return _NOTHING if found is None else (found.zh, found.zh)


_TABLES: Mapping[str, Callable[[str, str], Words]] = {
    "jiangsu_gateway": _jiangsu,
    "jiangsu_dll": _jiangsu,
    "neimenggu": _neimenggu,
    "his": _his,
    "platform": _platform,
    "hospital": _platform,
    "hospital_keyed": _platform,
}


def meaning_of(adapter: str, operation: str, code: str, language: str) -> str:
    """Return what ``code`` means; empty where no table of the adapter knows it."""
    table = _TABLES.get(adapter)
    chinese, english = _NOTHING if table is None or not code else table(operation, code)
    return english if language == "en" else chinese
