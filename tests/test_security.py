"""What docs/security.md promises: addresses, secrets, files, and answers that are made to do harm."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import socket
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlmlang
from rlmlang.cli import main
from rlmlang.errors import BudgetError, ModelError, UsageError
from rlmlang.files import open_private
from rlmlang.language.types import STR
from rlmlang.models.base import Request, SecretHolder
from rlmlang.models.registry import address_of
from rlmlang.models.servers.endpoint import is_reserved_address
from rlmlang.redact import GONE, Redactor
from tests.support.fake_server import Answer, FakeServer, Open, opened, server
from tests.support.places import ROOT

__all__ = ["opened", "server"]

CHAT = "/v1/chat/completions"
REQUEST = Request("Say hello", (), STR, max_tokens=50)
KEY = "not-so-secret-after-all"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key and no settings of the machine's."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "RLMLANG_ALLOW", "RLMLANG_MODEL", "RLMLANG_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def completion(content: Any, **more: Any) -> dict[str, Any]:
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 3}, **more}


def fails(opened: Open, url: str, options: str = "") -> ModelError:
    model = opened(f"openai:m@{url}/v1?dialect=none&ctx=4096&retries=0{options}")
    with pytest.raises(ModelError) as caught:
        asyncio.run(model.generate(REQUEST))
    return caught.value


# Addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.2",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "224.0.0.1",
    ],
)
def test_no_model_lives_at_an_address_of_the_surroundings(opened: Open, host: str) -> None:
    with pytest.raises(UsageError, match=r"E607.*has a reserved address"):
        opened(f"openai:m@http://{host}/v1?key=")


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.5", "192.168.1.1", "::1", "2001:db8::1", "example.com"])
def test_other_addresses_may_have_one(host: str) -> None:
    assert not is_reserved_address(host)


def test_a_name_that_stands_for_such_an_address_is_not_asked(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []

    def stands_for(host: str, port: int, *more: Any, **options: Any) -> list[Any]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(socket, "getaddrinfo", stands_for)
    for host in ("metadata.example", "0xa9fea9fe"):
        error = fails(opened, f"http://{host}", "&key=")
        assert error.first.code == "E400"
        assert error.first.message.endswith("169.254.169.254 is a reserved address (link-local or cloud metadata)")
    assert looked_up == ["metadata.example", "0xa9fea9fe"]


@pytest.mark.parametrize(
    "url",
    [
        "http://x.[::1]:1",
        "http://[::1].evil.example",
        "http://127.0.0.1\\@evil.example",
        "http://127.0.0.1#@evil.example",
        "http://127.0.0.1\t.evil.example",
        "http://evil\u3002example",
        "http://127.0.0.1:80:90",
        "http://127.0.0.1:0",
        "http://127.0.0.1:70000",
        "http:///evil.example",
        "http://[fe80::1%25eth0]",
    ],
)
def test_addresses_that_may_be_read_in_two_ways(opened: Open, url: str) -> None:
    for where in (url, f"{url}/v1"):
        with pytest.raises(UsageError, match=r"E607.*(cannot be read|user name in its address)"):
            opened(f"openai:m@{where}")


def test_only_servers_that_are_allowed_are_asked(
    server: FakeServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on(CHAT, completion("hello"))
    monkeypatch.setenv("RLMLANG_ALLOW", f"https://example.com {server.url}/")
    opened("openai:m@https://example.com:443/some/path")
    asyncio.run(opened(f"openai:m@{server.url}/v1?dialect=none&ctx=99999").generate(REQUEST))
    for other in ("openai:gpt", "anthropic:claude", "openai:m@https://example.com:8443", "openai:m@http://example.com"):
        with pytest.raises(UsageError, match=r"E607.*is not among the servers that RLMLANG_ALLOW allows"):
            opened(other)


def test_an_allow_list_that_cannot_be_read(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMLANG_ALLOW", "https://[::1")
    with pytest.raises(UsageError, match=r"E607.*in RLMLANG_ALLOW has an address that cannot be read"):
        opened("openai:gpt")


def test_the_empty_list_allows_nothing(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLMLANG_ALLOW", "")
    with pytest.raises(UsageError, match="E607"):
        opened("openai:m@http://127.0.0.1:8000/v1")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("openai:gpt", "https://api.openai.com/v1"),
        ("openai:@cf/x@y@http://host:8000/v1?key=", "http://host:8000/v1"),
        ("anthropic:claude?ctx=9", "https://api.anthropic.com"),
        ("anthropic:claude@https://proxy", "https://proxy"),
        ("scripted:replies.toml", None),
        ("smollm2", None),
        ("gguf:a@https://b", None),
    ],
)
def test_the_address_in_a_name(name: str, url: str | None) -> None:
    assert address_of(name) == url


@pytest.mark.parametrize("origin", ["https://a.example", "http://127.0.0.1:9", "https://[::1]:1"])
def test_what_is_allowed_is_an_origin(monkeypatch: pytest.MonkeyPatch, opened: Open, origin: str) -> None:
    monkeypatch.setenv("RLMLANG_ALLOW", origin)
    for path in ("", "/", "/v1", "/some/path"):
        opened(f"openai:m@{origin}{path}")
    scheme, _, rest = origin.partition("://")
    other = {"http": "https", "https": "http"}[scheme]
    for wrong in (f"{origin}9", f"{origin}.evil.example", f"{scheme}://x.{rest}", f"{other}://{rest}"):
        with pytest.raises(UsageError, match="E607"):
            opened(f"openai:m@{wrong}")


def ran(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    """The exit code of a command, and what it says went wrong."""
    Path("program.rlm").write_text('CALL("Say hello")\n')
    code = main(["run", "program.rlm", "--no-store", *args])
    return code, capsys.readouterr().err


def test_settings_of_a_folder_name_no_server(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder may be somebody else's, and the key would go with the request."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Path("rlmlang.toml").write_text('model = "openai:m@https://evil.invalid/v1"\n')
    code, output = ran(capsys)
    assert code == 2
    assert "error[E607]: rlmlang.toml names a server: https://evil.invalid/v1" in output
    assert "--model" in output


def test_settings_of_a_folder_name_no_python(capsys: pytest.CaptureFixture[str]) -> None:
    Path("evil.py").write_text('open("was_here", "w")\n')
    Path("rlmlang.toml").write_text('model = "scripted:evil.py"\n')
    code, output = ran(capsys)
    assert (code, Path("was_here").exists()) == (2, False)
    assert "names a model that is Python code" in output


@pytest.mark.parametrize("option", ["proxy=http://127.0.0.1:9", "ca=authority.pem"])
def test_settings_of_a_folder_name_nobody_on_the_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """Together they could read the key on its way to the server that it is for."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("RLMLANG_ALLOW", "https://api.openai.com http://127.0.0.1:9")
    Path("rlmlang.toml").write_text(f'model = "openai:m?{option}"\n')
    code, output = ran(capsys)
    assert code == 2
    assert "rlmlang.toml names whom to trust on the way to a server" in output


