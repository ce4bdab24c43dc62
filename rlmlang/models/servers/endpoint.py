"""The endpoint of a server, as the name of a model gives it: address, options, API key, and which may be used."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from attrs import frozen

from rlmlang.errors import ModelError, UsageError
from rlmlang.models.options import AT, at_least, usual_address
from rlmlang.models.servers.azure import is_azure
from rlmlang.models.servers.throttling import key_of
from rlmlang.redact import Redactor

ALLOW = "RLMLANG_ALLOW"
"""The environment variable that lists the servers that may be used, separated by spaces; without it, any may."""


@frozen
class ServerOptions:
    """The options in the name of a model."""

    ctx: int = 0
    """The tokens of prompt and answer together; 0 for what the server reports, or a default."""
    concurrency: int = at_least(1, 16)
    """The number of requests at once."""
    temperature: float | None = None
    timeout: float = at_least(0.001, 600.0)
    """The seconds that one request may take."""
    retries: int = 10
    """How often a request is sent again after a transient failure."""
    stream: bool = False
    """Whether answers are sent in pieces, so that no proxy takes a long one for a broken connection."""
    proxy: str = ""
    """The address of an HTTP proxy; empty for none. That of the environment is not used."""
    ca: str = ""
    """A file of certificates (PEM) of authorities that are trusted besides those of the system; empty for none."""
    key: str | None = None
    """The environment variable that holds the API key; empty for no key. Without one, the usual variable of the
    backend's own server, and no key for any other server."""


def split_name(rest: str, name: str, default: str, variable: str = "") -> tuple[str, str, str]:
    """Return model, address, and query of `MODEL@URL?QUERY`.

    The address is without a final `/`, and without the path of chat completions. Of a name without one, it is
    what the environment variable says, else the default.

    Raises UsageError E607 for an invalid name or address, for an address that may not be used, and for a key in
    place of the name of its variable.
    """
    kind = name.partition(":")[0]
    usual_hint = f"write `{kind}:MODEL@https://HOST/v1`"
    rest, mark, query = rest.partition("?")
    _refuse_keys(query)  # first, since the other errors show the name
    model, at, url = rest, "", usual_address(variable, default)
    if found := re.search(AT, rest):
        model, at, url = rest[: found.start()], "@", rest[found.end() :].rstrip("/")
    elif found := _NO_ADDRESS.search(rest):
        model, host = rest[: found.start()], _SCHEME.sub("", found[1].rpartition("@")[2])
        meant = f"http://{host}"
        hint = usual_hint
        if model and not _problem(meant):
            meant += "" if "/" in host or is_azure(meant) else "/v1"
            hint = f"write `{kind}:{model}@{meant}{mark}{query}`, or https://"
        written = f"{kind}:{model}@…@{host}" if "@" in found[1] else name  # without a user's name and password
        raise UsageError.of("E607", f"`{written}` has an address without http:// or https://", hint=hint)
    url = url.removesuffix("/chat/completions")
    if not model or (at and _problem(url)):
        problem = _problem(url) if model else "does not name a model"
        raise UsageError.of("E607", f"`{_without_password(name)}` {problem}", hint=usual_hint)
    if problem := _problem(url):
        raise UsageError.of("E607", f"the environment variable {variable} {problem}", hint="write `https://HOST/v1`")
    if ALLOW in os.environ:
        permit(url, os.environ[ALLOW].split(), ALLOW)
    return model, url, query


def _refuse_keys(query: str) -> None:
    """Check that the option `key` names a variable: names of models are kept and shown. Raises UsageError E607."""
    for option, variable in parse_qsl(query, keep_blank_values=True):
        usual = variable in os.environ or re.fullmatch("([A-Z_][A-Z0-9_]*)?", variable)
        if option == "key" and not (usual and Redactor()(variable) == variable):
            raise UsageError.of(
                "E607",
                "what follows `key=` in the name of the model is not the name of an environment variable that is set",
                hint="put the key into a variable, such as MY_KEY, and write `key=MY_KEY`",
            )


_NO_ADDRESS = re.compile(
    r"@([^@]*(?::|//).*"
    r"|localhost(?:/.*)?"
    r"|[\w.-]+/v1/?"
    r"|(?:(?:[\w-]+\.)+[A-Za-z]{2,}|(?:\d+\.){3}\d+)(?:/.*)?)$",
    re.DOTALL,
)
"""What is behind the model where an address should be: it has a `:` or `//`, or looks like a host. `@cf/meta/llama` and
`opus@20250514` are names of models. Any name is one where an address follows it."""

_SCHEME = re.compile(r"^(?:[\w+-]+://|https?:?/|/)/*", re.IGNORECASE)
"""A scheme in front of a host, also a mistyped one."""

