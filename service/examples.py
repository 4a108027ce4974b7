"""Letters written for this project: shown in the documentation and on the page, used to warm a model up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from model.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Example:
    """A ticket as posted, under a short name."""

    key: str
    name: str
    ticket: dict[str, Any]


UNPAID_WAGES: Final = Example(
    "unpaid-wages",
    "拖欠工资",
    {
        "ticket_id": "BA20260224000117",
        "title": "公司拖欠三个月工资",
        "content": (
            "我在宝安区一家电子厂上班，公司已经拖欠我们二十多名员工三个月工资，老板一直不接电话，"
            "请劳动部门帮忙追讨。我的电话 13800138000。"
        ),
        "channel": "微信小程序",
        "created_at": "2026-02-24T09:12:30+08:00",
        "location": {"district": "宝安区", "street": "西乡街道"},
        "anonymous": False,
    },
)
NIGHT_NOISE: Final = Example(
    "night-noise",
    "工地深夜施工",
    {
        "title": "工地凌晨还在打桩，全家无法入睡",
        "content": (
            "您好，我住在民治街道梅龙路边上的小区。对面工地从五一以后几乎天天干到凌晨两三点，"
            "打桩机、混凝土泵车轮着响，昨晚一直响到 2 点 40 分。家里有刚满月的孩子和八十岁的老人，"
            "整夜睡不着。找过保安，说有夜间施工许可，却拿不出来。请环保部门查处夜间施工噪声，"
            "处理结果请打我电话 13800138000。"
        ),
        "channel": "12345 热线",
        "created_at": "2026-05-12T23:41:00+08:00",
        "location": {"district": "龙华区", "street": "民治街道", "address": "梅龙路与民旺路交汇处工地"},
    },
)
GAS_SMELL: Final = Example(
    "gas-smell",
    "楼道燃气味",
    {
        "title": "楼道里一股很浓的煤气味",
        "content": (
            "罗湖区翠竹路这栋老楼，三楼到五楼楼道里现在煤气味非常重，有邻居已经头晕恶心。"
            "我们开了窗，不敢开灯，也不敢打火。请马上派人来！"
        ),
        "channel": "12345 热线",
        "created_at": "2026-03-08T21:05:10+08:00",
        "location": {"district": "罗湖区", "street": "翠竹街道"},
    },
)
PENSION_QUESTION: Final = Example(
    "pension-question",
    "咨询社保转移",
    {
        "title": "养老保险转回老家怎么办",
        "content": "我在深圳交了六年养老保险，下个月回湖南工作，想问保险怎么转，要带什么材料，网上能办吗？",
        "channel": "网站",
    },
)
DARK_STREET: Final = Example(
    "dark-street",
    "路灯不亮",
    {
        "title": "路灯不亮一个多星期",
        "content": (
            "福田区景田北街一排路灯坏了一个多星期，晚上漆黑一片，老人和孩子走路很不安全，"
            "昨晚还有人绊倒，请尽快维修，谢谢。"
        ),
        "channel": "微信小程序",
        "location": {"district": "福田区", "address": "景田北街"},
    },
)
PLAYGROUND_IDEA: Final = Example(
    "playground-idea",
    "建议与致谢",
    {
        "content": (
            "社区公园的滑梯修好了，孩子们很高兴，谢谢你们！另外想提个建议：公园晚上七点就关灯，"
            "下班后想带孩子玩一会儿都看不见，能不能把照明延长到九点半？"
        ),
        "channel": "网站",
    },
)

EXAMPLES: Final = (UNPAID_WAGES, NIGHT_NOISE, GAS_SMELL, PENSION_QUESTION, DARK_STREET, PLAYGROUND_IDEA)

WARM_UP_LETTERS: Final = (
    Ticket(content=PENSION_QUESTION.ticket["content"], title=PENSION_QUESTION.ticket["title"]),
    Ticket(content=UNPAID_WAGES.ticket["content"], title=UNPAID_WAGES.ticket["title"]),
    Ticket(content=NIGHT_NOISE.ticket["content"] * 4),
)

ANSWER: Final[dict[str, Any]] = {
    "ticket_id": "BA20260224000117",
    "department": {
        "code": "RSJ",
        "name": "市人力资源和社会保障局",
        "probability": 0.9233,
        "top": [
            {"code": "RSJ", "name": "市人力资源和社会保障局", "probability": 0.9233},
            {"code": "SBJ", "name": "市社会保险基金管理局", "probability": 0.0267},
            {"code": "YBJ", "name": "市医疗保障局", "probability": 0.0069},
            {"code": "SFJ", "name": "市司法局", "probability": 0.0047},
            {"code": "GZW", "name": "市国有资产监督管理委员会", "probability": 0.0038},
        ],
    },
    "second_department": None,
    "decision": {
        "action": "auto",
        "reasons": [{"code": "confident", "text": "市人力资源和社会保障局的把握为 92%，达到自动分派线 92%"}],
    },
    "urgency": {
        "code": "urgent",
        "name": "加急",
        "probability": 0.1176,
        "model_code": "normal",
        "probabilities": {"low": 0.0067, "normal": 0.799, "urgent": 0.1176, "emergency": 0.0768},
        "raised_by": [
            {
                "rule": "wages.unrest",
                "level": "urgent",
                "field": "title",
                "start": 2,
                "end": 4,
                "text": "拖欠",
            },
            {
                "rule": "wages.unrest",
                "level": "urgent",
                "field": "title",
                "start": 7,
                "end": 9,
                "text": "工资",
            },
            {
                "rule": "wages.unrest",
                "level": "urgent",
                "field": "content",
                "start": 21,
                "end": 25,
                "text": "二十多名",
            },
        ],
        "flags": [],
        "respond_by": "2026-02-25T01:12:30Z",
    },
    "kind": {"code": "T", "name": "投诉", "probability": 0.6713},
    "evidence": {
        "department": "RSJ",
        "method": "lexical",
        "spans": [
            {"field": "title", "start": 6, "end": 9, "text": "月工资", "weight": 0.2674},
            {"field": "content", "start": 42, "end": 49, "text": "请劳动部门帮忙", "weight": 0.2189},
            {"field": "content", "start": 13, "end": 21, "text": "公司已经拖欠我们", "weight": 0.1814},
            {"field": "content", "start": 33, "end": 37, "text": "老板一直", "weight": 0.127},
            {"field": "content", "start": 29, "end": 32, "text": "月工资", "weight": 0.0743},
            {"field": "content", "start": 25, "end": 27, "text": "员工", "weight": 0.0664},
        ],
    },
    "masked": {
        "title": "公司拖欠三个月工资",
        "content": (
            "我在宝安区一家电子厂上班，公司已经拖欠我们二十多名员工三个月工资，老板一直不接电话，"
            "请劳动部门帮忙追讨。我的电话 [PHONE]。"
        ),
    },
    "versions": {"bundle": "starter", "taxonomy": "shenzhen", "taxonomy_version": "2026.1", "code": "0.1.0"},
    "milliseconds": 9.2,
}
"""What the starter bundle answered to the first example when this was written; shown in the documentation."""
