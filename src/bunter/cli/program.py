"""The top of the command line: global options, lazily loaded commands, exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from bunter.cli.commands import COMMANDS, PIPELINES
from bunter.cli.options_file import with_options_file
from bunter.errors import ButlerError, near
from bunter.values.program import told_command

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPLETE_VARIABLE = "_BUNTER_COMPLETE"
"""Environment variable by which a shell asks for words."""

EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

_WORDS = "bunter.words"


class LazyGroup(click.Group):
    """A group that knows the names and one-line helps of its commands, and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command and return it; None if there is no such command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        if COMMANDS[cmd_name].topic == PIPELINES:
            _find_tasks_here()
        module, attribute = COMMANDS[cmd_name].where.split(":")
        command: click.Command = getattr(import_module(f"bunter.cli.commands.{module}"), attribute)
        if COMPLETE_VARIABLE in os.environ:
            from bunter.cli.completion import with_completion

            with_completion(command)
        return with_options_file(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by topic from the table alone, so that help needs no import."""
        del ctx
        for topic in dict.fromkeys(entry.topic for entry in COMMANDS.values()):
            with formatter.section(topic):
                formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items() if entry.topic == topic])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command to run; a misspelt one is answered with the nearest names."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command {args[0]!r}{near(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words of the command line, to be told in the history of what they change."""
        ctx.meta[_WORDS] = ["bunter", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a reader of its output that has had enough, such as ``head``, is no failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _forget_output()
            return EXIT_OK


def _find_tasks_here() -> None:
    """Let tasks be modules of the current folder, after all that is installed, as for ``python -m``."""
    from pathlib import Path

    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Begin with `bunter demo`: a night of a small camera, from raw frames to coadds.",
)
@click.option(
    "--log-level",
    "log_levels",
    multiple=True,
    metavar="[COMPONENT=]LEVEL",
    help="Least level to log: TRACE, DEBUG, VERBOSE, INFO, WARNING, ERROR; '.=LEVEL' for the root logger. Repeatable.",
)
@click.option("--long-log", is_flag=True, help="Time, process and place in each log line.")
@click.option(
    "--log-file", "log_files", multiple=True, help="Append the log to a file; JSON lines if it ends in .json."
)
@click.option("--log-tty/--no-log-tty", default=True, help="Log to the terminal (standard error).")
@click.option(
    "--otlp",
    envvar="OTEL_EXPORTER_OTLP_ENDPOINT",
    metavar="URL",
    help="Send logs, runs and quanta to a collector of OpenTelemetry, such as http://localhost:4318.",
)
@click.option("--log-label", "log_labels", multiple=True, metavar="KEY=VALUE", help="Add to every log record.")
@click.option("--progress/--no-progress", default=None, help="Progress bars; by default where standard error is a tty.")
@click.version_option(package_name="bunter", prog_name="bunter")
@click.pass_context
def cli(
    ctx: click.Context,
    *,
    log_levels: tuple[str, ...],
    long_log: bool,
    log_files: tuple[str, ...],
    log_tty: bool,
    otlp: str | None,
    log_labels: tuple[str, ...],
    progress: bool | None,
) -> None:
    """Bunter: a data butler and pipeline system for astronomical surveys."""
    from bunter.cli.logs import LogOptions, start_logging

    options = LogOptions(log_levels, long_log, log_files, log_tty, log_labels)
    start_logging(options)
    if otlp:
        from bunter.cli.telemetry import exported

        ctx.with_resource(exported(otlp, options.label_map(), ctx.meta))
    if ctx.invoked_subcommand is not None:
        ctx.with_resource(told_command(ctx.invoked_subcommand, ctx.meta[_WORDS]))
        _log_command(ctx)
    ctx.obj = {"progress": sys.stderr.isatty() if progress is None else progress}


def _log_command(context: click.Context) -> None:
    """Tell the log which command begins and when it ends."""
    import logging
    import shlex
    import time

    from bunter.cli.logs import VERBOSE

    log, begin = logging.getLogger("bunter.cli"), time.monotonic()
    if log.isEnabledFor(VERBOSE):
        log.log(VERBOSE, "begins: %s", shlex.join(["bunter", *sys.argv[1:]]))
        context.call_on_close(lambda: log.log(VERBOSE, "ends after %.1f s", time.monotonic() - begin))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``bunter``; those of the process by default.

    Returns
    -------
    int
        0 success, 1 a failure that is explained in one sentence, 2 wrong usage, 130 interrupted.
    """
    try:
        code = cli.main(args=None if arguments is None else list(arguments), prog_name="bunter", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as mistake:
        mistake.show()
        return mistake.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("bunter: interrupted", err=True)
        return EXIT_INTERRUPTED
    except (ButlerError, OSError) as mistake:
        from bunter.cli.troubles import sentence
        from bunter.cli.wrapping import wrapped_for

        click.echo(wrapped_for(sys.stderr, f"bunter: {sentence(mistake)}"), err=True)
        return EXIT_FAILURE
    return _flushed(code if isinstance(code, int) else EXIT_OK)


def _flushed(code: int) -> int:
    """See that all output has arrived, or that nobody wants it any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
    return code


def _forget_output() -> None:
    """Let what is still to be written go nowhere: whoever read it, such as ``head``, has had enough."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
