"""How calls and answers travel: verb, carrier, encryption, files, what the exchange keeps; settings. 002, 2.2, 4.18."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.neimenggu import Neimenggu
from adapters.neimenggu.attachments import url_safe
from adapters.neimenggu.interfaces import INTERFACES
from engine.environment import MINUTE, SECOND
from engine.outcomes import Category, Done, InDoubt, NotSent, Refused
from tests.adapters.neimenggu.centre import KEY, PASSWORD, PASSWORD_ON_THE_WIRE, URL, USER, Desk, encrypt
from tests.adapters.neimenggu.examples import FILE, GOOD, PDF, STAY

FORM_DATA = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("verb", "carrier"), [("POST", "form"), ("POST", "query"), ("POST", "json"), ("POST", "body"), ("GET", "query")]
)
@pytest.mark.parametrize(("answers", "encrypts"), [("no", False), ("yes", True), ("auto", True), ("auto", False)])
async def test_verbs_carriers_and_encrypted_answers(verb: str, carrier: str, answers: str, encrypts: bool) -> None:
    desk = Desk(settings={"verb": verb, "carrier": carrier, "encrypted_answers": answers})
    desk.centre.carrier, desk.centre.encrypts = carrier, encrypts
    desk.centre.answers = [GOOD["upload_lines"][1]]
    outcome = await desk.call("upload_lines")
    assert isinstance(outcome, Done), outcome
    assert [each.verb for each in desk.centre.asked] == [verb, verb]
    sent = desk.centre.calls[0]
    assert sent.body["akc190"] == STAY
    assert sent.body["meds"]["med"][0]["alc407"] == "25.00", "amounts travel as text with their decimals"
    await desk.adapter.close()
    assert desk.centre.sent[-1] == "logout"


async def test_default_is_a_posted_form_and_plain_answers() -> None:
    desk = Desk()
    await desk.call()
    assert {each.headers["content-type"] for each in desk.centre.asked} == {FORM_DATA}


async def test_encrypted_answers_in_lines() -> None:
    desk = Desk(settings={"encrypted_answers": "yes"})
    desk.centre.encrypts = desk.centre.wraps = True
    desk.centre.answers = [GOOD["list_stays"][1]]
    assert isinstance(await desk.call(), Done)


@pytest.mark.parametrize(("answers", "encrypts"), [("no", True), ("yes", False)])
async def test_an_answer_of_the_other_kind_is_not_guessed_at(answers: str, encrypts: bool) -> None:
    desk = Desk(settings={"encrypted_answers": "auto"})
    assert isinstance(await desk.call(), Done)
    strict = desk.beside(encrypted_answers=answers)
    desk.centre.encrypts = encrypts
    assert isinstance(await strict.call("cancel_lines"), InDoubt)


async def test_an_answer_under_another_key_is_in_doubt() -> None:
    desk = Desk(settings={"encrypted_answers": "auto"})
    desk.centre.answers = [encrypt(KEY[::-1], '{"code": 0, "msg": ""}').encode()]
    assert isinstance(await desk.call("cancel_lines"), InDoubt)


@pytest.mark.parametrize("url", [URL, URL + "/", "http://centre.test/nm-his"])
async def test_addresses_are_those_of_the_document(url: str) -> None:
    desk = Desk(settings={"url": url})
    await desk.shelf.add(PDF, "application/pdf", "x", 0)
    for operation in GOOD:
        desk.centre.answers = [GOOD[operation][1]]
        await desk.call(operation)
    paths = [each.path for each in desk.centre.calls]
    assert paths == [f"/nm-his/{INTERFACES[operation].path}" for operation in GOOD]
    assert "/nm-his/public/sendHis/register.html" in paths
    assert "/nm-his/his/pub/interface/upInvoice/saveInvoice.html" in paths


async def test_wrappers_are_restored() -> None:
    desk = Desk()
    await desk.call("upload_lines")
    body = desk.centre.calls[0].body
    assert list(body) == ["sessionid", "akc190", "advices", "meds"]
    assert list(body["advices"]) == ["advice"]


async def test_chinese_and_signs_survive_every_carrier() -> None:
    order = {"aae080": "YZ1", "alk009": "青霉素 80万U ×2 & 50% +=?#/\\\"'\r\n🏥", "alk016": "医", "alk017": "护"}
    for carrier in ("form", "query", "json", "body"):
        desk = Desk(settings={"carrier": carrier})
        desk.centre.carrier = carrier
        await desk.call("upload_lines", {"akc190": STAY, "advice": [order]})
        assert desk.centre.calls[0].body["advices"]["advice"][0]["alk009"] == order["alk009"].strip()


# -- files
async def test_material_goes_up_as_a_form_with_a_file() -> None:
    desk = Desk()
    await desk.shelf.add(PDF, "application/pdf", "发票.pdf", 0)
    assert isinstance(await desk.call("send_material"), Done)
    sent = desk.centre.calls[0]
    assert sent.verb == "POST"
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert sent.headers["sessionid"] == sent.body["sessionid"]
    name, kind, content = sent.body["file"]
    assert (kind, content) == ("application/pdf", PDF)
    assert name.endswith(".pdf")
    rest = {name: value for name, value in sent.body.items() if name not in ("file", "sessionid")}
    assert rest == {
        "akc190": STAY,
        "invoiceType": "pdf",
        "invoiceNo": "FP1",
        "invoiceMoney": "25.00",
        "rolltype": "0",
        "filetype": "01",
    }


async def test_material_is_posted_whatever_the_verb_and_read_whatever_is_encrypted() -> None:
    settings = {"verb": "GET", "carrier": "query", "encrypted_answers": "yes"}
    desk = Desk(settings=settings)
    desk.centre.carrier, desk.centre.encrypts = "query", True
    await desk.shelf.add(PDF, "application/pdf", "发票.pdf", 0)
    desk.centre.answers = [b'{"code": 0, "msg": ""}']  # an unencrypted call has an unencrypted answer
    assert isinstance(await desk.call("send_material"), Done)


@pytest.mark.parametrize(
    ("operation", "wrapper", "name"), [("leave", "km12s", "km12"), ("leave_offsite", "bskm12s", "bskm12")]
)
async def test_invoices_in_a_discharge_are_url_safe(operation: str, wrapper: str, name: str) -> None:
    desk = Desk()
    await desk.shelf.add(PDF, "application/pdf", "发票.pdf", 0)
    assert isinstance(await desk.call(operation), Done)
    (row,) = desk.centre.calls[0].body[wrapper][name]
    assert not set(row["body"]) & set("+/")
    assert base64.b64decode(row["body"].replace("-", "+").replace("_", "/"), validate=True) == PDF
    assert set("-_") & set(row["body"]), "the example has both signs in it, else it proves nothing"


def test_url_safe_is_what_the_document_says() -> None:
    content = bytes(range(256))
    assert url_safe(content) == base64.b64encode(content).decode().replace("+", "-").replace("/", "_")


@pytest.mark.parametrize("operation", ["leave", "leave_offsite", "send_material"])
async def test_a_file_that_is_not_there_stops_the_call(operation: str) -> None:
    desk = Desk()
    outcome = await desk.call(operation)
    assert isinstance(outcome, Refused)
    assert outcome.category is Category.DATA
    assert desk.centre.asked == []
    without = Desk(equipped=False)
    assert isinstance(await without.call(operation), Refused)


async def test_a_shelf_that_does_not_answer_sends_nothing() -> None:
    desk = Desk()

    async def broken(file_id: str) -> bytes:
        raise OSError

    desk.shelf.read = broken  # type: ignore[method-assign]
    assert isinstance(await desk.call("send_material"), NotSent)
    assert desk.centre.asked == []


# -- what the exchange keeps
async def test_exchange_keeps_what_was_sent_without_secrets() -> None:
    desk = Desk()
    desk.centre.answers = [{"code": 0, "msg": "", "counts": 2, "sessionid": "geheim", "neu": "x"}]
    outcome = await desk.call("upload_lines")
    assert isinstance(outcome, Done)
    assert outcome.exchange is not None
    head, _, text = outcome.exchange.request.decode().partition("\n")
    sent = desk.centre.calls[0]
    assert head.startswith("POST public/sendHis/sendMedInfo.html (form, sha256 ")
    assert hashlib.sha256(sent.raw).hexdigest() in head, "so that it can be told what was on the wire"
    assert json.loads(text) == sent.body | {"sessionid": "***"}
    assert outcome.exchange.reply is not None
    assert json.loads(outcome.exchange.reply) == {"code": 0, "msg": "", "counts": 2, "sessionid": "***", "neu": "x"}


async def test_exchange_of_a_log_in_keeps_neither_password_nor_session() -> None:
    desk = Desk()
    logged_in = await desk.call("log_in")
    logged_out = await desk.call("log_out")
    for outcome in (logged_in, logged_out):
        kept = outcome.exchange.request + outcome.exchange.reply
        assert b"***" in kept
        assert USER.encode() in kept
        for secret in (PASSWORD, PASSWORD_ON_THE_WIRE, "2026030108280"):
            assert secret.encode() not in kept


async def test_exchange_keeps_no_secret_that_the_centre_repeats_in_its_words() -> None:
    desk = Desk()
    desk.centre.doing["login"] = [{"code": 99999, "msg": f"no user with {PASSWORD_ON_THE_WIRE}"}]
    outcome = await desk.call("log_in")
    assert b"no user with ***" in outcome.exchange.reply
    desk.centre.answers = [b"<p>sessionid 2026030108280 unknown</p>"]
    outcome = await desk.call("register")
    assert outcome.exchange.reply == b"<p>sessionid *** unknown</p>"


async def test_exchange_keeps_the_text_of_an_encrypted_answer() -> None:
    desk = Desk(settings={"encrypted_answers": "yes"})
    desk.centre.encrypts = True
    desk.centre.answers = [{"code": 51016, "msg": "D51016-住院信息保存失败"}]
    outcome = await desk.call("register")
    assert "住院信息保存失败".encode() in outcome.exchange.reply


async def test_exchange_names_files_instead_of_holding_them() -> None:
    for operation in ("leave", "send_material"):
        desk = Desk()
        await desk.shelf.add(PDF, "application/pdf", "发票.pdf", 0)
        outcome = await desk.call(operation)
        assert FILE.encode() in outcome.exchange.request
        assert len(outcome.exchange.request) < 1000


@pytest.mark.parametrize("body", [b"\xff\x00", b"<html>busy</html>"])
async def test_exchange_keeps_what_nobody_can_read(body: bytes) -> None:
    desk = Desk()
    desk.centre.answers = [body]
    outcome = await desk.call("register")
    assert outcome.exchange.reply == body


# -- settings
GIVEN = {"url": URL, "username": USER}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"surprise": 1}, "surprise"),
        ({"url": "centre"}, "url"),
        ({"url": "http://x/?message=1"}, "url"),
        ({"username": ""}, "username"),
        ({"verb": "PUT"}, "verb"),
        ({"carrier": "xml"}, "carrier"),
        ({"verb": "GET"}, "carrier must be query"),
        ({"verb": "GET", "carrier": "json"}, "carrier must be query"),
        ({"encrypted_answers": "maybe"}, "encrypted_answers"),
        ({"connect_timeout": "0s"}, "connect_timeout"),
        ({"connect_timeout": 5}, "connect_timeout"),
        ({"session_life": "2"}, "session_life"),
        ({"session_life": "5m", "session_margin": "5m"}, "session_margin"),
        ({"log_out_after": "0s"}, "log_out_after"),
        ({"timezone": "Asia/Hohhot"}, "timezone"),
        ({"password": "x"}, "password"),
        ({"key": KEY}, "key"),
        ({"key_variable": KEY}, "key_variable"),
        ({"message_prefix": "NM"}, "message_prefix"),
    ],
)
def test_settings_are_checked(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Neimenggu.from_settings(GIVEN | wrong)


def test_defaults_are_those_of_the_page() -> None:
    settings = Neimenggu.from_settings(GIVEN)._settings
    assert (settings.verb, settings.carrier, settings.encrypted_answers) == ("POST", "form", "no")
    assert (settings.session_life, settings.session_margin) == (120 * MINUTE, 5 * MINUTE)
    assert (settings.log_out_after, settings.conflict_wait) == (MINUTE, 5 * MINUTE)
    assert settings.note_every == 15 * SECOND


@pytest.mark.parametrize(
    ("now", "number", "expected"),
    [(1_772_330_400, 1, "NM000120260301100000000001"), (1_772_330_400, 1_000_001, "NM000120260301100000000001")],
)
def test_message_ids_are_for_our_journal_only(now: int, number: int, expected: str) -> None:
    assert Neimenggu.from_settings(GIVEN).message_id(now * SECOND, number) == expected


async def test_message_id_is_not_sent() -> None:
    desk = Desk()
    outcome = await desk.call()
    assert outcome.exchange is not None
    assert "NM0001" not in json.dumps([each.body for each in desk.centre.asked])
    assert all("NM0001" not in str(each.headers) for each in desk.centre.asked)


async def test_environment_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    adapter = Neimenggu.from_settings(GIVEN)
    client = adapter._wire._network.client
    assert not client.trust_env
    assert not client.follow_redirects
    await adapter.close()


async def test_a_centre_that_sets_cookies_changes_nothing() -> None:
    desk = Desk()
    good = httpx.Response(200, json=GOOD["list_stays"][1], headers={"Set-Cookie": "JSESSIONID=1; Path=/"})
    desk.centre.answers = [good]
    assert isinstance(await desk.call(), Done)
