"""Patients and their cards."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from simulators.wechat.members import ZERO
from simulators.wechat.people import Person

#: What a card may stand at, and the refusal of whoever uses it.
STATES = {"normal": "", "cancelled": "60502", "lost": "60503", "locked": "60504"}


@dataclass(eq=False)
class Patient:
    """One person with a history here; `id` is what the control port calls him."""

    id: str
    person: Person
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)  #: by identity number
    marital: str = "未婚"
    nation: str = "汉族"


@dataclass(eq=False)
class Card:
    """One card. A bound one reaches the patient of another (2.1.2)."""

    number: str
    patient: Patient
    since: datetime.date
    balance: Decimal = ZERO
    state: str = "normal"
    may_pay: bool = True  #: else 60101
    may_top_up: bool = True  #: else 60301
    may_deposit: bool = True  #: else 60401
    was: Patient | None = None  #: whose it was before it was bound


@dataclass
class Register:
    """Everybody."""

    patients: dict[str, Patient] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)

    def add(self, person: Person, since: datetime.date) -> Card:
        """Open a file and a card."""
        patient = Patient(f"P{len(self.patients) + 1}", person)
        self.patients[patient.id] = patient
        card = Card(person.card, patient, since)
        self.cards[card.number] = card
        return card

    def by_identity(self, identity: str, name: str = "") -> Patient | None:
        """Return whoever has this identity number, and this name if one is given."""
        for patient in self.patients.values():
            if patient.person.identity == identity and name in ("", patient.person.name):
                return patient
        return None

    def cards_of(self, patient: Patient) -> list[Card]:
        """Return a patient's cards."""
        return [card for card in self.cards.values() if card.patient is patient]
