"""``doctor --llm``: one small answer of a language model, and what that says about it."""

from __future__ import annotations

import time
from pathlib import Path

from illinstr.doctor import Check
from illinstr.errors import IllinstrError

GOAL, NUM_STEPS = "How to make a cup of tea", 2
_FORMS = {
    "grammar": "held to the form by a grammar",
    "schema": "held to the form by a schema",
    "none": "merely asked for the form; its answers are checked and asked for again",
}


def examine_llm(spec: str, *, ca: str | Path | None = None, device: str = "auto") -> list[Check]:
    """Have a language model write two steps, and say how long it took, what it is held to and what it left out.

    Args:
        spec: as for ``--llm``.
        ca: PEM file of the authority that signed an https server's certificate.
        device: where a model of this machine runs.
    """
    from illinstr.sampling.writing import WritingTask
    from illinstr.sampling.writing.language_model import LanguageModelWriter
    from illinstr.sampling.writing.model_spec import open_model
    from illinstr.sampling.writing.server import ServerModel

    started = time.monotonic()
    try:
        model = open_model(spec, device=device, ca=ca)
        writer = LanguageModelWriter(model)
        article = writer.write(WritingTask(GOAL, NUM_STEPS))
        model.close()
    except IllinstrError as error:
        return [Check("llm", "fail", error.message, error.hint)]
    seconds = time.monotonic() - started
    told = "; ".join(step.headline for step in article.steps)
    checks = [
        Check("llm", "pass", f"{model.name} wrote {NUM_STEPS} steps in {seconds:.1f} s: {told}"),
        Check("llm form", "pass" if model.forced != "none" else "warn", _FORMS[model.forced]),
    ]
    if not model.constrained:
        given = {
            "captions": all(step.caption for step in article.steps),
            "materials": bool(article.materials),
            "tools": bool(article.tools),
            "time": article.total_time is not None,
        }
        missing = [name for name, there in given.items() if not there]
        detail = f"gives no {', '.join(missing)}" if missing else f"gives {', '.join(given)}"
        checks.append(Check("llm article", "warn" if missing else "pass", detail))
    if isinstance(model, ServerModel) and model.client.refused:
        checks.append(Check("llm server", "pass", f"does not take {', '.join(model.client.refused)}; left out"))
    return checks
