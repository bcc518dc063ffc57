"""Settings of one installation, from the environment (``VISITFLOW_*``) or a ``.env`` file; secrets never from YAML."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.errors import BadInput

#: What a visit needs and a front end of interface 000 does not always tell (J54).
GATEWAY_DEFAULTS = {
    "diagnosis": "未填写",
    "dept_code": "000",
    "dept_name": "未填写",
    "doctor_code": "000",
    "doctor_name": "未填写",
    "list_type": "2",
}


#: Days: reconciliation, refunds and pushes read visits that were closed lately.
SHORTEST_KEPT = 30


class Settings(BaseSettings):
    """All settings. ``visitflow --help`` names the ones that a command line may override."""

    model_config = SettingsConfigDict(env_prefix="VISITFLOW_", env_file=".env", extra="ignore")

    data: Path = Field(default=Path("data"), description="folder of the embedded store and its key")
    store: str = Field(
        default="", description="store URL: sqlite:///path or postgresql://...; default: SQLite in `data`"
    )
    site: Path = Field(default=Path("flows.yaml"), description="the site's flows.yaml")
    exchange_keys: SecretStr = Field(
        default=SecretStr(""),
        description="keys that encrypt exchanges: id:base64[,older-id:base64...]; first is current",
    )
    host: str = "127.0.0.1"
    port: int = 8320
    dispatch: str = Field(
        default="embedded",
        pattern="^(embedded|procrastinate)$",
        description="how due visits find a worker: embedded, or procrastinate (several workers; docs/fleet.md)",
    )
    in_flight: int = Field(default=500, ge=1)
    lease_seconds: float = Field(default=30.0, gt=0)
    grace_seconds: float = Field(default=20.0, gt=0)
    file_max_bytes: int = Field(
        default=10 * 1024 * 1024, ge=1024, le=100 * 1024 * 1024, description="how large a file (invoice, plan) may be"
    )
    language: str = Field(default="zh", pattern="^(zh|en)$", description="language of what staff see")

    # -- the settlement sheet (docs/settlement-sheet.md)
    sheet_city: str = Field(
        default="", max_length=50, description="city or league in the title of settlement sheets: 呼和浩特市, 兴安盟"
    )
    sheet_fonts: list[Path] = Field(
        default=[], description="more TrueType fonts for rare characters, asked after those that come along"
    )

    # -- who may what (docs/security.md)
    proxies: list[str] = Field(
        default=[], description="addresses of reverse proxies whose X-Forwarded-For is believed, for example 10.1.0.5"
    )
    hosts: list[str] = Field(default=[], description="names by which browsers may call beyond loopback; empty: any")
    tls_certificate: Path | None = Field(default=None, description="certificate chain (PEM) for HTTPS")
    tls_key: Path | None = Field(default=None, description="its private key (PEM)")
    session_idle_minutes: float = Field(default=30, gt=0, description="a person is signed out after so long")
    session_hours: float = Field(default=12, gt=0, description="a session ends after so long in any case")
    requests_per_second: float = Field(default=100, gt=0, description="of one key or person, sustained")
    requests_burst: int = Field(default=500, ge=1, description="of one key or person, at once")
    # -- when there is too much to do (docs/limits.md): 503 with Retry-After before memory grows
    requests_at_once: int = Field(default=64, ge=1, description="requests that change visits, handled at once")
    commits_waiting: int = Field(default=2000, ge=1, description="writes that wait for their commit")
    memory_mb: int = Field(default=0, ge=0, description="resident memory of the process; 0: not looked at")
    due_most: int = Field(default=0, ge=0, description="visits due and not taken; then none is opened; 0: any number")
    four_eyes: bool = Field(
        default=False, description="settling money by hand and reversing a settled visit need a second person"
    )
    approval_hours: float = Field(default=24, gt=0, description="a request for approval expires after so long")
    idempotency_hours: float = Field(default=72, gt=0, description="how long answers to Idempotency-Key are kept")
    patient_key: SecretStr = Field(
        default=SecretStr(""), description="key of the patients' hashes; default: patient.key in `data`"
    )

    # -- the webhook that tells the HIS about progress (docs/api.md)
    webhook_url: str = Field(default="", description="where the HIS listens; empty: nobody is told")
    webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="signs deliveries; several, separated by commas, while it is changed"
    )
    webhook_dead_hours: float = Field(default=24, gt=0, description="a delivery is given up after so long")

    # -- watching it (docs/observability.md)
    disk_free_mb: int = Field(default=512, ge=0, description="less free space than this: not ready, and an alert")
    traces_url: str = Field(
        default="",
        description="OTLP collector: http://host:4318/v1/traces; empty: no traces. Needs visitflow[tracing]",
    )
    alert_rules: Path | None = Field(default=None, description="a site's own rules (YAML) instead of the shipped ones")
    alert_url: str = Field(default="", description="where alerts are sent; empty: they are only listed")
    alert_secret: SecretStr = Field(
        default=SecretStr(""), description="signs alerts; several, separated by commas, while it is changed"
    )

    # -- the gateway endpoint of interface 000 (docs/gateway.md)
    gateway_port: int = Field(
        default=0, ge=0, le=65535, description="port of the gateway endpoint; 0 = off, 000 has 8321"
    )
    gateway_host: str = Field(
        default="127.0.0.1", description="its address; beyond loopback only with token or allow-list"
    )
    gateway_token: SecretStr = Field(
        default=SecretStr(""), description="callers send it: Authorization: Bearer or X-Token"
    )
    gateway_allow: list[str] = Field(default=[], description="networks that may call, for example 10.1.0.0/16")
    gateway_origins: list[str] = Field(default=[], description="origins of browser front ends: http://his.example:8080")
    gateway_patience: float = Field(
        default=30.0, gt=0, le=600, description="seconds that a request waits for its visit"
    )
    gateway_defaults: dict[str, str] = Field(
        default=GATEWAY_DEFAULTS, description="what stands where a front end of 000 says nothing"
    )

    # -- the endpoint that the patient platform calls (interface 003; docs/platform-endpoint.md)
    platform_port: int = Field(default=0, ge=0, le=65535, description="port of the platform's endpoint; 0 = off")
    platform_host: str = Field(
        default="127.0.0.1", description="its address; beyond loopback only with token or allow-list"
    )
    platform_token: SecretStr = Field(
        default=SecretStr(""), description="the platform sends it: Authorization: Bearer or X-Token"
    )
    platform_allow: list[str] = Field(default=[], description="networks that may call, for example 10.1.2.3/32")
    platform_base: str = Field(
        default="/hospital", pattern=r"^(/[A-Za-z0-9._-]+)*$", description="path before the method's name"
    )
    platform_names: dict[str, str] = Field(
        default={}, description='methods other than the document\'s, by number: {"5.1.1": "his.createOrder"}'
    )
    platform_his: str = Field(default="hospital", description="adapter of flows.yaml behind which the HIS is")
    platform_wait: float | None = Field(
        default=None, ge=0, le=600, description="seconds that a call waits for its visit; default: business.yaml"
    )

    # -- how long what is beside the journals is kept (docs/operations.md); 0: for ever
    keep_exchanges_days: int = Field(default=0, ge=0, description="raw exchanges of visits that are closed")
    keep_deliveries_days: int = Field(default=0, ge=0, description="messages to the webhook, delivered or given up")
    keep_batches_days: int = Field(default=0, ge=0, description="batches that are done")
    keep_audit_days: int = Field(default=0, ge=0, description="the audit")
    keep_journals_days: int = Field(
        default=0, ge=0, description="what closed visits hold: then shredded, which nothing brings back; 30 or more"
    )

    @field_validator("keep_journals_days")
    @classmethod
    def _not_tomorrow(cls, value: int) -> int:
        if 0 < value < SHORTEST_KEPT:
            raise ValueError(f"0 (for ever) or at least {SHORTEST_KEPT}: bills of the last month are still compared")
        return value

    @field_validator("gateway_allow", "platform_allow")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for each in value:
            ipaddress.ip_network(each)
        return value

    @field_validator("webhook_url", "alert_url", "traces_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", value):
            raise ValueError("expected http(s)://host/path, without a name or password")
        return value

    @field_validator("gateway_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        for each in value:
            if not re.fullmatch(r"https?://[^/\s*]+", each):
                raise ValueError("expected origins such as http://his.example:8080, without a path and without *")
        return value

    @field_validator("gateway_defaults")
    @classmethod
    def _defaults(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(value) - set(GATEWAY_DEFAULTS)):
            raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(GATEWAY_DEFAULTS)}")
        return GATEWAY_DEFAULTS | value

    @property
    def store_url(self) -> str:
        """Return the store's URL; without one, SQLite in the data folder."""
        return self.store or f"sqlite:///{self.data.resolve() / 'visitflow.db'}"

    @property
    def key_file(self) -> Path:
        """Return where the embedded store's key lies when the environment brings none."""
        return self.data / "exchange.key"

    def patient_secret(self) -> bytes | None:
        """Return the key of the patients' hashes, or None where there is none: patients are then not indexed."""
        if text := self.patient_key.get_secret_value().strip():
            return text.encode()
        file = self.patient_file
        return file.read_text(encoding="ascii").strip().encode() if file.exists() else None

    @property
    def patient_file(self) -> Path:
        """Return where the key of the patients' hashes lies when the environment brings none."""
        return self.data / "patient.key"

    def keys_text(self) -> str:
        """Return the exchange keys. Raises BadInput, saying how to make one, when there is none."""
        if text := self.exchange_keys.get_secret_value().strip():
            return text
        if self.key_file.exists():
            return self.key_file.read_text(encoding="ascii").strip()
        raise BadInput(
            "no key for exchanges: set VISITFLOW_EXCHANGE_KEYS, or run `visitflow db upgrade`, which makes"
            f" {self.key_file} for the embedded store",
            field="VISITFLOW_EXCHANGE_KEYS",
        )