_ADDRESS = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!$-\[\]-~]*)?")  # decision 60
"""Addresses that every parser reads in the same way: the HTTP client parses again what is checked here."""


def _problem(url: str) -> str:
    """Return what is wrong with an address; empty if nothing is."""
    if "@" in url.removeprefix("https://").removeprefix("http://").partition("/")[0]:
        return "has a user name in its address; keys are read from the environment"
    try:
        parts = urlsplit(url)
        readable = _ADDRESS.fullmatch(url) and parts.port != 0  # raises for one that is too large
    except ValueError:
        readable = False
    if not readable:
        return "has an address that cannot be read"
    if is_reserved_address(parts.hostname or ""):
        return "has a reserved address (link-local or cloud metadata), not that of a model"
    return ""


def permit(url: str, allowed: Iterable[str], where: str) -> None:
    """Check that the origin of an address (scheme, host and port) is among those of `allowed`. Raises UsageError E607.

    `where` names the list in the error.
    """
    origins = set()
    for each in allowed:
        if problem := _problem(each):
            raise UsageError.of("E607", f"`{_without_password(each)}` in {where} {problem}")
        origins.add(key_of(each))
    if key_of(url) not in origins:
        parts = urlsplit(url)
        raise UsageError.of(
            "E607",
            f"{parts.scheme}://{parts.netloc} is not among the servers that {where} allows",
            hint=f"add it to {where}, if you trust it with your texts and your key",
        )


def is_reserved_address(host: str) -> bool:
    """Return whether an IP address is link-local or of a metadata service: it may give out keys, but has no model."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_link_local or address.is_multicast or str(address) in _METADATA


_METADATA = {"100.100.100.200", "192.0.0.192", "fd00:ec2::254"}
"""The addresses of the metadata services of clouds that are not link-local."""


def _without_password(name: str) -> str:
    return re.sub("//[^/@]*@", "//…@", name)


def key_variable(option: str | None, usual: str, own: bool) -> str:
    """Return the environment variable that holds the key of a server, given the option in its name; empty for no key.

    A key is for one server. So the usual variable is read for the backend's `own` one only, and no other server is
    sent the key that it holds unless the name asks for it.
    """
    if option is not None:
        return option
    return usual if own else ""


def read_key(variable: str, url: str) -> str:
    """Return the API key in an environment variable, empty if there is none.

    Raises UsageError E607 for an invalid key, and where it would be sent without encryption to another machine.
    """
    key = os.environ.get(variable, "").strip() if variable else ""
    if not key:
        return ""
    if not (key.isascii() and key.isprintable()):
        raise UsageError.of("E607", f"the environment variable {variable} holds characters that no key has")
    if url.startswith("http://") and not is_loopback(url):
        raise UsageError.of(
            "E607",
            f"the key in {variable} would be sent to {url} without encryption",
            hint="use https://, or `?key=` for a server that needs no key",
        )
    return key


@frozen
class Route:
    """How a server is reached, where its name says so."""

    proxy: str | None = None
    tls: ssl.SSLContext | None = None
    """The authorities that are trusted; None for those of the system."""


DIRECT = Route()


def route_of(options: ServerOptions, url: str, key: str) -> Route:
    """Return how a server is reached.

    Raises UsageError E604 for a file of certificates that cannot be read, E607 for one that is none, and for a proxy
    that has no right address, may not be used, or would see the key.
    """
    proxy = options.proxy.rstrip("/")
    if proxy:
        if problem := _problem(proxy):
            raise UsageError.of("E607", f"the proxy `{_without_password(proxy)}` {problem}")
        if ALLOW in os.environ:
            permit(proxy, os.environ[ALLOW].split(), ALLOW)
        if key and url.startswith("http://"):
            raise UsageError.of(
                "E607", f"the proxy {proxy} would see the key for {url}", hint="use https:// for the server"
            )
    if not options.ca:
        return Route(proxy or None)
    tls = ssl.create_default_context()
    try:
        tls.load_verify_locations(cafile=options.ca)
    except ssl.SSLError:
        raise UsageError.of(
            "E607", f"{options.ca} holds no certificates", hint="`ca` is a file in PEM format"
        ) from None
    except OSError as error:
        raise UsageError.of("E604", f"cannot read {options.ca}: {error.strerror}") from error
    return Route(proxy or None, tls)


def no_key(name: str, variable: str) -> ModelError:
    """Return the error of a missing API key."""
    if not variable:
        hint = "name the environment variable of its key: `?key=NAME`"
        return ModelError.of("E407", f"`{name}` needs an API key", hint=hint)
    problem = "is empty" if variable in os.environ else "is not set"
    return ModelError.of("E407", f"`{name}` needs an API key, and {variable} {problem}", hint=f"set {variable}")


def is_loopback(url: str) -> bool:
    """Return whether an address is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
