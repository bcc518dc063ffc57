"""From card to registration: 4.19/4.20 (4.28/4.29), 4.3, 4.4, 4.6 (4.21), 4.8 (4.22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from engine.outcomes import Category, InDoubt, Refused
from engine.steps import BaseStep, Disagreement, Progress, View
from steps.neimenggu import choosing, shapes
from steps.neimenggu.base import CENTRE
from steps.neimenggu.models import MOST_LISTED
from steps.neimenggu.sums import same_person

#: Long texts are cut: they help a person to choose, and are read in full at the centre.
MOST_WORDS = 300


def rows_of(reply: Mapping[str, Any], member: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a list in a reply, with ``columns`` only; personal data of the row stays out (G10)."""
    return [
        {name: str(row[name])[:MOST_WORDS] if row.get(name) is not None else "" for name in columns}
        for row in list(reply.get(member) or ())[:MOST_LISTED]
    ]


class Listing(BaseStep):
    """A read that lists something of the person; that there is nothing is an empty list."""

    role: ClassVar[str] = CENTRE
    member: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    keeps: ClassVar[str]

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the rows."""
        return Progress({self.keeps: rows_of(reply, self.member, self.columns)})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Read "not found" as nothing there (190002, 300004)."""
        return Progress({self.keeps: []}) if refusal.category is Category.NOT_FOUND else None


# -- cards
class CheckCard(BaseStep):
    """4.19: is the card valid? An invalid one stops the visit for a person."""

    name: ClassVar[str] = "neimenggu.check_card"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "check_card"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send card and person."""
        card = view.data["card"]
        return {
            "aaz500": card["card_number"],
            "aaz501": card["card_identifier"],
            "aac002": view.data["identity_number"],
            "aac003": view.data["person_name"],
        }

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Read ``result``: 4.19 reports failure with code 0 (work-injury flows, chapter 7)."""
        valid = str(reply["result"]) == "1"
        wrong = () if valid else (Disagreement("card (4.19)", "valid", "invalid: read it again, or go on without"),)
        known = {"card_number": view.data.get("card_number") or view.data["card"]["card_number"]}
        return Progress({"card_valid": valid, **known}, wrong)


#: States of a card (AAZ502) other than normal.
CARD_STATES = {
    "0": "封存 sealed",
    "2": "挂失 lost",
    "3": "应用锁定 locked",
    "4": "临时挂失 lost",
    "9": "注销 cancelled",
}


def card_state(reply: Mapping[str, Any]) -> tuple[Disagreement, ...]:
    """Return a disagreement unless the card is in order; a state that is not named says nothing."""
    state = str(reply.get("aaz502") or "1")
    return () if state == "1" else (Disagreement("card (aaz502)", "1 正常", CARD_STATES.get(state, state)),)


class CheckQrCode(BaseStep):
    """4.20: who does the QR code belong to?"""

    name: ClassVar[str] = "neimenggu.check_qr_code"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "check_qr_code"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the code."""
        return {"qrcode": view.data["qr_code"]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare the person, and look at the state of the card."""
        wrong = same_person(view, reply, "aac002") + card_state(reply)
        return Progress({"card_valid": not wrong}, wrong)


class ReadOffsiteCard(BaseStep):
    """4.29: read a card of another province; its number goes into the registration."""

    name: ClassVar[str] = "neimenggu.read_offsite_card"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "read_offsite_card"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send what the reader saw."""
        card = view.data["card"]
        return {"aaz500": card["card_number"], "aaz501": card["card_identifier"]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare the person (aac147 here), and look at the state of the card."""
        wrong = same_person(view, reply, "aac147") + card_state(reply)
        number = view.data.get("card_number") or view.data["card"]["card_number"]
        return Progress({"card_valid": not wrong, "card_number": number}, wrong)


class ReadOffsiteQrCode(BaseStep):
    """4.28: read an electronic card of another province."""

    name: ClassVar[str] = "neimenggu.read_offsite_qr_code"
    role: ClassVar[str] = CENTRE
    operation: ClassVar[str] = "read_offsite_qr_code"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the code."""
        return {"qrcode": view.data["qr_code"]}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Compare the person; keep the number of the card, which the registration needs."""
        wrong = same_person(view, reply, "aac147")
        number = view.data.get("card_number") or str(reply.get("aaz500") or "") or None
        if number is None:
            wrong += (Disagreement("card number (aaz500)", "named by 4.28", "empty: hand over card_number"),)
        return Progress({"card_valid": not wrong, "card_number": number}, wrong)


