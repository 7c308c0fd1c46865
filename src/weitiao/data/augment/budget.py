"""Money: what a request can cost at most is set aside before it is sent, and settled when its answer is there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from weitiao.data.augment.request import ChatRequest, Usage
from weitiao.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Prices:
    """Money for a million tokens, in whatever currency the budget is in."""

    prompt: float = 0.0
    completion: float = 0.0

    def cost(self, usage: Usage) -> float:
        """What these tokens cost."""
        return (usage.prompt * self.prompt + usage.completion * self.completion) / 1e6

    def bound(self, request: ChatRequest) -> float:
        """What the request costs at most."""
        return self.cost(Usage(request.prompt_bound(), request.max_tokens))


class Budget:
    """Money that is spent, set aside, and left.

    Args:
        limit: What may be spent, None for any amount.
        spent: What earlier runs of the same job have spent.
    """

    def __init__(self, limit: float | None, spent: float = 0.0) -> None:
        self.limit, self.spent, self.reserved = limit, spent, 0.0
        self._settled = asyncio.Event()

    async def reserve(self, amount: float) -> bool:
        """Set money aside; waits for open requests where only their outcome can tell.

        Returns:
            False when the amount exceeds what is left however the open requests end.
        """
        while self.limit is not None:
            if self.spent + amount > self.limit:
                return False
            if self.spent + self.reserved + amount <= self.limit:
                break
            self._settled.clear()
            await self._settled.wait()
        self.reserved += amount
        return True

    def settle(self, reserved: float, cost: float) -> None:
        """Replace what was set aside by what it did cost."""
        self.reserved = max(0.0, self.reserved - reserved)
        self.spent += cost
        self._settled.set()


class Ledger:
    """What a job has spent so far, in a file beside its output, so that a run that goes on keeps to the budget.

    One JSON object a line: the job's fingerprint, then each request as it is sent (with the most that it can cost)
    and as it is settled. A request that was sent and never settled counts with the most.

    Args:
        path: The file.
        fingerprint: Of the job; a ledger of another job is refused.
        resume: Whether to go on with a ledger that is there.

    Attributes:
        spent: Of the earlier runs.

    Raises:
        ConfigError: There is a ledger and ``resume`` is False, or it belongs to another job.
    """

    def __init__(self, path: Path, fingerprint: str, *, resume: bool) -> None:
        self.path = path
        self.spent = 0.0
        self._number = 0
        self._has_cost = False
        if path.exists():
            if not resume:
                raise ConfigError(
                    f"{path} is there: an earlier run of this command is not finished",
                    remedy="go on with --resume (what is paid for is not asked again), or delete that file",
                )
            self._read(fingerprint)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("a", encoding="utf-8")
            self._file.write("\n")  # the last line of a run that was killed may be torn
        except OSError as error:
            raise _unwritable(path, error) from error
        self._write({"job": fingerprint})

    def _read(self, fingerprint: str) -> None:
        unsettled: dict[int, float] = {}
        try:
            lines = self.path.read_text("utf-8", errors="replace").splitlines()
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}", remedy="delete it") from error
        for entry in filter(None, map(_entry, lines)):
            if entry.get("job", fingerprint) != fingerprint:
                raise ConfigError(
                    f"{self.path} belongs to a run with another input or other settings",
                    remedy="repeat that command with --resume, or delete that file to begin anew",
                )
            if "sent" in entry:
                self._number = int(entry["sent"])
                unsettled[self._number] = float(entry["most"])
            elif "settled" in entry:
                unsettled.pop(int(entry["settled"]), None)
                self.spent += float(entry["cost"])
        self.spent += sum(unsettled.values())
        self._has_cost = self.spent > 0

    def sent(self, most: float) -> int:
        """Note a request that goes out; returns its number."""
        self._number += 1
        self._write({"sent": self._number, "most": most})
        return self._number

    def settled(self, number: int, cost: float) -> None:
        """Note what a request did cost."""
        self._has_cost = self._has_cost or cost > 0
        self._write({"settled": number, "cost": cost})

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self, *, finished: bool) -> None:
        """Close the file; a finished job needs none, nor does one that has not spent anything."""
        with contextlib.suppress(OSError):
            self._file.close()
        if finished or not self._has_cost:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


def _entry(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be written: {error.strerror or error}", remedy="make room, then go on with --resume"
    )
