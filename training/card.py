"""The model card of a bundle: what it was trained on, how good it is, where not to trust it. In plain Chinese."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model.taxonomy import Taxonomy

_CARD = """# 模型卡：{name}

这是分拨（fenbo）的一个模型包。它读一封市民诉求，给出承办部门、紧急程度、诉求类型，并说明理由。

## 用什么训练的

{sources}

- 授权说明：{authorisation}
- 部门目录：{taxonomy} {taxonomy_version}，{departments} 个部门
- 训练方案：{preset}，随机种子 {seed}；每个数据文件的 SHA-256 记在 `bundle.json`
- 包内不含任何信件原文，只有权重和用来查重的指纹

## 有多准

在没有参与训练的 {dev_letters} 封校准信件上：

| 指标 | 数值 |
| --- | --- |
| 部门首选正确率 | {accuracy:.1%} |
| 部门前三命中率 | {top_3:.1%} |
| 自动分派的比例 | {auto_share:.1%} |
| 自动分派中正确的比例 | {auto_right} |

阈值是用这批信件定的，所以要用另外的信件（`fenbo eval`）再测一遍，以那时的数字为准。

## 哪里不要轻信

- 训练信件来自特定的城市和年份。换了城市、部门职责调整、出现新事物，都会变得不准，请用本地信件重新训练。
- 信件很少的部门（见 `fenbo eval` 报告中的分部门表）判断依据主要是职责描述，只宜作建议。
- 标签本身有误差：同一封信寄两次，约十分之一去了不同部门。超过这个上限的“准确率”不可信。
- 紧急程度由规则和模型取高者，仍可能漏报。疑似危及生命的，一律交人，并同步 110、119、120、122。
- 它不判断诉求是否属实，也不替代人的决定；每个自动决定都可以由人推翻。
"""


def write_card(path: Path, *, name: str, taxonomy: Taxonomy, facts: dict[str, Any]) -> None:
    """Write the card from what the training recorded; no number is typed by hand."""
    metrics = facts["metrics"]
    right = metrics["auto_right"]
    path.write_text(
        _CARD.format(
            name=name,
            sources="\n".join(
                f"- {source}：{count:,} 封" for source, count in facts["letters"]["train"].items()
            ),
            authorisation=facts["authorisation"],
            taxonomy=taxonomy.name,
            taxonomy_version=taxonomy.version,
            departments=len(taxonomy.live()),
            preset=facts["preset"],
            seed=facts["seed"],
            dev_letters=metrics["dev_letters"],
            accuracy=metrics["accuracy"],
            top_3=metrics["top_3"],
            auto_share=metrics["auto_share"],
            auto_right="没有达到目标的阈值，全部交人" if right is None else f"{right:.1%}",
        ),
        encoding="utf-8",
    )
