"""Attention maps in the terminal: shades, widths, and maps wider than the terminal."""

import numpy as np

from commands import attention_map


def _lines(sources, targets, weights, monkeypatch, columns=80):
    monkeypatch.setenv("COLUMNS", str(columns))
    return list(attention_map.attention_lines(sources, targets, np.array(weights)))


def test_shades_follow_the_weights(monkeypatch):
    lines = _lines(["aa", "b", "cc", "dd", "e"], ["x"], [[0.09, 0.1, 0.25, 0.5, 0.75]], monkeypatch)
    assert lines == ["      aa b  cc dd e", "    x    ░░ ▒▒ ▓▓ ██"]


def test_wide_letters_take_two_cells_and_blanks_are_visible(monkeypatch):
    lines = _lines(["日本", " ", "\n"], ["語", "e"], [[1, 0, 0], [0, 1, 1]], monkeypatch)
    assert lines == ["       日本 ␣  �", "    語 ████", "    e       ██ ██"]


def test_a_wide_map_is_cut_into_panels(monkeypatch):
    lines = _lines(["aaaa", "bbbb", "cccc"], ["x"], [[0, 0, 1]], monkeypatch, columns=16)
    assert lines == ["      aaaa bbbb", "    x", "      cccc", "    x ████"]
    assert _lines([], [], np.zeros((0, 0)), monkeypatch) == []
