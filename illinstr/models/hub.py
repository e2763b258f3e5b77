"""Names on the model hub, and what can go wrong between here and there."""

from __future__ import annotations

import re

from illinstr.errors import ModelError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def is_hub_id(text: str) -> bool:
    """Whether ``text`` has the form of a repository's name on the hub, ORG/NAME."""
    return _HUB_ID.fullmatch(text) is not None


def hub_failures(*more: type[BaseException]) -> tuple[type[BaseException], ...]:
    """What a broken line raises, and ``more``.

    The error of the HTTP library beneath the hub's client, which differs by version, and the system's. AttributeError:
    its threads close one another's connection when one of them cannot connect.
    """
    from huggingface_hub.errors import HfHubHTTPError

    return (*HfHubHTTPError.__bases__, OSError, AttributeError, *more)


def unreachable(hub_id: str, revision: str | None) -> ModelError:
    """The error for a hub id that is neither in the local cache nor to be had."""
    return ModelError(
        f"no model folder and no reachable hub model called {hub_id!r}"
        + (f" at revision {revision!r}" if revision else ""),
        hint="--model mini is embedded; or give a folder, or check the network with illinstr doctor",
    )
