"""Parts of the page as HTML, in which all text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy.typing as npt

SHADE = 0.6  # opacity of the strongest colour, so that text stays readable on it
MIN_SCALE = 0.1  # effects are drawn relative to the largest, or to this
ZERO = 0.005  # smaller effects are written as 0
MIN_WEIGHT = 0.1  # smaller attention weights are colours only


def opening(title: str) -> str:
    """Return the title of the page."""
    return (
        f"<h1>{escape(title)}</h1>"
        "<p>All models run on this machine. Nothing that you type leaves it.</p>"
    )


def problem(message: str) -> str:
    """Return an error message."""
    return f'<p class="problem" role="alert">{escape(message)}</p>'


def remark(text: str) -> str:
    """Return a remark."""
    return f'<p class="remark">{escape(text)}</p>'


def sentence(text: str) -> str:
    """Return a sentence in large letters."""
    return f'<p class="sentence" dir="auto">{escape(text)}</p>'


def cards(contents: Iterable[str], kind: str = "") -> str:
    """Return boxes side by side, or below each other where there is no space."""
    boxes = "".join(f"<article>{content}</article>" for content in contents)
    return f'<div class="cards {kind}">{boxes}</div>'


def heading(name: str, kind: str) -> str:
    """Return the name of a model and what kind of model it is."""
    return f'<h3>{escape(name)} <span class="kind">{escape(kind)}</span></h3>'


def bars(probabilities: dict[str, float], best: str) -> str:
    """Return a table with a bar for the probability of each label."""
    rows = "".join(
        f'<tr{" class=best" if label == best else ""}><th scope="row">{escape(label)}</th>'
        f'<td class="bar"><span style="width:{probability:.1%}"></span></td>'
        f"<td>{probability:.1%}</td></tr>"
        for label, probability in probabilities.items()
    )
    return f'<table class="bars">{rows}</table>'


def words_with_effects(
    words: Sequence[str], effects: Sequence[float], unknown: Sequence[bool]
) -> str:
    """Return words on a ground whose colour is their effect, with the effect below each."""
    scale = max(MIN_SCALE, *map(abs, effects)) if effects else 1.0
    parts = []
    for i, word in enumerate(words):
        effect = effects[i] if effects else 0.0
        sign = "for" if effect >= 0 else "against"
        note = "not in the vocabulary" if unknown[i] else ""
        number = "0" if abs(effect) < ZERO else f"{effect:+.2f}"
        parts.append(
            _word(word, number if effects else "", sign, SHADE * abs(effect) / scale, note)
        )
    return f'<p class="words" dir="auto">{" ".join(parts)}</p>'


def words_with_probabilities(words: Sequence[str], probabilities: Sequence[float]) -> str:
    """Return words on a ground that is darker the less probable they are, each probability below.

    The space between characters is drawn as ␣.
    """
    parts = [
        _word(_visible(word), f"{probability:.0%}", "against", SHADE * (1 - probability))
        for word, probability in zip(words, probabilities, strict=True)
    ]
    return f'<p class="words" dir="auto">{" ".join(parts)}</p>'


def _word(word: str, number: str, sign: str, shade: float, note: str = "") -> str:
    title = f' title="{escape(note)}"' if note else ""
    unknown = " unknown" if note else ""
    return (
        f'<span class="word {sign}{unknown}" style="--shade:{shade:.3f}"{title}>'
        f"<bdi>{escape(word)}</bdi><small>{number}</small></span>"
    )


def attention_map(source: Sequence[str], target: Sequence[str], weights: npt.ArrayLike) -> str:
    """Return a table with a row for each target token and a column for each source token.

    Args:
        source: S tokens.
        target: T tokens.
        weights: (T, S).
    """
    narrow = " narrow" if max(map(len, source)) == 1 else ""
    columns = "".join(
        f'<th scope="col"><span>{escape(_visible(token))}</span></th>' for token in source
    )
    rows = []
    for token, row in zip(target, _rows(weights), strict=True):
        cells = "".join(
            f'<td style="--shade:{SHADE * weight:.3f}" '
            f'title="{escape(_visible(token))} ← {escape(_visible(other))}: {weight:.2f}">'
            f"{f'{weight:.1f}'.lstrip('0') if weight >= MIN_WEIGHT else ''}</td>"
            for other, weight in zip(source, row, strict=True)
        )
        rows.append(f'<tr><th scope="row">{escape(_visible(token))}</th>{cells}</tr>')
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="Attention map">'
        f'<table class="map{narrow}"><thead><tr><td></td>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _rows(weights: npt.ArrayLike) -> list[list[float]]:
    import numpy as np

    rows: list[list[float]] = np.asarray(weights).tolist()
    return rows


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose other columns are numbers."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in header)
    body = "".join(
        f"<tr>{''.join(f'<td dir=auto>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(header[0])}">'
        f'<table class="list"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def written(beginning: str, text: str) -> str:
    """Return a beginning and the text that a model wrote after it."""
    return f'<pre dir="auto"><b>{escape(beginning)}</b>{escape(text)}</pre>'


def labelled_spans(spans: Iterable[tuple[str, str]]) -> str:
    """Return words, of which those with a label are marked with it."""
    parts = [
        f"<mark><bdi>{escape(words)}</bdi><small>{escape(label)}</small></mark>"
        if label
        else f"<bdi>{escape(words)}</bdi>"
        for words, label in spans
    ]
    return f'<p class="words" dir="auto">{" ".join(parts)}</p>'


def _visible(token: str) -> str:
    return token.replace(" ", "␣").replace("\n", "↵")
