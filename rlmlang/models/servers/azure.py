"""OpenAI's models on Azure: where a deployment is, and how its key is sent.

The model in a name is that of the deployment: `openai:DEPLOYMENT@https://NAME.openai.azure.com?key=VARIABLE`. There are
two interfaces. The one with a path for each deployment takes the version of the interface, `api-version`; the newer
one, below `/openai/v1`, takes none.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
"""The ends of the names of Azure's hosts."""

VERSION = "2024-10-21"
"""The version of the interface, where the name of a model gives none."""


def is_azure(url: str) -> bool:
    """Return whether an address is of Azure."""
    return (urlsplit(url).hostname or "").endswith(HOSTS)


def root_and_path(url: str, deployment: str, version: str) -> tuple[str, str]:
    """Return the address of a server, and the path of a deployment's chat completions.

    An address without a path, or with `/openai` alone, is that of all deployments.
    """
    parts = urlsplit(url)
    path = parts.path
    if path in ("", "/openai"):
        path = f"/openai/deployments/{quote(deployment, safe='')}"
    path += "/chat/completions"
    if version or not path.endswith("/v1/chat/completions"):
        path += f"?api-version={quote(version or VERSION, safe='')}"
    return f"{parts.scheme}://{parts.netloc}", path
