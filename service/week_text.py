"""The report of a week in words: lines for the terminal, a page that opens offline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from eval.metrics.drift import Drift, Verdict
from eval.metrics.live import LiveAccuracy
from eval.metrics.measure import Measure
from service.week import Told

_NAMES: Final = {
    "length": "来信长短",
    "words": "来信用词",
    "department": "派给各单位的比例",
    "urgency": "各紧急程度的比例",
    "kind": "各诉求类型的比例",
    "action": "自动、建议、审核的比例",
    "confidence": "模型的把握",
}
_VERDICTS: Final[dict[Verdict, str]] = {
    "few": "来信太少，看不出",
    "steady": "与训练时无异",
    "watch": "有变化，请留意",
    "drifted": "变化很大，请检查",
}
_STYLE: Final = """
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #fff; --ink: #20262d; --muted: #68717c; --line: #dfe4e9;
  --good: #2f855a; --warn: #c05621; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --card: #1c2127; --ink: #e4e8ec; --muted: #9aa4af;
  --line: #313943; --good: #6cc495; --warn: #e39a62; --bad: #ff8a80; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.65 system-ui, "PingFang SC",
  "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 860px; margin: 0 auto; padding: 36px 20px 64px; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 17px; margin: 34px 0 10px; }
.quiet, small { color: var(--muted); font-size: 13px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 18px; }
section p { margin: 6px 0; } strong { font-size: 20px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 500; color: var(--muted); } th, td { padding: 6px 10px 6px 0;
  border-bottom: 1px solid var(--line); } tr:last-child td { border: 0; }
th, td:first-child { white-space: nowrap; }
.steady { color: var(--good); } .watch { color: var(--warn); } .drifted { color: var(--bad); font-weight: 600; }
.few { color: var(--muted); }
"""


def lines(told: Told) -> list[str]:
    """The report for a terminal."""
    text = [f"{told.week}（{told.week.start:%Y-%m-%d} 起七天）：{_tickets(told)}"]
    if told.live is None:
        return text
    text += [*_accuracy(told.live), *_delay(told)]
    if told.drift:
        text.append(f"与 {told.drift_of} 训练时相比：")
        text += [f"  {_NAMES[one.name]}：{_VERDICTS[one.verdict]}（{_numbers(one)}）" for one in told.drift]
    elif told.bundles:
        text.append(f"{told.bundles[0][0]} 没有带训练时的样子，看不出来信和回答有没有变。")
    return text


def page(told: Told) -> str:
    """The report as one HTML page that loads nothing."""
    parts = [
        f"<h1>分拨周报 {told.week}</h1><p class=quiet>{told.week.start:%Y-%m-%d} 起七天 · {escape(_tickets(told))}</p>"
    ]
    if told.live is not None:
        live = told.live
        best = live.audit if live.audit.n else live.biased
        told_by = "抽查" if live.audit.n else "已知结果（偏难）"
        parts.append(
            f"<h2>派得准不准</h2><section><p><strong>{_share(best)}</strong> <small>{told_by}</small></p>"
        )
        parts += [f"<p>{escape(line)}</p>" for line in (*_accuracy(live), *_delay(told))]
        parts.append("</section>")
    if told.drift:
        parts.append(f"<h2>来信和回答变了没有</h2><section>{_drift_table(told.drift)}")
        parts.append(
            f"<p class=quiet>与 {escape(told.drift_of)} 训练时留出的来信相比。PSI 超过 0.1 留意、0.25 检查，"
            "且须超过偶然波动（99 %）才算；来信越少，偶然波动越大。</p></section>"
        )
    if told.earlier:
        parts.append("<h2>前几周</h2><section><table><tr><th>周</th><th>工单</th><th>已有结果</th><th>抽查准确率</th>"
                     "<th>其中自动分拨</th><th>已知结果（偏难）</th></tr>")  # fmt: skip
        parts += [
            f"<tr><td>{week}</td><td>{live.tickets}</td><td>{_known(live)}</td><td>{_share(live.audit)}</td>"
            f"<td>{_share(live.audit_auto)}</td><td>{_share(live.biased)}</td></tr>"
            for week, live in told.earlier
        ]
        parts.append("</table><p class=quiet>越近的周，结果到得越不全，不要拿来与早的周相比。</p></section>")
    title = f"分拨周报 {told.week}"
    return (
        f'<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _tickets(told: Told) -> str:
    if told.live is None:
        return "没有工单"
    by = "、".join(f"{name} {count} 件" for name, count in told.bundles)
    return f"{told.live.tickets} 件工单，自动分拨 {_percent(told.auto_share or 0.0)}；作答的模型包：{by}"


def _accuracy(live: LiveAccuracy) -> list[str]:
    text = []
    if live.audit.n:
        said = f"抽查（随机，不看模型怎么说）：{_share(live.audit)}；自动分拨的：{_share(live.audit_auto)}。"
        doubt = "" if live.audit_complete else (
            f"抽中 {live.audit_drawn} 件里只有 {live.audit.n} 件有了结果，没有结果的可能偏难，此数还不算无偏。"
        )  # fmt: skip
        text.append(said + doubt)
    elif live.audit_drawn:
        text.append(f"抽中 {live.audit_drawn} 件，都还没有结果，准确率无从估计。")
    else:
        text.append("没有抽查，准确率没有无偏的估计；设 FENBO_AUDIT_RATE 即可抽查。")
    if not live.with_outcome:
        return [*text, "还没有一件工单有结果。"]
    text.append(
        f"已知结果 {live.with_outcome} 件（{_known(live)}），其中派对 {_share(live.biased)}；"
        f"这些里 {_percent(live.reviewed_share)} 是人审过的，偏难，不能当作准确率。"
    )
    text.append(
        f"没有结果的全派错，准确率是 {_percent(live.least)}；全派对，是 {_percent(live.most)}。真值在两者之间。"
    )
    return text


def _delay(told: Told) -> list[str]:
    if told.delay is None or told.live is None or not told.live.with_outcome:
        return []
    by = "，".join(
        f"{day:g} 天 {_percent(share)}"
        for day, share in zip(told.delay.days, told.delay.known, strict=True)
        if day <= max(1.0, (told.now - told.week.start).total_seconds() / 86_400)
    )
    half = (
        "不到一半的工单等到了结果" if told.delay.median is None else f"一半在 {told.delay.median:.1f} 天内到"
    )
    return [f"结果来得多快（计入还在等的）：{by}；{half}。"]


def _drift_table(drift: Sequence[Drift]) -> str:
    rows = "".join(
        f"<tr><td>{_NAMES[one.name]}</td><td class={one.verdict}>{_VERDICTS[one.verdict]}</td>"
        f"<td>{one.psi:.3f}</td><td>{_plain(one.noise)}</td><td>{one.js:.3f}</td><td>{one.letters}</td></tr>"
        for one in drift
    )
    head = (
        "<tr><th>看什么</th><th>结论</th><th>PSI</th><th>偶然波动</th><th>JS（比特）</th><th>来信</th></tr>"
    )
    return f"<table>{head}{rows}</table>"


def _numbers(one: Drift) -> str:
    return f"PSI {one.psi:.3f}，偶然波动 {_plain(one.noise)}，{one.letters} 件"


def _known(live: LiveAccuracy) -> str:
    return _percent(live.with_outcome / live.tickets)


def _share(measure: Measure) -> str:
    if math.isnan(measure.value):
        return "—"
    return f"{_percent(measure.value)}（{100 * measure.low:.1f}–{100 * measure.high:.1f}，{measure.n} 件）"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plain(value: float) -> str:
    return "—" if math.isinf(value) else f"{value:.3f}"
