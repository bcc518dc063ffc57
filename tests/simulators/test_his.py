"""The simulated HIS back end: its rules, tokens, switches and book, as a client of 004 sees them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from simulators.common.book import Book
from simulators.common.http import Request
from simulators.his.back_end import LOG_IN, SETTLE, SHANGHAI, UNSETTLED, BackEnd
from simulators.his.door import Door
from simulators.his.office import Office
from simulators.his.tickets import Tickets

REG = "R1"
SENT = {
    "CardNo": "CR1",
    "RegSerNo": REG,
    "PayWay": "WeChatPay",
    "PayNo": "x",
    "SerialNumber": "P1",
    "Paydate": "2026-11-20",
    "Paytime": "10:31:00",
    "Money": "2.00",
}


class Client:
    """Speaks 004 to a back end in this process."""

    def __init__(self, office: Office | None = None) -> None:
        self.office = office or Office(BackEnd(tickets=Tickets(password="right")))
        self.door = Door(self.office)
        self.token = ""

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        response = self.door.exchange(Request("POST", path, content, headers)).apply()
        return response.status, json.loads(response.body) if response.body else None

    def log_in(self, password: str = "right") -> Any:
        answer = self.post(LOG_IN, {"userId": "visitflow", "password": password})[1]
        self.token = answer["response"] or ""
        return answer

    def arrange(self, what: str, **body: Any) -> dict[str, Any]:
        return self.office.arrange(what, body)

    def bill(self, price: str = "10.00") -> str:
        self.arrange("POST /registrations", RegNo=REG)
        return str(self.arrange("POST /bills", RegNo=REG, items=[{"name": "片", "price": price}])["BILLID"])

    def trial(self) -> Any:
        return self.post(UNSETTLED, {"RegNo": REG})[1]

    def settle(self, **changes: Any) -> Any:
        return self.post(SETTLE, {**SENT, **changes})[1]

    @property
    def settled(self) -> int:
        return len(self.office.back_end.ledger.settlements)


@pytest.fixture
def client() -> Client:
    made = Client()
    made.log_in()
    return made


# -- tokens
def test_a_log_in_gives_a_token() -> None:
    client = Client()
    assert client.log_in("wrong")["status"] == 6
    answer = client.log_in()
    assert (answer["status"], answer["isSuccess"], answer["response"].count(".")) == (0, True, 2)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.e30"])
def test_without_a_good_signature_the_answer_is_1(client: Client, token: str) -> None:
    client.bill()
    client.token = token
    answer = client.trial()
    assert (answer["status"], answer["isSuccess"], answer["response"]) == (1, False, None)


def test_after_its_life_the_answer_is_3(client: Client) -> None:
    client.bill()
    client.arrange("PUT /clock", offset=7300)
    assert client.trial()["status"] == 3
    client.log_in()
    assert client.trial()["status"] == 0
    client.arrange("PUT /tokens", expire=True)
    assert client.trial()["status"] == 3
    client.log_in()
    assert client.trial()["status"] == 0


def test_or_401_by_a_switch(client: Client) -> None:
    client.arrange("PUT /switches", unauthorized="http401")
    client.token = ""
    assert client.post(UNSETTLED, {"RegNo": REG}) == (401, None)


# -- the trial
def test_a_trial_shows_the_bill(client: Client) -> None:
    number = client.bill()
    response = client.trial()["response"]
    assert {name: response[name] for name in ("SumFund", "SBZFJE", "GRZFJE3", "BILLID", "BILLSTATUS")} == {
        "SumFund": "10.00",
        "SBZFJE": "8.00",
        "GRZFJE3": "2.00",
        "BILLID": number,
        "BILLSTATUS": "0",
    }
    (item,) = response["FeeDetail"][0]["FeeCat"][0]["items"][0]["PerItem"]
    assert (item["PerPrice"], item["Price"], item["PerItemCount"]) == ("10.00", "10.00", "1")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (UNSETTLED, {}, 5),
        (UNSETTLED, {"RegNo": ""}, 5),
        (UNSETTLED, {"RegNo": 7}, 5),
        (UNSETTLED, [], 5),
        (UNSETTLED, b"\xff", 5),
        (UNSETTLED, {"RegNo": "R9"}, 6),
        (SETTLE, {}, 5),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused(client: Client, path: str, body: Any, code: int) -> None:
    assert client.post(path, body)[1]["status"] == code


def test_one_bill_after_the_other(client: Client) -> None:
    first, second = client.bill(), client.bill("20.00")
    assert client.trial()["response"]["BILLID"] == first
    assert client.settle(BILLID=first)["status"] == 0
    assert client.trial()["response"]["BILLID"] == second
    client.arrange("PUT /bills", BILLID=second, withdrawn=True)
    assert client.trial()["response"] is None


# -- the settlement
def test_a_settlement_takes_the_money(client: Client) -> None:
    number = client.bill()
    response = client.settle(BILLID=number)["response"]
    assert response["CheckOutNo"]
    assert (response["SumFund"], response["GRZFJE3"]) == ("10.00", "2.00")
    assert client.office.back_end.ledger.view()["settlements"][0]["SerialNumber"] == "P1"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"BILLID": "B9"}, 6),
        ({"CardNo": "C9"}, 6),
        ({"SERIAL_NO": "JY9"}, 6),
        ({"Money": "2.01"}, 6),
        ({"Money": "two"}, 5),
        ({"RegSerNo": "R9"}, 6),
        *(({name: None}, 5) for name in SENT),
    ],
    ids=str,
)
def test_a_settlement_that_does_not_fit_takes_nothing(client: Client, changes: dict[str, Any], code: int) -> None:
    number = client.bill()
    assert client.settle(**{"BILLID": number, **changes})["status"] == code
    assert client.settled == 0


def test_a_second_settlement_takes_the_money_again_unless_switched(client: Client) -> None:
    number = client.bill()
    assert [client.settle(BILLID=number)["status"] for _ in range(2)] == [0, 0]
    assert client.settled == 2
    client.arrange("PUT /switches", second_settlement="refuse")
    assert client.settle(BILLID=number)["status"] == 6
    assert client.settled == 2


@pytest.mark.parametrize(("switch", "shown"), [("withdrawn", None), ("marked", "1"), ("offered", "0")])
def test_what_the_trial_shows_of_a_settled_bill(client: Client, switch: str, shown: str | None) -> None:
    client.arrange("PUT /switches", settled_bill=switch)
    number = client.bill()
    client.settle(BILLID=number)
    response = client.trial()["response"]
    assert (response and response["BILLSTATUS"]) == shown


def test_a_bill_may_have_a_number_of_every_trial(client: Client) -> None:
    client.arrange("PUT /switches", bill_id="per_trial")
    client.bill()
    first, second = (client.trial()["response"]["BILLID"] for _ in range(2))
    assert first != second
    assert client.settle(BILLID=first)["status"] == 6
    assert client.settle(BILLID=second)["status"] == 0


def test_a_switch_that_is_none_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="no such switch"):
        client.arrange("PUT /switches", nonsense=1)


# -- the book
def test_the_book_remembers_everything_but_reads(tmp_path: Path) -> None:
    clock = datetime.datetime(2026, 11, 20, 10, 0, tzinfo=SHANGHAI)

    def office() -> Office:
        return Office(BackEnd(now=lambda: clock), Book(tmp_path))

    client = Client(office())
    client.log_in()
    client.arrange("PUT /switches", bill_id="per_trial", second_settlement="refuse")
    first, second = client.bill(), client.bill("20.00")
    client.settle(BILLID=client.trial()["response"]["BILLID"])
    client.arrange("POST /window", BILLID=second)
    client.arrange("PUT /bills", BILLID=first, withdrawn=True)
    client.arrange("PUT /tokens", expire=True, life=60)
    before = client.office.back_end
    again = Client(office())
    after = again.office.back_end
    assert after.ledger.view() == before.ledger.view()
    assert after.ledger.counter == before.ledger.counter
    assert after.switches == before.switches
    assert [each["door"] for each in after.ledger.view()["settlements"]] == ["api", "window"]
    again.token = client.token
    assert again.trial()["status"] == 3
    again.log_in()
    assert again.trial()["status"] == 0
