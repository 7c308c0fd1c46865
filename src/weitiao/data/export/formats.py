"""How one row is written in each format, and what each format cannot say.

============== ========================================================= ===================================
format         a row                                                     learnt there
============== ========================================================= ===================================
alpaca         ``instruction``, ``input``, ``output``, ``history``        every reply
sharegpt       ``conversations`` of ``from``, ``value``                   every reply
messages       OpenAI ``messages``; ``weight: 0`` on what is not learnt   as in the data set
chatglm2       ``prompt``, ``response``, ``history``                      the last reply
chatglm3       ``conversations``, ``tools``; ``loss: false``             as in the data set
iflytek        ``input``, ``target`` (jsonl)                              the reply; no dialogues
iflytek-csv    the same as csv                                            the reply; no dialogues
llama-factory  alpaca or sharegpt with ``dataset_info.json``              every reply
huggingface    parquet folder for ``datasets.load_dataset``               as in the data set
============== ========================================================= ===================================
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from weitiao.data.export.dialogues import Turns
from weitiao.types import Message, ToolCall

Row = dict[str, Any]


class Unsayable(Exception):
    """A row that a format cannot hold; says why."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        row: Writes one row; raises `Unsayable`.
        learns: What a reader of this format learns: ``all`` replies, the ``last`` one, or as ``marked``.
        suffix: Of its files; ``.json`` is one array unless ``lines``.
        section: Keys of a recipe's ``data`` section that read it back, beside the files.
        lines: One object a line.
        takes_system: Whether it has a place for a system message.
        marks: Whether a row can say which of its replies is not learnt.
    """

    row: Callable[[Turns], Row]
    learns: Literal["all", "last", "marked"]
    suffix: str
    section: Mapping[str, str]
    lines: bool = True
    takes_system: bool = True
    marks: bool = False


def alpaca_row(turns: Turns) -> Row:
    """A row of Alpaca's shape."""
    system, pairs = _rounds(turns, "Alpaca's shape")
    *history, (question, answer) = pairs
    row: Row = {"instruction": question, "input": "", "output": answer}
    if history:
        row["history"] = [list(pair) for pair in history]
    if system is not None:
        row["system"] = system
    if turns.tools:
        row["tools"] = _bare(turns.tools)
    return row


def sharegpt_row(turns: Turns) -> Row:
    """A row of ShareGPT's shape."""
    system, messages = _system(turns.messages)
    _check_reply(turns)
    names = {"user": "human", "assistant": "gpt", "tool": "observation"}
    conversations = []
    for number, message in enumerate(messages, start=1):
        if message.role == "system":
            raise Unsayable(f"turn {number}: a system message between the turns")
        if message.tool_calls:
            if message.content:
                raise Unsayable(f"turn {number}: a text beside a function call")
            calls = [_call(call) for call in message.tool_calls]
            value = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)
            conversations.append({"from": "function_call", "value": value})
        else:
            conversations.append({"from": names[message.role], "value": message.content})
    row: Row = {"conversations": conversations}
    if system is not None:
        row["system"] = system
    if turns.tools:
        row["tools"] = _bare(turns.tools)
    return row | _id(turns)


def messages_row(turns: Turns) -> Row:
    """A row of OpenAI's shape; replies that are not learnt have ``weight: 0``."""
    _check_reply(turns)
    written: list[Row] = []
    waiting: list[str] = []
    for message in turns.messages:
        item: Row = {"role": message.role, "content": message.content}
        if message.tool_calls:
            waiting = [f"call_{len(written)}_{k}" for k in range(len(message.tool_calls))]
            item["content"] = message.content or None
            item["tool_calls"] = [
                {"id": name, "type": "function", "function": _openai_call(call)}
                for name, call in zip(waiting, message.tool_calls, strict=True)
            ]
        if message.role == "tool" and waiting:
            item["tool_call_id"] = waiting.pop(0)
        if message.role == "assistant" and not message.train:
            item["weight"] = 0
        written.append(item)
    row: Row = {"messages": written}
    if turns.tools:
        row["tools"] = [dict(tool) for tool in turns.tools]
    return row | _id(turns)


def chatglm2_row(turns: Turns) -> Row:
    """A row of ChatGLM2's scripts."""
    system, pairs = _rounds(turns, "ChatGLM2's shape")
    _refuse(system, turns, "ChatGLM2's shape")
    *history, (question, answer) = pairs
    return {"prompt": question, "response": answer, "history": [list(pair) for pair in history]}


def chatglm3_row(turns: Turns) -> Row:
    """A row of ChatGLM3's scripts: a call and its result are one turn of the role ``tool``.

    ``"loss": false`` is what the script of ``finetune_chatmodel_demo`` asks for where a turn is not to be learnt; by
    itself it would learn an observation that stands alone.
    """
    _check_reply(turns)
    written: list[Row] = []
    for number, message in enumerate(turns.messages, start=1):
        open_call = written and written[-1]["role"] == "tool" and "observation" not in written[-1]
        if message.role == "tool" and open_call:
            written[-1]["observation"] = message.content
        elif message.role == "tool":
            written.append({"role": "observation", "content": message.content, **_NOT_LEARNT})
        elif not message.tool_calls:
            written.append({"role": message.role, "content": message.content, **_mark(message)})
        elif len(message.tool_calls) > 1:
            raise Unsayable(f"turn {number}: {len(message.tool_calls)} function calls in one turn")
        else:
            # An empty turn keeps the call apart from a reply right in front of it.
            if message.content or (written and written[-1]["role"] == "assistant"):
                said = _mark(message) if message.content else _NOT_LEARNT
                written.append({"role": "assistant", "content": message.content, **said})
            call = _call(next(iter(message.tool_calls)))
            turn = {"role": "tool", "name": call["name"], "parameters": call["arguments"]}
            written.append({**turn, **_mark(message)})
    row: Row = {"conversations": written}
    if turns.tools:
        row["tools"] = json.loads(_bare(turns.tools))
    return row


