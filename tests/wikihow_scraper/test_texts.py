"""Languages heard, tokens counted."""

from __future__ import annotations

import json

import pytest

from illinstr.articles import Article, Provenance, Step
from illinstr.errors import UsageError
from illinstr.shards import iter_articles, read_index
from illinstr.wikihow_scraper.cleaning.language import detect
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.cleaning.tokens import TOKEN_LIMIT, TokenCounter, counter
from illinstr.wikihow_scraper.source import Dropped
from tests.wikihow_scraper.test_images import run

__all__ = ["run"]  # the fixture

ENGLISH = ("Wash the apples in cold water and dry them with a towel.", "Cut every apple in half and take out the core.")
GERMAN = (
    "Wasche die Äpfel in kaltem Wasser und trockne sie ab.",
    "Schneide jeden Apfel in zwei Hälften und entkerne ihn.",
)


def article(lines: tuple[str, ...], key: str = "a", goal: str = "How to Make Apple Juice", **more) -> Article:
    steps = tuple(Step(headline=line) for line in lines)
    return Article(id=key, goal=goal, steps=steps, provenance=Provenance(source="test"), **more)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (" ".join(ENGLISH), "en"),
        (" ".join(GERMAN), "de"),
        ("Lave les pommes à l'eau froide, puis sèche-les avec une serviette propre.", "fr"),
        ("用冷水把苹果洗干净,然后用毛巾擦干。把每个苹果切成两半,去掉果核。", "zh"),
        ("Stir.", None),
        ("", None),
        ("\ud800" * 10, None),
    ],
)
def test_languages(text, language):
    assert detect(text) == language


def test_the_language_filter_hears_the_words_too():
    german = Cleaner(CleanRules(language="de"))
    assert german.judge(article(ENGLISH)) == Dropped("other language")
    assert german.judge(article(ENGLISH, language="de")) == Dropped("words in another language")
    kept = german.judge(article(GERMAN, goal="Apfelsaft selbst machen", language="de"))
    assert isinstance(kept, Article)
    assert kept.extra["detected_language"] == "de"
    unsure = Cleaner(CleanRules(language="de")).judge(article(("Mix.", "Eat."), goal="Mix it now", language="de"))
    assert isinstance(unsure, Article)  # too short to tell


def test_where_the_page_says_no_language_the_words_do():
    said = {"missing": {"language": "neither the page nor its host says"}}
    judged = Cleaner(CleanRules()).judge(article(GERMAN, goal="Apfelsaft selbst machen", extra=said))
    assert judged.language == "de"
    assert Cleaner(CleanRules()).judge(article(GERMAN, goal="Apfelsaft selbst machen")).language == "en"  # it was said


def test_tokens_are_counted_as_the_text_encoder_counts_them():
    """Second implementation: the tokenizer class of transformers on the shipped files."""
    from transformers import CLIPTokenizerFast

    counting = counter()
    reference = CLIPTokenizerFast.from_pretrained(counting.folder)
    texts = ["", "Wash the apples.", "Äpfel schälen <|endoftext|> now", "word " * 90]
    assert [counting.count(text) for text in texts] == [
        len(reference(text, split_special_tokens=True)["input_ids"]) for text in texts
    ]
    assert counting.count("word " * 90) > TOKEN_LIMIT


def test_counts_stand_in_the_record():
    counting = counter()
    judged = Cleaner(CleanRules()).judge(article(ENGLISH))
    assert judged.extra["tokens"] == {
        "goal": counting.count("How to Make Apple Juice"),
        "steps": [counting.count(line) for line in ENGLISH],
        "tokenizer": counting.sha256[:12],
    }


def test_another_tokenizer_counts_otherwise(tmp_path):
    from illinstr.training.tasks.clip_tokenizer import write_tokenizer

    write_tokenizer(tmp_path / "model" / "tokenizer", ["a b c"], max_merges=0)
    letters = TokenCounter(tmp_path / "model")
    assert letters.count("abc") == 5  # no merges: a token a letter, start and end
    (tmp_path / "model" / "tokenizer" / "tokenizer.json").unlink()
    assert TokenCounter(tmp_path / "model" / "tokenizer").count("abc") == 5  # from vocab.json and merges.txt
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError):
            TokenCounter(folder)


def test_long_texts_are_counted_in_the_funnel_and_dropped_on_request(run, tmp_path):
    long = "Stir the big pot of soup slowly and with care, " * 20
    made = [article(ENGLISH, "a"), article((long, "Eat it."), "b", goal="How to Make Soup")]
    lines = tmp_path / "set.jsonl"
    lines.write_text("".join(json.dumps(one.model_dump(mode="json")) + "\n" for one in made))
    rules = ("--from-jsonl", lines, "--max-steps", 9)
    code, errors = run(*rules, "--out", tmp_path / "all")
    assert code == 0
    assert "headline too long" in errors  # over 500 characters
    shorter = article((long[:450], "Eat it."), "b", goal="How to Make Soup")
    lines.write_text("".join(json.dumps(one.model_dump(mode="json")) + "\n" for one in (made[0], shorter)))
    code, errors = run(*rules, "--out", tmp_path / "two")
    assert (code, read_index(tmp_path / "two").source_config["funnel"]["texts"]) == (
        0,
        {"seen": 6, "over_77_tokens": 1},
    )
    assert "1 over 77 tokens" in errors
    code, errors = run(*rules, "--max-tokens", 77, "--out", tmp_path / "one")
    assert code == 0
    assert [one.goal for one in iter_articles(tmp_path / "one")] == ["How to Make Apple Juice"]
    assert "1 too many tokens" in errors


def test_the_tokenizer_option_is_heard(run, tmp_path):
    from illinstr.training.tasks.clip_tokenizer import write_tokenizer

    write_tokenizer(tmp_path / "letters", ["a b c"], max_merges=0)
    lines = tmp_path / "set.jsonl"
    lines.write_text(json.dumps(article(ENGLISH).model_dump(mode="json")) + "\n")
    rules = ("--from-jsonl", lines, "--max-tokens", 30)
    assert run(*rules, "--out", tmp_path / "mini")[0] == 0
    code, errors = run(*rules, "--tokenizer", tmp_path / "letters", "--out", tmp_path / "none")
    assert code == 1
    assert "1 too many tokens" in errors
    code, errors = run(*rules, "--tokenizer", tmp_path, "--out", tmp_path / "none")
    assert code == 2
    assert "no CLIP tokenizer" in errors
