"""All that may be set about the service, in one place: by ``FENBO_…`` variables or by the command's options.

Nothing is read when this file is imported.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from model.errors import FenboError

PREFIX = "FENBO_"

_SECRETS = frozenset({"database_url", "metrics_token", "secret_key"})

_REMEDIES = {
    "int_parsing": "a whole number",
    "bool_parsing": "true or false",
}


class InvalidSetting(FenboError):
    """A setting has a value that it may not have."""


class Settings(BaseSettings):
    """What the service runs with. Every field can be set as ``FENBO_`` + its name in capitals.

    Raises `InvalidSetting` when made by `read`; pydantic's own error otherwise.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes, each with its own model.")
    dev: bool = Field(
        default=False, description="Trying it out on this machine: readable logs, loopback only."
    )

    bundle: Path | None = Field(
        default=None, description="Folder of the bundle; none takes the starter bundle."
    )
    registry: Path = Field(
        default=Path("bundles"), description="Folder of bundles; the one promoted there answers."
    )
    registry_poll_seconds: float = Field(
        default=0.5, gt=0, le=3600, description="How often to look for another promoted bundle."
    )
    shadow_queue: int = Field(
        default=2000, ge=1, le=100_000, description="Letters that may wait for the shadow bundle, per worker."
    )
    database_url: SecretStr | None = Field(
        default=None, description="Where tickets are stored; none takes a file in data_dir."
    )
    data_dir: Path = Field(
        default=Path("fenbo-data"),
        description="Folder of the SQLite file, the secret key, the duplicate index.",
    )
    secret_key: SecretStr | None = Field(
        default=None, description="Key of stored hashes, the same for all replicas; none takes data_dir's."
    )
    storage_timeout_seconds: float = Field(
        default=10.0, gt=0, le=600, description="A database that takes longer counts as unavailable."
    )
    duplicates: bool = Field(default=True, description="Look for tickets that are the same matter.")
    duplicates_window_days: int = Field(
        default=90, ge=1, le=3650, description="Look for duplicates so far back."
    )
    duplicates_wait_ms: int = Field(
        default=300, ge=0, le=60_000, description="Wait for a ticket's duplicates at most; later ones follow."
    )
    audit_rate: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Share of tickets that a person checks whatever was predicted, drawn at random.",
    )
    retention_text_days: int = Field(
        default=730, ge=1, le=36_500, description="Keep masked text for so long (`fenbo purge`)."
    )
    retention_record_days: int = Field(
        default=1095, ge=1095, le=36_500, description="Keep predictions, outcomes, reviews for so long."
    )
    retention_audit_days: int = Field(
        default=1095, ge=183, le=36_500, description="Keep the audit log for so long."
    )

    queue_requests: int = Field(
        default=256, ge=1, le=100_000, description="Letters that may wait, per worker."
    )
    queue_wait_ms: int = Field(
        default=120, ge=1, le=60_000, description="Refuse what would have to wait longer."
    )
    batch_requests: int = Field(default=8, ge=1, le=256, description="Letters predicted together at most.")
    batch_window_ms: float = Field(
        default=2.0, ge=0, le=1000, description="Wait for companions at most; 0 never."
    )
    inference_threads: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Batches predicted at a time, per worker; 0: two where one worker has processors for them.",
    )
    timeout_ms: int = Field(
        default=10_000, ge=10, le=600_000, description="Answer within, unless the caller says."
    )

    rate_per_second: float = Field(
        default=100.0,
        gt=0,
        le=1_000_000,
        description="Requests of one key a second, of all workers of a machine together.",
    )
    rate_burst_seconds: float = Field(
        default=2.0, gt=0, le=3600, description="So many seconds' worth may come at once."
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="What a scraper of /metrics sends as Bearer; a key works too."
    )

    job_max_bytes: int = Field(
        default=256 * 1024 * 1024, ge=1024, le=16 * 1024**3, description="Largest file of a job."
    )
    job_poll_seconds: float = Field(default=1.0, gt=0, le=3600, description="How often to look for jobs.")
    job_hold_seconds: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="A job whose process says nothing for so long goes to another.",
    )

    webhook_private: bool = Field(
        default=False, description="Webhooks may go to http and to closed networks."
    )
    webhook_attempts: int = Field(default=12, ge=1, le=100, description="Give a delivery up after.")
    webhook_first_wait_seconds: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Wait before the second attempt; doubled each time, an hour at most.",
    )
    webhook_timeout_seconds: float = Field(
        default=10.0, gt=0, le=120, description="A receiver answers within."
    )
    webhook_poll_seconds: float = Field(default=1.0, gt=0, le=3600, description="How often to look for news.")

    max_body_bytes: int = Field(
        default=1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="Largest body."
    )
    body_timeout_seconds: float = Field(
        default=15.0, gt=0, le=600, description="A body must have arrived within."
    )
    stream_idle_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="A caller who streams may pause for so long."
    )
    shutdown_seconds: int = Field(default=30, ge=1, le=3600, description="Time to finish what was accepted.")

    otel_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="OTLP/HTTP address for traces, as http://collector:4318/v1/traces; none sends nothing.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What to log from."
    )
    log_format: Literal["json", "console"] = Field(default="json", description="For machines, or for people.")

    @model_validator(mode="after")
    def _dev_stays_at_home(self) -> Self:
        if self.dev and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} cannot be used with dev, which is open to all who reach it; "
                "allowed: 127.0.0.1, ::1, localhost"
            )
        return self

    @classmethod
    def read(cls, **given: Any) -> Settings:
        """Settings from the environment; what is given (and not None) comes before it.

        Raises `InvalidSetting` in one line that names each variable, its value and what is allowed.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise InvalidSetting("; ".join(_told(problem) for problem in error.errors())) from None

    def as_environment(self) -> dict[str, str]:
        """The variables that make `read` give the same settings in another process. Holds secrets."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {_variable(name): _written(value) for name, value in values.items() if value is not None}

    def shown(self) -> dict[str, str | int | float | bool | None]:
        """Name → value, fit to be shown: secrets are hidden."""
        return self.model_dump(mode="json")


def unknown_variables() -> list[str]:
    """Names of ``FENBO_…`` variables that no setting reads, sorted: likely typing mistakes."""
    known = {_variable(name) for name in Settings.model_fields} | {
        "FENBO_DATA",
        "FENBO_DB_PASSWORD",
        "FENBO_KEY",
    }
    return sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _written(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _told(problem: Any) -> str:
    if not problem["loc"]:
        return str(problem["ctx"]["error"])
    name = str(problem["loc"][0])
    what = _REMEDIES.get(problem["type"]) or problem["msg"][0].lower() + problem["msg"][1:]
    if name not in Settings.model_fields:
        return f"setting {name!r} is not known; allowed: {', '.join(Settings.model_fields)}"
    if name in _SECRETS:
        return f"{_variable(name)} is not valid: {what}"
    return f"{_variable(name)} is {problem['input']!r}; allowed: {what}"