def iflytek_row(turns: Turns) -> Row:
    """A row of the iFLYTEK platform."""
    system, pairs = _rounds(turns, "a row of input and target")
    _refuse(system, turns, "a row of input and target")
    if len(pairs) > 1:
        raise Unsayable("a dialogue of several rounds, which a row of input and target cannot hold")
    return {"input": pairs[0][0], "target": pairs[0][1]}


def alternating_row(turns: Turns) -> Row:
    """A row of ShareGPT's shape for LLaMA-Factory, which refuses turns that do not alternate."""
    row = sharegpt_row(turns)
    for number, turn in enumerate(row["conversations"]):
        if (turn["from"] in ("human", "observation")) != (number % 2 == 0):
            raise Unsayable(f"turn {number + 1}: LLaMA-Factory wants a question and a reply in turn")
    return row


def _rounds(turns: Turns, shape: str) -> tuple[str | None, list[tuple[str, str]]]:
    """System message and pairs of question and answer."""
    system, messages = _system(turns.messages)
    _check_reply(turns)
    roles = [message.role for message in messages]
    if "tool" in roles or any(message.tool_calls for message in messages):
        raise Unsayable(f"function calls, which {shape} cannot hold")
    if roles != ["user", "assistant"] * (len(roles) // 2):
        raise Unsayable(f"turns other than question and answer in turn, which {shape} cannot hold")
    pairs = zip(messages[::2], messages[1::2], strict=True)
    return system, [(question.content, answer.content) for question, answer in pairs]


def _system(messages: Sequence[Message]) -> tuple[str | None, Sequence[Message]]:
    if messages[0].role != "system":
        return None, messages
    if not messages[0].content:
        raise Unsayable("an empty system message, which would be lost")
    return messages[0].content, messages[1:]


def _check_reply(turns: Turns) -> None:
    if not turns.messages[-1].train:
        raise Unsayable("no reply to learn at its end")
    if any(call.name != call.name.strip() or not call.name for m in turns.messages for call in m.tool_calls):
        raise Unsayable("a function call without a proper name")


def _refuse(system: str | None, turns: Turns, shape: str) -> None:
    if system is not None:
        raise Unsayable(f"a system message, for which {shape} has no place (--system-in-prompt)")
    if turns.tools:
        raise Unsayable(f"schemas of functions, for which {shape} has no place")


_NOT_LEARNT: Mapping[str, bool] = {"loss": False}


def _mark(message: Message) -> Mapping[str, bool]:
    return _NOT_LEARNT if message.role == "assistant" and not message.train else {}


def _call(call: ToolCall) -> Row:
    return call.as_dict()


def _openai_call(call: ToolCall) -> Row:
    return {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)}


def _bare(tools: Sequence[Mapping[str, Any]]) -> str:
    """JSON text of the schemas; without OpenAI's wrapping where nothing else is in it."""
    bare = [
        tool["function"]
        if set(tool) == {"type", "function"} and "function" not in tool["function"]
        else dict(tool)
        for tool in tools
    ]
    return json.dumps(bare, ensure_ascii=False)


def _id(turns: Turns) -> Row:
    return {} if turns.id is None else {"id": turns.id}


_WHOLE = {"dialogues": "whole"}
_ROUND = {"shape": "prompt_response", "dialogues": "rounds"}
FORMATS: dict[str, Format] = {
    "alpaca": Format(alpaca_row, "all", ".json", {"shape": "alpaca", **_WHOLE}, lines=False),
    "sharegpt": Format(sharegpt_row, "all", ".json", {"shape": "sharegpt", **_WHOLE}, lines=False),
    "messages": Format(messages_row, "marked", ".jsonl", {"shape": "messages", **_WHOLE}),
    "chatglm2": Format(
        chatglm2_row, "last", ".json", {**_ROUND, "history": "history"}, lines=False, takes_system=False
    ),
    "chatglm3": Format(chatglm3_row, "all", ".jsonl", {"shape": "chatglm3_tools", **_WHOLE}, marks=True),
    "iflytek": Format(
        iflytek_row, "last", ".jsonl", {**_ROUND, "prompt": "input", "response": "target"}, takes_system=False
    ),
    "iflytek-csv": Format(
        iflytek_row, "last", ".csv", {**_ROUND, "prompt": "input", "response": "target"}, takes_system=False
    ),
    "llama-factory": Format(alternating_row, "all", ".json", _WHOLE, lines=False),
    "huggingface": Format(messages_row, "marked", ".parquet", {"shape": "messages", **_WHOLE}),
}
"""Format by its name on the command line."""
