import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from illinstr.config import Config, apply_overrides, read_yaml, validate
from illinstr.errors import ConfigError


class Train(Config):
    lr: float = 1e-3
    steps: int = Field(default=10, gt=0)


class Whole(Config):
    train: Train = Train()
    name: str = "x"


def test_settings_reach_their_fields():
    whole = validate(Whole, {"train": {"lr": 0.5}, "name": "y"})
    assert (whole.train.lr, whole.train.steps, whole.name) == (0.5, 10, "y")


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({"train": {"lrr": 1}}, "unknown config key train.lrr", "did you mean train.lr?"),
        ({"nmae": 1}, "unknown config key nmae", "did you mean name?"),
        ({"zzz": 1}, "unknown config key zzz", "known keys here: name, train"),
        ({"train": {"steps": 0}}, "config key train.steps: Input should be greater than 0", None),
        ({"train": 3}, "config key train: ", None),
    ],
)
def test_wrong_settings_are_named(settings, message, hint):
    with pytest.raises(ConfigError) as caught:
        validate(Whole, settings)
    assert message in caught.value.message
    assert caught.value.hint == hint
    assert caught.value.exit_code == 2


def test_config_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Whole().name = "z"


@pytest.mark.parametrize(
    ("raw", "value"), [("1e-4", 1e-4), ("3", 3), ("true", True), ("word", "word"), ("[1, 2]", [1, 2]), ("", None)]
)
def test_override_values_are_yaml_and_1e_4_is_a_number(raw, value):
    assert apply_overrides({}, [f"train.lr={raw}"]) == {"train": {"lr": value}}


def test_overrides_apply_in_order_and_leave_their_input_alone():
    settings = {"train": {"lr": 1, "steps": 2}}
    assert apply_overrides(settings, ["train.lr=3", "train.lr=4"]) == {"train": {"lr": 4, "steps": 2}}
    assert settings == {"train": {"lr": 1, "steps": 2}}


@pytest.mark.parametrize("override", ["lr", "=3", "name.x=1", "a={"])
def test_malformed_overrides_are_refused(override):
    with pytest.raises(ConfigError, match="override"):
        apply_overrides({"name": "x"}, [override])


@given(st.text(alphabet="abc_", min_size=1), st.integers())
def test_any_key_can_be_overridden(key, value):
    assert apply_overrides({}, [f"s.{key}={value}"])["s"][key] == value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read config"),
        (b"\xff", "cannot read config"),
        (b"a: [", "not valid YAML"),
        (b"- 1", "holds no settings"),
        (b"!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_unreadable_yaml_is_refused(tmp_path, content, said):
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        read_yaml(path)
    assert "\n" not in caught.value.message


def test_yaml_is_read(tmp_path):
    (tmp_path / "c.yaml").write_text("train:\n  lr: 0.1\n")
    assert read_yaml(tmp_path / "c.yaml") == {"train": {"lr": 0.1}}


class Optional(Config):
    train: Train | None = None


def test_a_section_that_may_be_left_out_names_neighbours_too():
    with pytest.raises(ConfigError) as caught:
        validate(Optional, {"train": {"stpes": 3}})
    assert caught.value.hint == "did you mean train.steps?"
