"""Accelerate config files: how the processes of a training run share the model (plainly, FSDP, DeepSpeed).

accelerate itself turns a file into the environment that its library reads; what our trainer cannot do is refused here.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from illinstr.errors import ConfigError, UsageError


def check_environment(environment: Mapping[str, str], algorithm: str) -> None:
    """Refuse what the processes would refuse, before they are started.

    Args:
        environment: what will be added to that of this process.
        algorithm: the optimiser, as ``optim.algorithm`` names it.

    Raises:
        UsageError: DeepSpeed is asked for: not installed, or installed but with its optimiser state out of our reach;
            or Muon or Adafactor on a model that is cut over the processes.
    """
    wanted = {**os.environ, **environment}
    if algorithm in ("muon", "adafactor") and wanted.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
        raise UsageError(
            f"optim.algorithm={algorithm} updates whole matrices, and FSDP cuts them over the processes",
            hint="use --accelerate-config ddp, or optim.algorithm=adamw",
        )
    if wanted.get("ACCELERATE_USE_DEEPSPEED", "false").lower() != "true":
        return
    missing = importlib.util.find_spec("deepspeed") is None
    reason = "is not installed" if missing else "keeps optimiser state where our checkpoints cannot reach it"
    raise UsageError(
        f"the accelerate config asks for DeepSpeed, which {reason}",
        hint="use --accelerate-config fsdp: it cuts the same state over the processes and resumes exactly",
    )


def accelerate_config_names() -> list[str]:
    """Names of the accelerate configs that ship with the package."""
    folder = resources.files("illinstr.engine") / "accelerate"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def find_accelerate_config(name_or_path: str) -> Path:
    """A shipped accelerate config by name, or a file.

    Raises:
        ConfigError: neither.
    """
    if name_or_path in accelerate_config_names():
        return Path(str(resources.files("illinstr.engine") / "accelerate" / f"{name_or_path}.yaml"))
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml", ".json"} or not path.is_file():
        names = ", ".join(accelerate_config_names())
        raise ConfigError(f"no accelerate config called {name_or_path!r}", hint=f"shipped: {names}; or give a file")
    return path


def accelerate_environment(config: Path, num_processes: int) -> dict[str, str]:
    """What ``accelerate launch --config_file`` would add to the environment of each process.

    Raises:
        ConfigError: accelerate does not take the file.
        UsageError: it is for several machines.
    """
    from accelerate.commands import launch
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    asked = ["--config_file", str(config), "--num_processes", str(num_processes), "--main_process_port", "0"]
    try:
        args = launch.launch_command_parser().parse_args([*asked, "--module", "illinstr"])
        args, defaults, _ = launch._validate_launch_command(args)
        if args.num_machines and args.num_machines > 1:
            raise UsageError(
                f"{config} is for {args.num_machines} machines",
                hint="run on each: accelerate launch --config_file FILE -m illinstr train ...",
            )
        if args.use_deepspeed:
            args.deepspeed_fields_from_accelerate_config = ",".join(defaults.deepspeed_config)
            environment: Mapping[str, str] = prepare_deepspeed_cmd_env(args)[1]
        else:
            environment = prepare_multi_gpu_env(args)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ConfigError(f"accelerate does not take {config}: {error}") from error
    return {key: value for key, value in environment.items() if os.environ.get(key) != value}
