"""One charge of 4.10 or 4.24: its members, the catalogue, its amounts. N50."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulators.neimenggu.centre import Centre
from simulators.neimenggu.fields import TABLES, date
from simulators.neimenggu.ledger import Line, Stay
from simulators.neimenggu.refusals import Refusal
from simulators.neimenggu.world import Row

SELF_PAID = "3"  #: AKA065
NO_ORDER = "999"  #: aae080 of charges that belong to no order
#: Items outside the catalogue are sent under these codes, with the hospital's own name.
OFF_CATALOGUE = {"SZFYP999": "drug", "SZFZL999": "treatment", "SZFCL999": "material"}
_ROUNDING = Decimal("0.01")


@dataclass
class Reader:
    """Reads the charges of one request."""

    centre: Centre
    stay: Stay
    refuse: Callable[[str, str], Refusal]
    orders: Mapping[str, Any]  #: of the same request
    at: str  #: time of arrival

    def read(self, sent: Any) -> Line:
        """Return the charge, its numbers still to be given. Raises Refusal."""
        dialect = self.stay.dialect
        members = dialect.members
        row = TABLES[members["lines"]].check(sent, self.refuse)
        code, kind = row[members["code"]], dialect.kind_of.get(row[members["kind"]], "")
        item = self._item(code)
        kind = self._kind(item, code, kind)
        grade = row["aka065"] or ("" if item is None else item["grade"])
        if item is None:
            self._off_catalogue(row)
        else:
            self._catalogue(item, row, row[members["name"]])
        self._conditions(row, kind, grade, item)
        price, quantity, amount = (Decimal(row[name]) for name in (members["price"], members["quantity"], "alc407"))
        self._amounts(price, quantity, amount)
        prescribed = date(row["alc401"])
        assert prescribed is not None
        return Line(
            serial=0,
            batch=0,
            at=self.at,
            sent=sent,
            code=code,
            name=row[members["name"]],
            kind=kind,
            category=row["aka063"] or ("" if item is None else item["category"]),
            covered=row["spreason"] == "1" or grade != SELF_PAID,
            noinjury=row["noinjury"] == "1",
            day=prescribed,
            hospital_code=row["akc515"],
            price=price,
            quantity=quantity,
            amount=amount,
            item=item,
        )

    def _item(self, code: str) -> Row | None:
        if code in OFF_CATALOGUE:
            return None
        item = self.centre.world.items.get(code)
        if item is None:
            raise self.refuse("unmatched", "")
        return item

    def _kind(self, item: Row | None, code: str, given: str) -> str:
        known = OFF_CATALOGUE[code] if item is None else item["kind"]
        if given and given != known:
            raise self.refuse("kind", "")
        return known

    def _off_catalogue(self, row: Row) -> None:
        if not row["aka063"]:
            raise self.refuse("category", "")
        if row["aka065"] != SELF_PAID:
            raise self.refuse("not_self_paid", "")
        if not row["aka070"]:
            raise self.refuse("dosage_form", "aka070")
        if row["noinjury"] == "1":
            raise self.refuse("noinjury_off_catalogue", "")

    def _catalogue(self, item: Row, row: Row, name: str) -> None:
        if item["restricted"] == "1":
            raise self.refuse("restricted", "")
        if row["vmed"] != item["version"]:
            raise self.refuse("version", f"{row['vmed']}/{item['version']}")
        if self.centre.switches.name_must_match and name != item["name"]:
            raise self.refuse("unmatched", "")

    def _conditions(self, row: Row, kind: str, grade: str, item: Row | None) -> None:
        if row["spreason"] == "1" and grade != SELF_PAID:
            raise self.refuse("rescue_covered", "")
        if kind == "drug" and not row["zka100"]:
            raise self.refuse("specification", "zka100")
        trace = self.centre.switches.trace_code
        if not row["akc999"] and (trace == "always" or (trace == "drugs" and kind == "drug")):
            raise self.refuse("trace_code", "akc999")
        order = row["aae080"]
        if (
            self.centre.switches.order_must_exist
            and order != NO_ORDER
            and order not in self.stay.orders
            and order not in self.orders
        ):
            raise self.refuse("order_unknown", "")

    def _amounts(self, price: Decimal, quantity: Decimal, amount: Decimal) -> None:
        if price <= 0 or amount == 0:
            raise self.refuse("wrong_amount", "")
        if quantity == 0:
            raise self.refuse("quantity", "")
        if quantity < 0 < amount:
            raise self.refuse("refund_sign", "")
        if amount < 0 < quantity:
            raise self.refuse("sign", "")
        if abs(price * quantity - amount) > _ROUNDING:
            raise self.refuse("wrong_amount", "")
