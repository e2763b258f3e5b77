"""Several processes on this machine, each a copy of the same ``illinstr train``.

An accelerate config says how they share the work (plainly, FSDP, DeepSpeed); accelerate itself turns it into the
environment its library reads. Starting and ending the processes is ours: a known failure of one ends all of them with
its own message and exit code, and none outlives the command that started it, even one that is killed.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from illinstr.errors import ConfigError, IllinstrError, UsageError

PARENT_VARIABLE = "ILLINSTR_LAUNCHED_BY"
POLL_S = 0.1
GRACE_S = 10.0


class ProcessError(IllinstrError):
    """A process of a run ended badly; it has said why itself."""


def rank_here() -> int:
    """The rank of this process; 0 where nothing was launched."""
    return int(os.environ.get("RANK", "0"))


def is_launched() -> bool:
    """Whether a launcher (ours, accelerate's or torch's) started this process."""
    return "LOCAL_RANK" in os.environ


def refuse_inside_launcher() -> None:
    """Refuse to start processes from a process that was itself started by a launcher.

    Raises:
        UsageError: it was.
    """
    if is_launched():
        raise UsageError(
            "processes are already launched here",
            hint="leave out --num-processes and --accelerate-config under accelerate launch or torchrun",
        )


def check_environment(environment: Mapping[str, str], algorithm: str) -> None:
    """Refuse what the processes would refuse, before they are started.

    Args:
        environment: what will be added to that of this process.
        algorithm: the optimiser, as ``optim.algorithm`` names it.

    Raises:
        UsageError: DeepSpeed is asked for: not installed, or installed but with its optimiser state out of our reach;
            or Muon on a model that is cut over the processes.
    """
    wanted = {**os.environ, **environment}
    if algorithm == "muon" and wanted.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
        raise UsageError(
            "optim.algorithm=muon updates whole matrices, and FSDP cuts them over the processes",
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


def launch_processes(arguments: Sequence[str], num_processes: int, environment: Mapping[str, str]) -> None:
    """Run ``illinstr ARGUMENTS`` in ``num_processes`` processes and wait for them.

    The first process inherits stdout; the others' is closed to the user, since results are printed once.

    Raises:
        ProcessError: one failed; the others were ended.
        KeyboardInterrupt: passed on after all have ended.
    """
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(num_processes),
        "LOCAL_WORLD_SIZE": str(num_processes),
        PARENT_VARIABLE: str(os.getpid()),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // num_processes, 1))),
    }
    started: list[subprocess.Popen[bytes]] = []
    previous = signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        for rank in range(num_processes):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "illinstr", *arguments],
                    env={**os.environ, **environment, **shared, **own},
                    stdout=None if rank == 0 else subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C reaches this process alone, which ends the others in order
                )
            )
        _wait(started)
    finally:
        _end(started)
        signal.signal(signal.SIGTERM, previous)


def _wait(started: Sequence[subprocess.Popen[bytes]]) -> None:
    while True:
        codes = [process.poll() for process in started]
        failed = [(rank, code) for rank, code in enumerate(codes) if code]
        if failed:
            rank, code = failed[0]
            if code == -signal.SIGINT or code == 130:
                raise KeyboardInterrupt
            what = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            error = ProcessError(f"process {rank} of {len(started)} {what}; the others were ended")
            error.exit_code = code if code > 0 else 1
            raise error
        if all(code == 0 for code in codes):
            return
        time.sleep(POLL_S)


def _end(started: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in started:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + GRACE_S
    for process in started:
        try:
            process.wait(timeout=max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _as_interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def die_with_launcher() -> None:
    """End this process soon after the one that launched it has gone, however it went."""
    launcher = os.environ.get(PARENT_VARIABLE)
    if launcher is None:
        return

    def watch() -> None:
        while os.getppid() == int(launcher):
            time.sleep(POLL_S * 5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="illinstr-launcher-watch").start()
