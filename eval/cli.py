"""``fenbo eval``, ``fenbo compare``, ``fenbo history`` and ``fenbo gate``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from tqdm import tqdm

    from eval.letters import Letters
    from model.router import Router

_MOST_PROBLEMS = 20
_HISTORY = Path("fenbo-history.db")
_MARKS = {"pass": "通过", "warn": "注意", "fail": "不行", "skip": "没判"}

_bundle_path = click.Path(path_type=Path)
_history_option = click.option(
    "--history",
    "history_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=_HISTORY,
    show_default=True,
    envvar="FENBO_HISTORY",
    help="历次评测记在哪个 SQLite 文件。Where evaluations are kept.",
)
_columns_option = click.option(
    "--columns", default=None, help="列名对应，如 department=department_code,created_at=asked"
)
_strict_option = click.option(
    "--strict", is_flag=True, help="有一行读不了就停止。Refuse a file with an unreadable row."
)
_leak_option = click.option(
    "--allow-leak",
    is_flag=True,
    help="训练数据的副本也计入；报告会用红字说明。Count copies of training letters.",
)


@click.command(
    "eval",
    epilog="""\b
例 / Examples:
  fenbo eval --data test.csv --columns department=department_code --out runs/eval
  fenbo eval --bundle bundles/city-1 --data 2025.parquet --out runs/city-1""",
)
@click.option(
    "--bundle",
    type=_bundle_path,
    default=None,
    help="模型包；不给则用随附的。The bundle; default: the starter.",
)
@click.option("--data", required=True, type=_bundle_path, help="有标签的诉求文件。Labelled letters.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="结果写到哪里。Where results go.",
)
@_columns_option
@_strict_option
@click.option(
    "--target",
    default=0.95,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="自动分拨应有多大比例派对。Share of auto tickets that must be right.",
)
@_leak_option
@_history_option
@click.option(
    "--perturbed",
    default=200,
    show_default=True,
    type=click.IntRange(min=0),
    help="换写法各试多少条（客套话、错别字、繁体……）；0 不试。Letters rewritten to test robustness.",
)
@click.option(
    "--pairs",
    type=_bundle_path,
    default=None,
    help="另有一份标注的诉求对（text_a、text_b、label 0–2）：测重复件。Labelled pairs.",
)
@click.option("--no-history", is_flag=True, help="不记入历次评测。Do not keep it.")
@click.option("--no-report", is_flag=True, help="只写 metrics.json，不画报告。Write no report.html.")
def eval_command(
    bundle: Path | None,
    data: Path,
    out: Path,
    columns: str | None,
    strict: bool,
    target: float,
    allow_leak: bool,
    history_file: Path,
    perturbed: int,
    pairs: Path | None,
    no_history: bool,
    no_report: bool,
) -> None:
    """评测一个模型包，写 metrics.json 与可离线打开的 report.html。

    Evaluate a bundle: metrics.json, and a report.html that opens offline.
    """
    from eval.evaluate import Settings
    from eval.examine import examine
    from eval.history import History
    from eval.perturbations import PERTURBATIONS

    letters = read_labelled(data, columns, strict)
    router = _router(bundle)
    answers = len(letters.rows) + min(perturbed, len(letters.rows)) * (1 + len(PERTURBATIONS))
    with _progress(answers, "eval") as bar:
        examined = examine(
            router,
            letters,
            settings=Settings(target=target),
            allow_leak=allow_leak,
            perturbed=perturbed,
            pairs=pairs,
            command=_command(bundle, data, out, columns, pairs),
            on_rows=bar.update,
            on_notice=bar.write,
        )
    evaluation = examined.evaluation
    evaluation.save(out)
    if not no_report:
        from eval.report.page import report_page

        (out / "report.html").write_text(report_page(evaluation.metrics), encoding="utf-8")
    if not no_history:
        History(history_file).add(evaluation, folder=out)
    for line in summary(evaluation.metrics):
        click.echo(line)
    click.echo(f"{out / 'metrics.json'}" + ("" if no_report else f" · {out / 'report.html'}"))


@click.command(
    "compare",
    epilog="""\b
