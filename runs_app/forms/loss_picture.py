"""Each loss by its picture: what it would make of the returns of the chosen data."""

from __future__ import annotations

from dataclasses import dataclass, field

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.preview.documents import LossShapes
from runs_app.forms.build import CHOICE_TITLES
from runs_app.forms.plotting import Box, Scale, box

WORDS: dict[LossKind, tuple[str, str]] = {
    LossKind.STUDENT_T: (
        "A bell with heavy tails, in three numbers: where, how wide, how heavy.",
        "Choose it first: returns of minutes and hours look like this, and every score, also the "
        "likelihood of extreme moves, can be judged.",
    ),
    LossKind.GAUSSIAN_NLL: (
        "A plain bell, in two numbers: where and how wide.",
        "Choose it for long bars, or where simple is wanted; one extreme candle pulls at it hard, "
        "and it takes large moves for impossible.",
    ),
    LossKind.QUANTILE: (
        "Five borders, of any shape: 5 % of the outcomes lie below the first, half below the "
        "third.",
        "Choose it where the shape is skewed or has several humps, or where only intervals matter; "
        "it says nothing beyond its outer borders.",
    ),
    LossKind.MSE: (
        "One number: the mean. No width at all.",
        "Choose it only to compare with point forecasters: the mean of returns is nearly zero and "
        "nearly unpredictable, and there are no intervals and no likelihood.",
    ),
}
"""What the picture shows, and when to choose the loss."""


@dataclass(frozen=True)
class LossCard:
    """One loss; without data its words alone."""

    kind: str
    title: str
    says: str
    choose: str
    chosen: bool
    curve: str = ""
    """Path of its density, empty where it has none."""
    marks: list[float] = field(default_factory=list)
    """Places of its borders, or of its mean."""
    beneath: str = ""
    """What it comes to on these returns."""


@dataclass(frozen=True)
class LossPage:
    """All losses over the same returns."""

    cards: list[LossCard]
    bars: list[Box] = field(default_factory=list)
    shapes: LossShapes | None = None


def loss_page(chosen: str, shapes: LossShapes | None) -> LossPage:
    """The cards in the order of ``WORDS``."""
    cards = [_card(kind, chosen, shapes) for kind in WORDS]
    if shapes is None:
        return LossPage(cards)
    scale = _scale(shapes)
    bars = [
        box(scale, "", left, right, 0.0, _density(shapes, share))
        for left, right, share in zip(shapes.edges, shapes.edges[1:], shapes.shares, strict=False)
        if share > 0.0
    ]
    return LossPage(cards, bars, shapes)


def _card(kind: LossKind, chosen: str, shapes: LossShapes | None) -> LossCard:
    says, choose = WORDS[kind]
    curve, marks, beneath = _drawn(kind, shapes) if shapes else ("", [], "")
    return LossCard(
        str(kind), CHOICE_TITLES[kind][0], says, choose, str(kind) == chosen, curve, marks, beneath
    )


def _drawn(kind: LossKind, shapes: LossShapes) -> tuple[str, list[float], str]:
    scale = _scale(shapes)
    if kind is LossKind.STUDENT_T:
        curve = scale.line(zip(shapes.at, shapes.student_t, strict=True))
        return curve, [], f"Fitted to these returns: {shapes.df:.1f} degrees of freedom."
    if kind is LossKind.GAUSSIAN_NLL:
        curve = scale.line(zip(shapes.at, shapes.gaussian, strict=True))
        heavy = "heavier" if shapes.kurtosis > 0 else "no heavier"
        excess = f"{shapes.kurtosis:,.1f}".replace("-", "−")
        return curve, [], f"The tails of these returns are {heavy}: excess kurtosis {excess}."
    if kind is LossKind.QUANTILE:
        words = ", ".join(
            f"{100 * level:g} %: {value:+.2f}"
            for level, value in zip(shapes.levels, shapes.quantiles, strict=True)
        )
        said = f"{words} standard deviations.".replace("-", "−")
        return "", [scale.x(value) for value in shapes.quantiles], said
    said = f"The mean: {shapes.mean:+.3f} standard deviations.".replace("-", "−")
    return "", [scale.x(shapes.mean)], said


def _scale(shapes: LossShapes) -> Scale:
    top = max(
        *(_density(shapes, share) for share in shapes.shares), *shapes.student_t, *shapes.gaussian
    )
    return Scale(shapes.edges[0], shapes.edges[-1], 0.0, 1.05 * top)


def _density(shapes: LossShapes, share: float) -> float:
    return share / (shapes.edges[1] - shapes.edges[0])
