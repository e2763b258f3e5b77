import io
import os
import pickle
import tarfile

import pytest
import torch
from PIL import Image

from illinstr.articles import Article, Provenance, Step, StepImage
from illinstr.errors import ConfigError, DataError
from illinstr.shards import ArticleLoader, ShardWriter, iter_articles
from illinstr.shards.loader import panels_of
from tests.support.image_bytes import encoded
from tests.support.shard_articles import article, make_image, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    made = [article(number, steps=1 + number % 4) for number in range(23)]
    return write_data(tmp_path_factory.mktemp("loader") / "data", made, max_samples=7)


def ids(items) -> list[str]:
    return [item.id for item in items]


def batch_ids(batches) -> list[list[str]]:
    return [ids(batch) for batch in batches]


def test_an_epoch_holds_every_article_once_and_equal_to_the_stream(data):
    loaded = {one.id: one for one in ArticleLoader(data, decode=False)}
    assert loaded == {one.id: one for one in iter_articles(data)}
    assert len(ArticleLoader(data, decode=False)) == 23


def test_the_order_comes_from_seed_and_epoch_alone(data):
    first = ArticleLoader(data, decode=False, seed=5)
    one, two = ids(first), ids(first)
    assert one != two
    assert sorted(one) == sorted(two)
    again = ArticleLoader(data, decode=False, seed=5)
    assert [ids(again), ids(again)] == [one, two]
    again.set_epoch(1)
    assert ids(again) == two
    assert ids(ArticleLoader(data, decode=False, seed=6)) != one


def test_without_shuffle_articles_come_as_written(data):
    loader = ArticleLoader(data, decode=False, shuffle=False)
    assert ids(loader) == ids(iter_articles(data))
    assert ids(loader) == ids(iter_articles(data))


def test_the_number_of_workers_changes_nothing(data):
    alone = batch_ids(ArticleLoader(data, decode=False, seed=1).bucket_by_steps(3))
    for workers in (1, 2):
        loader = ArticleLoader(data, decode=False, seed=1, num_workers=workers).bucket_by_steps(3)
        assert batch_ids(loader) == alone


def test_ranks_share_an_epoch_evenly_and_without_overlap(data):
    shares = [ids(ArticleLoader(data, decode=False, rank=rank, world_size=4)) for rank in range(4)]
    assert [len(share) for share in shares] == [5, 5, 5, 5]
    together = [key for share in shares for key in share]
    assert len(set(together)) == 20
    whole = ids(ArticleLoader(data, decode=False))
    assert [key for row in zip(*shares, strict=True) for key in row] == whole[:20]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop_after", [0, 1, 4, 9])
def test_a_stopped_epoch_goes_on_with_the_very_next_batch(data, workers, stop_after):
    def loader():
        return ArticleLoader(data, decode=False, seed=3, num_workers=workers).bucket_by_steps(2)

    reference = loader()
    expected = batch_ids(reference) + batch_ids(reference)
    stopped = loader()
    seen = []
    for batch in stopped if stop_after else ():
        seen.append(ids(batch))
        if len(seen) == stop_after:
            state = pickle.loads(pickle.dumps(stopped.state_dict()))
            break
    else:
        state = stopped.state_dict()
    resumed = loader()
    resumed.load_state_dict(state)
    assert seen + batch_ids(resumed) + batch_ids(resumed) == expected


def test_a_state_saved_after_the_last_item_goes_on_with_the_next_epoch(data):
    loader = ArticleLoader(data, decode=False)
    reference = ArticleLoader(data, decode=False)
    ids(reference)
    for count, _ in enumerate(loader, start=1):
        if count == len(loader):
            break
    resumed = ArticleLoader(data, decode=False)
    resumed.load_state_dict(loader.state_dict())
    assert ids(resumed) == ids(reference)


@pytest.mark.parametrize("change", [{"seed": 9}, {"shuffle": False}, {"rank": 1, "world_size": 2}])
def test_a_state_of_another_run_is_refused(data, change):
    state = ArticleLoader(data, decode=False).state_dict()
    with pytest.raises(DataError, match=f"{next(reversed(change))}.* changed"):
        ArticleLoader(data, decode=False, **change).load_state_dict(state)


def test_a_state_of_other_data_is_refused(data, tmp_path):
    other = write_data(tmp_path, [article(number, steps=1) for number in range(23)])
    state = ArticleLoader(data, decode=False).state_dict()
    with pytest.raises(DataError, match="shards_sha256 changed"):
        ArticleLoader(other, decode=False).load_state_dict(state)
    with pytest.raises(DataError, match="changed"):
        ArticleLoader(data, decode=False).load_state_dict({"version": 99})


def test_batches_hold_one_number_of_steps_within_bounds(data):
    loader = ArticleLoader(data, panel_px=4).bucket_by_steps(4, 2, 3)
    seen = 0
    for batch in loader:
        shape = batch["panels_bnchw"].shape
        lengths = {one.num_steps for one in batch["articles"]}
        assert shape == (len(batch["articles"]), lengths.pop(), 3, 4, 4)
        assert not lengths
        assert 2 <= shape[1] <= 3
        seen += shape[0]
    assert seen == 12
    assert loader.left_out == 11


