"""What a reasoning model says to itself, taken out of what it says to us. Every function takes linear time."""

from __future__ import annotations

_OPENINGS = ("<think>", "<thinking>", "<thought>", "<reasoning>", "[THINK]", "<|thinking|>", "<seed:think>")
_CLOSINGS = ("</think>", "</thinking>", "</thought>", "</reasoning>", "[/THINK]", "<|/thinking|>", "</seed:think>")
# gpt-oss answers in channels (OpenAI's "harmony" format): what follows the last of these is the answer.
_FINAL = ("<|channel|>final<|message|>", "<|start|>assistant<|channel|>final<|message|>", "assistantfinal")
_HARMONY_ENDS = ("<|return|>", "<|end|>", "<|call|>", "<|start|>")


def without_thoughts(text: str) -> str:
    """The answer alone.

    Thoughts end at the last closing mark, whether or not one opens them: chat templates often print the opening one
    into the prompt. Thoughts that never end leave only what stands before them.
    """
    for mark in _FINAL:
        at = text.rfind(mark)
        if at >= 0:
            return _up_to(text[at + len(mark) :], _HARMONY_ENDS)
    end = max((text.rfind(mark) + len(mark) for mark in _CLOSINGS if mark in text), default=0)
    after = text[end:]
    return _up_to(after, _OPENINGS)


def thoughts_of(text: str) -> str:
    """Thoughts that were never ended, with whatever answer they hold; empty where all were."""
    end = max((text.rfind(mark) + len(mark) for mark in _CLOSINGS if mark in text), default=0)
    after = text[end:]
    begun = [(after.find(mark), mark) for mark in _OPENINGS if mark in after]
    if not begun:
        return ""
    at, mark = min(begun)
    return after[at + len(mark) :]


def _up_to(text: str, marks: tuple[str, ...]) -> str:
    places = [text.find(mark) for mark in marks if mark in text]
    return text[: min(places)] if places else text
