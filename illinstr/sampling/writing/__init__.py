"""Writers of steps: the user, the embedded world (introduced by the command line), and language models."""

from illinstr.sampling.writing.base import (
    DEFAULT_NUM_STEPS,
    UserSteps,
    Writer,
    WritingTask,
    check_at_hand,
    check_context,
    check_problem,
    check_revision,
    plan_article,
    replan_article,
    split_writing,
)
from illinstr.sampling.writing.lines import MAX_FILE_BYTES, read_goals, read_lines, read_steps
from illinstr.sampling.writing.similarity import (
    BODY_SEPARATOR,
    MAX_BODY_CHARS,
    MAX_GOAL_CHARS,
    MAX_HEADLINE_CHARS,
    check_goal,
    parse_step,
    slug,
)

__all__ = [
    "BODY_SEPARATOR",
    "DEFAULT_NUM_STEPS",
    "MAX_BODY_CHARS",
    "MAX_FILE_BYTES",
    "MAX_GOAL_CHARS",
    "MAX_HEADLINE_CHARS",
    "UserSteps",
    "Writer",
    "WritingTask",
    "check_at_hand",
    "check_context",
    "check_goal",
    "check_problem",
    "check_revision",
    "parse_step",
    "plan_article",
    "read_goals",
    "read_lines",
    "read_steps",
    "replan_article",
    "slug",
    "split_writing",
]
