"""A whole evaluation, from files to ``results.json``, beside one written with NumPy, SciPy and transformers alone."""

from __future__ import annotations

import functools
import io
import itertools
import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import linalg
from scipy.spatial.distance import cosine, euclidean

from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.perturbations import NOISE_STRENGTHS, add_noise
from illinstr.evaluation.results import Settings
from tests.evaluation.test_appearance import slow_share
from tests.evaluation.test_cli import illinstr, write
from tests.support.eval_world import GOAL_COLOURS, STEP_COLOURS, ColourEncoder, article, noise, twice
from tests.support.image_bytes import encoded
from tests.support.tiny_clip import make_tiny_clip

STEPS = tuple(STEP_COLOURS)
LENGTHS = (5, 2, 3, 4, 5)  # of the run's articles, so that weighting by article and by image differ


def noisy(seed, steps):
    return [half_even(noise(100 * seed + place, 24 + 4 * place), seed + place) for place in range(len(steps))]


def half_even(data, number):
    """The image with its upper half in one of a few colours, so that there is something to explain."""
    image = Image.open(io.BytesIO(data))
    image.paste(list(STEP_COLOURS.values())[number * 3 % 5], (0, 0, image.width, image.height // 2))
    return encoded(image)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Folders of a run, another run and a truth of unlike images; the encoder; where their results lie."""
    root = tmp_path_factory.mktemp("oracle")
    clip = make_tiny_clip(root / "clip")
    folders = {}
    for place, (name, lengths) in enumerate((("run", LENGTHS), ("other", LENGTHS[::-1]), ("truth", (5,) * 5))):
        made = []
        for number, (colour, length) in enumerate(zip(GOAL_COLOURS, lengths, strict=True)):
            steps = STEPS[:length]
            made.append(article(colour, steps, images=noisy(10 * place + number, steps)))
        folders[name] = write(root / name, made)
    done = illinstr(
        folders["run"], "--against", folders["other"], "--truth", folders["truth"], "--encoder", clip, "--min-fid", "2",
        "--no-cache", "--batch-size", "3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folders, clip, folders["run"] / "eval"


class Oracle:
    """Reads the folders as any program would: JSON, PNG, and the encoder through transformers."""

    def __init__(self, clip: Path) -> None:
        from transformers import AutoImageProcessor, CLIPModel, CLIPTokenizer

        self.model = CLIPModel.from_pretrained(clip, use_safetensors=True).eval()
        self.look_at, self.tokens = AutoImageProcessor.from_pretrained(clip), CLIPTokenizer.from_pretrained(clip)

    def read(self, folder: Path) -> dict[str, list[tuple[str, np.ndarray]]]:
        """Goal to the text and the features of each step."""
        found = {}
        for path in sorted(folder.glob("*/article.json")):
            content = json.loads(path.read_text())
            images = [path.parent / f"step-{place:02d}.png" for place in range(1, len(content["steps"]) + 1)]
            texts = [step["headline"] for step in content["steps"]]
            found[content["goal"]] = list(zip(texts, [self.image(each) for each in images], strict=True))
        return found

    def image(self, path: Path) -> np.ndarray:
        import torch

        with Image.open(path) as image, torch.inference_mode():
            pixels = self.look_at(images=image.convert("RGB"), return_tensors="pt")["pixel_values"]
            hidden = self.model.vision_model(pixel_values=pixels).pooler_output
            return self.model.visual_projection(hidden)[0].numpy().astype(float)

    @functools.cache  # noqa: B019 (as long as the module's tests)
    def text(self, text: str) -> np.ndarray:
        import torch

        with torch.inference_mode():
            hidden = self.model.text_model(**self.tokens([text], return_tensors="pt")).pooler_output
            return self.model.text_projection(hidden)[0].numpy().astype(float)


@pytest.fixture(scope="module")
def oracle(evaluated):
    folders, clip, _ = evaluated
    looking = Oracle(clip)
    return looking, {name: looking.read(folder) for name, folder in folders.items()}


def by_article(scores: dict[str, list[float]]) -> float:
    return sum(sum(each) / len(each) for each in scores.values()) / len(scores)


def spread(steps) -> float:
    pairs = [euclidean(a, b) for (_, a), (_, b) in itertools.combinations(steps, 2)]
    return sum(pairs) / len(pairs)


@functools.cache
def unexplained_in(folder: Path) -> dict[str, float]:
    """Goal to the per cent of even areas that no other image of its article explains, by the slow second way."""
    found = {}
    for path in sorted(folder.glob("*/article.json")):
        content = json.loads(path.read_text())
        images = [Image.open(path.parent / f"step-{k:02d}.png") for k in range(1, len(content["steps"]) + 1)]
        found[content["goal"]] = 100 * slow_share([image.convert("RGB") for image in images])
    return found


def distances(mine, true) -> dict[str, float]:
    """FID through a matrix root; KID and CMMD through their kernels, all pairs of different goals written out."""
    a, b = (np.stack([features for steps in side.values() for _, features in steps]) for side in (mine, true))
    covariances = [np.cov(each.T) for each in (a, b)]
    # The root of a product of singular matrices: a little noise on the diagonal keeps sqrtm from dividing by zero.
    root = linalg.sqrtm((covariances[0] + 1e-9 * np.eye(a.shape[1])) @ (covariances[1] + 1e-9 * np.eye(a.shape[1])))
    fid = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root.real)

    def mean(first, second, kernel):
        goals = [
            np.mean([kernel(x, y) for _, x in first[one] for _, y in second[two]])
            for one, two in itertools.permutations(mine, 2)
        ]
        return sum(goals) / len(goals)

    def cubic(x, y):
        return (np.dot(x, y) / len(x) + 1) ** 3

    def gaussian(x, y):
        return 1000 * math.exp(-(euclidean(x / linalg.norm(x), y / linalg.norm(y)) ** 2) / (2 * 10**2))

    found = {
        name: mean(mine, mine, kernel) + mean(true, true, kernel) - 2 * mean(mine, true, kernel)
        for name, kernel in (("kid", cubic), ("cmmd", gaussian))
    }
    return {"fid": float(fid), **found}


@pytest.mark.parametrize("side", ["run", "other"])
def test_every_metric_equals_the_second_evaluation(evaluated, oracle, side):
    looking, worlds = oracle
    folders = evaluated[0]
    mine, true = worlds[side], worlds["truth"]
    results = json.loads((evaluated[2] / "results.json").read_text())
    found = {each["name"]: each["value"] for each in (results["metrics"] if side == "run" else
                                                      results["side_metrics"]["other"])}  # fmt: skip
    lines = [json.loads(line) for line in (evaluated[2] / "samples.jsonl").read_text().splitlines()]
    scores = {name: defaultdict(list) for name in ("goal_faithfulness", "step_faithfulness", "clip_score")}
    for line in lines:
        if line["side"] == side and line["metric"] in ("goal_faithfulness", "step_faithfulness"):
            text, features = mine[line["goal"]][line["steps"][0] - 1]
            own, *others = line["candidates"]
            if line["metric"] == "goal_faithfulness":
                assert own == line["goal"] and len(set(others) - {own}) == 3 and set(others) <= set(mine)
            else:
                texts = [each for each, _ in mine[line["goal"]]]
                assert own == text and set(others) < set(texts) and own not in others
                assert len(others) == len(set(others)) == min(3, len(texts) - 1)
            nearest = min(line["candidates"], key=lambda each: cosine(features, looking.text(each)))
            scores[line["metric"]][line["goal"]].append(float(nearest == own))
    for goal, steps in mine.items():
        scores["clip_score"][goal] = [100 * max(1 - cosine(image, looking.text(text)), 0) for text, image in steps]
    expected = {name: by_article(each) for name, each in scores.items()}
    expected["feature_distance"] = by_article({goal: [spread(steps)] for goal, steps in mine.items()})
    shares = {name: unexplained_in(folders[name]) for name in (side, "truth")}
    expected["consistency"] = by_article({goal: [share] for goal, share in shares[side].items()})
    gaps = [share - shares["truth"][goal] for goal, share in shares[side].items()]
    expected["consistency_gap"] = abs(sum(gaps) / len(gaps))
    lengths = {goal: np.mean([linalg.norm(each) for _, each in steps]) for goal, steps in mine.items()}
    expected["diversity"] = np.mean([spread(steps) / lengths[goal] >= 0.02 for goal, steps in mine.items()])
    expected |= distances(mine, true)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=2e-3 if name == "fid" else 1e-4, abs=1e-6), name
    assert 0 < expected["step_faithfulness"] < 1 and 0 < expected["goal_faithfulness"] < 1


def test_comparisons_are_differences_of_the_same_numbers(evaluated):
    results = json.loads((evaluated[2] / "results.json").read_text())
    run, other = ({each["name"]: each["value"] for each in metrics} for metrics in
                  (results["metrics"], results["side_metrics"]["other"]))  # fmt: skip
    compared = {each["metric"]: each["difference"] for each in results["comparisons"]}
    assert set(compared) == set(run) == set(other)
    for name, difference in compared.items():
        assert difference == pytest.approx(run[name] - other[name], abs=1e-9), name


class PixelEncoder(ColourEncoder):
    """Sees every pixel, where ``ColourEncoder`` sees the nearest named colour; texts as the latter reads them."""

    id, sha256 = "pixels", "3" * 64

    def _image(self, image):
        return np.asarray(image.convert("RGB").resize((8, 8), Image.Resampling.NEAREST), float).ravel() / 255


def test_the_stronger_the_noise_the_further_from_the_truth():
    """Three strengths, by an encoder that sees each of them: distances rise every time."""
    truth = twice([article(colour) for colour in GOAL_COLOURS])
    found = []
    for strength in (0, *NOISE_STRENGTHS):
        run = [add_noise(each, strength, 0) for each in truth] if strength else truth
        settings = Settings(bootstrap=200, min_fid_pictures=10)
        prepared = prepare(Source("run", run), settings, truth=Source("truth", truth))
        evaluation = score(prepared, ColourEncoder(), PixelEncoder())
        found.append({each.name: each.value for each in evaluation.results.metrics})
    assert len(NOISE_STRENGTHS) == 3
    for earlier, later in itertools.pairwise(found):
        assert later["fid"] > earlier["fid"]
        assert later["clip_score"] <= earlier["clip_score"] and later["cmmd"] >= earlier["cmmd"] - 1e-2
    assert found[-1]["clip_score"] < found[0]["clip_score"] and found[-1]["cmmd"] > found[0]["cmmd"]