例 / Example:
  fenbo compare bundles/city-1 bundles/city-2 --data test.csv --out runs/compare""",
)
@click.argument("a", type=_bundle_path)
@click.argument("b", type=_bundle_path)
@click.option("--data", required=True, type=_bundle_path, help="有标签的诉求文件。Labelled letters.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="comparison.json 与带脱敏例子的 comparison.html 写到哪里。Where the pages go.",
)
@_columns_option
@_strict_option
@_leak_option
def compare_command(
    a: Path, b: Path, data: Path, out: Path | None, columns: str | None, strict: bool, allow_leak: bool
) -> None:
    """在同样的工单上逐条比较两个模型包 A、B。Is B better than A, ticket by ticket?"""
    from eval.answers import answer
    from eval.compare import compare
    from eval.examine import leak_of, without_copies
    from eval.report.wording import percent
    from eval.tickets import outcomes
    from eval.verdict import MEASURE_NAMES

    letters = read_labelled(data, columns, strict)
    routers = [_router(path) for path in (a, b)]
    rows = without_copies(letters, [leak_of(router, letters) for router in routers], allow_leak=allow_leak)
    with _progress(2 * len(rows), "compare") as bar:
        answered = [answer(router, rows, on_rows=bar.update) for router in routers]
    told = [outcomes(tickets, router.codes) for (tickets, _), router in zip(answered, routers, strict=True)]
    comparison = compare(
        *told,
        names=_two_names(routers[0].name, routers[1].name),
        departments={d.code: d.name for router in routers for d in router.taxonomy.departments},
        texts=answered[1][1],
    )
    click.echo(comparison.title)
    for sentence in comparison.sentences:
        click.echo(sentence)
    for one in comparison.differences:
        click.echo(f"  {MEASURE_NAMES[one.name]}  {percent(one.a)} → {percent(one.b)}")
    if out is not None:
        from eval.report.page import comparison_page

        out.mkdir(parents=True, exist_ok=True)
        table = json.dumps(comparison.as_json(), ensure_ascii=False, indent=1, allow_nan=False)
        (out / "comparison.json").write_text(table + "\n", encoding="utf-8")
        (out / "comparison.html").write_text(comparison_page(comparison, data=data.name), encoding="utf-8")
        click.echo(f"{out / 'comparison.json'} · {out / 'comparison.html'}")


@click.command(
    "history",
    epilog="""\b
例 / Example:
  fenbo history --out runs/history.html""",
)
@_history_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="画成网页写到哪里。A page with charts.",
)
def history_command(history_file: Path, out: Path | None) -> None:
    """列出历次评测，可画成走势图。List all evaluations, and chart them."""
    from eval.history import History
    from eval.report.wording import percent

    history = History(history_file)
    for entry in history.entries():
        auto = f"自动 {percent(entry.auto_share)}，其中正确 {percent(entry.auto_accuracy)}"
        what = f"{entry.evaluated_at}  {entry.bundle}  {entry.data}（{entry.n} 条）"
        click.echo(f"{entry.number:>4}  {what}  准确率 {percent(entry.accuracy)}  {auto}")
    if out is not None:
        from eval.report.past import history_page

        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(history_page(history), encoding="utf-8")
        click.echo(str(out))


@click.command(
    "gate",
    epilog="""\b
例 / Examples:
  fenbo gate --policy policy.yaml                      最近一次评测，对照同一份数据上的前一次
  fenbo gate runs/new runs/serving --policy policy.yaml
