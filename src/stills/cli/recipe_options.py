"""The options of each recipe: what it looks for, and what it makes of it."""

from __future__ import annotations

import click

from stills.cli.options import choice, option, together
from stills.types import ClusterMethod, Preset

sheet_option = option(
    "--sheet", metavar="4x5", show_default="none",
    help="Also write a contact sheet of so many columns and rows, with times.",
)  # fmt: skip

explain_option = option(
    "--explain", is_flag=True, help="Print each frame's time, its score and what that is made of, and its shot."
)

keyframes_options = together(
    option("--preset", type=choice(Preset), show_default="film",
            help="What the video is: film; screen (a screen capture); medical (continuous, grey, noisy pictures)."),
    option("--similarity", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.95",
            help="Leave out frames at least this similar to a kept one."),
    option("--target", type=click.IntRange(min=1), metavar="N", show_default="none",
            help="Exactly N frames; fewer only where the video has fewer different ones."),
    option("--per-shot", type=click.IntRange(min=1), metavar="K", show_default="any",
            help="At most K frames of each shot."),
    option("--min-gap", type=click.FloatRange(min=0), metavar="SECONDS", show_default="0",
            help="Least time between two frames."),
    option("--window", type=click.FloatRange(0, min_open=True), metavar="SECONDS", show_default="the preset's",
            help="Time after which a frame may look like an earlier one."),
    option("--from", "start", metavar="TIME", show_default="the start",
            help="Where to begin: seconds, or a time like 1:12.5."),
    option("--to", "end", metavar="TIME", show_default="the end", help="Where to end."),
    option("--weights", metavar="NAME=N,…", show_default="as measured",
            help="How much each part of a frame's score counts, such as sharpness=1,exposure=0.5."),
    option("--all", is_flag=True, default=None, help="Every frame, with no choosing."),
    option("--every", metavar="2s|10f", show_default="none",
            help="A frame every so many seconds or frames, with no choosing."),
)  # fmt: skip

thumbnails_options = together(
    option("-k", "--count", type=click.IntRange(1, 100), metavar="K", show_default="5", help="How many frames."),
    option("--expression/--no-expression", default=None, show_default="expression",
            help="Weigh the expressions of faces; nothing is kept of any one person."),
    option("--emotions", metavar="NAME=N,…", show_default="happy=1,surprise=0.6",
            help="Emotions that are wanted, and how much: 1 most, -1 to avoid."),
    option("--weights", metavar="NAME=N,…", show_default="as measured",
            help="How much each part of a frame's score counts, such as sharpness=1,faces=0.5."),
    option("--aspect", metavar="W:H", show_default="as it is", help="Cut to this shape, such as 9:16, keeping faces."),
    option("--avoid-edges/--no-avoid-edges", default=None, show_default="no-avoid-edges",
            help="Skip opening logos and closing credits."),
    option("--cover/--no-cover", default=None, show_default="cover",
            help="Let the cover picture in the file be a candidate."),
    option("--preview", type=click.Choice(("webp", "gif")), show_default="none",
            help="Also write an animated preview of the chosen moments."),
)  # fmt: skip

portrait_options = together(
    option("--min-face", metavar="SIZE", show_default="12%",
            help="Smallest face that qualifies: pixels, or a share of the picture's shorter side like 12%."),
    option("--min-quality", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.5",
            help="Least quality of a face that qualifies."),
    option("--if-none", type=click.Choice(("best", "skip")), show_default="best",
            help="Where no face qualifies: take the best there is, or skip the video."),
    option("--cover/--no-cover", default=None, show_default="cover",
            help="Let the cover picture in the file be a candidate."),
    option("--weights", metavar="NAME=N,…", show_default="as measured",
            help="How much each part of a frame's score counts, such as size=1,sharpness=0.5."),
    option("--prefer", metavar="NAME=N,…", show_default="nothing",
            help="What is preferred, and how much: smile, eyes, frontal, alone, centred; 1 most, -1 to avoid."),
    option("--runners-up", type=click.IntRange(0, 100), metavar="N", show_default="3",
            help="Further good frames that are listed."),
)  # fmt: skip

