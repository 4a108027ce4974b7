"""E-mail addresses, WeChat and QQ accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.text.personal.finding import AMOUNT, Finding

_EMAIL = re.compile(
    r"(?=[a-z0-9])(?<![a-z0-9._%+\-])[a-z0-9][a-z0-9._%+\-]{0,63} ?@ ?"
    r"(?:[a-z0-9\-]{1,63}\.){1,4}[a-z]{2,10}(?![a-z0-9])"
)
_WECHAT = re.compile(
    r"(?=[微薇威vw加])"
    r"(?:(?<!公众)(?<!官方)(?:微信|薇信|威信|v信)|(?<![a-z0-9])(?:wechat|weixin|wx|vx)|加 ?v(?![a-z]))"
    r"(?P<said>(?:号码|账号|帐号|号|id)?(?: ?[:是为] ?)?) ?"
    r"(?P<account>[a-z][a-z0-9_\-]{5,19}|(?!1[3-9][0-9]{9})[0-9]{5,11})(?![a-z0-9_\-]|\.[a-z])"
)
_NOT_AN_ACCOUNT = re.compile(r"wechat|weixin|wechatpay|android|iphone|alipay|windows|https|facebook|twitter")
_SIGN_OF_ACCOUNT = re.compile("[0-9_]")
_QQ = re.compile(
    r"(?=[q扣企])(?:(?<![a-z0-9])qq|扣扣|企鹅|(?<![a-z0-9])q(?=:))"
    r"(?:号码|账号|帐号|群号|群|号)?(?: ?[:是为] ?)? ?"
    rf"(?P<account>[1-9][0-9]{{4,10}})(?![a-z0-9]|\.[0-9]){AMOUNT}"
)
_AMOUNT_AHEAD = re.compile(AMOUNT)


def find_emails(text: str) -> Iterator[Finding]:
    """E-mail addresses in Latin letters, with or without blanks around the @."""
    if "@" not in text:
        return
    for match in _EMAIL.finditer(text):
        yield Finding("email", *match.span())


def find_wechats(text: str) -> Iterator[Finding]:
    """WeChat accounts right after 微信, wx and so on; one of letters alone needs 号 or a colon between."""
    for match in _WECHAT.finditer(text):
        account = match["account"]
        if _NOT_AN_ACCOUNT.fullmatch(account):
            continue
        if account.isdigit():
            if _AMOUNT_AHEAD.match(text, match.end()):
                yield Finding("wechat", *match.span("account"))
        elif match["said"] or _SIGN_OF_ACCOUNT.search(account):
            yield Finding("wechat", *match.span("account"))


def find_qqs(text: str) -> Iterator[Finding]:
    """QQ numbers of 5 to 11 digits right after QQ, 扣扣 and the like."""
    for match in _QQ.finditer(text):
        yield Finding("qq", *match.span("account"))
