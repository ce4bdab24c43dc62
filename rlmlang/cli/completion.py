"""`rlmlang completion`: print the script that makes a shell complete command lines."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(rlmlang completion bash)"                                   # in ~/.bashrc
      eval "$(rlmlang completion zsh)"                                    # in ~/.zshrc
      rlmlang completion fish > ~/.config/fish/completions/rlmlang.fish
    """
    from rlmlang.cli.commands import commands

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(commands, {}, "rlmlang", "_RLMLANG_COMPLETE").source())
