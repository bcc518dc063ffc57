"""Settings of one installation, from the environment (``VISITFLOW_*``) or a ``.env`` file; secrets never from YAML."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.errors import BadInput


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
    in_flight: int = Field(default=500, ge=1)
    lease_seconds: float = Field(default=30.0, gt=0)
    grace_seconds: float = Field(default=20.0, gt=0)
    language: str = Field(default="zh", pattern="^(zh|en)$", description="language of what staff see")

    @property
    def store_url(self) -> str:
        """Return the store's URL; without one, SQLite in the data folder."""
        return self.store or f"sqlite:///{self.data.resolve() / 'visitflow.db'}"

    @property
    def key_file(self) -> Path:
        """Return where the embedded store's key lies when the environment brings none."""
        return self.data / "exchange.key"

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
