"""The one Python command of a training script: variables put in, its flags with their values.

Only what such scripts use of the shell is understood: assignments, ``$NAME``, ``${NAME}``, ``${NAME:-default}``,
continued lines, comments, quotes, redirections. Nothing is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weitiao.errors import ConfigError, collect

MAX_BYTES = 1_000_000

_ASSIGNMENT = re.compile(
    r"""^\s*(?:export\s+)?([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\$\(.*\)|`[^`]*`|[^\s;"'`]*)\s*;?\s*$"""
)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?-([^}]*))?\}|([A-Za-z_]\w*))")
_COMMENT = re.compile(r"""^((?:[^"'#]|"[^"]*"|'[^']*'|(?<=\S)\#)*?)(?:^|(?<=\s))\#.*$""")
_LAUNCHERS = ("torchrun", "deepspeed", "accelerate", "torch.distributed.launch", "torch.distributed.run")
_PROCESSES = ("num_gpus", "nproc_per_node", "num_processes")


@dataclass(frozen=True)
class Command:
    """A Python command of a script.

    Attributes:
        program: The Python file.
        flags: Flag without dashes (``_`` for ``-``) -> its values; an empty tuple for a bare flag.
        repeated: Flags that stand there more than once; the last one counts, as in Python.
        loose: Words in front of the first flag that belong to no flag.
        processes: How many processes the launcher starts, None where it does not say.
        launched: Whether there is a launcher (torchrun, deepspeed, accelerate).
    """

    program: str
    flags: Mapping[str, tuple[str, ...]]
    repeated: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    processes: int | None = None
    launched: bool = False


@dataclass
class _Found:
    variables: dict[str, str] = field(default_factory=dict)
    commands: list[tuple[int, list[str]]] = field(default_factory=list)


def read_script(path: Path) -> Command:
    """The command of a script file.

    Raises:
        ConfigError: The file cannot be read, or holds no Python command with flags, or several.
    """
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise ConfigError(f"{path}: {len(data):,} bytes, a script has at most {MAX_BYTES:,}")
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", remedy="name the script file"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text", remedy="name the script file") from error
    return parse_script(text, str(path))


def parse_script(text: str, name: str = "script") -> Command:
    """The command of a script.

    Args:
        text: The script.
        name: Its name, for errors.

    Raises:
        ConfigError: It holds no Python command with flags, or several.
    """
    found = _Found()
    for number, line in _logical_lines(text):
        assignment = _ASSIGNMENT.match(line)
        if assignment:
            found.variables[assignment[1]] = _expand(_unquoted(assignment[2]), found.variables)
            continue
        for words in _commands(_expand(line, found.variables), name, number):
            if any(word.endswith(".py") for word in words) and any(w.startswith("--") for w in words):
                found.commands.append((number, words))
    if not found.commands:
        raise ConfigError(
            f"{name}: expected a command such as `python main.py --train_file ...`, there is none",
            remedy="name the script that starts the training (train.sh)",
        )
    if len(found.commands) > 1:
        lines = [f"line {number}: {' '.join(words[:4])} ..." for number, words in found.commands]
        raise ConfigError(
            collect(lines, what=f"{name} has {len(lines)} Python commands, expected one"),
            remedy="copy the script and leave one of them",
        )
    return _command(found.commands[0][1])


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued ones joined, with the number of their first line."""
    pending, begin = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        comment = _COMMENT.match(raw)
        line = (comment[1] if comment else raw).rstrip()
        if comment and not line and pending:
            continue  # the shell would end the command here; in such scripts the flag is switched off
        begin = begin or number
        if line.endswith(("\\", "^")):
            pending += line[:-1] + " "
            continue
        if (pending + line).strip():
            yield begin, (pending + line).strip()
        pending, begin = "", 0
    if pending.strip():
        yield begin, pending.strip()


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with the values of known variables; unknown ones stay as they are."""

    def value(match: re.Match[str]) -> str:
        known = variables.get(match[1] or match[3])
        return known if known is not None else match[2] if match[2] is not None else match[0]

    return _VARIABLE.sub(value, text)


def _commands(line: str, name: str, number: int) -> Iterator[list[str]]:
    """The words of each command of a line, redirections left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        tokens = list(lexer)
    except ValueError as error:
        raise ConfigError(f"{name}, line {number}: {error}", remedy="close the quotes") from error
    words: list[str] = []
    skip = False
    for token in tokens:
        if skip:
            skip = False
        elif token and set(token) <= set("<>&") and set(token) & set("<>"):
            words = words[:-1] if words and words[-1].isdigit() else words  # the 2 of 2>
            skip = True
        elif token and set(token) <= set(";&|"):
            yield words
            words = []
        else:
            words.append(token)
    yield words


def _command(words: list[str]) -> Command:
    place = next(k for k, word in enumerate(words) if word.endswith(".py"))
    launcher, _, _ = _flags(words[:place])
    flags, repeated, loose = _flags(words[place + 1 :])
    given = next((launcher[key][0] for key in _PROCESSES if launcher.get(key)), None)
    if given is None and "include" in launcher and launcher["include"]:  # deepspeed --include localhost:0,1
        given = str(len(launcher["include"][0].rpartition(":")[2].split(",")))
    processes = int(given) if given is not None and given.isdigit() else None
    launched = any(Path(word).name in _LAUNCHERS for word in words[:place])
    return Command(words[place], flags, repeated, loose, processes, launched)


def _flags(words: list[str]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...], tuple[str, ...]]:
    """Flags with their values, those given twice, and words in front of the first flag."""
    flags: dict[str, tuple[str, ...]] = {}
    repeated: list[str] = []
    loose: list[str] = []
    name: str | None = None
    for word in words:
        if word.startswith("--") and len(word) > 2:
            key, equals, value = word[2:].partition("=")
            name = key.replace("-", "_")
            repeated += [name] if name in flags else []
            flags[name] = (value,) if equals else ()
        elif name is None:
            loose.append(word)
        else:
            flags[name] = (*flags[name], word)
    return flags, tuple(dict.fromkeys(repeated)), tuple(loose)
