"""Folders of images by other systems, scored by a table of what they were asked for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from illinstr import evaluate
from illinstr.articles import Article
from illinstr.errors import DataError, PartialError, UsageError
from illinstr.evaluation.arena import Asked, read_asked, read_drawn
from illinstr.images import decode_image, encode_png
from tests.support.eval_world import good_run, write_runs

GOALS = ("How to brew mint tea in a red mug", "How to wash a blue car")


def png(colour: tuple[int, int, int], size: tuple[int, int] = (24, 24)) -> bytes:
    return encode_png(Image.new("RGB", size, colour))


def table(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    """Written as TSV, CSV or JSON lines, by the name's ending."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text("\ufeff" + text.getvalue(), encoding="utf-8")  # as spreadsheets save it
    return path


@pytest.mark.parametrize("name", ["goals.tsv", "goals.csv"])
@pytest.mark.parametrize("columns", [True, False])
def test_tables_say_the_same_in_any_form(tmp_path: Path, name: str, columns: bool) -> None:
    wanted = [Asked("a", "Tea, hot", ("Boil.", "Pour, slowly.")), Asked("Wash it", "Wash it", ("Scrub.",))]
    if columns:
        rows: list[dict[str, object]] = [
            {"ID": "a", "Goal": "Tea, hot", "Step 1": "Boil.", "Step 2": "Pour,  slowly."},
            {"ID": "", "Goal": "Wash it", "Step 1": "Scrub.", "Step 2": ""},
        ]
    else:
        rows = [
            {"ID": "a", "Goal": "Tea, hot", "Steps": "Boil. | Pour, slowly."},
            {"ID": "", "Goal": "Wash it", "Steps": "Scrub."},
        ]
    assert read_asked(table(tmp_path / name, rows), pytest.fail) == wanted
    lines = [{"id": row.id, "goal": row.goal, "steps": list(row.steps)} for row in wanted]
    assert read_asked(table(tmp_path / "goals.jsonl", lines), pytest.fail) == wanted


def test_a_bad_row_costs_itself_alone(tmp_path: Path) -> None:
    good = {"id": "a", "goal": "Tea", "steps": ["Boil."]}
    rows = [
        good,
        {"id": "b", "goal": " ", "steps": ["x"]},
        {"id": "c", "goal": "Tea", "steps": []},
        {"id": "A", "goal": "Coffee", "steps": ["Grind."]},
        {"id": "d", "goal": "Tea", "steps": ["Boil.", " "]},
        {"id": "e", "goal": "Tea", "steps": ["Boil.", 3]},
        {"id": "f", "goal": "Tea", "steps": ["Boil.", "Pour."], "grid": "1x1"},
        {"id": "g", "goal": "Tea", "steps": ["Boil."], "grid": "wide"},
        [],
    ]
    path = table(tmp_path / "goals.jsonl", rows)  # type: ignore[arg-type]
    path.write_text(path.read_text() + "{\n" + "[" * 100_000 + "\n")
    told: list[str] = []
    assert read_asked(path, lambda error: told.append(error.message)) == [Asked("a", "Tea", ("Boil.",))]
    assert [line.split("line ")[1].split(":")[0] for line in told] == [str(number) for number in range(2, 12)]
    assert "'A' is the id of an earlier row" in told[2] and "no room for 2 steps" in told[5]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("goals.tsv", "name\tsteps\nTea\tBoil\n", "no column called goal"),
        ("goals.tsv", "", "no column called goal"),
        ("goals.tsv", "goal\tsteps\n", "names no goals"),
        ("goals.xlsx", "PK", "ends in none of"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said):
        read_asked(tmp_path / name, pytest.fail)


def colours(article: Article) -> list[tuple[int, ...] | None]:
    return [step.image and step.image.decode().getpixel((1, 1)) for step in article.steps]


