"""The command line interface: one command per stage, and the tools around them."""

from __future__ import annotations

from pipelines import startup  # noqa: F401 - before all other imports

# isort: split
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from commands import completion, data
from commands import own_text_options as own
from commands.help_page import STAGES as STAGE_GROUP
from commands.help_page import HelpPage
from pipelines import console
from pipelines.console import Argument, AsJson, Command, Context, Exit, Option, Restart, Typer
from pipelines.errors import UserError

app = Typer(
    name="seqproof",
    help="Train, compare, reproduce and verify recurrent sequence models.",
    cls=HelpPage,
    context_settings={"max_content_width": 100},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# The argument of each stage's command, and its help text.
STAGES = {
    "check": ("", "Check every key and value of params.yaml."),
    "fetch": ("corpus", "Fetch the raw files of a corpus."),
    "preprocess": ("corpus", "Read, clean, split and validate the text of a corpus."),
    "build-vocab": ("corpus", "Build the vocabulary of a corpus from its training split."),
    "train-baseline": (
        "training",
        "Train an n-gram model, a logistic regression, a perceptron or an MLP.",
    ),
    "train-lstm": ("training", "Train a recurrent language model, classifier or tagger."),
    "fine-tune": ("training", "Train a classifier that starts from a trained language model."),
    "train-seq2seq": ("training", "Train an encoder-decoder, with or without attention."),
    "evaluate": ("model", "Evaluate a trained model on its test split."),
    "backpropagation": ("planar examples", "Train perceptrons in NumPy and check their gradients."),
    "memory": ("synthetic task", "Measure gradient flow and memory of each cell."),
    "word-order": ("corpus", "Swap two words of test texts and compare classifiers."),
    "source-length": ("corpus", "Score translators by the length of the source."),
    "report": ("report", "Write all metrics and pictures to one HTML page."),
}
Corpus = Annotated[
    str,
    Argument(metavar="NAME", help="a corpus of params.yaml", autocompletion=completion.corpora),
]
PlanarExamples = Annotated[
    str,
    Argument(
        metavar="NAME",
        help="xor or circles, as in params.yaml",
        autocompletion=completion.planar_examples,
    ),
]
SyntheticTask = Annotated[
    str,
    Argument(
        metavar="NAME",
        help="adding or copying, as in params.yaml",
        autocompletion=completion.synthetic_tasks,
    ),
]
Model = Annotated[
    str,
    Argument(metavar="NAME", help="a model of params.yaml", autocompletion=completion.models),
]
Texts = Annotated[
    list[str] | None,
    Argument(
        metavar="TEXT",
        show_default=False,
        help="text in quotes; without it, each line of standard input is one text, and a terminal "
        "has a prompt",
    ),
]


@app.callback(invoke_without_command=True)
def seqproof(
    context: Context,
    version: Annotated[bool, Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version or the help."""
    if version:
        from commands import skeleton

        console.echo(f"seqproof {skeleton.version(Path(__file__).parents[1])}")
        raise Exit
    if context.invoked_subcommand is None:
        console.echo(context.get_help())


def _add(command: str, argument: str, help_text: str) -> None:
    """Add a stage as a command; its module is imported when it runs, not for --help."""
    stage = command.replace("-", "_")

    def run() -> None:
        _run(stage)

    def run_corpus(name: Corpus) -> None:
        _run(stage, name)

    def run_model(name: Model) -> None:
        _run(stage, name)

    def run_planar_examples(name: PlanarExamples) -> None:
        _run(stage, name)

    def run_synthetic_task(name: SyntheticTask) -> None:
        _run(stage, name)

    def run_training(name: Model, fresh: Restart = False) -> None:
        _run(stage, name, fresh)

    def run_report(
        pdf: Annotated[bool, Option("--pdf", help="also print it to PDF with Chromium")] = False,
    ) -> None:
        if not pdf:
            _run(stage)
            return
        from commands import browser

        browser.report()

    callbacks: dict[str, Callable[..., None]] = {
        "": run,
        "corpus": run_corpus,
        "model": run_model,
        "planar examples": run_planar_examples,
        "synthetic task": run_synthetic_task,
        "training": run_training,
        "report": run_report,
    }
    app.command(command, help=help_text, rich_help_panel=STAGE_GROUP)(callbacks[argument])


def _run(stage: str, name: str | None = None, restart: bool = False) -> None:
    from commands import stage as command

    command.run(stage, name, restart)


for _command, (_argument, _help) in STAGES.items():
    _add(_command, _argument, _help)
app.add_typer(data.app, rich_help_panel="Data")


@app.command("run", rich_help_panel="Train")
def run_stages(
    targets: Annotated[
        list[str] | None,
        Argument(
            metavar="TARGET...",
            show_default=False,
            help="stages, groups of stages, models or corpora; all stages by default",
            autocompletion=completion.targets,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        Option(
            min=1,
            show_default=False,
            help="stages at a time; by default the cores divided by `threads` of params.yaml, or "
            "the number of workers",
        ),
    ] = None,
    gpus: Annotated[
        int | None,
        Option(
            min=0,
            show_default=False,
            help="GPUs to use, each for one stage at a time; all by default, 0 for none",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        Option(
            metavar="ADDRESS",
            show_default=False,
            help="a Dask scheduler whose workers run the stages, for example tcp://host:8786",
        ),
    ] = None,
    slurm: Annotated[
        bool, Option("--slurm", help="run the stages in SLURM jobs: --jobs of them, or 4")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run what has changed, several stages at a time.

    It is `dvc repro` with stages side by side.

    \b
    seqproof run                              everything that has changed
    seqproof run train_lstm                   all stages of this group, and what they need
    seqproof run evaluate_lstm@opinions-lstm  one stage, and what it needs
    seqproof run opinions-lstm --jobs 1       the stages of one model, one at a time
    seqproof run --scheduler tcp://host:8786  on the workers of a Dask cluster; see docs/scale.md
    seqproof run --slurm --jobs 8             in 8 jobs of SLURM
    """
    from commands import inputs
    from commands import run as command

    names = [inputs.utf8(target, "TARGET") for target in targets or ()]
    scheduler = _checked_scheduler(scheduler, slurm)
    if gpus is not None and (slurm or scheduler is not None):
        raise UserError("--gpus is for this machine: workers of a cluster use their own.")
    command.run(names, jobs, gpus, as_json, scheduler, slurm)


@app.command(rich_help_panel="Train")
def sweep(
    name: Annotated[
        str,
        Argument(
            metavar="NAME",
            help="a sweep of params.yaml, or a model that has one",
            autocompletion=completion.sweeps,
        ),
    ],
    jobs: Annotated[
        int | None,
        Option(
            min=1,
            show_default=False,
            help="trials at a time; by default one, so that the same seed proposes the same "
            "trials, or the number of workers",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        Option(
            metavar="ADDRESS",
            show_default=False,
            help="a Dask scheduler whose workers run the trials, for example tcp://host:8786",
        ),
    ] = None,
    slurm: Annotated[
        bool, Option("--slurm", help="run the trials in SLURM jobs: --jobs of them, or one")
    ] = False,
    apply: Annotated[
        bool,
        Option("--apply", help="write the winner's parameters into params.yaml; nothing is run"),
    ] = False,
    force: Annotated[
        bool, Option("--force", help="with --apply: even if the winner is not better")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search for better parameters of a model.

    See docs/sweeps.md. A sweep that was stopped goes on where it was.

    \b
    seqproof sweep opinions-lstm           the sweep of this name, or of this model
    seqproof sweep opinions-lstm --jobs 4  four trials at a time
    seqproof sweep opinions-lstm --apply   the winner becomes the model
    """
    from commands import inputs
    from commands import sweep as command

    name = inputs.utf8(name, "NAME")
    if force and not apply:
        raise UserError("--force needs --apply.")
    if apply:
        command.apply(name, force, as_json)
        return
    scheduler = _checked_scheduler(scheduler, slurm)
    command.sweep(name, jobs, as_json, scheduler, slurm)


def _checked_scheduler(scheduler: str | None, slurm: bool) -> str | None:
    """Return the address of a scheduler; raise UserError if the options contradict each other."""
    from commands import inputs

    if slurm and scheduler is not None:
        raise UserError("--slurm cannot be combined with --scheduler: it starts a scheduler.")
    if scheduler is None:
        return None
    if not scheduler.strip():
        raise UserError("--scheduler needs an address, for example tcp://host:8786.")
    address = inputs.utf8(scheduler, "--scheduler")
    return address if "://" in address else f"tcp://{address}"


@app.command(rich_help_panel="Use")
def predict(
    name: Annotated[
        str, Argument(metavar="NAME", help="a trained model", autocompletion=completion.models)
    ],
    texts: Texts = None,
    check: Annotated[
        bool,
        Option("--check", help="also compare the texts with the training text; see checks.drift"),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the label, tags or translation of each text.

    \b
    seqproof predict opinions-lstm "what a good film"  a label, with the probabilities
    seqproof predict opinions-lstm                     ask for texts at a prompt
    seqproof predict opinions-lstm --json < lines.txt  one object for all lines
    """
    from commands import inputs
    from commands import predict as command

    command.predict(name, inputs.texts(texts), check, as_json)


@app.command(rich_help_panel="Use")
def translate(
    name: Annotated[
        str,
        Argument(
            metavar="NAME",
            help="a trained encoder-decoder",
            autocompletion=completion.translators,
        ),
    ],
    texts: Texts = None,
    beam: Annotated[
        int | None, Option(min=1, max=1000, help="number of hypotheses at each step")
    ] = None,
    n_best: Annotated[
        int | None, Option(min=1, max=1000, help="print the N best translations with their scores")
    ] = None,
    length_penalty: Annotated[
        float | None, Option(min=0, max=10, help="above 0 favours long translations")
    ] = None,
    coverage_penalty: Annotated[
        float | None,
        Option(min=0, max=10, help="above 0 favours translations that cover the source"),
    ] = None,
    replace_unknown: Annotated[
        bool | None,
        Option("--replace-unknown", help="replace unknown words by the source words attended to"),
    ] = None,
    attention: Annotated[
        bool, Option("--attention", help="draw what each token of a translation attends to")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Translate text with an encoder-decoder.

    Options default to the values in params.yaml.

    \b
    seqproof translate verses-attention "and he said" --attention  draw the attention
    seqproof translate verses-attention --beam 5 --n-best 3        ask at a prompt
    seqproof translate verses-attention < lines.txt                a line for each line
    """
    from commands import inputs
    from commands import translate as command

    search = {"beam": beam, "length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
    search |= {"replace_unknown": replace_unknown}
    command.translate(name, inputs.texts(texts), n_best, attention, search, as_json)


@app.command(rich_help_panel="Use")
def generate(
    name: Annotated[
        str,
        Argument(
            metavar="NAME",
            help="a trained language model",
            autocompletion=completion.language_models,
        ),
    ],
    beginning: Annotated[str | None, Option(help="text to continue")] = None,
    length: Annotated[int | None, Option(help="number of tokens to generate")] = None,
    temperature: Annotated[
        float | None, Option(help="low values are conservative, values above 1 are diverse")
    ] = None,
    top_k: Annotated[int | None, Option(help="sample from the K most likely tokens")] = None,
    top_p: Annotated[
        float | None, Option(help="sample from the smallest set of tokens with this probability")
    ] = None,
    seed: Annotated[int | None, Option(help="seed of the random generator")] = None,
    interactive: Annotated[
        bool, Option("--interactive", help="continue each text that you type at a prompt")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Generate text with a language model.

    Options default to the values in params.yaml.

    \b
    seqproof generate shakespeare-lstm --beginning "KING "  continue a text
    seqproof generate shakespeare-lstm --interactive        ask for texts at a prompt
    """
    from commands import generate as command
    from commands import inputs

    if beginning is not None:
        inputs.utf8(beginning, "--beginning")
    options = {"beginning": beginning, "length": length, "temperature": temperature}
    options |= {"top_k": top_k, "top_p": top_p, "seed": seed}
    command.generate(name, options, interactive, as_json)


@app.command(rich_help_panel="Use")
def serve(
    target: Annotated[
        str,
        Argument(
            metavar="MODEL|ALIAS",
            help="a trained model, or an alias such as champion, verses@champion or "
            "models:/seqproof-verses@champion",
            autocompletion=completion.models,
        ),
    ],
    host: Annotated[str, Option(help="address to listen on; 0.0.0.0 for all")] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="port; 0 for a free one")] = 8000,
    max_texts: Annotated[
        int | None,
        Option(min=1, max=10_000, help="texts of a request; by default 64, for a language model 8"),
    ] = None,
    max_characters: Annotated[
        int, Option(min=1, max=1_000_000, help="characters of a text")
    ] = 2000,
    refresh: Annotated[
        float, Option(min=0.1, max=86_400, help="seconds between two looks at the alias")
    ] = 5.0,
) -> None:
    """Answer texts over HTTP with a trained model.

    See docs/serving.md.
    """
    from commands import inputs
    from commands import serve as command

    target, host = inputs.utf8(target, "MODEL|ALIAS"), inputs.utf8(host, "--host")
    command.serve(target, host, port, max_texts, max_characters, refresh)


@app.command(rich_help_panel="Use")
def export(
    name: Annotated[
        str,
        Argument(metavar="NAME", help="a trained network", autocompletion=completion.models),
    ],
    kind: Annotated[
        Literal["saved-model", "onnx"],
        Option(
            "--format",
            help="saved-model: texts in, answers out, with TensorFlow alone; onnx: ids in, logits "
            "out",
        ),
    ] = "saved-model",
    output: Annotated[
        str | None,
        Option(
            "--output",
            metavar="DIR",
            show_default=False,
            help="folder to write; exports/NAME/FORMAT by default",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a trained network as SavedModel or ONNX.

    It is compared with the model on texts of the test split first. See docs/export.md.
    """
    from commands import export as command
    from commands import inputs

    folder = None if output is None else str(inputs.folder(inputs.utf8(output, "--output")))
    command.export(name, kind, folder, as_json)


@app.command(rich_help_panel="Compare")
def results(as_json: AsJson = False) -> None:
    """Print all metrics and the cost of each stage."""
    from commands import results as command
    from pipelines.lineage import dvc_project

    command.results(dvc_project.stage_names(Path()), as_json)


@app.command(rich_help_panel="Prove")
def seal(as_json: AsJson = False) -> None:
    """Record the hashes of all outputs in MLflow."""
    from commands import seal as command

    command.seal(as_json)


@app.command(rich_help_panel="Prove")
def trace(
    name: Annotated[
        str,
        Argument(
            metavar="TARGET",
            help="a file, model, corpus, stage, MD5, run or commit",
            autocompletion=completion.targets,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show what a result depends on, and what depends on it.

    \b
    seqproof trace metrics/verses-attention.json  a file
    seqproof trace verses-attention               a model
    seqproof trace main                           a commit
    """
    from commands import inputs
    from commands import trace as command

    command.trace(inputs.utf8(name, "TARGET"), as_json)


@app.command(rich_help_panel="Prove")
def verify(
    name: Annotated[
        str | None,
        Argument(
            metavar="RUN|MODEL",
            help="a model, or the id of a run or its first characters",
            autocompletion=completion.models,
        ),
    ] = None,
    all_models: Annotated[bool, Option("--all", help="verify all models (the default)")] = False,
    level: Annotated[
        int,
        Option(
            min=0,
            max=2,
            help="0 compares hashes, 1 repeats the first training steps, 2 reruns all stages",
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Verify that inputs and outputs are unchanged.

    \b
    seqproof verify                             all models
    seqproof verify verses-attention --level 1  repeat its first training steps
    """
    from commands import verify as command

    if all_models and name is not None:
        raise UserError(f"--all cannot be combined with '{name}'. Omit one of the two.")
    command.verify(name, level, as_json)


@app.command(rich_help_panel="Compare")
def compare(
    names: Annotated[
        list[str],
        Argument(
            metavar="A B...",
            help="models, runs, commits or experiments",
            show_default=False,
            autocompletion=completion.models,
        ),
    ],
    sentences: Annotated[
        int, Option(min=0, max=10_000, help="show the N test items where the models differ most")
    ] = 0,
    level: Annotated[float, Option(min=0.0001, max=0.5, help="significance level")] = 0.05,
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool, Option("--markdown", help="print Markdown, for a comment on a pull request")
    ] = False,
) -> None:
    """Test whether differences between models are significant.

    \b
    seqproof compare verses-fixed verses-attention     two models
    seqproof compare opinions-lstm main my-experiment  a model in a commit and an experiment
    """
    from commands import compare as command
    from commands import inputs

    subjects = [inputs.utf8(name, "A B...") for name in names]
    command.compare(subjects, sentences, level, as_json, as_markdown)


@app.command(rich_help_panel="Use")
def promote(
    name: Annotated[
        str,
        Argument(
            metavar="RUN|MODEL",
            help="a model, or the id of a run or its first characters",
            autocompletion=completion.models,
        ),
    ],
    alias: Annotated[str, Option("--as", metavar="ALIAS", help="for example champion")],
    as_json: AsJson = False,
) -> None:
    """Give a model an alias if it is better than the holder.

    \b
    seqproof promote verses-attention --as champion  models:/seqproof-verses@champion
    """
    from commands import inputs
    from commands import promote as command

    command.promote(inputs.utf8(name, "RUN|MODEL"), inputs.utf8(alias, "--as"), as_json)


@app.command(rich_help_panel="Project")
def sync(
    any_server: Annotated[
        bool, Option("--here", help="also upload runs that were recorded for another server")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Upload runs recorded while the server was unreachable."""
    from commands import sync as command

    command.sync(any_server, as_json)


@app.command(rich_help_panel="Project")
def ui(port: Annotated[int, Option(min=1, max=65535, help="port on this machine")] = 5000) -> None:
    """Start the MLflow UI."""
    from commands import ui as command

    command.ui(port)


@app.command(rich_help_panel="Use")
def demo(
    names: Annotated[
        list[str] | None,
        Argument(
            metavar="CORPUS...",
            show_default=False,
            help="corpora to show; all by default",
            autocompletion=completion.corpora,
        ),
    ] = None,
    port: Annotated[int, Option(min=0, max=65535, help="port; 0 for any free one")] = 7860,
) -> None:
    """Show the trained models on a web page of this machine."""
    from commands import demo as command
    from commands import inputs

    command.demo([inputs.utf8(name, "CORPUS") for name in names or ()], port)


@app.command(rich_help_panel="Use")
def figure(
    names: Annotated[
        list[str] | None,
        Argument(
            metavar="NAME...",
            show_default=False,
            help="figures to draw; without a name, all are listed with the stages they need",
            autocompletion=completion.figures,
        ),
    ] = None,
    folder: Annotated[
        str, Option("--folder", metavar="DIR", help="folder to write, as NAME.svg")
    ] = "figures",
    as_json: AsJson = False,
) -> None:
    """Draw figures of the tutorial.

    They are drawn from what the stages of this project wrote.

    \b
    seqproof figure                list all figures
    seqproof figure memory-adding  write figures/memory-adding.svg
    """
    from commands import figure as command
    from commands import inputs

    checked = [inputs.utf8(name, "NAME") for name in names or ()]
    command.figure(checked, inputs.folder(inputs.utf8(folder, "--folder")), as_json)


class _New(Command):
    """Command that reads `--template` without a name as an empty name, so the error lists all."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [*args, ""] if args[-1:] == ["--template"] else args)


@app.command(cls=_New, rich_help_panel="Project")
def new(
    folder: Annotated[str, Argument(metavar="DIR", help="a new or empty folder")],
    more: Annotated[list[str] | None, Argument(metavar="FILE", hidden=True)] = None,
    template: Annotated[
        str,
        Option(metavar="NAME", help="see docs/templates.md", autocompletion=completion.templates),
    ] = "",
    files: Annotated[
        list[str] | None,
        Option(
            "--from",
            metavar="FILE...",
            help="your own text: files, a folder, or - for standard input",
        ),
    ] = None,
    name: Annotated[str | None, Option(metavar="NAME", help="name of the corpus")] = None,
    task: own.Task = None,
    text: own.Text = None,
    label: own.Label = None,
    source: own.Source = None,
    target: own.Target = None,
    tokens: own.Tokens = None,
    split: own.Split = None,
    separator: own.Separator = None,
    quoting: own.Quoting = None,
    header: own.Header = None,
    encoding: own.Encoding = None,
    yes: own.Yes = False,
) -> None:
    """Create a project from a template or from your own text."""
    from commands import inputs
    from commands import new as command

    project = inputs.folder(folder)
    if not files:
        if more:
            raise UserError(f"'{more[0]}' is one argument too many. Pass files after --from.")
        command.new(project, template)
        return
    if template:
        raise UserError("--template cannot be combined with --from. Omit one of the two.")
    from commands import own_text
    from pipelines.proposals.options import Options

    options = Options(
        task, text, label, source, target, tokens, split, separator, quoting, header, encoding
    )
    paths = [inputs.utf8(file, "--from") for file in [*files, *(more or [])]]
    own_text.create(project, paths, name, options, yes)


@app.command(rich_help_panel="Project")
def upgrade() -> None:
    """Bring this project to the installed version.

    Files that you have changed are left; all changes are printed.
    """
    from commands import upgrade as command

    command.upgrade()


@app.command("merge-lock", rich_help_panel="Project", hidden=True)
def merge_lock(
    versions: Annotated[
        tuple[Path, Path, Path] | None,
        Argument(metavar="BASE OURS THEIRS", help="three versions; OURS becomes the merged one"),
    ] = None,
    install: Annotated[
        bool, Option("--install", help="set the driver in this project's Git repository")
    ] = False,
) -> None:
    """Merge dvc.lock entry by entry; Git runs this command."""
    from commands import merge_lock as command

    if install:
        command.install(console.root())
    if versions:
        command.merge_lock(*versions)


@app.command(rich_help_panel="Project")
def doctor(
    quick: Annotated[
        bool, Option("--quick", help="skip the determinism check, which takes most of the time")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check versions, GPU, disk, project and determinism."""
    from commands import doctor as command

    command.doctor(quick, as_json)


@app.command(rich_help_panel="Compare")
def publish(
    projects: Annotated[
        list[Path] | None, Argument(metavar="PROJECT", help="projects created by `seqproof new`")
    ] = None,
    data: Annotated[Path, Option("--data", help="results file to update")] = Path(
        "docs/results.json"
    ),
    page: Annotated[Path, Option(help="results page to write")] = Path("docs/results.md"),
) -> None:
    """Compare the results of projects with published numbers."""
    from commands import publish as command

    command.publish(projects or [], data, page)


def main() -> None:
    """Run the command line; on SIGTERM and SIGHUP, exit so that temporary files are removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as after `nohup`
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    console.run_app(app)
