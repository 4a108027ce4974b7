"""A data report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from training.check_findings import KIND_NAMES, PERSONAL_DATA_NAMES, URGENCY_NAMES, findings
from training.data_report import DataReport

_SHOWN_PROBLEMS = 200


def html_report(report: DataReport) -> str:
    """The whole page, in Chinese. All that comes from the data is escaped; texts are masked already."""
    template = Template(files("training").joinpath("check_report.html").read_text(encoding="utf-8"))
    return template.substitute(
        source=escape(report.source or "数据"),
        taxonomy=escape(f"职责目录：{report.taxonomy}" if report.taxonomy else "未对照职责目录"),
        tiles=_tiles(report),
        findings=_list(findings(report) or ["没有发现问题。"]),
        sections="\n".join(_sections(report)),
    )


def _tiles(report: DataReport) -> str:
    share = report.conflicts.share
    amounts = [
        ("总行数", f"{report.rows:,}"),
        ("可读取", f"{report.readable:,}"),
        ("无法读取", f"{report.unreadable:,}"),
        ("部门", f"{len(report.departments):,}"),
        ("完全重复（多余）", f"{report.exact_copies.spare:,}"),
        ("近似重复（多余）", f"{report.near_copies.spare:,}"),
        ("同信异派", "—" if share is None else f"{share:.1%}"),
    ]
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in amounts)


def _sections(report: DataReport) -> Iterable[str]:
    yield _section(
        "无法读取的行",
        _table(
            ("行号", "原因"),
            [(str(problem.line), problem.reason) for problem in report.problems[:_SHOWN_PROBLEMS]],
            more=report.unreadable - _SHOWN_PROBLEMS,
        ),
    )
    yield _section(
        "未知部门",
        _table(
            ("名称", "件数", "最接近的部门"),
            [
                (label.label, f"{label.letters:,}", "、".join(label.closest))
                for label in report.unknown_departments
            ],
        ),
    )
    departments = {
        f"{code} {report.department_names.get(code, '')}".strip(): count
        for code, count in report.departments.items()
    }
    yield _section("部门", _bars(departments))
    yield _section(
        "紧急程度", _bars({URGENCY_NAMES[code]: count for code, count in report.urgencies.items()})
    )
    yield _section("诉求类型", _bars({KIND_NAMES[code]: count for code, count in report.kinds.items()}))
    yield _section("渠道", _bars(report.channels))
    yield _section("时间", _dates(report) + _bars(report.years))
    yield _section("字数", _lengths(report))
    yield _section(
        "个人信息",
        _table(
            ("种类", "处数", "涉及件数", "原已脱敏处数"),
            [
                (
                    PERSONAL_DATA_NAMES.get(kind, kind),
                    f"{found.places:,}",
                    f"{found.letters:,}",
                    f"{found.masked_already:,}",
                )
                for kind, found in report.personal_data.items()
            ],
        ),
    )
    yield _section(
        "相同来信、不同部门（举例，已脱敏）",
        _table(
            ("行号", "部门", "来信"),
            [
                (
                    "、".join(map(str, conflict.lines)),
                    "、".join(f"{name} × {count}" for name, count in conflict.departments.items()),
                    conflict.text,
                )
                for conflict in report.conflicts.examples
            ],
        ),
    )
    yield _section("提示", _list(report.notices))


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>" if body else ""


def _dates(report: DataReport) -> str:
    if report.earliest is None or report.latest is None:
        return ""
    return f"<p>{report.earliest[:10]} 至 {report.latest[:10]}，{report.undated:,} 件没有日期。</p>"


def _lengths(report: DataReport) -> str:
    rows = [
        (name, *(f"{value:,}" for value in report.lengths[field].values()))
        for field, name in (("title", "标题"), ("content", "正文"))
        if report.lengths[field]
    ]
    quantiles = tuple(report.lengths["content"])
    return _table(("字符数", *quantiles), rows)


def _bars(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    largest = max(counts.values())
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td class="number">{count:,}</td>'
        f'<td class="bar"><i style="width:{100 * count / largest:.1f}%"></i></td></tr>'
        for name, count in counts.items()
    )
    return f'<div class="wide"><table class="bars">{rows}</table></div>'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, more: int = 0) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    rest = f"<p>……另有 {more:,} 行。</p>" if more > 0 else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{rest}'


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""
