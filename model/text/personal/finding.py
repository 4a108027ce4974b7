"""What a finder reports, and the looks around a number that several finders share."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data of one kind at ``[start, end)`` of the normal form."""

    kind: str
    start: int
    end: int


AMOUNT = r"(?! ?(?:[余多]?元|块钱|万[元人次平多余]|亿|[余多]?人(?!工)|平方|平米|m2|%|年[^级]|个[^人]))"
"""After a number that could be an account or a telephone: no unit that makes it an amount."""

_SERIAL = re.compile(
    r"(?:工单|单号|编号|受理号|查询号|查询码|业务号|流水号?|回执号?|订单号?|案件号|案号|文号|备案号?|许可证号?"
    r"|执照号?|注册号|信用代码|发票号?|合同号?|运单号?|快递号?|登记号|批号|证书号|资格证号?|设备号|序列号|车架号"
    r"|发动机号|档案号|考号|学号|条码|房产证号?|产权证号?)"
    r"(?:码|号|为|是)?[: #]{0,2}[a-z]{0,4}$"
)
_LOOK_BACK = 16


def preceded(text: str, start: int, pattern: re.Pattern[str], width: int = _LOOK_BACK) -> bool:
    """Whether ``pattern`` occurs within the ``width`` characters before ``start``."""
    return pattern.search(text, max(0, start - width), start) is not None


def is_serial(text: str, start: int) -> bool:
    """Whether the number at ``start`` is called a serial number: of a ticket, a licence, a document."""
    return preceded(text, start, _SERIAL)


def digits_of(piece: str) -> str:
    """``piece`` without the blanks, dashes and brackets that people write between digits."""
    return re.sub(r"[^0-9a-z]", "", piece)
