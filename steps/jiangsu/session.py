"""An operator's session: 9001, 9002, and the centre's clock 1800. Sources: 001 4.2.2; assumptions J20, J39, J40."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from engine.environment import SECOND
from engine.steps import BaseStep, Disagreement, Progress, View
from steps.jiangsu.base import Model
from steps.jiangsu.forward import ROLE
from steps.jiangsu.times import Moment, instant_of, moment_of

_DEFAULT_MAX_SKEW = 60

_Operator = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,20}$", description="操作员编号 operator")]
_SignNo = Annotated[str, Field(min_length=1, max_length=64, description="签到编号 sign-in number")]
_Reason = Annotated[str, Field(max_length=64, description="适配器补签原因 why the adapter signed in by itself")]


# -- models
class SignedInByAdapter(Model):
    """What ``renewed`` brings: a sign-in that the adapter made by itself. The centre may have given no number (J20)."""

    sign_no: _SignNo | None = None
    signed_at: Moment
    reason: _Reason


class SessionOpening(Model):
    """What a session is opened with; a number only where somebody has signed in already."""

    operator: _Operator
    sign_no: _SignNo | None = None
    signed_at: Moment | None = None
    reason: _Reason | None = None


class Session(SessionOpening):
    """Everything that a session may know; ``skew_seconds``: the centre's clock less ours."""

    signed_out_at: Moment | None = None
    centre_time: Moment | None = None
    our_time: Moment | None = None
    skew_seconds: int | None = None


class SignedInByHand(Model):
    """Sign-in settled by hand: the number that the centre reads out."""

    sign_no: _SignNo


# -- steps
def has_sign_no(view: View) -> bool:
    """Tell whether somebody has signed in already."""
    return bool(view.data.get("sign_no"))


class SignIn(BaseStep):
    """9001; the operator is the adapter's (000 puts it into the envelope)."""

    name: ClassVar[str] = "jiangsu.sign_in"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "sign_in"
    by_hand: ClassVar[type[BaseModel] | None] = SignedInByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Send nothing (J39)."""
        return {}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the number, and when it was asked for."""
        return Progress({"sign_no": reply["sign_no"], "signed_at": moment_of(view.now)})

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Keep the same of what a person says."""
        return self.fold(view, told)


class SignOut(BaseStep):
    """9002 with the number of the last sign-in (J39)."""

    name: ClassVar[str] = "jiangsu.sign_out"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "sign_out"

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the sign-in."""
        return {"sign_no": view.data["sign_no"]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep when it was asked for."""
        return Progress({"signed_out_at": moment_of(view.now)})

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Keep the same when a person says so."""
        return self.fold(view, told)


class UndoSignIn(SignOut):
    """9002 as the way back of a sign-in."""

    name: ClassVar[str] = "jiangsu.undo_sign_in"

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Forget the sign-in."""
        return Progress(dict.fromkeys(("sign_no", "signed_at", "reason")))


class CheckClock(BaseStep):
    """1800: the centre refuses or misdates what comes with a wrong time, so both clocks must agree."""

    name: ClassVar[str] = "jiangsu.check_clock"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "centre_time"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send nothing (J40)."""
        return {}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Note both clocks; stop when they are too far apart.

        ``view.now`` is when the question was asked, so the time the answer took counts as the centre being ahead: at
        most the transition's time-out. Raises ValueError on a time that does not exist: it is then unreadable (G8).
        """
        told = str(reply["centre_time"])
        skew = instant_of(told) // SECOND - view.now // SECOND
        allowed = int(view.settings.get("max_skew_seconds", _DEFAULT_MAX_SKEW))
        wrong = (Disagreement("时钟 clock", f"中心 centre {told}", f"本机 ours {moment_of(view.now)}"),)
        noted = {"centre_time": told, "our_time": moment_of(view.now), "skew_seconds": skew}
        return Progress(noted, wrong if abs(skew) > allowed else ())