people_options = together(
    option("--min-face", metavar="SIZE", show_default="24",
                 help="Smallest face that counts: pixels, or a share of the picture's shorter side like 3%."),
    option("--min-screen-time", type=click.FloatRange(min=0), metavar="SECONDS", show_default="0",
                 help="Leave out people who are seen for less."),
    option("--max-people", type=click.IntRange(min=1), metavar="N", show_default="all",
                 help="At most N people: those longest on screen."),
    option("--cluster", type=choice(ClusterMethod), show_default="constrained",
                 help="How appearances become people; dbscan and hdbscan need the extra stills[cluster]."),
    option("--similarity", "--cluster-threshold", "similarity", type=click.FloatRange(0, 1), metavar="0…1",
                 show_default="as measured", help="Cosine similarity from which two appearances are one person."),
    option("--per-person", type=click.IntRange(1, 100), metavar="K", show_default="1",
                 help="Pictures of each person."),
    option("--runners-up", type=click.IntRange(0, 100), metavar="N", show_default="3",
                 help="Further good frames that are listed for each person."),
    option("--crops/--no-crops", default=None, show_default="no-crops", help="Also write a crop of each face."),
    option("--embeddings/--no-embeddings", default=None, show_default="embeddings",
                 help="Keep face embeddings in the local index, or drop them after clustering."),
)  # fmt: skip

across_options = together(
    option("--across", is_flag=True, help="Recognise people from one video to the next, in all that are in OUT."),
    option("--across-similarity", type=click.FloatRange(0, 1), metavar="0…1", show_default="as measured",
            help="Cosine similarity from which people of several videos are one person."),
    option("--who", multiple=True, metavar="NAME=PHOTO",
            help="With --across: whom a photo shows is called NAME in all videos. As often as needed."),
)  # fmt: skip

poster_option = option(
    "--poster", "posters", multiple=True, metavar="IMG…", type=click.Path(readable=False),
    help="A poster of the film, or several: pictures named behind it are posters, too.",
)  # fmt: skip

cast_options = together(
    option("--attributes", metavar="NAME,…", show_default="none",
            help="What is inferred of each person: age, gender, ethnicity, emotion. Nothing that is not named."),
    option("--min-area", type=click.FloatRange(0, 1), metavar="0…1", show_default="0",
            help="Smallest face that counts, as a share of the picture without letterbox bars."),
    option("--max-area", type=click.FloatRange(0, 1, min_open=True), metavar="0…1", show_default="1",
            help="Largest face that counts."),
    option("--min-confidence", type=click.FloatRange(0, 1), metavar="0…1", show_default="0",
            help="Least confidence of the detector in a face that counts."),
    option("--outside", type=click.Choice(("drop", "keep")), show_default="drop",
            help="What becomes of faces whose centre lies in letterbox bars."),
    option("--box-expansion", type=click.FloatRange(0, 2), metavar="0…2", show_default="0",
            help="How much larger boxes are written, drawn and blurred on each side, as a share of the box."),
    option("--min-faces", type=click.IntRange(min=1), metavar="N", show_default="1",
            help="Leave out people with fewer analysed faces."),
    option("--attribute-min-confidence", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.7",
            help="Least confidence of the detector in a face that attributes are read from."),
    option("--attribute-min-sharpness", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.15",
            help="Least sharpness of such a face."),
    option("--attribute-max-angle", type=click.FloatRange(0, 90, min_open=True), metavar="DEGREES", show_default="45",
            help="Most degrees by which such a face is turned aside, or up and down."),
    option("--attribute-certainty", type=click.FloatRange(0, 1), metavar="0…1", show_default="0.5",
            help="Least probability of a label that is given; below it, the answer is unknown."),
    option("--poster-distance", type=click.FloatRange(0, 2), metavar="0…2", show_default="by embedder; sface 0.525",
            help="Largest cosine distance at which a face on a poster is a person of the film."),
    option("--annotate/--no-annotate", default=None, show_default="no-annotate",
            help="Also write the video with a box around every face, its person, attributes and times."),
    option("--blur", metavar="WHO", show_default="none",
            help="Write the video with faces hidden instead: all, others (all without a number) or numbers like 1,3."),
)  # fmt: skip
