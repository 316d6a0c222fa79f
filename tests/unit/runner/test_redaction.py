"""What must not leave the container in our own words."""

from kelos.agents.sentences import one_line
from kelos.runner.git import without_user_info
from kelos.runner.redaction import Seen, known_secrets, redact


def test_values_of_secret_variables_are_hidden():
    env = {
        "GITHUB_TOKEN": "tok-123456",
        "MY_DB_PASSWORD": "hunter22",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-1",
        "PATH": "/usr/bin",
        "KELOS_GITHUB_TOKEN_FILE": "/kelos/github-token/GITHUB_TOKEN",
        "SHORT_TOKEN": "abc",
    }

    said = redact("tok-123456 hunter22 aws-secret-1 /usr/bin /kelos/github-token/GITHUB_TOKEN abc", known_secrets(env))

    assert "*** *** *** /usr/bin /kelos/github-token/GITHUB_TOKEN abc" == said


def test_texts_inside_a_bundle_are_secrets_themselves():
    """A sign-in bundle is JSON; an error quotes one token of it, not the whole."""
    env = {"CODEX_AUTH_JSON": '{"tokens":{"access":"aaaaaaaaaaaaaaaaaaaa"},"mode":"chat"}'}

    assert "*** chat" == redact("aaaaaaaaaaaaaaaaaaaa chat", known_secrets(env))


def test_a_long_secret_is_hidden_before_a_short_one_inside_it():
    assert "***" == redact("secret-long", {"secret", "secret-long"})


def test_a_secret_of_several_lines_is_hidden_line_by_line():
    """A private key is quoted that way."""
    assert "x *** y" == redact("x MIIEvQIBADAN y", {"-----BEGIN-----\nMIIEvQIBADAN\n"})


def test_the_token_in_the_file_counts(tmp_path):
    path = tmp_path / "token"
    path.write_text("tok-from-file\n")

    assert "***" == redact("tok-from-file", known_secrets({"KELOS_GITHUB_TOKEN_FILE": str(path)}))


def test_a_token_that_was_renewed_meanwhile_counts_as_the_old_one_does(tmp_path):
    """The agent may have printed either."""
    path = tmp_path / "token"
    path.write_text("tok-of-the-first-hour")
    seen = Seen({"KELOS_GITHUB_TOKEN_FILE": str(path)})
    path.write_text("tok-of-the-last-hour")

    assert "*** ***" == redact("tok-of-the-first-hour tok-of-the-last-hour", seen.secrets())


def test_tokens_between_the_first_and_the_last_are_seen(tmp_path):
    """Long runs have many."""
    path = tmp_path / "token"
    path.write_text("tok-of-the-first-hour")
    seen = Seen({"KELOS_GITHUB_TOKEN_FILE": str(path)})
    path.write_text("tok-of-the-second-hour")
    seen.look()
    path.write_text("tok-of-the-last-hour")

    assert "***" == redact("tok-of-the-second-hour", seen.secrets())


def test_a_password_in_an_address_is_hidden_whole():
    """git takes everything up to the last `@` before the path for the user."""
    assert "fatal: 'https://example.com/a@b' failed" == without_user_info(
        "fatal: 'https://me:p@ss@word@example.com/a@b' failed"
    )
    assert "p@ss" not in one_line("cannot read https://me:p@ss@example.com/x")
