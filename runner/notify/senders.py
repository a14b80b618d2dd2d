"""Senders: one message to one channel; each raises Undelivered with a reason that holds no secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from runner.experiment.channels import Channel
from runner.notify.alert_policy import Message

TIMEOUT_S = 5.0
SIGNATURE = "X-Chaos-Run-Signature"


class Undelivered(Exception):
    """Why a message did not arrive."""


def send(channel: Channel, message: Message, within_s: float) -> None:
    """Raises Undelivered. How long Apprise takes is its own affair."""
    if channel.webhook is not None:
        webhook(channel, message, within_s)
    elif channel.pagerduty is not None:
        pagerduty(channel, message, within_s)
    else:
        apprise(channel, message)


def webhook(channel: Channel, message: Message, within_s: float) -> None:
    """POST as JSON; signed `t=<unix seconds>,v1=<hex>` over `<t>.<body>` where the channel has a secret."""
    body = json.dumps(message.to_json(), ensure_ascii=False).encode(errors="backslashreplace")
    headers = {"Content-Type": "application/json"}
    if channel.secret is not None:
        headers[SIGNATURE] = sign(channel.secret, body, int(time.time()))
    _post(str(channel.webhook), body, headers, within_s)


def sign(secret: str, body: bytes, at: int) -> str:
    """The signature of a body at a moment; receivers refuse old moments against replays."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def pagerduty(channel: Channel, message: Message, within_s: float) -> None:
    """Events v2: one incident a run, all its messages under one key."""
    payload = {
        "summary": _summary(message),
        "source": "chaos-run",
        "severity": message.level,
        "timestamp": message.at,
        "custom_details": {"run": message.run, "event": message.event, "drill": message.drill},
    }
    event: dict[str, Any] = {
        "routing_key": channel.pagerduty,
        "event_action": "trigger",
        "dedup_key": f"chaos-run/{message.run}",
        "payload": payload,
    }
    _post(channel.endpoint, json.dumps(event).encode(), {"Content-Type": "application/json"}, within_s)


def _summary(message: Message) -> str:
    """In the 1024 characters that it may have; that it is a drill is among them."""
    said = f" ({message.drill[:500]})" if message.drill else ""
    return f"{message.title}: {message.text}"[: 1024 - len(said)] + said


def apprise(channel: Channel, message: Message) -> None:
    """Whatever Apprise knows the way to."""
    try:
        import apprise as library
    except ImportError:
        raise Undelivered("Apprise is not installed: pip install apprise") from None
    post = library.Apprise()
    try:
        if not post.add(str(channel.apprise)):
            raise Undelivered("Apprise does not know this kind of URL")
        if not post.notify(title=f"[{message.level}] {message.title}", body=message.whole):
            raise Undelivered("Apprise could not deliver it")
    except Undelivered:
        raise
    except Exception as problem:  # noqa: BLE001 - one of a hundred plug-ins; it must not silence the channels after it
        raise Undelivered(f"Apprise failed with {type(problem).__name__}") from None


def _post(url: str, body: bytes, headers: dict[str, str], within_s: float) -> None:
    import httpx

    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=within_s)
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise Undelivered(type(problem).__name__) from None  # its text may hold the URL, and that a token
    if not answer.is_success:
        raise Undelivered(f"HTTP {answer.status_code}")
