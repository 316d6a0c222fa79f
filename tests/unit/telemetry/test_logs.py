"""One line, one JSON object, whoever writes it."""

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog

from kelos.telemetry.logs import configure_logs, one_pass


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logs(stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def test_our_lines_are_a_sentence_and_fields(lines: io.StringIO) -> None:
    """Machines filter by field; the sentence stays the same."""
    structlog.get_logger("kelos.controllers").info("Task started", task="ci/fix-bug")

    line = json.loads(lines.getvalue())
    assert ("Task started", "ci/fix-bug", "info", "kelos.controllers") == (
        line["event"], line["task"], line["level"], line["logger"],
    )  # fmt: skip
    assert line["timestamp"].endswith("Z")


def test_lines_of_libraries_look_the_same(lines: io.StringIO) -> None:
    """The cluster package logs through the standard library, with its fields as `extra`."""
    logging.getLogger("kelos.cluster").warning("Watching failed", extra={"kind": "Task", "error": "refused"})

    line = json.loads(lines.getvalue())
    assert ("Watching failed", "Task", "refused", "warning") == (
        line["event"], line["kind"], line["error"], line["level"],
    )  # fmt: skip


def test_a_text_with_line_breaks_stays_one_line(lines: io.StringIO) -> None:
    """Text from outside must not be able to forge a second log line."""
    structlog.get_logger().info("Task failed", message='first\n{"event": "forged"}')

    assert 1 == lines.getvalue().count("\n")


def test_a_bug_keeps_its_traceback(lines: io.StringIO) -> None:
    """It is the only trace of what went wrong."""
    try:
        raise ZeroDivisionError("by hand")
    except ZeroDivisionError:
        logging.getLogger("kelos").exception("An observer failed")

    assert "ZeroDivisionError: by hand" in json.loads(lines.getvalue())["exception"]


def test_debug_lines_are_off_by_default(lines: io.StringIO) -> None:
    """A quiet service is a readable one."""
    structlog.get_logger().debug("Looked")
    logging.getLogger("aiohttp").debug("Connected")

    assert "" == lines.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_variables(lines: io.StringIO, as_json: bool) -> None:
    """Frames hold Secrets and tokens; where `rich` is installed the default for terminals would print them."""
    configure_logs(stream=lines, as_json=as_json)

    def fail(token: str) -> None:
        raise ValueError("broken")

    try:
        fail("-".join(("s3cr3t", "t0ken")))
    except ValueError:
        structlog.get_logger("kelos").exception("Failed")

    assert "ValueError: broken" in lines.getvalue()
    assert "s3cr3t-t0ken" not in lines.getvalue()


def test_all_lines_of_a_pass_carry_its_id(lines: io.StringIO) -> None:
    """Whoever wrote them, and none of another pass."""
    with one_pass(controller="task", namespace="team", task="fix-bug"):
        structlog.get_logger("kelos").info("Task moved")
        logging.getLogger("kelos.cluster").warning("Watching failed")
    with one_pass(controller="task", namespace="team", task="other"):
        structlog.get_logger("kelos").info("Task moved")
    structlog.get_logger("kelos").info("Controller stopped")

    first, second, third, last = (json.loads(line) for line in lines.getvalue().splitlines())
    assert first["reconcile_id"] == second["reconcile_id"] != third["reconcile_id"]
    assert ("task", "team", "fix-bug") == (second["controller"], second["namespace"], second["task"])
    assert "reconcile_id" not in last


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "cloning https://ann:s3cr3t-w0rd@git.test/a.git failed",
        "cloning https://s3cr3t-w0rd@git.test/a.git failed",
        "sent Authorization: Bearer s3cr3t-w0rd-s3cr3t-w0rd",
        "refused ghp_s3cr3tw0rds3cr3tw0rd",
        "refused sk-ant-s3cr3tw0rds3cr3tw0rd",
        "refused eyJs3cr3tw0rd.eyJs3cr3tw0rd.s3cr3tw0rd",
    ],
)
def test_what_looks_like_a_secret_is_not_written(lines: io.StringIO, text: str, as_json: bool) -> None:
    """Errors quote what they were given: in a field, in a list, in a traceback."""
    configure_logs(stream=lines, as_json=as_json)

    structlog.get_logger("kelos").warning("Pass failed", error=text, more=[{"inner": text}])
    logging.getLogger("kelos.cluster").warning(text)
    try:
        raise ValueError(text)
    except ValueError:
        structlog.get_logger("kelos").exception("Pass broke")

    assert "***" in lines.getvalue()
    assert "s3cr3t" not in lines.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_ordinary_words_are_not_taken_for_secrets(lines: io.StringIO, as_json: bool) -> None:
    """A log that hides what went wrong helps nobody."""
    configure_logs(stream=lines, as_json=as_json)
    text = "token exchange with https://git.test/a@b failed: basic authentication, user ann@example.com, sk-1"

    structlog.get_logger("kelos").warning("Pass failed", error=text)

    assert text in lines.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_hostile_text_steers_nothing(lines: io.StringIO, as_json: bool) -> None:
    """Neither a terminal nor whoever reads line by line."""
    configure_logs(stream=lines, as_json=as_json)
    hostile = "a\nlevel=error forged\r\x1b[2J\x1b]0;title\x07\u2028\u202e\x85"

    structlog.get_logger("kelos").warning(hostile, error=hostile)

    said = lines.getvalue()
    assert (1, True) == (len(said.splitlines()), said.removesuffix("\n").isprintable())


def test_lines_for_people_say_the_same(lines: io.StringIO) -> None:
    configure_logs(stream=lines, as_json=False)

    structlog.get_logger("kelos").info("Task moved", phase="Running")

    assert 'info Task moved phase="Running"\n' == lines.getvalue().split(" ", 1)[1]


def test_a_library_that_prints_whole_objects_is_kept_short(lines: io.StringIO) -> None:
    """The judge of CEL rules shows every object at debug: prompts, and addresses with passwords in them."""
    configure_logs(level="debug", stream=lines)
    logging.getLogger("celpy.evaluation").debug("Activation: password-in-address")
    logging.getLogger("kelos.cluster").debug("Watching")

    assert ["Watching"] == [json.loads(line)["event"] for line in lines.getvalue().splitlines()]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_the_addresses_that_are_asked_are_not_logged(lines: io.StringIO, level: str) -> None:
    """httpx logs each at level info: with text of items in it, keys in queries, and a line for every poll."""
    configure_logs(level=level, stream=lines)
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
        client.get("https://example.com/?key=s3cr3t")
    logging.getLogger("httpcore.http11").debug("send_request_headers.started")

    assert "" == lines.getvalue()
