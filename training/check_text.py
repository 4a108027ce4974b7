"""A data report for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from unicodedata import east_asian_width

from training.check_findings import KIND_NAMES, PERSONAL_DATA_NAMES, URGENCY_NAMES, findings
from training.data_report import FEW, Copies, DataReport

_SHOWN_PROBLEMS = 20
_SHOWN_LABELS = 60
_SHOWN_CHANNELS = 10
_BAR = 30


def text_report(report: DataReport) -> str:
    """The report as lines of plain text in Chinese, without a final line break."""
    return "\n".join(
        [
            f"数据检查：{report.source}",
            *_section("要点", [f"- {sentence}" for sentence in findings(report)] or ["- 没有发现问题。"]),
            *_section("数量", _table(_amounts(report))),
            *_section("无法读取的行", _problems(report)),
            *_section("未知部门", _unknown(report)),
            *_section("部门", _departments(report)),
            *_section("紧急程度", _counts(_named(report.urgencies, URGENCY_NAMES))),
            *_section("诉求类型", _counts(_named(report.kinds, KIND_NAMES))),
            *_section("渠道", _counts(dict(list(report.channels.items())[:_SHOWN_CHANNELS]))),
            *_section("年份", _counts(report.years)),
            *_section("字数", _lengths(report)),
            *_section("个人信息", _personal_data(report)),
            *_section("相同来信、不同部门", _conflicts(report)),
            *_section("提示", list(report.notices)),
        ]
    )


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"【{title}】", *lines] if lines else []


def _amounts(report: DataReport) -> list[tuple[str, str]]:
    amounts = [
        ("总行数", f"{report.rows:,}"),
        ("可读取", f"{report.readable:,}"),
        ("无法读取", f"{report.unreadable:,}（空白 {report.empty:,}）"),
        ("只有标题", f"{report.title_only:,}"),
        ("完全重复", _copies(report.exact_copies)),
        ("近似重复", _copies(report.near_copies)),
    ]
    if report.earliest and report.latest:
        undated = f"，{report.undated:,} 件无日期" if report.undated else ""
        amounts.append(("时间范围", f"{report.earliest[:10]} 至 {report.latest[:10]}{undated}"))
    return amounts


def _copies(copies: Copies) -> str:
    if not copies.groups:
        return "0"
    return f"{copies.letters:,} 件 {copies.groups:,} 组，多余 {copies.spare:,}，最大组 {copies.largest:,}"


def _problems(report: DataReport) -> list[str]:
    lines = [f"第 {problem.line} 行：{problem.reason}" for problem in report.problems[:_SHOWN_PROBLEMS]]
    return lines + _more(report.unreadable - len(lines))


def _unknown(report: DataReport) -> list[str]:
    return [
        f"{unknown.label}（{unknown.letters} 件）"
        + (f"，最接近：{'、'.join(unknown.closest)}" if unknown.closest else "")
        for unknown in report.unknown_departments
    ]


def _departments(report: DataReport) -> list[str]:
    named = {
        f"{code} {report.department_names[code]}" if code in report.department_names else code: count
        for code, count in report.departments.items()
    }
    lines = _counts(dict(list(named.items())[:_SHOWN_LABELS]))
    rare = len(report.rare_departments)
    note = [f"不足 {FEW} 件的部门：{rare} 个"] if rare else []
    return lines + _more(len(named) - len(lines)) + note


def _conflicts(report: DataReport) -> list[str]:
    return [
        f"第 {'、'.join(map(str, conflict.lines[:6]))} 行 → "
        f"{'、'.join(f'{name}×{count}' for name, count in conflict.departments.items())}：{conflict.text}"
        for conflict in report.conflicts.examples[:5]
    ]


def _lengths(report: DataReport) -> list[str]:
    return [
        f"{name}  " + "  ".join(f"{quantile} {value:,}" for quantile, value in report.lengths[field].items())
        for field, name in (("title", "标题"), ("content", "正文"))
        if report.lengths[field]
    ]


def _personal_data(report: DataReport) -> list[str]:
    return _table(
        (
            PERSONAL_DATA_NAMES.get(kind, kind),
            f"{found.places:,} 处（{found.letters:,} 件）"
            + (f"，另有原已脱敏 {found.masked_already:,} 处" if found.masked_already else ""),
        )
        for kind, found in report.personal_data.items()
    )


def _named(counts: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    return {f"{code} {names[code]}": count for code, count in counts.items()}


def _counts(counts: Mapping[str, int]) -> list[str]:
    largest = max(counts.values(), default=1)
    return _table(
        (name, f"{count:>7,} {'█' * round(_BAR * count / largest)}".rstrip())
        for name, count in counts.items()
    )


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    kept = list(rows)
    width = max((_width(name) for name, _ in kept), default=0)
    return [f"{name}{' ' * (width - _width(name))}  {value}" for name, value in kept]


def _width(text: str) -> int:
    """Columns that the text takes in a terminal, where a Chinese character takes two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _more(count: int) -> list[str]:
    return [f"……另有 {count:,} 条"] if count > 0 else []
