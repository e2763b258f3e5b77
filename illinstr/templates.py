"""Pages from the templates of a room: all escaped, nothing unknown forgiven, styles and scripts named by hash."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def template(room: str, name: str) -> jinja2.Template:
    """A template of ``illinstr.<room>``; a name in it that is not given is an error."""
    return _environment(room).get_template(name)


@cache
def read_template(room: str, name: str) -> str:
    """A file of ``illinstr.<room>``'s ``templates`` as it stands."""
    return (resources.files(f"illinstr.{room}") / "templates" / name).read_text(encoding="utf-8")


def source_hash(text: str) -> str:
    """How a content security policy (CSP level 3, section 2.3.1) allows exactly this style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _environment(room: str) -> jinja2.Environment:
    import jinja2  # not every command makes a page

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: read_template(room, name)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
