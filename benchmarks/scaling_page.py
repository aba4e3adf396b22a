"""Tables and picture of docs/scale.md, from the measurements of `scaling.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import page
import scaling_model
import shapes
from scaling_model import NETWORKS, Computation, Link

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scale.md"
PICTURE = ROOT / "docs" / "pictures" / "scaling.svg"
MODELS = ("characters, LSTM 256", "sentences, LSTM 128", "words, LSTM 2x200", "words, LSTM 2x650")
PREDICTED = (8, 32, 128, 512)  # workers
NETWORK = "10 Gbit/s"  # of the picture
HERE = "one machine"
FREE = "100 Gbit/s, library at no cost"  # a bound
Step = tuple[str, str, str, int, int]  # part, model, program, processes, rows


class Measurements:
    """Measurements of `scaling.py`.

    Args:
        rows: rows of `scaling.json`.

    Attributes:
        steps: seconds of a step by part, model, program, processes and rows.
        sums: seconds of a sum by program, processes and bytes.
    """

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self.steps: dict[Step, float] = {}
        self.sums: dict[tuple[str, int, int], float] = {}
        for row in rows:
            program, processes = row["program"], row["processes"]
            if row["name"] == "sums":
                self.sums[program, processes, row["bytes"]] = row["seconds"]
            else:
                self.steps[row["part"], row["name"], program, processes, row["rows"]] = row[
                    "seconds"
                ]

    def link(self, program: str) -> Link:
        """Return the cost of the software: the sums of two processes, which have a core each."""
        sums = [
            (n, size, seconds) for (name, n, size), seconds in self.sums.items() if name == program
        ]
        return scaling_model.fit_link(row for row in sums if row[0] == 2)

    def computation(self, name: str) -> Computation:
        """Return the computation of a step of one seqproof process."""
        return scaling_model.fit_computation(
            (rows, seconds)
            for (part, model, _, _, rows), seconds in self.steps.items()
            if (part, model) == ("rows", name)
        )

    def links(self) -> dict[str, Link]:
        """Return the links by name: the measured cost of TensorFlow alone and before a network."""
        software = self.link("seqproof")
        names = ("1 Gbit/s", "10 Gbit/s")
        links = {HERE: software} | {name: software.after(NETWORKS[name]) for name in names}
        return links | {FREE: NETWORKS["100 Gbit/s"]}

    def seconds(self, name: str, rows: int, workers: int, link: Link) -> float:
        """Return the seconds of a step by the model."""
        size = scaling_model.sent_bytes(shapes.SHAPES[name], rows)
        return scaling_model.step_seconds(self.computation(name), rows, size, workers, link)


def _rows(name: str) -> int:
    rows: int = shapes.SHAPES[name].entry["batch_size"]
    return rows


def write(rows: Sequence[dict[str, Any]]) -> None:
    """Write the tables and the picture."""
    measurements = Measurements(rows)
    _write_sums(measurements)
    _write_steps(measurements, "strong", lambda processes: 1)
    _write_steps(measurements, "weak", lambda processes: processes)
    _write_check(measurements)
    _write_predictions(measurements)
    _draw(measurements)


def _write_sums(measurements: Measurements) -> None:
    columns = sorted(
        {key[:2] for key in measurements.sums}, key=lambda key: (key[0] != "seqproof", key)
    )
    table = []
    for size in scaling_model.SIZES:
        cells = [f"{1000 * measurements.sums[*column, size]:.1f}" for column in columns]
        table.append([f"{size:,}", *cells])
    libraries = {"seqproof": "TensorFlow", "PyTorch": "gloo"}
    heads = [f"{libraries[program]}, {processes}" for program, processes in columns]
    page.write("scaling-sums", ["bytes", *heads], table, PAGE)


def _write_steps(measurements: Measurements, name: str, factor: Any) -> None:
    """Write the times of steps; speed counts rows per second, relative to one process."""
    table = []
    for model in MODELS:
        shape = shapes.SHAPES[model]
        sent = scaling_model.sent_bytes(shape, _rows(model) * factor(2))
        sizes = [sent, 4 * scaling_model.parameters(shape)]
        cells = [model, " of ".join(f"{size / 1e6:.1f}" for size in sizes)]
        speeds: dict[str, list[float]] = {}
        for program in ("seqproof", "PyTorch"):
            alone = measurements.steps[name, model, program, 1, _rows(model)]
            for processes in (1, 2, 4):
                rows = _rows(model) * factor(processes)
                seconds = measurements.steps[name, model, program, processes, rows]
                gain = alone / seconds * factor(processes)
                speeds.setdefault(program, []).append(1 / seconds)
                suffix = "" if processes == 1 else f" ({gain:.2f})"
                cells.append(f"{1000 * seconds:.0f}{suffix}")
        ratios = [ours / theirs for ours, theirs in zip(*speeds.values(), strict=True)]
        table.append([*cells, ", ".join(f"{ratio:.2f}" for ratio in ratios)])
    heads = [f"{program}, {n}" for program in ("seqproof", "PyTorch") for n in (1, 2, 4)]
    page.write(f"scaling-{name}", ["ms of a step", "MB", *heads, "ratios"], table, PAGE)


def _write_check(measurements: Measurements) -> None:
    """Write the steps of two processes by the model, and as they were measured."""
    table = []
    for model in MODELS:
        cells = [model]
        for part, factor in (("strong", 1), ("weak", 2)):
            rows = _rows(model) * factor
            measured = 1000 * measurements.steps[part, model, "seqproof", 2, rows]
            step = 1000 * measurements.seconds(model, rows, 2, measurements.links()[HERE])
            cells += [f"{measured:.0f}", f"{step:.0f} ({step / measured - 1:+.0%})"]
        table.append(cells)
    heads = [
        f"{batch}, {way}" for batch in ("same batch", "same rows") for way in ("measured", "model")
    ]
    page.write("scaling-check", ["ms of a step, two processes", *heads], table, PAGE)


def _write_predictions(measurements: Measurements) -> None:
    """Write how many times as many rows per second workers train, with as many rows for each."""
    table = []
    for model in MODELS:
        for network, link in measurements.links().items():
            if network == HERE:
                continue
            rows, cells = _rows(model), []
            alone = measurements.seconds(model, rows, 1, link)
            for workers in PREDICTED:
                step = measurements.seconds(model, rows * workers, workers, link)
                cells.append(f"{workers * alone / step:.1f} ({alone / step:.0%})")
            table.append([f"{model}; {network}", *cells])
    page.write("scaling-model", ["model; network", *map(str, PREDICTED)], table, PAGE)


def _draw(measurements: Measurements) -> None:
    """Draw measured points, and dashed the model."""
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
    for panel, name in zip(panels, ("strong", "weak"), strict=True):
        is_weak = name == "weak"
        for number, model in enumerate(MODELS):
            rows, color = _rows(model), f"C{number}"
            alone = measurements.steps[name, model, "seqproof", 1, rows]
            for workers in (1, 2, 4):
                factor = workers if is_weak else 1
                seconds = measurements.steps[name, model, "seqproof", workers, rows * factor]
                fill = "none" if workers == 4 else color
                panel.plot(
                    workers, alone / seconds * factor, "o", color=color, markerfacecolor=fill
                )
            counts = scaling_model.powers(1, 512 if is_weak else rows)
            link = measurements.links()[NETWORK]
            alone = measurements.seconds(model, rows, 1, link)
            curve = [
                alone / measurements.seconds(model, rows * factor, n, link) * factor
                for n in counts
                for factor in [n if is_weak else 1]
            ]
            panel.plot(counts, curve, "--", color=color, label=model)
        panel.plot((1, 512), (1, 512), color="gray", linewidth=0.8, label="no communication")
        panel.plot((), (), "ok", label="measured")
        panel.plot((), (), "ok", markerfacecolor="none", label="measured, 4 on 2 cores")
        panel.plot((), (), "--k", label="model")
        ticks = scaling_model.powers(1, 512)
        panel.set(xscale="log", yscale="log", xlabel="workers", ylim=(0.05, 600))
        panel.set_xticks(ticks, [str(tick) for tick in ticks])
        panel.set_yticks((0.1, 1, 10, 100), ("0.1", "1", "10", "100"))
        panel.minorticks_off()
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set(ylabel="speed-up", title="the same batch for all")
    panels[1].set(title="as many rows for each worker")
    panels[0].legend(frameon=False, fontsize=8, loc="upper left")
    plt.rcParams["svg.hashsalt"] = "seqproof"
    figure.savefig(PICTURE, metadata={"Date": None})
