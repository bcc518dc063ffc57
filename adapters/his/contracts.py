"""Requests and replies of 004 as pydantic models, made from the fields of ``interfaces.yaml``.

Strict on the way out: no unknown member, nothing required empty. Tolerant on the way in: numbers for text, text for
numbers, one object for a list of one, null for what is missing, members that nobody knows (H2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    create_model,
)
from pydantic import Field as Info

from adapters.his.tables import INTERFACES, Field, Type
from adapters.money import CENT, Amount
from engine.outcomes import Category, Refused

#: Members of a request that point to a person or an account and must not come back in a peer's words (G10).
_PERSONAL = ("CardNo", "PayNo", "SocialSecurityCard")


class Unfit(ValueError):
    """A reply does not fit its contract; the message names the fields, not what stands in them."""


def check_request(operation: str, request: Mapping[str, Any]) -> dict[str, str] | Refused:
    """Return the request as it goes on the wire, all strings (money with two decimals), or why it is not sent."""
    try:
        checked = _model(operation, "request").model_validate(request)
    except ValidationError as error:
        return Refused("contract", f"the request does not fit the contract: {_named(error)}", Category.DATA)
    members = checked.model_dump(exclude_none=True)
    return {name: _written(value) for name, value in members.items()}


def read_reply(operation: str, response: Any) -> dict[str, Any]:
    """Return the members of ``response`` with money as Decimal and lists as lists; without those that are missing.

    Raises:
        Unfit: the reply cannot be read; the message holds the fields' names.
    """
    if not isinstance(response, Mapping):
        raise Unfit("response")
    try:
        return _model(operation, "reply").model_validate(response).model_dump(exclude_none=True)
    except ValidationError as error:
        raise Unfit(_named(error)) from None


def secrets_of(request: Mapping[str, str]) -> list[str]:
    """Return what a peer's words about ``request`` must not carry on."""
    return [request[name] for name in _PERSONAL if request.get(name)]


def _written(value: Any) -> str:
    return format(value.quantize(CENT), "f") if isinstance(value, Decimal) else str(value)


def _named(error: ValidationError) -> str:
    return ", ".join(".".join(str(part) for part in each["loc"]) for each in error.errors())


# -- from fields to models
@cache
def _model(operation: str, which: Literal["request", "reply"]) -> type[BaseModel]:
    interface = INTERFACES[operation]
    fields = interface.request if which == "request" else interface.reply
    sent = which == "request"
    config = ConfigDict(extra="forbid") if sent else ConfigDict(extra="allow", populate_by_name=True)
    return _made(f"{operation}_{which}", fields, config, _sent if sent else _received)


def _made(
    name: str, fields: Iterable[Field], config: ConfigDict, typed: Callable[[str, Field], Any]
) -> type[BaseModel]:
    made: dict[str, Any] = {}
    for each in fields:
        kind = typed(f"{name}_{each.name}", each)
        info: dict[str, Any] = {"description": f"{each.zh} {each.en}"}
        if each.also:
            info["validation_alias"] = AliasChoices(each.name, *each.also)
        if each.required:
            made[each.name] = (kind, Info(**info))
        elif each.type is Type.LIST:
            made[each.name] = (kind, Info(default_factory=list, **info))
        else:
            made[each.name] = (kind | None, Info(default=None, **info))
    model: type[BaseModel] = create_model(name, __config__=config, **made)
    return model


def _sent(_name: str, field: Field) -> Any:
    if field.type is Type.MONEY:
        return Annotated[Amount, Info(ge=0)]
    return Annotated[str, StringConstraints(min_length=1 if field.required else 0, max_length=_LONGEST)]


def _received(name: str, field: Field) -> Any:
    match field.type:
        case Type.MONEY:
            return Annotated[Amount, BeforeValidator(_amount)]
        case Type.LIST:
            rows = _made(name, field.of, ConfigDict(extra="allow", populate_by_name=True), _received)
            return Annotated[list[rows], BeforeValidator(_rows)]  # type: ignore[valid-type]
    if field.required:
        return Annotated[str, BeforeValidator(_text), AfterValidator(_filled)]
    return Annotated[str, BeforeValidator(_text)]


#: 004 states no lengths; this keeps a slip of a caller from being sent at all.
_LONGEST = 200


def _text(value: Any) -> Any:
    """Read a number as the text that it would have been."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _amount(value: Any) -> Any:
    """Drop zeros behind the cents: amounts are printed with four decimals at some sites (H2)."""
    if isinstance(value, str):
        value = value.strip()
    try:
        number = Decimal(value) if isinstance(value, str | Decimal) else value
    except ArithmeticError:
        return value
    if isinstance(number, Decimal) and number.is_finite() and number == number.quantize(CENT):
        return number.quantize(CENT)
    return value


def _rows(value: Any) -> Any:
    """Read one object as a list of one, nothing as a list of none."""
    if value is None or value == "":
        return []
    return [value] if isinstance(value, Mapping) else value


def _filled(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value
