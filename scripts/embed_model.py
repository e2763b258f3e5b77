"""What a trained model holds beside the embedded one, as a folder for ``illinstr/assets``.

    python scripts/embed_model.py runs/flow/model --name mini-flow

Files and tensors that are equal to those of ``mini`` in the parts that ``illinstr.models.embedded`` shares are left
out; the whole is then put together again in a temporary folder and compared with the model, file by file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr.errors import DataError
from illinstr.models.embedded import EMBEDDED, SHARED, join_folders

ASSETS = Path(__file__).resolve().parents[1] / "illinstr" / "assets"


def write_own_files(model: Path, base: Path, shared: tuple[str, ...], out: Path) -> None:
    """Copy ``model`` into the empty folder ``out`` without what it shares with ``base``."""
    for file in sorted(path for path in model.rglob("*") if path.is_file()):
        name = file.relative_to(model)
        if name.parts[0] == "lora":
            continue
        target, other = out / name, base / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.parts[0] not in shared or not other.is_file():
            shutil.copyfile(file, target)
        elif file.suffix == ".safetensors":
            known = load_file(other)
            own = {key: tensor for key, tensor in load_file(file).items() if not _same(tensor, known.get(key))}
            if own:
                save_file(own, target, metadata={"format": "pt"})
        elif file.read_bytes() != other.read_bytes():
            shutil.copyfile(file, target)
    for folder in sorted((path for path in out.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def check_whole(model: Path, whole: Path) -> None:
    """Make sure that two model folders are the same model.

    Raises:
        DataError: which file is another.
    """
    for file in sorted(path for path in model.rglob("*") if path.is_file()):
        name = file.relative_to(model)
        if name.parts[0] == "lora":
            continue
        other = whole / name
        if not other.is_file():
            raise DataError(f"{name} is missing")
        if file.suffix == ".safetensors":
            first, second = load_file(file), load_file(other)
            same = set(first) == set(second) and all(_same(first[key], second[key]) for key in first)
        else:
            same = file.read_bytes() == other.read_bytes()
        if not same:
            raise DataError(f"{name} is another")


def main() -> None:
    """Write the folder, put it together again, compare, and say what it weighs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="what illinstr train or export wrote")
    parser.add_argument("--name", choices=[name for name, shared in SHARED.items() if shared], required=True)
    parser.add_argument("--upscale", type=int, default=4, help="drawn images are enlarged so by the embedded upscaler")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(shutil.copytree(options.model, Path(folder) / "model"))
        settings = json.loads((model / "stacked.json").read_text(encoding="utf-8"))
        settings["upscale"] = options.upscale
        (model / "stacked.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        own, whole = Path(folder) / "own", Path(folder) / "whole"
        own.mkdir()
        whole.mkdir()
        write_own_files(model, ASSETS / EMBEDDED, SHARED[options.name], own)
        join_folders(own, ASSETS / EMBEDDED, SHARED[options.name], whole)
        check_whole(model, whole)
        out = ASSETS / options.name
        if out.exists():
            shutil.rmtree(out)
        shutil.copytree(own, out)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{out}: {size / 1e6:.2f} MB")


def _same(first: torch.Tensor, second: torch.Tensor | None) -> bool:
    return second is not None and first.dtype == second.dtype and torch.equal(first, second)


if __name__ == "__main__":
    main()
