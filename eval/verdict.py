"""What a comparison says, in words that a manager understands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.compare import DepartmentChange, Difference, Verdict

MOST_DEPARTMENTS = 6
MEASURE_NAMES = {
    "accuracy": "分派准确率",
    "macro_f1": "F1 宏平均",
    "auto_share": "自动分拨占比",
    "auto_accuracy": "自动分拨的准确率",
    "urgency_accuracy": "紧急程度准确率",
    "emergency_recall": "特急找到的比例",
    "emergency_quiet": "非特急没有误报的比例",
    "kind_accuracy": "诉求类型准确率",
}
_TITLES = {
    "same": "没有差别",
    "better": "{b} 更好",
    "likely_better": "{b} 可能更好，还不能肯定",
    "likely_worse": "{b} 可能更差，还不能肯定",
    "worse": "{b} 更差",
}
_SURE = 0.05


def words(
    verdict: Verdict,
    names: tuple[str, str],
    differences: Sequence[Difference],
    departments: Sequence[DepartmentChange],
    *,
    rows: int,
    gained: int,
    lost: int,
    identical: bool,
) -> tuple[str, tuple[str, ...]]:
    """A title, and sentences that say how much, where, and what got worse.

    ``differences`` begin with accuracy.
    """
    title = _TITLES[verdict].format(b=names[1])
    if identical:
        return title, (f"两个模型包对 {rows} 条工单的回答完全相同。",)
    changed = [change for change in departments if change.p <= _SURE][:MOST_DEPARTMENTS]
    if verdict == "same" and (changed or any(one.worse or one.better for one in differences[1:])):
        title = "分派准确率没有差别"
    fallen = any(one.worse for one in differences[1:] if one.name != "auto_share")
    if verdict in ("same", "better", "likely_better") and (fallen or any(d.lost > d.gained for d in changed)):
        title += "，但有的地方变差了"
    sentences = [_accuracy(verdict, names, differences[0], rows, gained, lost)]
    sentences += [_measure(one) for one in differences[1:] if one.worse or one.better]
    sentences += [_department(change) for change in changed]
    return title, tuple(sentences)


def _accuracy(
    verdict: Verdict, names: tuple[str, str], accuracy: Difference, rows: int, gained: int, lost: int
) -> str:
    change = f"{rows} 条工单里，{names[1]} 新派对 {gained} 条，新派错 {lost} 条"
    if verdict == "same":
        return f"{change}，分派准确率的差别在偶然波动以内。"
    points, low, high = (100 * (value or 0.0) for value in (accuracy.difference, accuracy.low, accuracy.high))
    more = "多" if points > 0 else "少"
    size = f"{abs(points):.1f} 条（区间 {low:+.1f} 到 {high:+.1f}）"
    return f"{change}：每 100 条比 {names[0]} {more}派对 {size}。"


def _measure(one: Difference) -> str:
    word = "下降" if one.worse else "上升"
    told = f"{MEASURE_NAMES[one.name]}{word}：{100 * (one.a or 0.0):.1f} % → {100 * (one.b or 0.0):.1f} %"
    return f"{told}，请与其准确率一起看。" if one.name == "auto_share" else f"{told}。"


def _department(change: DepartmentChange) -> str:
    word = "变好" if change.gained > change.lost else "变差"
    return f"{change.name}明显{word}：{change.n} 条里派对的从 {change.right_a} 条到 {change.right_b} 条。"
