"""Who may listen where: the rules that serve checks before it listens."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.errors import BadInput
from service.cli.serve import check_gateway, check_peers
from service.settings import Settings


def settings(**changes: Any) -> Settings:
    return Settings(**{f"gateway_{name}": value for name, value in ({"port": 8321} | changes).items()})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    check_gateway(settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "::"])
def test_beyond_loopback_somebody_has_to_be_kept_out(host: str) -> None:
    with pytest.raises(BadInput, match="VISITFLOW_GATEWAY_TOKEN"):
        check_gateway(settings(host=host))
    check_gateway(settings(host=host, token="secret"))
    check_gateway(settings(host=host, allow=["10.1.0.0/16"]))
    check_gateway(settings(host=host, port=0))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8321/x", "http://localhost:8321/api", "http://[::1]:8321/"])
def test_visitflow_does_not_call_itself(url: str) -> None:
    with pytest.raises(BadInput, match="jiangsu_gateway"):
        check_peers(settings(), {"jiangsu_gateway": {"url": url}})
    check_peers(settings(port=8322), {"jiangsu_gateway": {"url": url}})
    check_peers(settings(port=0), {"jiangsu_gateway": {"url": url}})


def test_the_same_port_on_another_machine_is_another_gateway() -> None:
    check_peers(settings(), {"jiangsu_gateway": {"url": "http://10.1.2.3:8321/api"}, "jiangsu_dll": {}})


@pytest.mark.parametrize(
    "wrong",
    [{"allow": ["10.1.0.0/99"]}, {"origins": ["*"]}, {"origins": ["http://a/b"]}, {"defaults": {"nonsense": "x"}}],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_defaults_are_laid_over_the_shipped_ones() -> None:
    assert settings(defaults={"diagnosis": "T14.9"}).gateway_defaults["list_type"] == "2"
