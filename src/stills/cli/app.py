"""The ``stills`` command: finds the command's file when it is needed, and turns every end into an exit code.

Exit codes: 0 all done, 1 failed, 2 usage, 3 some inputs failed, 4 nothing qualified, 130 interrupted.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence

import click

from stills._version import __version__
from stills.cli.say import ReaderGoneError, report_bug, report_error
from stills.errors import StillsError

EXIT_INTERRUPTED = 130

COMMANDS: Mapping[str, str] = {
    "people": "The best frame of every person.",
    "cast": "Who is on screen, for how long, with whom, and on the poster.",
    "keyframes": "The frames that differ, the best of their near-equals.",
    "thumbnails": "The most engaging frames, best first.",
    "portrait": "The one best frame with a large face.",
    "who": "The people of many videos: list, name, join and part them.",
    "batch": "One recipe over a table of films, with tables over all of them.",
    "status": "How far a folder of many videos is: counts, rate, time left, what failed and why.",
    "retry": "Have videos that failed tried again.",
    "quarantine": "List videos that were put aside, and let them out.",
    "shots": "Where one shot ends and the next begins: a table, EDL, OpenTimelineIO, WebVTT, CSV.",
    "faces": "The faces of pictures: where they are, and what is inferred of them.",
    "scan": "Measure videos, so that later questions are answered at once.",
    "serve": "Serve the HTTP API, and a page that uses it.",
    "token": "Make a token for a client of the server, or the key of its webhooks.",
    "probe": "Say what a video is, without decoding it.",
    "report": "Build report.html again from the results in a folder.",
    "forget": "Erase what is stored about a video: its index and its outputs.",
    "models": "List, fetch and verify the model weights.",
    "doctor": "Say whether this machine has all that stills needs.",
    "demo": "Make a sample film and find its people, key frames and thumbnails.",
}
"""Commands and their help, in the order shown; each is ``stills.cli.cmd_<name>.command``, imported when called."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help, and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command's object, its file imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"stills.cli.cmd_{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a broken table is a bug, found by the tests
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in ``--help``, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a mistyped one name those that are near."""
        import difflib

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else " See stills --help."
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--remote", metavar="URL",
    help="Have the server there (stills serve) do the work, and fetch the results; none: this machine does it.",
)  # fmt: skip
@click.option("--keep-remote", is_flag=True, help="Leave the job on that server, instead of having it erased.")
@click.version_option(__version__, "-V", "--version", prog_name="stills", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, remote: str | None, keep_remote: bool) -> None:
    """Pull the frames that matter out of video.

    \b
    stills people film.mp4 -o out      the best picture of every person in it
    stills keyframes film.mp4 -o out   the frames that differ
    stills thumbnails film.mp4 -o out  the five most engaging frames
    open out/report.html               look at them
    stills --remote http://server:8000 people film.mp4 -o out      the same, done by a server

    Exit codes: 0 all done, 1 failed, 2 usage, 3 some inputs failed, 4 nothing qualified, 130 interrupted.
    """  # noqa: D301 - click reads \b
    from stills.cli.remote import note_remote

    note_remote(context, remote, keep_remote)


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one return for each way to end
    """Run the command line and return its exit code; nothing but a bug in click leaves this as an exception.

    Args:
        argv: The arguments after the program's name; ``None`` takes those of the process.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no arrow still gets its line
    try:
        done = cli.main(args=args, prog_name="stills", standalone_mode=False, obj=tuple(args))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0 if not args else 2
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        report_error("interrupted")
        return EXIT_INTERRUPTED
    except ReaderGoneError:
        # Not an error worth a word. Python would complain when it flushes standard output at exit: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except StillsError as error:
        report_error(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug becomes one line and an exit code
        report_bug(error)
        return 1
    return done if isinstance(done, int) else 0


def _called(context: click.Context | None) -> str:
    return "people" if context is None else context.command_path.removeprefix("stills ")


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption) and error.option_name in {"--remote", "--keep-remote"}:
        report_error(f"{error.option_name} goes before the command: stills {error.option_name} … {_called(context)} …")
        return error.exit_code
    command = context.command_path if context is not None else "stills"
    report_error(f"{error.format_message()} — {command} --help says more")
    return error.exit_code