# -- what the admission rests on
class FindInjuries(Listing):
    """4.3."""

    name: ClassVar[str] = "neimenggu.find_injuries"
    operation: ClassVar[str] = "find_injuries"
    member = "lc01"
    keeps = "injuries"
    columns = ("aac001", "alca02", "aab001", "aab301", "alc020", "alc021", "alc022", "alc023", "alc027", "aaea06")

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the person."""
        return {"aac002": view.data["identity_number"], "aac003": view.data["person_name"]}


class FindTreatments(Listing):
    """4.4, by the certificate of the injury that was chosen."""

    name: ClassVar[str] = "neimenggu.find_treatments"
    operation: ClassVar[str] = "find_treatments"
    member = "lkb7"
    keeps = "treatments"
    columns = ("aae073", "alca02", "akc176", "akc175", "jxzl", "ale021", "akc173", "aae031", "akc174", "akc178")

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the certificate."""
        return {"alca02": _injury(view)["alca02"]}


class FindReports(Listing):
    """4.6, by the personal number: has the employer filed the accident? It may come days late."""

    name: ClassVar[str] = "neimenggu.find_reports"
    operation: ClassVar[str] = "find_reports"
    member = "ldc1"
    keeps = "reports"
    columns = ("clc004", "alca02", "aab301", "alc020", "alc022", "alc023", "alc029", "aab001", "aaea06")

    def request(self, view: View) -> Mapping[str, Any]:
        """Name the person."""
        return {"aac001": _injury(view)["aac001"]}


class FindOffsiteFilings(Listing):
    """4.21: filings of the person to this hospital."""

    name: ClassVar[str] = "neimenggu.find_offsite_filings"
    operation: ClassVar[str] = "find_offsite_filings"
    member = "Bs001Gets"
    keeps = "filings"
    columns = ("alc011", "aae127", "aae100", "aae016", "aae030", "aae031", "ala491", "alc014")

    def request(self, view: View) -> Mapping[str, Any]:
        """Name person and day of admission (yyyymmdd here)."""
        day = view.data["admitted_on"].replace("-", "")
        return {"aac002": view.data["identity_number"], "aac003": view.data["person_name"], "aae030s": day}


def _injury(view: View) -> Mapping[str, Any]:
    found = choosing.injury(view)
    assert found is not None, "the flow asks only once an injury is chosen"
    return found


# -- registration
class Registration(BaseStep):
    """What 4.8 and 4.22 have in common."""

    role: ClassVar[str] = CENTRE
    operation: ClassVar[str]

    def refused(self, view: View, refusal: Refused) -> Progress | InDoubt | None:
        """Look into "uploaded already" (51014, 310020) after an answer was lost; without that it is a refusal."""
        lost = any(call.operation == self.operation for call in view.lost)
        if refusal.category is Category.ALREADY_DONE and lost:
            return InDoubt("an earlier registration of this visit got no answer")
        return None

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Take what a person says like the centre's reply, which is empty."""
        return self.fold(view, told)


class Register(Registration):
    """4.8, of an old injury (isnewinjure 0) or a new one (1: no certificate, no application)."""

    name: ClassVar[str] = "neimenggu.register"
    operation: ClassVar[str] = "register"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the stay."""
        injury, treatment = _injury(view), choosing.treatment(view)
        is_new = not injury.get("alca02")
        facts = shapes.facts_of(view, injury=injury, treatment={} if is_new else treatment)
        return {"isnewinjure": "1" if is_new else "0", "kc21": shapes.built(shapes.KC21, facts)}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep what the stay was registered on; a later look at the lists does not change it."""
        return Progress(
            {"registered": True, "injury": dict(_injury(view)), "treatment": dict(choosing.treatment(view) or {})}
        )


class RegisterOffsite(Registration):
    """4.22."""

    name: ClassVar[str] = "neimenggu.register_offsite"
    operation: ClassVar[str] = "register_offsite"

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the stay, on the filing that covers the admission."""
        return {"bs003WS": shapes.built(shapes.BS003, shapes.facts_of(view, filing=choosing.filing(view)))}

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the filing that the stay was registered on."""
        return Progress({"registered": True, "filing": dict(choosing.filing(view) or {})})
