"""Figures as inline SVG that follow the page's colours and leave all writing to the reader's browser.

Text stays text in the SVG, so Chinese needs no font on the machine that draws, only on the one that reads.
Colours are written as the page's CSS variables, so that figures turn dark with it.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from model.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, ACCENT, WARN, GOOD = "#20262d", "#68717c", "#dfe4e9", "#2b6cb0", "#c05621", "#2f855a"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    ACCENT: "--accent",
    WARN: "--warn",
    GOOD: "--good",
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 10,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
}
_LONGEST_LABEL = 8
_FEWEST_FOR_DEPTH = 10
_CROWDED = 12


def risk_coverage(overall: Mapping[str, Any], target: float) -> str:
    """Accuracy of the most confident tickets by their share, with the target and what the thresholds really
    did.
    """
    with _drawing():
        figure, axes = _canvas(6.4, 3.7)
        curve = overall["risk_coverage"]
        shares = [100 * point["share"] for point in curve]
        accuracies = [100 * point["accuracy"] for point in curve]
        axes.plot(shares, accuracies, color=ACCENT, zorder=3)
        axes.axhline(100 * target, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(1, 100 * target + 0.25, f"目标 {100 * target:g} %", color=MUTED, fontsize=9, va="bottom")
        share, accuracy = (overall["decisions"]["auto"][name] for name in ("share", "accuracy"))
        lowest = min([*accuracies, 100 * target])
        if accuracy["value"] is not None:
            x, y = 100 * share["value"], 100 * accuracy["value"]
            axes.errorbar(
                [x],
                [y],
                yerr=[[y - 100 * accuracy["low"]], [100 * accuracy["high"] - y]],
                fmt="o",
                color=WARN,
                markersize=7,
                linewidth=1.4,
                zorder=5,
            )
            axes.annotate(
                "实际自动分拨",
                (x, y),
                xytext=(-10, -22),
                textcoords="offset points",
                color=WARN,
                ha="right",
            )
            lowest = min(lowest, 100 * accuracy["low"])
        axes.set_xlim(0, 101)
        axes.set_ylim(max(0, lowest - 1.5), 100.4)
        axes.set_xlabel("按把握从高到低取出的工单占比（%）")
        axes.set_ylabel("其中分派正确（%）")
        return _svg(figure, "risk")


def reliability(calibration: Mapping[str, Any]) -> str:
    """Share right against confidence per bin, over a strip that shows where the tickets are."""
    from eval.metrics.intervals import wilson

    with _drawing():
        figure, (axes, strip) = _stacked(6.4, 3.7)
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for cell in calibration["reliability"]:
            if not cell["n"]:
                continue
            low, high = wilson(cell["accuracy"] * cell["n"], cell["n"])
            x, y = 100 * cell["confidence"], 100 * cell["accuracy"]
            axes.plot([x, x], [100 * low, 100 * high], color=ACCENT, linewidth=1.2, alpha=0.55)
            face = ACCENT if cell["n"] >= 10 else "none"
            axes.plot([x], [y], "o", color=ACCENT, markerfacecolor=face, markersize=6)
            strip.bar(
                50 * (cell["low"] + cell["high"]),
                cell["n"],
                width=100 * (cell["high"] - cell["low"]) * 0.86,
                color=ACCENT,
                alpha=0.45,
            )
        axes.set_xlim(0, 101)
        axes.set_ylim(0, 102)
        axes.set_ylabel("实际正确（%）")
        axes.tick_params(labelbottom=False)
        strip.set_yticks([])
        strip.grid(False)
        strip.spines["left"].set_visible(False)
        strip.set_xlabel("模型说的把握（%），下方柱高为工单数")
        return _svg(figure, "reliability")


def confusion(
    table: Mapping[str, Any], names: Mapping[str, str], *, name: str, by_support: bool = False
) -> str:
    """Heat map of a confusion: row is the true class, column the predicted one, darker for more of the row.

    Classes stand in their own order, or those with most tickets first.
    """
    with _drawing():
        seen = sorted({place for cell in table["cells"] for place in cell[:2]})
        support = {place: sum(n for i, _, n in table["cells"] if i == place) for place in seen}
        order = sorted(seen, key=lambda place: (-support[place], place)) if by_support else seen
        row_of = {place: row for row, place in enumerate(order)}
        labels = [_label(names.get(table["codes"][place], table["codes"][place])) for place in order]
        side = max(3.0, 0.215 * len(order) + 1.3)
        figure, axes = _canvas(side + 0.4, side)
        axes.grid(False)
        crowded = len(order) > _CROWDED
        small = 6.5 if crowded else 9
        for i, j, n in table["cells"]:
            share = n / max(support[i], _FEWEST_FOR_DEPTH)
            colour = GOOD if i == j else WARN
            depth = share if i == j else min(1.0, 2.5 * share)
            _cell(axes, row_of[j], row_of[i], colour, 0.12 + 0.62 * depth)
            if n >= 2 or not crowded:
                axes.text(row_of[j], row_of[i], str(n), fontsize=small, ha="center", va="center")
        axes.set_xticks(range(len(order)), labels, rotation=90 if crowded else 0, fontsize=small)
        axes.set_yticks(range(len(order)), labels, fontsize=small)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xlim(-0.5, len(order) - 0.5)
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set_xlabel("模型判为")
        axes.set_ylabel("应当是")
        for spine in axes.spines.values():
            spine.set_visible(False)
        return _svg(figure, name)


def over_time(labels: Sequence[str], measures: Sequence[Mapping[str, Any]], *, name: str, label: str) -> str:
    """A measure with its interval over periods or versions, in the order given."""
    with _drawing():
        figure, axes = _canvas(8.0, 2.9)
        places = list(range(len(labels)))
        values = [100 * one["value"] for one in measures]
        axes.fill_between(
            places,
            [100 * one["low"] for one in measures],
            [100 * one["high"] for one in measures],
            color=ACCENT,
            alpha=0.16,
            linewidth=0,
        )
        axes.plot(places, values, "o-", color=ACCENT, markersize=4)
        step = max(1, -(-len(labels) // 14))
        axes.set_xticks(places[::step], [_label(text) for text in labels[::step]], fontsize=9)
        axes.set_ylabel(label)
        axes.set_ylim(top=min(101.0, axes.get_ylim()[1]))
        return _svg(figure, name)


def _cell(axes: Axes, x: int, y: int, colour: str, alpha: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, color=colour, alpha=alpha, linewidth=0))


def _label(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


@contextmanager
def _drawing() -> Iterator[None]:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtra("matplotlib", "train") from error
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Chinese is written by the reader's browser; that this machine's font lacks it does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _stacked(width: float, height: float) -> tuple[Figure, tuple[Axes, Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
    return figure, (above, below)


def _svg(figure: Figure, name: str) -> str:
    """The figure as an ``<svg>`` element without size, ids made unique by ``name``."""
    import matplotlib as mpl

    drawn = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = drawn.getvalue()
    text = text[text.index("<svg") :]
    # The style would hold for the whole page, and ids would repeat from figure to figure.
    text = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    referred = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in referred else "", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text.strip()
