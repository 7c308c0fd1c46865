"""The conversation, fed from a pipe."""

from __future__ import annotations

from typing import Any

import pytest

from weitiao.errors import FormatError
from weitiao.types import Message


class Echo:
    """Repeats the question letter by letter and says who it is; keeps the calls.

    Its adapter was trained on ``Q: {{ question }}`` with the system message ``trained``.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[list[Message], bool, dict[str, Any]]] = []

    def messages(self, prompt: str, *, system: str | None = None) -> tuple[Message, ...]:
        said = "trained" if system is None else system
        question = Message("user", f"Q: {prompt}")
        return (Message("system", said), question) if said else (question,)

    def stream(self, prompt: Any, *, adapter: bool = True, system: str | None = None, **decode: Any):
        assert system == ""
        self.calls.append((list(prompt), adapter, decode))
        yield from f"{'tuned' if adapter else 'base'}:{prompt[-1].content[3:]}"


@pytest.fixture
def handle(api) -> Echo:
    api.answers["load"] = made = Echo()
    return made


def talk(command, *lines: str, options: tuple[str, ...] = ()) -> Any:
    done = command("chat", "--adapter", "ad", *options, stdin="".join(f"{line}\n" for line in lines))
    assert done.exit_code == 0, done.stderr
    return done


def test_lines_stand_alone_and_are_prompted_as_in_training(command, handle: Echo) -> None:
    done = talk(command, "你好", "", "again")
    assert done.stdout == "tuned:你好\ntuned:again\n"
    assert handle.calls[1][0] == [Message("system", "trained"), Message("user", "Q: again")]


@pytest.mark.parametrize("how", [{"options": ("--history",)}, {"first": ("/history",)}])
def test_history_keeps_the_conversation(command, handle: Echo, how: dict[str, Any]) -> None:
    talk(command, *how.get("first", ()), "你好", "again", options=how.get("options", ()))
    assert [m.content for m in handle.calls[1][0]] == ["trained", "Q: 你好", "tuned:你好", "Q: again"]
    assert [m.role for m in handle.calls[1][0]] == ["system", "user", "assistant", "user"]


def test_base_toggles(command, handle: Echo) -> None:
    assert talk(command, "/base", "a", "/base", "b").stdout == "base:a\ntuned:b\n"


def test_both_goes_on_from_the_adapter(command, handle: Echo) -> None:
    assert (
        talk(command, "/history", "/base", "/both", "a", "/both", "b").stdout == "base:a\ntuned:a\nbase:b\n"
    )
    assert [m.content for m in handle.calls[-1][0]] == ["trained", "Q: a", "tuned:a", "Q: b"]


def test_reset_and_system(command, handle: Echo) -> None:
    talk(
        command,
        "a",
        "/reset",
        "/system be brief",
        "b",
        "/system",
        "c",
        options=("--system", "first", "--history"),
    )
    assert handle.calls[0][0][0] == Message("system", "first")
    assert handle.calls[1][0] == [Message("system", "be brief"), Message("user", "Q: b")]
    assert [m.role for m in handle.calls[2][0]] == ["user", "assistant", "user"]


def test_set(command, handle: Echo) -> None:
    done = talk(command, "/set temperature=0.7", "/set stop=。", "/set max_new_tokens = 9", "a", "/set")
    assert handle.calls[0][2] == {"temperature": 0.7, "stop": ("。",), "max_new_tokens": 9}
    assert "temperature=0.7" in done.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/set temperature=hot", "temperature: expected a number at least 0 and at most 10, got 'hot'"),
        ("/set colour=red", "expected NAME=VALUE with one of"),
        ("/nonsense", "unknown command /nonsense"),
        ("/help", "/quit"),
    ],
)
def test_commands_that_only_speak(command, handle: Echo, line: str, said: str) -> None:
    done = talk(command, line, "a")
    assert said in done.stderr
    assert handle.calls[0][2] == {}


def test_quit_and_end_of_input(command, handle: Echo) -> None:
    assert talk(command, "a", "/quit", "b").stdout == "tuned:a\n"
    assert talk(command).stdout == ""


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (KeyboardInterrupt(), "stopped"),
        (FormatError("no such role", remedy="Say less."), "no such role\n  -> Say"),
    ],
)
def test_an_answer_that_breaks_off_forgets_the_turn(command, api, problem: BaseException, said: str) -> None:
    class Breaking(Echo):
        def stream(self, prompt: Any, **options: Any):
            if prompt[-1].content == "Q: long":
                raise problem
            yield from super().stream(prompt, **options)

    api.answers["load"] = breaking = Breaking()
    done = talk(command, "long", "short", options=("--history",))
    assert said in done.stderr
    assert [m.content for m in breaking.calls[0][0]] == ["trained", "Q: short"]


def test_options_of_decoding_are_passed_on(command, handle: Echo) -> None:
    talk(command, "a", options=("--temperature", "0.5", "--max-new-tokens", "7"))
    assert handle.calls[0][2] == {"temperature": 0.5, "max_new_tokens": 7}
