"""What each field of an answer says, for the contract: the library's own types carry no Chinese."""

from __future__ import annotations

from typing import Final

_OFFSETS: Final = {
    "field": "在标题（title）还是正文（content）里",
    "start": "起点，按遮盖后文字的字符数",
    "end": "终点，不含",
    "text": "这一段文字",
}
_CANDIDATE: Final = {"code": "单位代码", "name": "单位名称", "probability": "归它的概率，0 到 1，经过校准"}

FIELDS: Final[dict[str, dict[str, str]]] = {
    "Prediction": {
        "ticket_id": "工单编号，与所传的相同",
        "department": "最可能的承办单位",
        "second_department": "一封信里有两项诉求时，另一项的单位；否则为 null",
        "decision": "怎么处理：自动分派、建议分派，还是人工研判",
        "urgency": "紧急程度：模型与规则取较高者",
        "kind": "诉求类型",
        "evidence": "凭哪几个字这样判断",
        "masked": "遮盖个人信息之后的标题和正文，可以存储和展示",
        "versions": "由哪个模型包、哪一版目录、哪一版程序作出",
        "milliseconds": "模型用时，毫秒",
    },
    "DepartmentPrediction": {**_CANDIDATE, "top": "最可能的五个单位，从高到低"},
    "Candidate": _CANDIDATE,
    "Decision": {
        "action": "auto 可以自动分派；suggest 由人确认；review 由人研判",
        "reasons": "理由，最要紧的在前",
    },
    "Reason": {"code": "理由代码，固定不变", "text": "给人看的一句话"},
    "UrgencyPrediction": {
        "code": "emergency 特急；urgent 加急；normal 一般；low 不急",
        "name": "名称",
        "probability": "模型给这一级的概率",
        "model_code": "只看模型时的级别；规则只会把它往上提",
        "probabilities": "模型给各级的概率",
        "raised_by": "把级别提上去的规则和字词",
        "flags": "另需留意的情形，不改变级别",
        "respond_by": "首次响应的时限，UTC；没有传 created_at 时为 null",
    },
    "RuleHit": {"rule": "规则名称", "level": "规则定的级别；只作提示的为 null", **_OFFSETS},
    "KindPrediction": {
        "code": "C 咨询；H 求助；T 投诉；J 举报；S 建议；O 其他",
        "name": "名称",
        "probability": "概率，0 到 1",
    },
    "Evidence": {
        "department": "所说明的单位",
        "method": "lexical 由词法模型给出；occlusion 逐段遮去文字重算得出",
        "spans": "起作用的片段",
    },
    "Span": {**_OFFSETS, "weight": "正数支持这个单位，负数反对；绝对值越大作用越大"},
    "Masked": {"title": "遮盖后的标题", "content": "遮盖后的正文"},
    "Versions": {
        "bundle": "模型包",
        "taxonomy": "目录",
        "taxonomy_version": "目录的版本",
        "code": "程序的版本",
    },
}
