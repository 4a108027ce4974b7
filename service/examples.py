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


NIGHT_NOISE: Final = Example(
    "night-noise",
    "工地深夜施工",
    {
        "ticket_id": "LH20260512000381",
        "title": "工地凌晨还在打桩，全家无法入睡",
        "content": (
            "您好，我住在民治街道梅龙路边上的小区。对面工地从五一以后几乎天天干到凌晨两三点，"
            "打桩机、混凝土泵车轮着响，昨晚一直响到 2 点 40 分。家里有刚满月的孩子和八十岁的老人，"
            "整夜睡不着。找过保安，说有夜间施工许可，却拿不出来。请尽快派人现场查一查，"
            "处理结果请打我电话 13800138000。"
        ),
        "channel": "12345 热线",
        "created_at": "2026-05-12T23:41:00+08:00",
        "location": {"district": "龙华区", "street": "民治街道", "address": "梅龙路与民旺路交汇处工地"},
        "anonymous": False,
    },
)
UNPAID_WAGES: Final = Example(
    "unpaid-wages",
    "拖欠工资",
    {
        "title": "装修公司拖欠三个月工资",
        "content": (
            "我和另外六个工友去年十月起在宝安一家装修公司做水电，到今年一月一共被欠工资四万三千元。"
            "老板先说年前结清，后来电话不接、微信拉黑，办公室也搬空了。孩子开学要交学费，"
            "我们再拿不到钱就只能一起去项目部门口讨说法。请劳动部门帮我们追回工资。"
        ),
        "channel": "微信小程序",
        "created_at": "2026-02-24T09:12:30+08:00",
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
FALLEN_TREE: Final = Example(
    "fallen-tree",
    "行道树压断电线",
    {
        "content": (
            "昨夜大风，福田区景田路人行道上一棵大树倒了，压断了一根线垂在路边，不知道有没有电，"
            "早上很多小学生从这里走，麻烦尽快来处理，谢谢。"
        ),
        "channel": "微信小程序",
        "location": {"district": "福田区", "address": "景田路"},
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

EXAMPLES: Final = (NIGHT_NOISE, UNPAID_WAGES, GAS_SMELL, PENSION_QUESTION, FALLEN_TREE, PLAYGROUND_IDEA)

WARM_UP_LETTERS: Final = (
    Ticket(content=PENSION_QUESTION.ticket["content"], title=PENSION_QUESTION.ticket["title"]),
    Ticket(content=NIGHT_NOISE.ticket["content"], title=NIGHT_NOISE.ticket["title"]),
    Ticket(content=UNPAID_WAGES.ticket["content"] * 4),
)

ANSWER: Final[dict[str, Any]] = {
    "ticket_id": "LH20260512000381",
    "department": {
        "code": "STJ",
        "name": "市生态环境局",
        "probability": 0.9312,
        "top": [
            {"code": "STJ", "name": "市生态环境局", "probability": 0.9312},
            {"code": "ZJJ", "name": "市住房和建设局", "probability": 0.0418},
            {"code": "QZF", "name": "属地区政府和街道办", "probability": 0.0121},
            {"code": "CGJ", "name": "市城市管理和综合执法局", "probability": 0.0062},
            {"code": "GAJ", "name": "市公安局", "probability": 0.0034},
        ],
    },
    "second_department": None,
    "decision": {
        "action": "auto",
        "reasons": [{"code": "confident", "text": "市生态环境局的把握为 93%，达到自动分派线 88%"}],
    },
    "urgency": {
        "code": "normal",
        "name": "一般",
        "probability": 0.8143,
        "model_code": "normal",
        "probabilities": {"low": 0.0217, "normal": 0.8143, "urgent": 0.1602, "emergency": 0.0038},
        "raised_by": [],
        "flags": [],
        "respond_by": "2026-05-19T10:00:00Z",
    },
    "kind": {"code": "T", "name": "投诉", "probability": 0.8826},
    "evidence": {
        "department": "STJ",
        "method": "lexical",
        "spans": [
            {"field": "title", "start": 0, "end": 8, "text": "工地凌晨还在打桩", "weight": 0.61},
            {"field": "content", "start": 40, "end": 43, "text": "打桩机", "weight": 0.44},
            {"field": "content", "start": 99, "end": 105, "text": "夜间施工许可", "weight": 0.38},
        ],
    },
    "masked": {
        "title": NIGHT_NOISE.ticket["title"],
        "content": NIGHT_NOISE.ticket["content"].replace("13800138000", "[PHONE]"),
    },
    "versions": {
        "bundle": "starter",
        "taxonomy": "shenzhen",
        "taxonomy_version": "2026.1",
        "code": "0.1.0",
    },
    "milliseconds": 8.412,
}
"""What an answer looks like. Its numbers show the form; a loaded bundle gives its own."""
