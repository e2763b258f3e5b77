"""Commands and options are a promise to scripts: none disappears or appears unnoticed."""

import json
from pathlib import Path

from scripts.check_docs import flags

FROZEN = Path(__file__).resolve().parents[1] / "golden" / "flags.json"


def test_commands_and_options_are_the_frozen_ones():
    assert flags() == json.loads(FROZEN.read_text()), "if this is meant, run: make flags docs"


def test_the_users_own_words_stay():
    frozen = flags()
    assert {"scrape", "train", "generate", "eval"} <= set(frozen)
