"""What a visit of the platform knows. Requests and answers of 003 stand under the number of their interface (P100)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from adapters.money import Amount
from steps.platform.bodies import answers as answer_fits
from steps.platform.bodies import checked

Body = dict[str, Any]
#: Requests by the number of their interface.
Requests = dict[str, Body]


class Model(BaseModel):
    """Base: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _known(requests: Requests) -> Requests:
    found = {}
    for number, body in requests.items():
        try:
            found[number] = checked(number, body)
        except ValueError as error:
            raise ValueError(f"{number}: {error}") from None
    return found


Checked = Annotated[Requests, AfterValidator(_known)]
Words = Annotated[str, Field(min_length=1, max_length=200)]


class Refusal(Model):
    """Why a call was refused, in the peer's words; the platform is answered with the same."""

    code: str
    msg: str


class Wish(Model):
    """A refund that the hospital wants."""

    amount: Annotated[Amount, Field(ge=0, description="退款金额")]
    unified_amount: Annotated[Amount, Field(ge=0)] | None = Field(default=None, description="统一结算平台退款金额")
    refund_no: Words | None = Field(default=None, description="院内退款单号, where the HIS has one of its own")
    reason: Words | None = None
    platform_no: Words | None = None
    time: Words | None = None

    @model_validator(mode="after")
    def _something(self) -> Wish:
        if not self.amount and not self.unified_amount:
            raise ValueError("amount: expected more than 0.00")
        return self


class Refund(Model):
    """A refund that is over."""

    refund_no: str
    amount: Amount
    unified_amount: Amount | None = None
    outcome: Literal["refunded", "refused"]
    platform_no: str | None = None
    time: str | None = None
    code: str | None = None
    msg: str | None = None


class PaymentNamed(Model):
    """A payment at the platform that the hospital wants to give back."""

    order: Words = Field(description="支付单号 outTradeNo")
    card: Words = Field(description="就诊卡号")
    id_card: Words | None = Field(default=None, description="身份证号")
    unified: Annotated[Amount, Field(ge=0)] | None = Field(default=None, description="统一结算平台支付金额")
    unified_order: Words | None = Field(default=None, description="统一结算平台支付单号")


class PaymentToRefund(Model):
    """What a visit of ``platform.payment_refund`` is opened with."""

    payment: PaymentNamed


class CardMoneyToRefund(PaymentToRefund):
    """What a visit of ``platform.hospital_refund`` is opened with: the HIS has frozen the amount on the card."""

    refund: Wish


class Served(Model):
    """One line of an online order: registered or dispensed (1), taken back (2)."""

    charge_id: Words
    status: Literal["1", "2"]


class ServedTold(Model):
    """What the trigger ``report`` of an online order brings."""

    served: Served


class ResultTold(Model):
    """What became of a registration: 3 missed, 5 seen."""

    result: Literal["3", "5"]


class NoteTold(Model):
    """Words of the hospital's people: a voucher's number, a reason."""

    note: Words


class Visit(Model):
    """Everything that a visit may know."""

    requests: Checked = {}
    answers: dict[str, dict[str, Any]] = {}
    refusals: dict[str, Refusal] = {}
    found: dict[str, str] = Field(default={}, description="who told an answer that was lost: an interface, or a person")
    outcome: Literal["accepted", "refused", "absent"] | None = Field(default=None, description="of the last call")
    called: str | None = Field(default=None, description="interface of the last call")
    late: bool | None = Field(default=None, description="booked when the platform had given it up")
    payment: PaymentNamed | None = None
    paid: Amount | None = Field(default=None, description="what the peer says was paid, where no notice tells it")
    refund: Wish | None = None
    refunds: dict[str, Refund] = {}
    unbooked: str | None = Field(default=None, description="interface of the payment that is not in the HIS's books")
    tries: int | None = Field(default=None, description="refusals in a row that say: call again")
    result: Literal["3", "4", "5"] | None = Field(default=None, description="挂号状态 3 已过号 4 已取消 5 已就诊")
    served: Served | None = Field(default=None, description="what of an online order was served or given back last")
    lines: dict[str, str] = Field(default={}, description="lines of an online order that were reported, and how")
    note: Words | None = None


class RefundWanted(Model):
    """What the trigger ``refund`` brings."""

    refund: Wish


class _Told(Model):
    platform_no: Words | None = None
    time: Words | None = None


class RefundTold(Model):
    """What the platform's people read out about a refund."""

    refund: _Told = _Told()


def asking(name: str, what: str, *numbers: str, least: int = 1) -> type[BaseModel]:
    """Return a model of data that bring requests of these interfaces and no others, at least ``least`` of them."""

    def allowed(requests: Requests) -> Requests:
        if unknown := [each for each in requests if each not in numbers]:
            raise ValueError(f"{unknown[0]}: here expected {', '.join(numbers)}")
        if len(requests) < least:
            raise ValueError(f"expected a request: {', '.join(numbers)}")
        return requests

    kind = Annotated[Checked, AfterValidator(allowed)]
    made: type[BaseModel] = create_model(name, __base__=Model, __doc__=what, requests=(kind, ...))
    return made


def answer_by_hand(number: str) -> type[BaseModel]:
    """Return the model of an answer that a person hands over who has asked the peer's people."""

    def fits(answers: Mapping[str, Body]) -> Mapping[str, Body]:
        if set(answers) != {number}:
            raise ValueError(f"expected one member: {number}")
        answer_fits(number, answers[number])
        return answers

    kind = Annotated[dict[str, Body], AfterValidator(fits)]
    made: type[BaseModel] = create_model(
        f"AnswerOf{number.replace('.', '_')}", __base__=Model, __doc__=f"The answer of {number}.", answers=(kind, ...)
    )
    return made
