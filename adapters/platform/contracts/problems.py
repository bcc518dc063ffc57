"""What is wrong with a request or a reply, member by member, as a return code of 003 says it (附四)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MISSING = "20001"
TYPE = "20002"
FORMAT = "20003"
RANGE = "20004"

_WORDS = {MISSING: "缺少参数", TYPE: "参数类型错误", FORMAT: "参数无效或格式错误", RANGE: "参数超出范围"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One member that does not fit. Holds no value: messages go into logs and back to the caller (G10)."""

    member: str
    """Its path, ``detail[2].price``; empty for the whole body."""
    code: str
    """20001 missing, 20002 wrong type, 20003 wrong value or form, 20004 out of range."""
    reason: str
    """Why, in English, for whoever reads the log."""


class Misfit(ValueError):
    """What was to be sent does not fit its contract; or a body that came did not, and was asked to."""

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{each.member or 'body'}: {each.reason}" for each in self.problems))

    @property
    def code(self) -> str:
        """The return code that says it best: that of the first problem."""
        return self.problems[0].code

    @property
    def message(self) -> str:
        """What to answer in ``msg``: the words of 附四, and which members."""
        members = ", ".join(dict.fromkeys(each.member or "body" for each in self.problems if each.code == self.code))
        return f"{_WORDS[self.code]}：{members}"
