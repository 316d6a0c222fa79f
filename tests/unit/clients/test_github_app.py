"""How a GitHub App's key becomes a token, and what people read when it does not."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import app_keys
from fakes.github_app import Answer, GitHub, Served
from kelos.clients.github_app import Grant
from kelos.clients.token_desk import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, TokenDesk
from kelos.errors import TokenUnavailable

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 2, 7, 9, 0, tzinfo=timezone.utc)
SHOP = Grant(api_url="https://api.github.com", repository="shop")


class Bench:
    """A desk, the GitHub it asks, and a clock that only the test moves."""

    def __init__(self, github: GitHub | None = None, *, skew: float = 0.0, chance: float = 1.0) -> None:
        self.seconds = 0.0
        self.github = github or GitHub(app_keys.app())
        self.github.now = lambda: NOW.timestamp() + self.seconds + skew
        self.desk = TokenDesk(
            app_keys.client(self.github),
            now=lambda: NOW + timedelta(seconds=self.seconds),
            monotonic=lambda: self.seconds,
            chance=lambda: chance,
        )

    async def refusal(self, grant: Grant = SHOP, version: str = "1", **data: str) -> TokenUnavailable:
        with pytest.raises(TokenUnavailable) as caught:
            await self.desk.mint(app_keys.stored_secret(version=version, **data), grant)
        assert "PRIVATE KEY" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"
        return caught.value


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
async def test_a_key_of_either_form_becomes_a_token_of_one_repository(form):
    """Narrowed, although the installation has more."""
    bench = Bench(GitHub(app_keys.app(repositories=("shop", "vault"))))

    token = await bench.desk.mint(app_keys.stored_secret(privateKey=app_keys.pem(form)), SHOP)

    assert ["shop"] == bench.github.asked[0]["repositories"]
    assert (True, False) == (bench.github.is_open(token.text, "shop"), bench.github.is_open(token.text, "vault"))
    assert NOW + timedelta(hours=1) == token.expires_at


async def test_the_exchange_is_plain_http_of_the_enterprise_api():
    """What goes over the wire, not what a client of ours thinks it sent."""
    github = GitHub(app_keys.app())
    with Served(github) as host:
        async with httpx.AsyncClient() as client:
            desk = TokenDesk(client, now=lambda: datetime.now(timezone.utc), monotonic=lambda: 0.0, chance=lambda: 0.0)
            token = await desk.mint(app_keys.stored_secret(), Grant(api_url=f"http://{host}/api/v3", repository="shop"))

    assert github.is_open(token.text, "shop")


@pytest.mark.parametrize("skew", [-59.0, -30.0, 0.0, 59.0, 500.0])
async def test_a_clock_that_is_off_by_a_minute_is_no_reason_to_fail(skew):
    """GitHub's clock is the one that counts, and it takes nothing from its future."""
    await Bench(skew=skew).desk.mint(app_keys.stored_secret(), SHOP)


@pytest.mark.parametrize("skew", [-61.0, 541.0])
async def test_a_clock_that_is_far_off_is_told_in_github_s_words(skew):
    assert "claim" in str(await Bench(skew=skew).refusal())


def locked() -> str:
    encryption = BestAvailableEncryption(b"x")
    return app_keys.key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def of_another_kind() -> str:
    return elliptic(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"privateKey": "hello"}, "its key 'privateKey' is no private key in PEM form; store the file"),
        ({"privateKey": app_keys.pem()[:-200]}, "its key 'privateKey' is no private key in PEM form"),
        ({"privateKey": locked()}, "its key 'privateKey' is locked with a passphrase; store it without one"),
        ({"privateKey": of_another_kind()}, "its key 'privateKey' is no RSA key"),
        ({"appID": "../x"}, "its key 'appID' is not the ID of a GitHub App"),
        ({"appID": ""}, "its key 'appID' is not the ID of a GitHub App"),
        ({"installationID": "1/../2"}, "its key 'installationID' is not a number"),
        ({"appID": "999"}, "GitHub does not know App 999 by this key (Integration not found): check 'appID'"),
        ({"installationID": "999"}, "App 12345 has no installation 999 at https://api.github.com (Not Found)"),
    ],
)
async def test_a_wrong_secret_is_told_by_the_key_that_is_wrong(data, sentence):
    """Never by what is in it."""
    assert f"Secret 'app' gives no GitHub token: {sentence}" in str(await Bench().refusal(**data))


