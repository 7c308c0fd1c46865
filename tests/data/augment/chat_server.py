"""A chat server on this machine that writes good variants, and misbehaves on demand."""

from __future__ import annotations

import contextlib
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from weitiao.config import Source
from weitiao.config.augment import AugmentConfig
from weitiao.data.augment import augment_file

OPENINGS = ("请告诉我", "麻烦查一下", "想了解一下", "帮我看看", "请您说明", "劳驾问一句", "能否介绍")
SYLLABLES = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
Behaviour = Callable[["Handler", dict[str, Any], int], bool]


def user_of(body: dict[str, Any]) -> str:
    return body["messages"][-1]["content"]


def asked_text(body: dict[str, Any]) -> str:
    """The text that is to be written anew."""
    found = re.search(r'^(?:文本：|Text: )(".*")$', user_of(body), re.MULTILINE)
    assert found, user_of(body)
    return json.loads(found[1])


def asked_count(body: dict[str, Any]) -> int:
    found = re.search(r"写 (\d+) 条|^Write (\d+);", user_of(body), re.MULTILINE)
    assert found, user_of(body)
    return int(found[1] or found[2])


def rewritten(body: dict[str, Any]) -> str:
    """What a good model says: other words around the same content, not those of other requests for it."""
    text, salt = asked_text(body), sum(map(ord, user_of(body)))
    pick = random.Random(salt)
    said = [
        f"{pick.choice(OPENINGS)}，为了{''.join(pick.sample(SYLLABLES, 6))}：{text.rstrip('？?。')}，谢谢？"
        for _ in range(asked_count(body))
    ]
    return json.dumps(said, ensure_ascii=False)


@dataclass
class Chat:
    """The server's script and what it saw.

    Attributes:
        misbehave: Asked first, with the number of this request (from 0) among those for the same prompt; True: it
            did the answering.
        write: Content of a good answer.
    """

    misbehave: Behaviour | None = None
    write: Callable[[dict[str, Any]], str] = rewritten
    usage: tuple[int, int] | None = (100, 50)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _open: int = 0
    _seen: Counter[str] = field(default_factory=Counter)

    def enter(self, body: dict[str, Any], headers: dict[str, str]) -> int:
        with self.lock:
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
            self.bodies.append(body)
            self.times.append(time.monotonic())
            self.headers.append(headers)
            number = self._seen[user_of(body)]
            self._seen[user_of(body)] += 1
        return number

    def leave(self) -> None:
        with self.lock:
            self._open -= 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: Chat

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        number = self.chat.enter(body, {k.lower(): v for k, v in self.headers.items()})
        try:
            assert self.path.partition("?")[0].endswith("/v1/chat/completions"), self.path
            if self.chat.misbehave is None or not self.chat.misbehave(self, body, number):
                self.good(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.chat.leave()

    def good(self, body: dict[str, Any], content: str | None = None, finish: str = "stop") -> None:
        content = self.chat.write(body) if content is None else content
        value: dict[str, Any] = {"choices": [{"message": {"content": content}, "finish_reason": finish}]}
        if self.chat.usage is not None:
            value["usage"] = dict(zip(("prompt_tokens", "completion_tokens"), self.chat.usage, strict=True))
        with self.chat.lock:
            self.chat.answered[user_of(body)] += 1
        self.reply(200, json.dumps(value))

    def reply(self, status: int, text: str, **headers: str) -> None:
        payload = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def broken_off(self) -> None:
        """Half of what was promised, then nothing."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"choices": [{"mess')
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serving(chat: Chat) -> Iterator[Chat]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Handler,), {"chat": chat}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    chat.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()


_COMPANIES = "华远 远山 宝泰 江河 天成 林海 博雅 云帆 瑞安 金石 中原 东港 南山 北方 西域 长风"
_ASPECTS = "净利润 营业收入 研发费用 员工人数 资产总额 负债合计 分红金额 注册地址"
COMPANIES, ASPECTS = _COMPANIES.split(), _ASPECTS.split()


def questions(number: int) -> list[dict[str, Any]]:
    """Different questions with a company, a year and a class."""
    return [
        {
            "id": f"q{k}",
            "prompt": f"{2001 + k}年{COMPANIES[k % len(COMPANIES)]}股份的{ASPECTS[k // 2 % len(ASPECTS)]}是多少？",
            "label": "AB"[k % 2],
            "company": f"{COMPANIES[k % len(COMPANIES)]}股份",
        }
        for k in range(number)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@dataclass
class Job:
    """An augmentation of a file in a folder of its own."""

    folder: Path
    url: str

    def config(self, endpoint: dict[str, Any] | None = None, **settings: Any) -> AugmentConfig:
        asked = {"url": self.url, "model": "writer", "timeout_s": 5, **(endpoint or {})}
        return AugmentConfig.model_validate(
            {"endpoint": asked, "cache": str(self.folder / "cache"), **settings}
        )

    def __call__(
        self,
        rows: list[dict[str, Any]],
        endpoint: dict[str, Any] | None = None,
        *,
        resume: bool = False,
        new_only: bool = False,
        output: str = "out.jsonl",
        **settings: Any,
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        path = write_rows(self.folder / "in.jsonl", rows)
        report = augment_file(
            Source(file=str(path)),
            self.folder / output,
            self.config(endpoint, **settings),
            resume=resume,
            new_only=new_only,
        )
        return read_rows(self.folder / output), report