@pytest.mark.parametrize("how", ["option", "variable", "allowed", "loopback"])
def test_who_names_a_server_may_use_it(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    server.on(CHAT, completion("hello"))
    url = server.url if how == "loopback" else server.url.replace("127.0.0.1", "0.0.0.0")  # not loopback by its name
    name = f"openai:m@{url}/v1?dialect=none&ctx=4096"
    if how == "variable":
        monkeypatch.setenv("RLMLANG_MODEL", name)
    elif how != "option":
        Path("rlmlang.toml").write_text(f'model = "{name}"\n')
    if how == "allowed":
        monkeypatch.setenv("RLMLANG_ALLOW", url)
    assert ran(capsys, *(["--model", name] if how == "option" else []))[0] == 0


def test_settings_restrict_what_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rlmlang.toml").write_text('allow = ["https://api.openai.com"]\n')
    code, output = ran(capsys, "--model", "openai:m@http://127.0.0.1:9/v1")
    assert code == 2
    assert "http://127.0.0.1:9 is not among the servers that rlmlang.toml allows" in output


@pytest.mark.parametrize("text", ['allow = "https://a"', "allow = [1]"])
def test_settings_whose_list_is_wrong(capsys: pytest.CaptureFixture[str], text: str) -> None:
    Path("rlmlang.toml").write_text(text)
    code, output = ran(capsys)
    assert code == 2
    assert "allow is a list of addresses" in output


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    server: FakeServer, opened: Open, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    other = FakeServer()
    other.start()
    server.on(CHAT, Answer(status, headers={"Location": other.url + CHAT}))
    error = fails(opened, server.url, "&key=OPENAI_API_KEY")
    other.stop()
    assert "redirects are not followed" in error.first.message
    assert (len(server.seen), other.seen) == (1, [])


def test_proxies_are_not_used_and_cookies_not_kept(
    server: FakeServer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = FakeServer()
    proxy.start()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    server.on(CHAT, Answer(body=completion("hello"), headers={"Set-Cookie": "who=me"}))
    model = opened(f"openai:m@{server.url}/v1?dialect=none&ctx=4096")
    for _ in range(2):
        asyncio.run(model.generate(REQUEST))
    proxy.stop()
    assert proxy.seen == []
    assert ["Cookie" in seen.headers for seen in server.seen] == [False, False]


# Secrets ---------------------------------------------------------------------------------

SK = "sk-proj-" + "a1B2" * 10


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"the key {SK} is wrong", f"the key {GONE} is wrong"),
        (f"Authorization: Bearer {SK}", f"Authorization: {GONE}"),
        ("{'authorization': 'Basic dXNlcjpwYXNz', 'a': 1}", f"{{'authorization': '{GONE}', 'a': 1}}"),
        ('{"Proxy-Authorization":"x"}', f'{{"Proxy-Authorization":"{GONE}"}}'),
        ("x-api-key: abc\nHost: a", f"x-api-key: {GONE}\nHost: a"),
        ("sent bearer abcdefgh12", f"sent bearer {GONE}"),
        ("postgresql://me:pa55@host/db", f"postgresql://{GONE}@host/db"),
        ("https://token@host/v1", f"https://{GONE}@host/v1"),
        ("https://host/v1?api_key=abc&x=1", f"https://host/v1?api_key={GONE}&x=1"),
        ("https://host/v1?x=1&access_token=abc", f"https://host/v1?x=1&access_token={GONE}"),
        ("https://host/v1?key=MyKey9", f"https://host/v1?key={GONE}"),
        ("openai:m@https://host/v1?key=MY_KEY&ctx=9", "openai:m@https://host/v1?key=MY_KEY&ctx=9"),
        ("openai:m@https://host/v1?key=", "openai:m@https://host/v1?key="),
        ("hf_" + "x" * 30, GONE),
        ("ghp_" + "x" * 36, GONE),
        ("AKIAABCDEFGHIJKLMNOP", GONE),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.sig-nature", GONE),
        ("key=value is no address; a@b.example neither", "key=value is no address; a@b.example neither"),
        ("a task-force of sk-8 skiers", "a task-force of sk-8 skiers"),
        ("the bearer understands the basic principles", "the bearer understands the basic principles"),
        ("", ""),
    ],
)
def test_what_looks_like_a_secret_is_not_shown(text: str, shown: str) -> None:
    assert Redactor()(text) == shown


