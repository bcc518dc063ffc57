"""Contracts of the 29 interfaces: field tables as data (``*.yaml``), a checker of what is sent, a reader of replies."""

from adapters.neimenggu.contracts.problems import Unfit
from adapters.neimenggu.contracts.reading import read_reply
from adapters.neimenggu.contracts.sending import STRICT, Strictness, check_request
from adapters.neimenggu.contracts.tables import Condition, Contract, Member, Rule, Shape, conditions, contracts

__all__ = [
    "STRICT",
    "Condition",
    "Contract",
    "Member",
    "Rule",
    "Shape",
    "Strictness",
    "Unfit",
    "check_request",
    "conditions",
    "contracts",
    "read_reply",
]
