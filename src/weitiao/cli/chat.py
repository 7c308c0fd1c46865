"""``weitiao chat``: talk to an adapter, and to its base for comparison."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import typer

from weitiao.cli import shell
from weitiao.cli.options import AdapterDir, Base, MaxNewTokens, Temperature
from weitiao.errors import WeitiaoError
from weitiao.types import Message

SETTINGS = ("max_new_tokens", "temperature", "top_p", "stop")


class Handle(Protocol):
    """What chat needs of a loaded adapter (`weitiao.load`)."""

    def messages(self, prompt: str, *, system: str | None = None) -> Sequence[Message]:
        """A text as the conversation the adapter was trained on: its template, its system message."""
        ...

    def stream(
        self, prompt: Sequence[Message], *, adapter: bool = True, system: str | None = None, **decode: Any
    ) -> Iterator[str]:
        """Answer a conversation piece by piece; an empty ``system`` adds no system message."""
        ...


def chat(
    context: typer.Context,
    adapter: AdapterDir,
    base: Base = None,
    system: Annotated[
        str | None,
        typer.Option("--system", metavar="TEXT", help="System message. Default: that of the training data."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Keep the conversation. Default: each line stands alone.")
    ] = False,
    temperature: Temperature = None,
    max_new_tokens: MaxNewTokens = None,
) -> None:
    """Talk to an adapter. /base switches to the untouched base and back, /help lists the commands."""
    import weitiao

    here = shell.of(context)
    with here.progress().status("loading"):
        handle = weitiao.load(adapter, base=base)
    given = {"temperature": temperature, "max_new_tokens": max_new_tokens}
    settings = {name: value for name, value in given.items() if value is not None}
    Conversation(handle, system=system, settings=settings, history=history).loop()


@dataclass
class Conversation:
    """A conversation at the terminal, or with lines from a pipe.

    Attributes:
        handle: The loaded adapter.
        system: System message; None is that of the training data, an empty text none.
        settings: Decoding settings given to every answer, over those of the adapter.
        history: Whether the conversation is kept; adapters are trained on single questions mostly.
        turns: What was said so far, without the system message.
        with_adapter: Whether the adapter answers, else the base.
        both: Whether both answer; the conversation goes on from the adapter's answer.
    """

    handle: Handle
    system: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    history: bool = False
    turns: list[Message] = field(default_factory=list)
    with_adapter: bool = True
    both: bool = False

    def loop(self) -> None:
        """Read lines until the end of the input or ``/quit``."""
        at_terminal = sys.stdin.isatty()
        if at_terminal:
            import readline  # noqa: F401  (line editing for input())

            self._note("the adapter answers; /base for the untouched base, /help for all commands")
            if not self.history:
                self._note("each line stands alone, as in training; /history keeps the conversation")
        while True:
            try:
                line = input("> ") if at_terminal else _next_line()
            except EOFError:
                break
            except KeyboardInterrupt:
                self._note("\n/quit or Ctrl-D leaves")
                continue
            if not self._take(line.strip()):
                break

    def _take(self, line: str) -> bool:
        """Act on one line; False ends the loop."""
        if not line:
            return True
        if not line.startswith("/"):
            self._answer(line)
            return True
        name, _, rest = line[1:].partition(" ")
        if name in ("quit", "exit", "q"):
            return False
        command = self._commands().get(name)
        if command is None:
            self._note(f"unknown command /{name}; /help lists them (a space in front sends the line as text)")
        else:
            command(rest.strip())
        return True

    def _commands(self) -> dict[str, Callable[[str], None]]:
        return {
            "base": self._toggle_base,
            "both": self._toggle_both,
            "history": self._toggle_history,
            "reset": self._reset,
            "system": self._set_system,
            "set": self._set,
            "help": self._help,
        }

    def _answer(self, text: str) -> None:
        try:
            *system, question = self.handle.messages(text, system=self.system)
            messages = [*system, *self.turns, question]
            if self.both:
                self._note("[base]")
                self._speak(messages, adapter=False)
                self._note("[adapter]")
            answer = self._speak(messages, adapter=self.with_adapter or self.both)
        except KeyboardInterrupt:
            self._note("\nstopped; this turn is forgotten")
            return
        except WeitiaoError as error:
            self._note(f"error: {error}")
            return
        if self.history:
            self.turns += [question, Message("assistant", answer)]

    def _speak(self, messages: Sequence[Message], *, adapter: bool) -> str:
        pieces: list[str] = []
        for piece in self.handle.stream(messages, adapter=adapter, system="", **self.settings):
            pieces.append(piece)
            typer.echo(piece, nl=False)
        typer.echo()
        return "".join(pieces)

    def _toggle_base(self, _: str) -> None:
        self.with_adapter = not self.with_adapter
        self._note("the adapter answers" if self.with_adapter else "the untouched base answers")

    def _toggle_both(self, _: str) -> None:
        self.both = not self.both
        self._note("base and adapter both answer" if self.both else "one answers")

    def _toggle_history(self, _: str) -> None:
        self.history = not self.history
        self.turns.clear()
        self._note("the conversation is kept" if self.history else "each line stands alone")

    def _reset(self, _: str) -> None:
        self.turns.clear()
        self._note("forgotten")

    def _set_system(self, text: str) -> None:
        self.system = text
        self._note(f"system: {text}" if text else "no system message")

    def _set(self, text: str) -> None:
        from pydantic import ValidationError

        from weitiao.config import DecodeConfig
        from weitiao.recipe.shape import describe, of_field

        name, equals, value = (part.strip() for part in text.partition("="))
        if not text:
            self._note(
                ", ".join(f"{k}={v}" for k, v in self.settings.items()) or "as the adapter was evaluated"
            )
            return
        if not equals or name not in SETTINGS:
            self._note(f"expected NAME=VALUE with one of {', '.join(SETTINGS)}, got {text!r}")
            return
        given = (value,) if name == "stop" else value
        try:
            self.settings[name] = getattr(DecodeConfig.model_validate({name: given}), name)
        except ValidationError:
            self._note(
                f"{name}: expected {describe(of_field(DecodeConfig.model_fields[name]))}, got {value!r}"
            )
            return
        self._note(f"{name}={self.settings[name]}")

    def _help(self, _: str) -> None:
        self._note(
            "/base         the untouched base answers, and back\n"
            "/both         base and adapter answer, and back\n"
            "/history      keep the conversation, and back to single lines\n"
            "/reset        forget the conversation\n"
            "/system TEXT  system message (empty: none)\n"
            "/set A=B      temperature, max_new_tokens, top_p, stop\n"
            "/quit         leave (also Ctrl-D)"
        )

    def _note(self, text: str) -> None:
        typer.echo(text, err=True)


def _next_line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
