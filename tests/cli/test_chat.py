"""The conversation, fed from a pipe."""

from __future__ import annotations

from typing import Any

import pytest

from weitiao.types import Message


class Echo:
    """Answers with the number of messages and who it is; remembers the last call."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[Message], bool, dict[str, Any]]] = []

    def generate(self, prompt: Any, *, adapter: bool = True, **decode: Any) -> str:
        self.calls.append((list(prompt), adapter, decode))
        return f"{'tuned' if adapter else 'base'}:{prompt[-1].content}"


class Streaming(Echo):
    def stream(self, prompt: Any, *, adapter: bool = True, **decode: Any):
        yield from self.generate(prompt, adapter=adapter, **decode)


@pytest.fixture(params=[Echo, Streaming])
def handle(request, api) -> Echo:
    made = request.param()
    api.answers["load"] = made
    return made


def talk(weitiao, *lines: str, options: tuple[str, ...] = ()) -> Any:
    done = weitiao("chat", "--adapter", "ad", *options, stdin="".join(f"{line}\n" for line in lines))
    assert done.exit_code == 0, done.stderr
    return done


def test_answers_and_remembers(weitiao, handle: Echo) -> None:
    done = talk(weitiao, "你好", "", "again")
    assert done.stdout == "tuned:你好\ntuned:again\n"
    assert [m.content for m in handle.calls[1][0]] == ["你好", "tuned:你好", "again"]
    assert [m.role for m in handle.calls[1][0]] == ["user", "assistant", "user"]


def test_base_toggles(weitiao, handle: Echo) -> None:
    assert talk(weitiao, "/base", "a", "/base", "b").stdout == "base:a\ntuned:b\n"


def test_both_goes_on_from_the_adapter(weitiao, handle: Echo) -> None:
    assert talk(weitiao, "/base", "/both", "a", "/both", "b").stdout == "base:a\ntuned:a\nbase:b\n"
    assert [m.content for m in handle.calls[-1][0]] == ["a", "tuned:a", "b"]


def test_reset_and_system(weitiao, handle: Echo) -> None:
    talk(weitiao, "a", "/reset", "/system be brief", "b", "/system", "c", options=("--system", "first"))
    assert handle.calls[0][0][0] == Message("system", "first")
    assert handle.calls[1][0] == [Message("system", "be brief"), Message("user", "b")]
    assert [m.role for m in handle.calls[2][0]] == ["user", "assistant", "user"]


def test_set(weitiao, handle: Echo) -> None:
    done = talk(weitiao, "/set temperature=0.7", "/set stop=。", "/set max_new_tokens = 9", "a", "/set")
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
def test_commands_that_only_speak(weitiao, handle: Echo, line: str, said: str) -> None:
    done = talk(weitiao, line, "a")
    assert said in done.stderr
    assert handle.calls[0][2] == {"temperature": 0.0, "max_new_tokens": 256}


def test_quit_and_end_of_input(weitiao, handle: Echo) -> None:
    assert talk(weitiao, "a", "/quit", "b").stdout == "tuned:a\n"
    assert talk(weitiao).stdout == ""


def test_interrupting_an_answer_forgets_the_turn(weitiao, api) -> None:
    class Slow(Echo):
        def generate(self, prompt: Any, *, adapter: bool = True, **decode: Any) -> str:
            if prompt[-1].content == "long":
                raise KeyboardInterrupt
            return super().generate(prompt, adapter=adapter, **decode)

    api.answers["load"] = slow = Slow()
    done = talk(weitiao, "long", "short")
    assert "stopped" in done.stderr
    assert [m.content for m in slow.calls[0][0]] == ["short"]
