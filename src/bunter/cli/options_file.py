"""Options of a command from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["with_options_file"]


def with_options_file(command: click.Command) -> click.Command:
    """Give a command, and those below it, the option ``--options-file``."""
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        with_options_file(each)
    if not any(parameter.name == "options_file" for parameter in command.params):
        command.params.append(_option())
    return command


def _option() -> click.Option:
    return click.Option(
        ["-@", "--options-file"],
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_read,
        help="YAML file with options under the name of the command; those given here win.",
    )


def _read(context: click.Context, parameter: click.Parameter, path: str | None) -> None:
    """Make what the file says of this command the default of its options."""
    if path is None:
        return
    name = context.command_path.partition(" ")[2]
    section = _section(path, name, parameter)
    known = {
        spelling.lstrip("-"): option
        for option in context.command.params
        if isinstance(option, click.Option)
        for spelling in (*option.opts, *option.secondary_opts, str(option.name))
    }
    defaults: dict[str, Any] = dict(context.default_map or {})
    for key, value in section.items():
        option = known.get(str(key)) or known.get(str(key).replace("-", "_"))
        if option is None:
            from bunter.errors import near

            raise click.BadParameter(
                f"{path}: {name!r} has no option {key!r}{near(str(key), known)}", context, parameter
            )
        defaults[str(option.name)] = [value] if option.multiple and not isinstance(value, list) else value
    context.default_map = defaults


def _section(path: str, name: str, parameter: click.Parameter) -> Mapping[str, Any]:
    from pathlib import Path

    import yaml

    from bunter import safe_yaml

    try:
        tree = safe_yaml.load(Path(path).read_text(encoding="utf-8"))
    except OSError as exc:
        raise click.BadParameter(f"cannot read {path}: {exc.strerror}", param=parameter) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise click.BadParameter(f"{path} is not YAML: {' '.join(str(exc).split())[:200]}", param=parameter) from exc
    if not isinstance(tree, dict) or not isinstance(tree.get(name, {}), dict):
        raise click.BadParameter(
            f"{path} must have options under names of commands, such as '{name}: {{where: ...}}'", param=parameter
        )
    section: Mapping[str, Any] = tree.get(name, {})
    return section
