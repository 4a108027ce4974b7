"""Numbers of bank cards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.text.personal.finding import Finding, digits_of, is_serial, preceded

_CARD = re.compile(r"(?=[1-9])(?<![0-9])(?<![0-9]\.)(?=(?P<number>[1-9](?:[ \-]?[0-9]){15,18}(?![0-9])))")
_BANK = re.compile(r"62|9558[0-9]|95599|4367|4563|4270|5187|5309|6013|6030|6858|6901")
_CALLED_CARD = re.compile(r"卡号|银行|账号|帐号|账户|帐户|信用卡|储蓄卡|借记卡|工资卡|存折")
_CALLED_BANK_CARD = re.compile(
    r"(?:(?:银行|信用|储蓄|借记|工资|社保)卡(?:卡号|号码?|账号)?|(?:银行|对私|个人)[账帐][号户])[^0-9]{0,4}$"
)
_USUAL_GROUPS = re.compile(
    r"[0-9]{16,19}|[0-9]{4}([ \-])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?|[0-9]{6}[ \-][0-9]{10,13}"
)


def checks_as_card(number: str) -> bool:
    """Luhn's check of a number made of digits alone: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_card(text: str, start: int, written: str) -> bool:
    number = digits_of(written)
    called = preceded(text, start, _CALLED_CARD)
    of_bank = _BANK.match(number) is not None
    if preceded(text, start, _CALLED_BANK_CARD) or (called and of_bank):
        return True  # a slip of the pen in a card number leaves it somebody's
    if not checks_as_card(number):
        return False
    return called or (of_bank and _USUAL_GROUPS.fullmatch(written) is not None and not is_serial(text, start))


def find_cards(text: str) -> Iterator[Finding]:
    """Bank cards of 16 to 19 digits.

    Right after 银行卡, or with two of: a bank's prefix, a word such as 卡号, Luhn's check.
    """
    for match in _CARD.finditer(text):
        if _is_card(text, match.start(), match["number"]):
            yield Finding("card", *match.span("number"))
