"""Contracts of interface 003: what each of the 188 interfaces takes and answers, read from the YAML in this folder.

One file per chapter of the document, ``members.yaml`` for what many interfaces share, ``codes.yaml`` for the code
tables and the return codes. These check and build what goes over the wire, in either direction::

    validate_request(interface, body)    what the platform sent us, typed; or the problems, each with member and code
    build_reply(interface, data)         what we answer; build_refusal(interface, code, message) when we do not
    build_request(interface, values)     what we send to the platform
    read_reply(interface, body)          what it answered: never raises

Building is strict and raises ``Misfit``: a mistake in our own data must not leave the house. Reading takes numbers
written as text, ``23.5`` for money, other spellings, keys with blanks, unknown members, ``null`` for nothing. Amounts
are Decimal throughout and are written with two decimals; times stay text, in the document's form.
"""

from adapters.platform.contracts.codes import RETURN_CODES, TABLES, CodeTable, Meaning, ReturnCode, meaning
from adapters.platform.contracts.loading import CHAPTERS, INTERFACES, by_name
from adapters.platform.contracts.model import Chapter, Direction, Field, Interface, Kind, Reply
from adapters.platform.contracts.problems import Misfit, Problem
from adapters.platform.contracts.reading import Answer, Verdict, read_reply, validate_request
from adapters.platform.contracts.secrets import secrets_of
from adapters.platform.contracts.wire import dumps, loads
from adapters.platform.contracts.writing import build_refusal, build_reply, build_request

__all__ = [
    "CHAPTERS",
    "INTERFACES",
    "RETURN_CODES",
    "TABLES",
    "Answer",
    "Chapter",
    "CodeTable",
    "Direction",
    "Field",
    "Interface",
    "Kind",
    "Meaning",
    "Misfit",
    "Problem",
    "Reply",
    "ReturnCode",
    "Verdict",
    "build_refusal",
    "build_reply",
    "build_request",
    "by_name",
    "dumps",
    "loads",
    "meaning",
    "read_reply",
    "secrets_of",
    "validate_request",
]