async def test_blanks_around_the_ids_do_not_matter():
    """Secrets made from files end with a line break."""
    secret = app_keys.stored_secret(appID=" 12345\n", installationID="678\n", privateKey=f"\n{app_keys.pem()}\n\n")

    assert (await Bench().desk.mint(secret, SHOP)).text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(401, {"message": "Bad credentials."}), "GitHub does not know App 12345 by this key (Bad credentials)"),
        (Answer(403, {"message": "suspended\nnow"}), "lets installation 678 do nothing (suspended now)"),
        (Answer(500, {}), "GitHub at https://api.github.com answered 500"),
        (Answer(502, {"message": "x" * 900}), "answered 502 (xxx"),
        (Answer(301, {}), "answered 301"),
        (Answer(201, {}), "GitHub answered without a token"),
        (Answer(201, {"token": "a\nb", "expires_at": "2026-02-07T10:00:00Z"}), "GitHub answered without a token"),
        (Answer(201, {"token": "abc", "expires_at": "soon"}), "GitHub answered without a token"),
    ],
)
async def test_every_answer_of_github_is_one_sentence(answer, words):
    bench = Bench()
    bench.github.faults = [answer]

    text = str(await bench.refusal())

    assert (True, True, False) == (words in text, len(text) < 500, "\n" in text)


async def test_a_repository_that_the_installation_has_not_is_named():
    refusal = await Bench().refusal(Grant(api_url=SHOP.api_url, repository="vault"))

    assert "Installation 678 has no access to repository 'vault'" in str(refusal)


async def test_a_github_that_cannot_be_reached_is_told():
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("no route", request=request)

    client = httpx.AsyncClient(transport=httpx.MockTransport(fail))
    desk = TokenDesk(client, now=lambda: NOW, monotonic=lambda: 0.0, chance=lambda: 0.0)

    with pytest.raises(
        TokenUnavailable, match=r"GitHub cannot be reached at https://api.github.com \(ConnectTimeout\)"
    ):
        await desk.mint(app_keys.stored_secret(), SHOP)


async def test_after_a_failure_nobody_asks_until_the_wait_is_over():
    """A thousand Tasks of one App are one question."""
    bench = Bench()
    bench.github.faults = [Answer(500, {})]

    refusals = [await bench.refusal() for _ in range(1000)]

    assert 1 == len(bench.github.asked)
    assert {FIRST_WAIT_SECONDS} == {refusal.retry_in_seconds for refusal in refusals}
    bench.seconds = FIRST_WAIT_SECONDS
    assert (await bench.desk.mint(app_keys.stored_secret(), SHOP)).text


async def test_waits_grow_to_a_limit():
    bench = Bench()
    bench.github.faults = [Answer(500, {})] * 8
    waits = []
    for _ in range(8):
        waits.append((await bench.refusal()).retry_in_seconds)
        bench.seconds += waits[-1]

    assert [5.0, 10.0, 20.0, 40.0, 80.0, 120.0, 120.0, LONGEST_WAIT_SECONDS] == waits


async def test_half_of_a_wait_is_chance():
    """Those who failed together must not come back together."""
    bench = Bench(chance=0.0)
    bench.github.faults = [Answer(500, {})]

    assert FIRST_WAIT_SECONDS / 2 == (await bench.refusal()).retry_in_seconds


async def test_another_version_of_the_secret_is_tried_at_once():
    """Whoever mended it must not wait for the old one's failures."""
    bench = Bench()
    await bench.refusal(privateKey="broken")

    assert (await bench.desk.mint(app_keys.stored_secret(version="2"), SHOP)).text


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(429, {}, {"Retry-After": "30"}), 30),
        (Answer(403, {"message": "secondary rate limit"}, {"Retry-After": "7"}), 7),
        (Answer(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 90)}), 90),
        (Answer(429, {}), 60),
        (Answer(429, {}, {"Retry-After": "999999"}), 3600),
    ],
)
async def test_a_limit_of_github_is_kept(answer, seconds):
    """To come back sooner makes it longer."""
    bench = Bench()
    bench.github.faults = [answer]

    assert seconds + FIRST_WAIT_SECONDS == (await bench.refusal()).retry_in_seconds


async def test_keys_and_tokens_are_in_no_representation():
    """A traceback or a log line shows what `repr` shows."""
    from kelos.clients.token_desk import read_key

    secret = app_keys.stored_secret()
    token = await Bench().desk.mint(secret, SHOP)

    shown = f"{read_key(secret)!r} {token!r}"
    assert ("PRIVATE" in shown, token.text in shown) == (False, False)
    assert base64.b64decode(secret["data"]["privateKey"]).decode()[40:60] not in shown
