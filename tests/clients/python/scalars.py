"""The schema's scalars, read without any latitude: one spelling each, as their descriptions say."""

import re
from datetime import date, datetime, time, timezone
from typing import Any
from zoneinfo import ZoneInfo


def _text(value: Any, form: str, what: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(form, value, re.ASCII):
        raise ValueError(f"not {what}: {value!r}")
    return value


def read_instant(value: Any) -> datetime:
    """An instant in UTC with exactly three fractional digits."""
    if isinstance(value, datetime):
        return value
    text = _text(value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "an instant")
    return datetime.fromisoformat(text)


def write_instant(value: datetime) -> str:
    return value.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(_text(value, r"\d{4}-\d\d-\d\d", "a day"))


def read_local_time(value: Any) -> time:
    return value if isinstance(value, time) else time.fromisoformat(_text(value, r"\d\d:\d\d", "a local time"))


def write_local_time(value: time) -> str:
    return value.isoformat(timespec="minutes")


def read_zone(value: Any) -> ZoneInfo:
    return value if isinstance(value, ZoneInfo) else ZoneInfo(_text(value, r"[A-Za-z0-9_+/-]+", "a time zone"))


def write_zone(value: ZoneInfo) -> str:
    return value.key