def test_drop_last_leaves_full_batches_only(data):
    sizes = [len(batch) for batch in ArticleLoader(data, decode=False).bucket_by_steps(4, drop_last=True)]
    assert sizes == [4] * 4
    assert sorted(len(batch) for batch in ArticleLoader(data, decode=False).bucket_by_steps(4))[:4] == [1, 2, 2, 2]


def test_batches_of_different_lengths_are_mixed(data):
    lengths = [batch[0].num_steps for batch in ArticleLoader(data, decode=False).bucket_by_steps(1)]
    assert lengths != sorted(lengths)


def test_settings_that_leave_nothing_are_refused(data, tmp_path):
    with pytest.raises(DataError, match="no article of 50 to 60 steps"):
        ArticleLoader(data).bucket_by_steps(2, 50, 60)
    with pytest.raises(DataError, match="no full batch of 100"):
        ArticleLoader(data).bucket_by_steps(100, drop_last=True)
    with pytest.raises(DataError, match="no split"):
        ArticleLoader(data, split="val")
    bare = write_data(tmp_path, [article(1, images=False)])
    with pytest.raises(DataError, match="no article with all its images"):
        ArticleLoader(bare)
    for wrong in ({"rank": 1}, {"panel_px": 0}, {"num_workers": -1}, {"max_errors": -1}):
        with pytest.raises(ConfigError):
            ArticleLoader(data, **wrong)
    for bounds in ((0, 1, 2), (1, 0, 2), (1, 3, 2)):
        with pytest.raises(ConfigError):
            ArticleLoader(data).bucket_by_steps(*bounds)


def test_articles_that_miss_a_image_are_left_out_when_decoding(tmp_path):
    write_data(tmp_path, [article(1), article(2, images=False)])
    loader = ArticleLoader(tmp_path)
    assert [sample["article"].id for sample in loader] == ["test-00001"]
    assert loader.left_out == 1
    assert len(list(ArticleLoader(tmp_path, decode=False))) == 2


def one_step(data: bytes) -> Article:
    step = Step(headline="h", image=StepImage.from_bytes(data))
    return Article(id="one", goal="g", steps=(step,), provenance=Provenance(source="s"))


def test_panels_are_uint8_rgb_with_transparency_on_white():
    panels = panels_of(one_step(encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0)))), 4)
    assert panels.dtype == torch.uint8
    assert panels.shape == (1, 3, 4, 4)
    assert panels.unique().tolist() == [255]
    red = panels_of(one_step(make_image((250, 3, 4), (4, 4))), 4)
    assert red[0, :, 3, 3].tolist() == [250, 3, 4]


def broken_image_data(folder):
    """Shards whose hashes all agree and one of whose images is cut short."""
    cut = make_image(size=(64, 64))[:-60]
    with ShardWriter(folder, source_config={}) as writer:
        for number in range(6):
            writer.add(article(number, steps=1))
        writer.add(one_step(cut))
    return folder


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_samples_are_counted_and_limited(tmp_path, workers, capsys):
    data = broken_image_data(tmp_path)
    with pytest.raises(DataError, match=r"1 samples could not be read, 0 are allowed.*one: step 1"):
        list(ArticleLoader(data, panel_px=8, num_workers=workers))
    from illinstr.console import PlainReporter

    tolerant = ArticleLoader(data, panel_px=8, max_errors=1, num_workers=workers, reporter=PlainReporter())
    assert len(list(tolerant)) == 6
    assert len(tolerant.errors) == 1
    assert "unreadable sample 1 (limit 1)" in capsys.readouterr().err
    with pytest.raises(DataError, match="2 samples could not be read"):
        list(tolerant)


def test_a_bad_sample_leaves_its_batch_smaller(tmp_path):
    loader = ArticleLoader(broken_image_data(tmp_path), panel_px=8, max_errors=1).bucket_by_steps(7)
    (batch,) = loader
    assert batch["panels_bnchw"].shape[0] == len(batch["articles"]) == 6


def test_nothing_in_a_tar_is_unpickled(tmp_path):
    class Harm:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "harmed"),))

    data = write_data(tmp_path / "data", [article(1, steps=1)])
    path = data / "shards/train-000000.tar"
    with tarfile.open(path, "a") as tar:
        info = tarfile.TarInfo("test-00001.pyd")
        content = pickle.dumps(Harm())
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    with pytest.raises(DataError, match=r"neither KEY\.json"):
        list(iter_articles(data))
    assert len(list(ArticleLoader(data, panel_px=4))) == 1
    assert not (tmp_path / "harmed").exists()


def test_webdataset_runs_in_its_secure_mode():
    import webdataset as wds

    assert wds.utils.enforce_security is True
    with pytest.raises(ValueError, match="pipe"):
        next(iter(wds.WebDataset("pipe:echo harm", shardshuffle=False)))
