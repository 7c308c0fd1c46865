"""A run against a server that misbehaves: nothing is lost, nothing is asked twice, the budget holds."""

from __future__ import annotations

import email.utils
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from chat_server import Chat, Handler, Job, asked_text, questions, read_rows, write_rows

from weitiao.errors import ConfigError, ModelError

LONG = 60.0  # seconds that nothing here takes, on the slowest machine
PRICES = {"price_in": 1000.0, "price_out": 2000.0}  # 100 and 50 tokens cost 0.2


def new(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["augment"] != "source"]


def ask(job: Job, number: int = 6, **settings: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return job(questions(number), **settings)


def test_a_good_server(chat: Chat, job: Job) -> None:
    rows, report = ask(job, 6, per_row=2, label="label", keep=["company"])
    assert len(rows) == 18
    assert [row["prompt"] for row in rows[:6]] == [row["prompt"] for row in questions(6)]
    for row in new(rows):
        source = questions(6)[row["source_row"] - 1]
        assert row["label"] == source["label"]
        assert source["company"] in row["prompt"]
        assert row["augment"] == "paraphrase"
    assert len({row["id"] for row in rows}) == len({row["prompt"] for row in rows}) == 18
    assert report["rows"] == {"source": 6, "wanted": 12, "made": 12}
    assert report["requests"]["sent"] == len(chat.bodies) == 6
    assert report["tokens"] == {"prompt": 600, "answer": 300}
    assert not (job.folder / "out.jsonl.unfinished").exists()
    assert json.loads((job.folder / "out.jsonl.report.json").read_text("utf-8")) == report
    assert sorted(p.name for p in job.folder.iterdir()) == [
        "cache",
        "in.jsonl",
        "out.jsonl",
        "out.jsonl.report.json",
    ]


def test_a_second_run_costs_nothing_and_says_the_same(chat: Chat, job: Job) -> None:
    first, _ = ask(job, per_row=2, endpoint=PRICES, kinds=["paraphrase", "tone", "order", "terms"])
    asked = len(chat.bodies)
    second, report = ask(job, per_row=2, endpoint=PRICES, kinds=["paraphrase", "tone", "order", "terms"])
    assert len(chat.bodies) == asked
    assert second == first
    assert report["requests"]["from_cache"] == asked
    assert report["money"]["spent"] == 0
    assert report["money"]["saved_by_cache"] == pytest.approx(0.2 * asked)


def test_the_order_of_the_answers_does_not_matter(chat: Chat, job: Job) -> None:
    rows, _ = ask(job, 8, endpoint={"concurrency": 1})
    turn, came, answered = threading.Condition(), [0], list[int]()

    def backwards(handler: Handler, body: dict[str, Any], number: int) -> bool:
        """All are there before the last one is answered first."""
        with turn:
            came[0] += 1
            place = came[0]
            turn.notify_all()
            turn.wait_for(lambda: came[0] == 8 and len(answered) == 8 - place, LONG)
            answered.append(place)
            turn.notify_all()
        return False

    chat.misbehave = backwards
    asked = {"concurrency": 8, "timeout_s": 2 * LONG}
    again, _ = ask(job, 8, endpoint=asked, cache=str(job.folder / "other"), output="b.jsonl")
    assert again == rows
    assert answered == [8, 7, 6, 5, 4, 3, 2, 1]


def test_concurrency_is_kept(chat: Chat, job: Job) -> None:
    full = threading.Event()

    def late(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if chat.most_at_once >= 3:
            full.set()
        full.wait(LONG)  # until three are open
        time.sleep(0.03)  # one too many would come now
        return False

    chat.misbehave = late
    ask(job, 12, endpoint={"concurrency": 3, "timeout_s": 2 * LONG})
    assert chat.most_at_once == 3


FAULTS = {
    "429": lambda h: h.reply(429, '{"error": {"message": "slow down"}}', Retry_After="0"),
    "500": lambda h: h.reply(500, "<html>oops</html>"),
    "503": lambda h: h.reply(503, "busy"),
    "no json": lambda h: h.reply(200, "{'choices'"),
    "no choices": lambda h: h.reply(200, '{"choices": []}'),
    "a list": lambda h: h.reply(200, "[1]"),
    "content of a wrong type": lambda h: h.reply(200, '{"choices": [{"message": {"content": 3}}]}'),
    "cut in the middle": lambda h: h.broken_off(),
    "no text": lambda h: h.reply(200, "\x00\ufffd"),
}


def once(fault: str) -> Any:
    def misbehave(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if number == 0:
            FAULTS[fault](handler)
        return number == 0

    return misbehave


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes(chat: Chat, job: Job, fault: str) -> None:
    chat.misbehave = once(fault)
    rows, report = ask(job, 4)
    assert len(new(rows)) == 4
    assert report["requests"] == {"sent": 8, "answered": 4, "from_cache": 0, "retries": 4, "failed": 0}
    assert set(chat.answered.values()) == {1}, "an answer was asked for twice"


def test_faults_of_all_kinds_in_turn(chat: Chat, job: Job) -> None:
    faults = itertools.cycle(FAULTS)

    def misbehave(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if number < 2:
            FAULTS[next(faults)](handler)
        return number < 2

    chat.misbehave = misbehave
    rows, report = ask(job, 16, endpoint={"concurrency": 4})
    assert len(new(rows)) == 16
    assert set(chat.answered.values()) == {1}
    assert report["dropped"] == []


def test_retry_after_holds_for_all(chat: Chat, job: Job) -> None:
    told: list[float] = []

    def misbehave(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if not told:
            told.append(time.monotonic())
            handler.reply(429, "{}", Retry_After="1")
            return True
        return False

    chat.misbehave = misbehave
    rows, _ = ask(job, 3, endpoint={"concurrency": 1})
    assert len(new(rows)) == 3
    assert all(at - told[0] >= 0.95 for at in chat.times[1:])


def test_retry_after_as_a_date(chat: Chat, job: Job) -> None:
    def misbehave(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if number == 0:
            date = email.utils.formatdate(time.time() + 2, usegmt=True)  # whole seconds: 1 to 2 from now
            handler.reply(429, "{}", Retry_After=date)
        return number == 0

    chat.misbehave = misbehave
    ask(job, 1)
    assert chat.times[1] - chat.times[0] >= 0.9


def test_too_long_a_wait_ends_the_run(chat: Chat, job: Job) -> None:
    chat.misbehave = lambda handler, body, number: handler.reply(429, "{}", Retry_After="86400") or True
    with pytest.raises(ModelError, match=r"asked to wait 86,400 s\n  -> .*--resume"):
        ask(job, 3, endpoint={"concurrency": 1})
    assert len(chat.bodies) == 1


def test_a_slow_server(chat: Chat, job: Job) -> None:
    """The first answer to each request does not come while the run lasts."""
    over = threading.Event()

    def misbehave(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if number == 0:
            over.wait(LONG)
        return False

    chat.misbehave = misbehave
    rows, report = ask(job, 2, endpoint={"timeout_s": 0.5, "retries": 20, **PRICES})
    over.set()
    assert len(new(rows)) == 2
    assert report["requests"]["retries"] >= 2
    assert report["money"]["of_which_unconfirmed"] > 0


def test_a_server_that_drips(chat: Chat, job: Job) -> None:
    """Each piece comes in time, the answer as a whole does not: the client hangs up."""
    hung_up = threading.Event()

    def misbehave(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if number:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        try:
            for _ in range(99):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.1)
        except OSError:
            hung_up.set()
        handler.close_connection = True
        return True

    chat.misbehave = misbehave
    rows, _ = ask(job, 1, endpoint={"timeout_s": 0.5, "retries": 20})
    assert len(new(rows)) == 1
    assert hung_up.wait(LONG)


def test_a_row_that_is_refused(chat: Chat, job: Job) -> None:
    """Without an answer for one row the others are made, and a later run asks for that row again."""
    bad = questions(6)[2]["prompt"]

    def misbehave(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if asked_text(body) == bad:
            handler.reply(400, '{"error": {"message": "content filter"}}')
            return True
        return False

    chat.misbehave = misbehave
    rows, report = ask(job, 6, rounds=1)
    assert len(new(rows)) == 5
    assert report["dropped"][0]["reason"] == "no answer: HTTP 400: content filter"
    assert report["dropped"][0]["examples"][0]["row"].endswith("row 3")
    assert len(chat.bodies) == 6, "a refusal is final"
    chat.misbehave = None
    rows, report = ask(job, 6, rounds=1, resume=True)
    assert len(new(rows)) == 6
    assert len(chat.bodies) == 7
    assert not (job.folder / "out.jsonl.unfinished").exists()


def test_a_server_that_is_down(chat: Chat, job: Job) -> None:
    good = 3

    def misbehave(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if len(chat.answered) >= good:
            handler.reply(500, "down")
            return True
        return False

    chat.misbehave = misbehave
    with pytest.raises(ModelError, match=r"stopped answering: HTTP 500: down \(2 tries\)"):
        ask(job, 40, endpoint={"retries": 1, "concurrency": 1})
    assert len(chat.bodies) == good + 5 * 2, "five in a row are enough"
    assert not (job.folder / "out.jsonl").exists()
    chat.misbehave = None
    rows, report = ask(job, 40, endpoint={"retries": 1, "concurrency": 4}, resume=True)
    assert len(new(rows)) == 40
    assert report["requests"]["from_cache"] == good
    assert set(chat.answered.values()) == {1}


def test_nobody_listens(job: Job) -> None:
    job.url = "http://127.0.0.1:9/v1"  # discard
    for number in (1, 6):  # one is fewer than the failures in a row after which no more is sent
        with pytest.raises(ModelError, match="no connection"):
            ask(job, number, endpoint={"retries": 1})
        assert not (job.folder / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "OPENAI_API_KEY"), (402, "no money"), (404, "/v1"), (308, "moved")],
)
def test_what_no_try_can_help(chat: Chat, job: Job, status: int, remedy: str) -> None:
    chat.misbehave = lambda handler, body, number: handler.reply(status, '{"error": "no"}') or True
    with pytest.raises(ConfigError, match=f"HTTP {status}") as caught:
        ask(job, 20, endpoint={"concurrency": 2})
    assert remedy in str(caught.value)
    assert len(chat.bodies) <= 2
    assert not (job.folder / "out.jsonl").exists()


# --- money -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0.5, 3.0, 4.7])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_the_budget_is_never_exceeded(chat: Chat, job: Job, budget: float, concurrency: int) -> None:
    """Against the worst case: before each request the server's real bill and what it may become stay below."""
    asked = {**PRICES, "concurrency": concurrency, "max_tokens": 200}
    rows, report = ask(job, 30, endpoint=asked, budget=budget)
    bill = 0.2 * len(chat.bodies)
    assert report["stopped"] == "budget"
    assert report["money"]["spent"] == pytest.approx(bill)
    assert bill <= budget
    assert len(new(rows)) == len(chat.bodies) < 30
    assert (job.folder / "out.jsonl.unfinished").exists() == (bill > 0)


def test_more_money_goes_on(chat: Chat, job: Job) -> None:
    asked = {**PRICES, "max_tokens": 200}
    few, before = ask(job, 20, endpoint=asked, budget=2.0)
    with pytest.raises(ConfigError, match="--resume"):
        ask(job, 20, endpoint=asked, budget=100.0)
    again, report = ask(job, 20, endpoint=asked, budget=2.0, resume=True)
    assert again == few, "the money of the first run counts"
    assert report["money"]["spent_before"] == pytest.approx(before["money"]["spent"])
    rows, report = ask(job, 20, endpoint=asked, budget=100.0, resume=True)
    assert len(new(rows)) == 20
    assert len(chat.bodies) == 20
    assert report["money"]["spent"] + report["money"]["spent_before"] == pytest.approx(0.2 * 20)


def test_lost_answers_count_with_the_most_they_cost(chat: Chat, job: Job) -> None:
    """The server charges for every request, but no answer ever arrives."""
    chat.misbehave = lambda handler, body, number: handler.broken_off() or True
    asked = {**PRICES, "max_tokens": 200, "retries": 50}
    _, report = ask(job, 5, endpoint=asked, budget=4.0)
    assert report["stopped"] == "budget"
    assert report["money"]["spent"] == report["money"]["of_which_unconfirmed"]
    assert 0.2 * len(chat.bodies) <= report["money"]["spent"] <= 4.0


def test_answers_without_token_counts(chat: Chat, job: Job) -> None:
    chat.usage = None
    _, report = ask(job, 20, endpoint={**PRICES, "max_tokens": 200}, budget=3.0)
    assert report["stopped"] == "budget"
    assert report["money"]["answers_without_token_counts"] == len(chat.bodies)
    assert 0.2 * len(chat.bodies) < report["money"]["spent"] <= 3.0


# --- interruption ----------------------------------------------------------------------------------------

COMMAND = [sys.executable, "-m", "weitiao", "data", "augment"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on(chat: Chat, tmp_path: Path, how: signal.Signals) -> None:
    interrupted = threading.Event()

    def late(handler: Handler, body: dict[str, Any], number: int) -> bool:
        if len(chat.answered) >= 8:  # not finished before the signal comes, however busy the machine is
            interrupted.wait(LONG)
        return False

    chat.misbehave = late
    source = write_rows(tmp_path / "in.jsonl", questions(30))
    output = tmp_path / "out.jsonl"
    options = [
        "--endpoint",
        chat.url,
        "--model",
        "m",
        "--output",
        str(output),
        "--cache",
        str(tmp_path / "c"),
    ]
    options += ["--price-in", "1000", "--price-out", "2000", "--budget", "100", "--concurrency", "3"]
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and k != "OPENAI_API_KEY"}
    run = subprocess.Popen(
        [*COMMAND, str(source), *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    while len(chat.answered) < 8:
        time.sleep(0.01)
        assert run.poll() is None, run.communicate()
    run.send_signal(how)
    _, said = run.communicate(timeout=LONG)
    interrupted.set()
    if how == signal.SIGINT:
        assert run.returncode == 130, said
        assert "--resume" in said.splitlines()[-1], said
    assert not output.exists()
    assert not list(tmp_path.glob(".*.new"))
    chat.misbehave = None
    before = dict(chat.answered)
    done = subprocess.run(
        [*COMMAND, str(source), *options, "--resume"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=2 * LONG,
    )
    assert done.returncode == 0, done.stderr
    rows = read_rows(output)
    assert len(rows) == 60
    assert len({row["prompt"] for row in rows}) == 60
    twice = [prompt for prompt, count in chat.answered.items() if count > 1]
    assert len(twice) <= 3, "only what was on its way is asked again"
    assert len(before) >= 8
    report = json.loads((tmp_path / "out.jsonl.report.json").read_text("utf-8"))
    whole = report["money"]["spent"] + report["money"]["spent_before"]
    assert whole >= 0.2 * len(chat.bodies) - 1e-6, "money that was spent before the interruption counts"
    assert not (tmp_path / "out.jsonl.unfinished").exists()
