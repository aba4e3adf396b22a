"""The commands that use trained models."""

from __future__ import annotations

from typing import Annotated, Literal

from commands import completion
from commands.groups import declarations
from pipelines.console import Argument, AsJson, Option, Typer

app = Typer()


@app.command(rich_help_panel="Use")
def predict(
    name: Annotated[
        str, Argument(metavar="NAME", help="a trained model", autocompletion=completion.models)
    ],
    texts: declarations.Texts = None,
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
    texts: declarations.Texts = None,
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


@app.command(rich_help_panel="Use")
def promote(
    name: Annotated[str, declarations.RUN_OR_MODEL],
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
