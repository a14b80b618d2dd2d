"""Own copy: an experiment of the catalogue, which is about a shop, as text about somebody's own service."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_LABELS = "{app: shop}"
_SELECTOR = "app=shop"
_DEFAULT = r"(?m)^(  %s: \{.*\bdefault: )(?:\"[^\"]*\"|[^,}]*)"
"""A variable of `configuration:` on its line, up to the default."""


def asked(text: str) -> list[str]:
    """What has to be known to make it somebody's own, of name, url, namespace and selector."""
    needed = {
        "name": True,
        "url": "  shop_url:" in text,
        "namespace": "  namespace:" in text,
        "selector": _SELECTOR in text or _LABELS in text,
    }
    return [name for name, is_needed in needed.items() if is_needed]


def of(text: str, given: Mapping[str, str]) -> str:
    """The text with these names in the place of the shop's; comments and layout stay.

    `given`: name, url, namespace and selector, as far as `asked` wants them. Raises ValueError where the file needs labels that are
    equal to something (`app=shop`) and the selector says something else.
    """
    name = given["name"]
    identifier = re.sub(r"\W", "_", name)
    identifier = identifier if identifier[0].isalpha() else f"service_{identifier}"
    camel = "".join(part[:1].upper() + part[1:] for part in identifier.split("_"))
    text = re.sub(r"\bShop(?=[A-Z])", camel, text)  # alerts
    if "url" in given:
        text = _with_default(text, "shop_url", json.dumps(given["url"].rstrip("/"), ensure_ascii=False))
    if "namespace" in given:
        text = _with_default(text, "namespace", json.dumps(given["namespace"]))
    if "selector" in given:
        if _LABELS in text:
            text = text.replace(_LABELS, json.dumps(_labels(given["selector"]), ensure_ascii=False))
        text = text.replace(_SELECTOR, json.dumps(given["selector"], ensure_ascii=False))
    text = re.sub(r"\bSHOP_(?=[A-Z])", f"{identifier.upper()}_", text)
    text = re.sub(r"\bshop_(?=[a-z])", f"{identifier}_", text)
    text = re.sub(r"(?m)^(      proven:) .*$", rf"\1 not yet run on {name}", text)  # what was seen was seen on the shop
    text = re.sub(r"(?m)^title: The shop\b", f"title: {name[0].upper()}{name[1:]}", text)
    text = re.sub(r"\b(?:[Tt]he|[Aa]) ((?:busy )?)shop\b", rf"\g<1>{name}", text)
    text = re.sub(r"(?<=\.)shop(?=\.svc)", given.get("namespace", name), text)
    return re.sub(r"(?<![\w./-])shop(?![\w-])", name, text)


def _with_default(text: str, variable: str, value: str) -> str:
    return re.sub(_DEFAULT % variable, lambda found: found[1] + value, text, count=1)


def _labels(selector: str) -> dict[str, str]:
    pairs = [part.split("=") for part in selector.replace("==", "=").split(",")]
    if any(len(pair) != 2 or not all(pair) or "!" in pair[0] for pair in pairs):
        raise ValueError(
            f"{selector!r} is not a list of labels and values; this experiment needs one, as in app=shop,tier=web"
        )
    return {key.strip(): value.strip() for key, value in pairs}
