"""``stills faces``: the faces of pictures, and what is inferred of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import click

from stills.addresses import is_address, public_name
from stills.cli import options
from stills.cli.session import start
from stills.errors import UsageError
from stills.types import Device, Precision


@click.command("faces")
@click.argument("inputs", nargs=-1, required=True, metavar="IMG…", type=click.Path(readable=False))
@click.option(
    "-o", "--out", type=click.Path(readable=False, path_type=Path), metavar="FILE",
    help="Write a table: the ending says whether CSV, JSON, JSON Lines or Parquet (.csv, .json, .jsonl, .parquet).",
)  # fmt: skip
@click.option(
    "--attributes", metavar="NAME,…", show_default="none",
    help="What is inferred of each face: age, gender, ethnicity, emotion. Nothing that is not named.",
)  # fmt: skip
@click.option(
    "--certainty", type=click.FloatRange(0, 1), metavar="0…1", default=0.0, show_default=True,
    help="Least probability of a label that is given; below it, the answer is unknown.",
)  # fmt: skip
@click.option("--largest", is_flag=True, help="Only the largest face of each picture.")
@click.option("--detector", metavar="NAME", show_default="yunet", help="What finds faces.")
@click.option(
    "--attributes-model", metavar="NAME", show_default="default",
    help="What infers age, gender, ethnicity and emotion, where they are named.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", show_default="one a core",
    help="Processes that decode and measure.",
)  # fmt: skip
@click.option(
    "--device", type=click.Choice(get_args(Device)), show_default="auto", help="Where models run; never falls back."
)
@click.option("--gpu", is_flag=True, default=None, help="The same as --device cuda.")
@click.option(
    "--precision", type=click.Choice(get_args(Precision)), show_default="auto",
    help="auto takes bf16 where it was measured to be harmless.",
)  # fmt: skip
@click.option(
    "--max-pixels", type=click.IntRange(min=4096), metavar="N", show_default="134217728",
    help="Largest frame of a video that is decoded; a picture may have twice as many pixels.",
)  # fmt: skip
@click.option(
    "--max-memory", type=click.IntRange(min=128), metavar="MB", show_default="none",
    help="Memory of all processes together; a picture that takes more is given up.",
)  # fmt: skip
@options.config_option
@options.strict_option
@options.talk_options
def command(inputs: tuple[str, ...], out: Path | None, certainty: float, largest: bool, **given: Any) -> int:
    """Find the faces of pictures, and infer what --attributes names.

    IMG is a picture, a folder (searched with its subfolders) or a glob: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF. The
    table has a row for each face, the largest of a picture first, and an empty one for a picture without faces; of a
    single folder it names the files by their place in it. Without -o it is printed. What is inferred are guesses from
    looks, never facts about anyone.

    \b
    stills faces photo.jpg
    stills faces posters/ --attributes age,gender -o faces.csv
    stills faces portraits/*.png --attributes emotion --largest -o emotions.parquet
    """  # noqa: D301 - click reads \b
    from stills.cli.inputs import expand
    from stills.cli.posters import PICTURE_SUFFIXES
    from stills.render.faces import check_target

    if out is not None:
        check_target(out)
    session = start(section="cast", **given)
    for name in inputs:
        if is_address(name) and not os.path.lexists(name):
            raise UsageError("pictures are read from files", path=public_name(name), remedy="download the picture")
    pictures = expand(inputs, suffixes=PICTURE_SUFFIXES | {".gif", ".jfif"}, what="picture")
    folder = inputs[0] if len(inputs) == 1 and Path(inputs[0]).is_dir() else None
    from stills.cli.faces_work import find_faces

    return find_faces(session, pictures, out, folder=folder, certainty=certainty, largest=largest)