def test_images_are_found_by_the_names_that_people_give_them(tmp_path: Path) -> None:
    steps = ("One.", "Two.", "Three.")
    rows = [Asked(name, f"Goal {name}", steps) for name in ("inside", "flat", "0003", "zero", "unnumbered")]
    rows += [Asked("canvas", "Goal", steps, (2, 2)), Asked("How to brew tea", "How to brew tea", steps)]
    shades = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    names = {
        "inside": ["Inside/step-01.png", "Inside/step-02.png", "Inside/step-03.png"],
        "flat": ["flat_1.png", "flat-2.png", "flat step 3.png"],
        "0003": ["0003_1.png", "0003_2.png", "0003_3.png"],
        "zero": ["zero/img0.png", "zero/img1.png", "zero/img2.png"],
        "unnumbered": ["unnumbered/a.png", "unnumbered/b.png", "unnumbered/c.png"],
        "How to brew tea": ["brew_tea.1.png", "brew_tea.2.png", "brew_tea.3.png"],
    }
    for files in names.values():
        for name, shade in zip(files, shades, strict=True):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(png(shade))
    canvas = Image.new("RGB", (41, 40))
    for place, shade in enumerate(shades):
        canvas.paste(shade, (place % 2 * 20, place // 2 * 20, place % 2 * 20 + 20, place // 2 * 20 + 20))
    canvas.save(tmp_path / "canvas.png")
    (tmp_path / "notes.txt").write_text("no image")
    drawn = list(read_drawn(tmp_path, rows, pytest.fail))
    assert [colours(article) for article in drawn] == [shades] * len(rows)
    assert [article.goal for article in drawn] == [row.goal for row in rows]


def test_what_is_missing_or_damaged_costs_itself_alone(tmp_path: Path) -> None:
    rows = [Asked("a", "Tea", ("Boil.", "Pour.")), Asked("b", "Coffee", ("Grind.",)), Asked("c", "Milk", ("Heat.",))]
    rows += [Asked("d", "Jam", ("Boil.", "Stir.", "Fill."))]
    (tmp_path / "a_1.png").write_bytes(png((9, 9, 9)))
    (tmp_path / "a_2.png").write_bytes(png((9, 9, 9))[:60])
    (tmp_path / "a_3.png").write_bytes(png((9, 9, 9)))
    (tmp_path / "c_1.gif").write_bytes(b"GIF89a")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "left.png").write_bytes(png((9, 9, 9)))
    told: list[str] = []
    drawn = list(read_drawn(tmp_path, rows, lambda error: told.append(error.message)))
    assert [(article.id, [step.image is not None for step in article.steps]) for article in drawn] == [
        ("a", [True, False])
    ]
    assert len(told) == 6 and any("step 3, and 'a' has 2" in line for line in told)
    assert any("holds no image of 'b'" in line for line in told) and any("do not number them" in line for line in told)


def test_a_folder_scores_as_the_run_of_the_same_images(tmp_path: Path) -> None:
    articles = good_run()
    write_runs(tmp_path / "data", articles)
    folder = tmp_path / "images"
    folder.mkdir()
    rows: list[dict[str, object]] = []
    for number, article in enumerate(articles):
        rows.append({"id": number, "goal": article.goal, "steps": "|".join(step.headline for step in article.steps)})
        for place, step in enumerate(article.steps, start=1):
            assert step.image is not None and step.image.data is not None
            (folder / f"{number}_{place}.png").write_bytes(encode_png(decode_image(step.image.data)))
    goals = table(tmp_path / "goals.tsv", rows)
    by_run = evaluate(tmp_path / "data", bootstrap=100)
    by_folder = evaluate(folder, goals=goals, bootstrap=100)
    assert by_run.values and by_folder.values
    scores = [{m["name"]: m["value"] for m in each.values["results"]["metrics"]} for each in (by_run, by_folder)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-6) and scores[0]
    (folder / "0_1.png").write_bytes(b"broken")
    spoilt = evaluate([folder, tmp_path / "data"], goals=goals, compare=True, out=tmp_path / "board", bootstrap=100)
    assert isinstance(spoilt.error, PartialError) and spoilt.page is not None
    with pytest.raises(DataError):
        evaluate(folder)  # without the table it is no run
    with pytest.raises(UsageError, match="is no file"):
        evaluate(folder, goals=tmp_path / "none.tsv")