def test_values_of_the_environment_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MY_API_KEY", "SOME_TOKEN", "PGPASSWORD", "CLIENT_SECRET"):
        monkeypatch.setenv(name, f"value-of-{name}")
    monkeypatch.setenv("A_TOKEN", "value-of")  # the longest goes first
    monkeypatch.setenv("HOTKEY", "an ordinary word")
    monkeypatch.setenv("SHORT_KEY", "EMPTY")
    text = "value-of-MY_API_KEY value-of-SOME_TOKEN value-of-PGPASSWORD value-of-CLIENT_SECRET EMPTY an ordinary word"
    assert Redactor()(text) == " ".join([GONE] * 4) + " EMPTY an ordinary word"


def test_a_key_that_was_read_is_not_shown(server: FakeServer, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", KEY)  # a name that does not suggest a secret
    server.on(CHAT, Answer(400, {"error": {"message": f"cannot use {KEY}"}}))
    error = fails(opened, server.url, "&key=OTHER")
    assert error.first.message == f"{server.url}: HTTP 400: cannot use {GONE}"
    model = opened(f"openai:m@{server.url}/v1?key=OTHER")
    assert isinstance(model, SecretHolder)
    assert (Redactor(model.secrets)(KEY), Redactor()(KEY)) == (GONE, KEY)  # known to runs with this model alone


def test_a_run_knows_the_key_of_its_model(
    server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the model says may hold the key, and goes into errors and traces."""
    monkeypatch.setenv("OTHER", KEY)
    server.on(CHAT, completion(f"the key is {KEY}"))
    Path("program.rlm").write_text('CALL[int]("Say hello")\n')
    name = f"openai:m@{server.url}/v1?dialect=none&ctx=4096&key=OTHER"
    for args in ([], ["--json"]):
        assert main(["run", "program.rlm", "--model", name, "--trace", "trace.jsonl", *args]) == 4
        output = "".join(capsys.readouterr()) + Path("trace.jsonl").read_text(encoding="utf-8")
        assert KEY not in output
        # In the error; and in the trace as the first answer, what is shown of it with its error, and the second one
        assert output.count(f"the key is {GONE}") == 4


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_data_keeps_its_form(data: Any) -> None:
    def hidden(value: Any) -> Any:
        if isinstance(value, str):
            return f"{value} {SK}"
        if isinstance(value, dict):
            return {name: hidden(each) for name, each in value.items()}
        return [hidden(each) for each in value] if isinstance(value, list) else value

    assert SK not in json.dumps(Redactor().data(hidden(data)))
    assert json.dumps(Redactor().data(hidden(data))).count(GONE) >= json.dumps(hidden(data)).count(SK)


@given(st.text(), st.text(alphabet="abc://@?&=key \n"))
def test_redaction_is_done_at_once(text: str, more: str) -> None:
    once = Redactor()(text + more)
    assert Redactor()(once) == once


def test_errors_are_shown_without_secrets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of a model that is another's code, and of rlmlang itself."""
    monkeypatch.setenv("MY_API_KEY", KEY)
    Path("model.py").write_text(f'def model(request):\n    raise OSError("no access with {KEY}")\n')
    for args in ([], ["--json"]):
        Path("program.rlm").write_text('CALL("Say hello")\n')
        assert main(["run", "program.rlm", "--no-store", "--model", "scripted:model.py", *args]) == 4
        out, err = capsys.readouterr()
        assert KEY not in out + err
        assert f"no access with {GONE}" in out + err
    assert main(["run", "program.rlm", "--model", f"openai:m@https://me:{KEY}@host/v1"]) == 2
    assert KEY not in "".join(capsys.readouterr())


def test_a_program_may_hold_what_looks_like_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    """Values are data, and are not changed."""
    Path("program.rlm").write_text(f'"{SK}"\n')
    assert main(["run", "program.rlm"]) == 0
    assert capsys.readouterr().out == f"{SK}\n"


# Answers that are made to do harm --------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b" " * 50_000_000)),
        ("deflate", zlib.compress(b" " * 50_000_000)),
        ("br", b"anything"),
        ("gzip", gzip.compress(json.dumps(completion("hello")).encode())),
    ],
)
def test_a_compressed_answer_is_not_unpacked(server: FakeServer, opened: Open, encoding: str, body: bytes) -> None:
    server.on(CHAT, Answer(body=body, headers={"Content-Encoding": encoding}))
    error = fails(opened, server.url)
    assert (error.first.code, "an answer that is compressed" in error.first.message) == ("E400", True)
    assert server.seen[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" * 90_000, "nested too deeply"),
        (b'{"a":' * 90_000, "nested too deeply"),
        (b"[" * 90_000 + b"]" * 90_000, "nested too deeply"),
        (b"[" + b"[]," * 100_000 + b"[]]", "more than 100,000 lists and objects"),
        (b'{"choices": [{"message": {"content": ' + b"9" * 10_000 + b"}}]}", "not JSON"),
        (b'{"choices": 1e999999999}', "no chat completion"),
        (b'{"choices": NaN}', "no chat completion"),
        (b"\xff" * 100, "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_json_that_is_a_bomb(server: FakeServer, opened: Open, body: bytes, said: str) -> None:
    server.on(CHAT, Answer(body=body))
    error = fails(opened, server.url)
    assert error.first.code == "E400"
    assert said in error.first.message
    assert len(error.first.message) < 400


@pytest.mark.parametrize("body", [b'{"error":' * 90_000, b'{"error": [' + b"[]," * 100_000 + b"[]]}"])
def test_an_error_that_is_a_bomb(server: FakeServer, opened: Open, body: bytes) -> None:
    server.on(CHAT, Answer(400, body))
    assert fails(opened, server.url).first.message == f"{server.url}: HTTP 400"


@pytest.mark.parametrize("count", [-1, 2**40, 10**30, 1.5, "9", None, True, [9]])
def test_counts_that_no_answer_has(server: FakeServer, opened: Open, count: Any) -> None:
    """Such are not believed; the bound that was reserved counts instead."""
    server.on(CHAT, completion("hello", usage={"prompt_tokens": count, "completion_tokens": count}))
    reply = asyncio.run(opened(f"openai:m@{server.url}/v1?dialect=none&ctx=4096").generate(REQUEST))
    assert 0 < reply.prompt_tokens < 4096
    assert 0 < reply.completion_tokens <= 50


def test_an_answer_that_is_too_large_for_a_value(server: FakeServer, opened: Open) -> None:
    server.on(CHAT, completion("x" * 20_000))
    model = opened(f"openai:m@{server.url}/v1?dialect=none&ctx=4096")
    with pytest.raises(BudgetError, match=r"E507.*20,000 characters"):
        rlmlang.compile('CALL("Say hello")').run(model=model, limits=rlmlang.Limits(max_bytes=10_000))


# Files -----------------------------------------------------------------------------------

FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def widest() -> Iterator[None]:
    """A user whose new files everybody may read and write, unless the program says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("widest")
def test_a_new_file_is_its_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "trace.jsonl"
    os.close(open_private(path, FRESH))
    assert [mode(each) for each in (path, path.parent)] == [0o600, 0o700]


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("old")
    path.chmod(0o666)
    file = open_private(path, FRESH)
    os.write(file, b"new")
    os.close(file)
    assert (mode(path), path.read_text()) == (0o600, "new")


def test_files_of_others_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a link that another user has put there, nor a file. (Here the process is the other user.)"""
    (tmp_path / "precious").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(os, "lstat", lambda path: os.stat_result([0, 0, 0, 0, os.getuid() or 7, 0, 0, 0, 0, 0]))
    for name in ("link", "precious"):
        with pytest.raises(OSError, match=r"symbolic links|belongs to another user"):
            open_private(tmp_path / name, FRESH)
    assert (tmp_path / "precious").read_text() == "old"


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.close(open_private(tmp_path / "link", FRESH))
    assert (tmp_path / "target").read_text() == ""


def test_a_file_with_a_second_name_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("old")
    os.link(tmp_path / "precious", tmp_path / "trace.jsonl")
    with pytest.raises(PermissionError, match="second name"):
        open_private(tmp_path / "trace.jsonl", FRESH)
    assert (tmp_path / "precious").read_text() == "old"


def test_a_device_is_opened_as_it_is() -> None:
    file = open_private(Path("/dev/null"), os.O_WRONLY)
    assert os.write(file, b"gone") == 4
    os.close(file)


# The page --------------------------------------------------------------------------------


def test_every_test_of_the_page_exists() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!---)(.+) \|$", page, re.MULTILINE)[1:]
    assert len(rows) >= 12
    for row in rows:
        named = re.findall(r"`(test_\w+)\.(test_\w+)`", row)
        assert named, row
        for module, name in named:
            (path,) = (ROOT / "tests").rglob(f"{module}.py")
            text = path.read_text(encoding="utf-8")
            assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{module}.{name}"
