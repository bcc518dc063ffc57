"""9001, 9002, 1800 and the gateway's ``signin_status``."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from adapters.jiangsu.contracts.base import Key, Loose, Received, Sent


class SignedIn(Received):
    """``signin_status`` (000)."""

    signed_in: bool = Field(validation_alias=AliasChoices("signedIn", "signed_in"))
    sign_no: Loose = Field(default="", validation_alias=AliasChoices("signNo", "sign_no"))
    sign_time: Loose = Field(default="", validation_alias=AliasChoices("signInTime", "sign_time"))


class SignInNumber(Received):
    """9001 (DLL conventions, chapter 3; J39)."""

    sign_no: Loose = Field(min_length=1, validation_alias=AliasChoices("sign_no", "signNo"))


class SignOutRequest(Sent):
    """9002 (J39)."""

    sign_no: Key


class CentreTime(Received):
    """1800 (J40): yyyyMMddHHmmss."""

    centre_time: Loose = Field(pattern=r"^\d{14}$")
