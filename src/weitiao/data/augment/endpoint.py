"""A generator behind an OpenAI-compatible chat endpoint: one attempt a call, no retries of its own."""

from __future__ import annotations

import asyncio
import email.utils
import json
import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from weitiao.config.augment import EndpointConfig
from weitiao.data.augment.request import Answer, ChatRequest, Refused, TryAgain, Usage
from weitiao.errors import ConfigError

if TYPE_CHECKING:
    import httpx

DEFAULT_KEY = "OPENAI_API_KEY"
_BODY_LIMIT = 8_000_000  # bytes
_SECRET = 16  # characters from which a key is one; servers without keys are given "none" or "EMPTY"
_SECRETS = re.compile(r"key|token|secret|passw|\bsig", re.IGNORECASE)  # names in the query of an address
_SAID = 200  # characters of a server's message that are shown
_LATER = frozenset({408, 409, 425, 429})
_NEVER = {
    401: "set the environment variable of the API key",
    402: "the account has no money left; top it up, then go on with --resume",
    403: "this API key may not use the model",
    404: "look at the address (it usually ends in /v1) and at the name of the model",
    405: "look at the address: it usually ends in /v1",
}


class Endpoint:
    """A chat model that is asked over HTTP.

    The API key is read from the environment, sent as a header, and stored nowhere.

    Args:
        config: Address, model and settings.

    Raises:
        ConfigError: The address is none, or the named environment variable is not set.
    """

    def __init__(self, config: EndpointConfig) -> None:
        self.config = config
        self._url = _chat_url(config.url)
        self._key = _api_key(config)
        self._client: httpx.AsyncClient | None = None

    @property
    def name(self) -> str:
        """Address without its query, and the model."""
        return f"{self._url.partition('?')[0]} {self.config.model}"

    async def __aenter__(self) -> Endpoint:
        import httpx

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=self.config.concurrency)
        self._client = httpx.AsyncClient(headers=headers, timeout=self.config.timeout_s, limits=limits)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def complete(self, request: ChatRequest) -> Answer:
        """Send the request once; see `Generator.complete`."""
        import httpx

        body = {"model": self.config.model, **request.content(), "stream": False}
        del body["sample"]
        try:
            async with asyncio.timeout(self.config.timeout_s):  # httpx's own limit is one for each piece
                status, headers, payload = await self._post(body)
        except TimeoutError:
            raise TryAgain(f"no answer within {self.config.timeout_s:g} s", is_charged=True) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ConfigError(f"--endpoint: {error}", remedy="give an http or https address") from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TryAgain(f"no connection: {self._clean(str(error)) or type(error).__name__}") from error
        except httpx.HTTPError as error:
            # Sent, but the answer did not come or broke off: it may well be on the bill.
            what = (
                "no answer in time"
                if isinstance(error, httpx.TimeoutException)
                else "the connection broke off"
            )
            raise TryAgain(what, is_charged=True) from error
        if status != 200:
            raise self._refusal(status, headers, payload)
        if self._key and len(self._key) >= _SECRET and self._key.encode() in payload:
            raise TryAgain("the answer repeats the API key", is_charged=True)
        return _answer(payload)

    async def _post(self, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        assert self._client is not None, "an Endpoint is used as `async with`"
        async with self._client.stream("POST", self._url, json=body) as response:
            pieces, size = [], 0
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > _BODY_LIMIT:
                    raise TryAgain(f"the answer is longer than {_BODY_LIMIT:,} bytes", is_charged=True)
                pieces.append(piece)
            return response.status_code, response.headers, b"".join(pieces)

    def _refusal(self, status: int, headers: Mapping[str, str], payload: bytes) -> Exception:
        said = self._clean(_message(payload))
        what = f"HTTP {status}" + (f": {said}" if said else "")
        if status in _LATER or status >= 500:
            return TryAgain(what, wait_s=_retry_after(headers))
        if status in _NEVER or 300 <= status < 400:
            where = _NEVER.get(status, "the address moved: give the new one")
            if status == 401:
                where = f"set {self.config.api_key_env or DEFAULT_KEY} to a valid API key"
            return ConfigError(f"{self.name} answers {what}", remedy=where)
        return Refused(what)

    def _clean(self, text: str) -> str:
        """What a server said, on one short line and without the key."""
        line = " ".join(text.split())
        line = line.replace(self._key, "***") if self._key else line
        return line if len(line) <= _SAID else line[: _SAID - 1] + "…"


def _chat_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"--endpoint: expected an http or https address, got {url!r}",
            remedy="for instance http://localhost:8000/v1",
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            "--endpoint: the address holds a user name or password, which would be written to reports",
            remedy="take it out; the API key comes from an environment variable",
        )
    secret = next((name for name, _ in parse_qsl(parts.query) if _SECRETS.search(name)), None)
    if secret is not None:
        raise ConfigError(
            f'--endpoint: the address holds "{secret}", which would be written to recipes and run folders',
            remedy="take it out; the API key comes from an environment variable and is sent as a header",
        )
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path += "/chat/completions"
    return parts._replace(path=path, fragment="").geturl()


def _api_key(config: EndpointConfig) -> str | None:
    key = os.environ.get(config.api_key_env or DEFAULT_KEY, "").strip()
    if not key:
        if config.api_key_env is not None:
            raise ConfigError(
                f"--api-key-env: the environment variable {config.api_key_env} is not set",
                remedy=f"export {config.api_key_env}=..., or leave the option out for a server without keys",
            )
        return None
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"the environment variable {config.api_key_env or DEFAULT_KEY} holds characters that no API key has",
            remedy="set it again",
        )
    return key


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from ``Retry-After`` (seconds or a date) or ``retry-after-ms``."""
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        if value is not None:
            return max(0.0, float(value))
    except ValueError:
        pass
    if value is None:
        return None
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _message(payload: bytes) -> str:
    """What the body of an error says."""
    text = payload[:10_000].decode(errors="replace")
    try:
        value = json.loads(text)
    except ValueError:
        return "" if text.lstrip().startswith("<") else text  # a page of a proxy tells nobody anything
    error = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(error, dict):
        error = error.get("message", "")
    return error if isinstance(error, str) else ""


def _answer(payload: bytes) -> Answer:
    """The first choice of a chat completion.

    Raises:
        TryAgain: The body is none.
    """
    try:
        body = json.loads(payload)
        choice = body["choices"][0]
        text = choice["message"]["content"]
        if text is not None and not isinstance(text, str):
            raise TypeError("content")
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise TryAgain("the answer is no chat completion in JSON", is_charged=True) from None
    text = (text or "").encode(errors="replace").decode()  # half surrogate pairs could not be stored
    return Answer(text, _usage(body), choice.get("finish_reason") != "length")


def _usage(body: Mapping[str, Any]) -> Usage | None:
    found = body.get("usage")
    if not isinstance(found, dict):
        return None
    prompt, completion = found.get("prompt_tokens"), found.get("completion_tokens")
    counts = [n for n in (prompt, completion) if isinstance(n, int) and not isinstance(n, bool) and n >= 0]
    return Usage(counts[0], counts[1]) if len(counts) == 2 else None