退出状态：0 放行，1 不放行或无法判断。Exit status: 0 may be promoted, 1 may not.""",
)
@click.argument("candidate", type=_bundle_path, required=False)
@click.argument("baseline", type=_bundle_path, required=False)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="推广规则；不给则用随附的。The rules; default: the shipped ones.",
)
@_history_option
@click.pass_context
def gate_command(
    context: click.Context,
    candidate: Path | None,
    baseline: Path | None,
    policy_file: Path | None,
    history_file: Path,
) -> None:
    """新模型包能否上线：逐条规则给出结论和理由。

    CANDIDATE 与 BASELINE 是 fenbo eval 写出的文件夹；不给则从历次评测里取。
    May a bundle be promoted? Every rule is judged, with its reason.
    """
    from eval.evaluation import load
    from eval.gate import gate
    from eval.history import History
    from eval.policy import DEFAULT, load_policy

    policy = load_policy(policy_file or DEFAULT)
    if candidate is not None:
        judged, against = load(candidate), load(baseline) if baseline else None
    else:
        judged, against = History(history_file).newest_pair()
    about = judged.metrics["about"]
    click.echo(f"{about['bundle']}，{about['data']}，{about['evaluated_at']}")
    judgement = gate(judged, policy, baseline=against)
    for finding in judgement.findings:
        click.echo(f"[{_MARKS[finding.status]}] {finding.reason}")
    click.echo("放行" if judgement.passed else "不放行")
    context.exit(0 if judgement.passed else 1)


def _router(bundle: Path | None) -> Router:
    from model.router import Router

    return Router.starter() if bundle is None else Router.from_pretrained(bundle)


def read_labelled(data: Path, columns: str | None, strict: bool) -> Letters:
    """Labelled letters of a file; what is wrong with it is told on the error stream."""
    from eval.letters import read_letters
    from model.records import Problem, parse_columns

    shown = 0

    def on_problem(problem: Problem) -> None:
        nonlocal shown
        shown += 1
        if shown <= _MOST_PROBLEMS:
            click.echo(f"{data}, line {problem.line}: {problem.reason}", err=True)

    letters = read_letters(
        data,
        columns=parse_columns(columns),
        strict=strict,
        on_problem=on_problem,
        on_notice=lambda notice: click.echo(notice, err=True),
    )
    if letters.unreadable:
        click.echo(f"{letters.unreadable} rows could not be read and are not counted", err=True)
    return letters


def _progress(total: int, name: str) -> tqdm[NoReturn]:
    from tqdm import tqdm

    return tqdm(total=total, desc=name, unit="letter")


def _two_names(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a != b else (f"{a}（A）", f"{b}（B）")


def _command(bundle: Path | None, data: Path, out: Path, columns: str | None, pairs: Path | None) -> str:
    words = ["fenbo", "eval", "--data", str(data), "--out", str(out)]
    words += ["--bundle", str(bundle)] if bundle else []
    words += ["--columns", columns] if columns else []
    words += ["--pairs", str(pairs)] if pairs else []
    return shlex.join(words)


def summary(metrics: Mapping[str, Any]) -> list[str]:
    """The numbers that a reader looks for first."""
    from eval.report.wording import percent, plain, with_interval

    overall = metrics["overall"]
    lines = list(metrics["about"]["notes"])
    if overall["departments_n"]:
        auto = overall["decisions"]["auto"]
        lines += [
            f"分派准确率 {with_interval(overall['accuracy'])}，前三 {percent(overall['top3']['value'])}，"
            f"{overall['departments_n']} 条",
            f"自动分拨 {percent(auto['share']['value'])}，其中正确 {with_interval(auto['accuracy'])}",
            f"校准误差 {overall['calibration']['error']['value']:.3f}",
        ]
    if overall["urgency"]:
        emergency = overall["urgency"]["emergency"]
        lines.append(
            f"特急 {emergency['recall']['n']} 条，找到 {with_interval(emergency['recall'])}，"
            f"每千条误报 {emergency['false_alarms_per_1000']:.1f} 条"
        )
    if overall["kind"]:
        lines.append(f"诉求类型准确率 {percent(overall['kind']['accuracy']['value'])}")
    if overall["duplicates"]:
        told = overall["duplicates"]
        lines.append(
            f"重复件：平均精确率 {plain(told['average_precision']['value'])}，F1 {plain(told['f1']['value'])}，"
            f"错并 {percent(told['over_merged']['value'])}，{told['n']} 对"
        )
    if overall["latency"]:
        lines.append(f"单条耗时中位 {overall['latency']['median_ms']:.1f} 毫秒")
    return lines
