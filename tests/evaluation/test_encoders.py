"""Real CLIP and DINOv2 folders, tiny and random: the same features whatever the batch, and nothing unsafe is loaded."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from illinstr.errors import ModelError, UsageError
from illinstr.evaluation.encoders import transformers as encoders
from illinstr.evaluation.encoders.transformers import load_image_encoder, load_image_text_encoder
from tests.support.tiny_clip import make_tiny_clip

TEXTS = ["Make juice", "Cut it", "wash " * 90, "Pour the juice into a glass and serve it", ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def encoder(folder):
    return load_image_text_encoder(str(folder), device="cpu")


def images():
    generator = np.random.default_rng(0)
    sizes = [(32, 32), (48, 32), (20, 60), (128, 128), (33, 31)]
    return [Image.fromarray(generator.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]


def test_features_do_not_depend_on_the_batch(folder, encoder):
    single = load_image_text_encoder(str(folder), device="cpu", batch_size=1)
    np.testing.assert_allclose(encoder.encode_images(images()), single.encode_images(images()), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), single.encode_texts(TEXTS), atol=1e-5)
    turned = encoder.encode_texts(TEXTS[::-1])[::-1]
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), turned, atol=1e-5)


def test_features_equal_those_of_the_model_itself(folder, encoder):
    import torch
    from transformers import AutoImageProcessor, CLIPModel, CLIPTokenizer

    model = CLIPModel.from_pretrained(folder, use_safetensors=True).eval()
    tokens = CLIPTokenizer.from_pretrained(folder)([TEXTS[3]], return_tensors="pt")
    pixels = AutoImageProcessor.from_pretrained(folder)(images=images()[:1], return_tensors="pt")
    with torch.inference_mode():
        hidden = model.text_model(**tokens).pooler_output
        text = model.text_projection(hidden)[0].numpy()
        image = model.visual_projection(model.vision_model(**pixels).pooler_output)[0].numpy()
    np.testing.assert_allclose(encoder.encode_texts([TEXTS[3]])[0], text, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(images()[:1])[0], image, atol=1e-5)
    assert abs(np.linalg.norm(image) - 1) > 1e-3  # unnormalised


def test_clip_score_equals_torchmetrics(folder, encoder):
    import torch
    from torchmetrics.functional.multimodal import clip_score
    from transformers import AutoImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    from illinstr.evaluation.metrics.definitions import clip_score as ours

    model = CLIPModel.from_pretrained(folder, use_safetensors=True).eval()

    class Plain(torch.nn.Module):
        """torchmetrics wants tensors where transformers 5 returns an object that holds them."""

        config, device = model.config, torch.device("cpu")

        def get_image_features(self, pixel_values):
            return model.get_image_features(pixel_values=pixel_values).pooler_output

        def get_text_features(self, input_ids, attention_mask):
            return model.get_text_features(input_ids=input_ids, attention_mask=attention_mask).pooler_output

    processor = CLIPProcessor(AutoImageProcessor.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder))
    texts = [TEXTS[0], TEXTS[1], TEXTS[3]]
    looked, read = encoder.encode_images(images()[:3]), encoder.encode_texts(texts)
    for picture, image, text, sentence in zip(images(), looked, read, texts, strict=False):
        tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        with torch.inference_mode():
            theirs = clip_score(tensor, sentence, model_name_or_path=lambda: (Plain(), processor))
        assert ours(image, text) == pytest.approx(float(theirs), abs=1e-4)


def test_long_texts_are_cut_counted_and_keep_their_end(folder):
    encoder = load_image_text_encoder(str(folder), device="cpu")
    assert encoder.is_cut(TEXTS) == [False, False, True, False, False]
    # 77 tokens with start and end: 75 of the text's own fit, one more does not.
    assert encoder.is_cut(["w " * 75, "w " * 76]) == [False, True]
    longer = encoder.encode_texts(["wash " * 90, "wash " * 300, "wash " * 20])
    np.testing.assert_allclose(longer[0], longer[1], atol=1e-6)
    assert np.abs(longer[0] - longer[2]).max() > 1e-4


def test_the_letters_of_a_special_token_are_only_letters(encoder):
    ended = encoder.encode_texts(["Cut", "Cut <|endoftext|> the apple", "Cut <|endoftext|> the pear"])
    assert np.abs(ended[1] - ended[2]).max() > 1e-5


def test_the_fingerprint_follows_weights_and_preprocessing_not_the_place(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert encoders.fingerprint(copy) == encoders.fingerprint(folder)
    settings = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps(settings | {"image_mean": [0, 0, 0]}))
    assert encoders.fingerprint(copy) != encoders.fingerprint(folder)
    other = make_tiny_clip(tmp_path / "other", seed=1)
    assert encoders.fingerprint(other) != encoders.fingerprint(folder)


def test_dinov2_serves_for_consistency_and_not_for_texts(tmp_path):
    import torch
    from transformers import Dinov2Config, Dinov2Model

    folder = tmp_path / "dino"
    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14)
    model = Dinov2Model(config).eval()
    model.save_pretrained(folder)
    square = {"height": 28, "width": 28}
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 28}, "crop_size": square})
    )
    encoder = load_image_encoder(str(folder), device="cpu")
    features = encoder.encode_images(images())
    assert features.shape == (5, 24)
    single = load_image_encoder(str(folder), device="cpu", batch_size=2).encode_images(images())
    np.testing.assert_allclose(features, single, atol=1e-5)
    with pytest.raises(ModelError, match="type 'dinov2'"):
        load_image_text_encoder(str(folder), device="cpu")


def test_siglip_reads_images_and_texts_whatever_the_batch(tmp_path):
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel

    folder = tmp_path / "siglip"
    torch.manual_seed(0)
    tower = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**tower, "vocab_size": 40, "max_position_embeddings": 12, "projection_size": 24}
    vision = {**tower, "image_size": 28, "patch_size": 14}
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).eval().save_pretrained(folder)
    words = [
        "</s>",
        "<unk>",
        *["make", "juice", "cut", "it", "wash", "pour", "the", "into", "a", "glass", "and", "serve"],
    ]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="</s>", unk_token="<unk>", eos_token="</s>", model_max_length=12
    ).save_pretrained(folder)
    square = {"height": 28, "width": 28}
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "SiglipImageProcessor", "size": square})
    )
    encoder, single = (load_image_text_encoder(str(folder), device="cpu", batch_size=size) for size in (32, 1))
    texts = ["make juice", "cut it", "wash " * 30, "pour the juice into a glass and serve it"]
    np.testing.assert_allclose(encoder.encode_images(images()), single.encode_images(images()), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts), single.encode_texts(texts), atol=1e-5)
    assert encoder.is_cut(texts) == [False, False, True, False]
    assert np.abs(encoder.encode_texts(texts[:1]) - encoder.encode_texts(texts[1:2])).max() > 1e-4
    assert encoder.encode_texts(texts).shape[1] == encoder.encode_images(images()).shape[1]


def test_pickled_weights_are_never_loaded(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "pickled")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no model\.safetensors"):
        load_image_text_encoder(str(copy), device="cpu")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_folder_that_lacks_a_file_is_refused_by_name(folder, tmp_path, name):
    copy = shutil.copytree(folder, tmp_path / "lacking")
    (copy / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_image_text_encoder(str(copy), device="cpu")


def test_a_model_in_the_form_of_open_clip_is_named_as_such(tmp_path):
    (tmp_path / "open_clip_config.json").write_text("{}")
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="no readable config") as caught:
        load_image_text_encoder(str(tmp_path), device="cpu")
    assert "open_clip" in (caught.value.hint or "") and "transformers" in (caught.value.hint or "")


def test_damaged_weights_and_config_are_one_line_errors(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "torn")
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[:5000])
    with pytest.raises(ModelError, match="cannot load the encoder") as caught:
        load_image_text_encoder(str(copy), device="cpu")
    assert "\n" not in caught.value.message
    (copy / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json"):
        load_image_text_encoder(str(copy), device="cpu")


def test_names_that_lead_nowhere(monkeypatch, tmp_path):
    with pytest.raises(ModelError, match="no encoder folder"):
        load_image_text_encoder("/no/such/folder", device="cpu")
    with pytest.raises(UsageError, match="is unknown"):
        load_image_text_encoder("judge", device="abacus")
    monkeypatch.setattr(encoders, "JUDGE_FOLDER", tmp_path)
    with pytest.raises(ModelError, match="offline judge"):
        load_image_text_encoder("judge", device="cpu")
