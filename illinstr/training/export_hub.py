"""A model folder as a repository of the Hugging Face Hub, or of any server that speaks its protocol (HF_ENDPOINT)."""

from __future__ import annotations

from pathlib import Path

from illinstr.errors import FetchError, UsageError
from illinstr.models.hub import is_hub_id

LOGIN_HINT = "log in with: hf auth login; or set HF_TOKEN"


def check_hub(hub_id: str) -> str:
    """Find out, before anything is made, whether ``hub_id`` can be written to; returns the user's name there.

    Raises:
        UsageError: not of the form ORG/NAME, or nobody is logged in.
        FetchError: the hub does not answer or does not know the token.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import LocalTokenNotFoundError

    from illinstr.models.hub import hub_failures

    if not is_hub_id(hub_id):
        raise UsageError(f"{hub_id!r} is no hub id", hint="write ORG/NAME")
    try:
        return str(HfApi().whoami()["name"])
    except LocalTokenNotFoundError as error:
        raise UsageError("no token for the hub", hint=LOGIN_HINT) from error
    except hub_failures() as error:
        raise FetchError(f"the hub does not let us in: {_first_line(error)}", hint=LOGIN_HINT) from error


def push_folder(folder: Path, hub_id: str, *, private: bool) -> str:
    """Upload a model folder in one commit; makes the repository when it is not there. Returns the commit's address.

    Raises:
        ModelError: the folder is not complete.
        FetchError: the hub refuses or the line breaks; nothing is then visible there, files arrive with the commit.
    """
    from huggingface_hub import HfApi

    from illinstr.models.hub import hub_failures
    from illinstr.models.loading import check_folder

    check_folder(folder)
    api = HfApi()
    try:
        api.create_repo(hub_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=hub_id, folder_path=folder, commit_message="Upload a StackedDiffusion model folder"
        )
    except hub_failures(ValueError, RuntimeError) as error:
        raise FetchError(
            f"cannot upload to {hub_id}: {_first_line(error)}", hint=f"the model is safe in {folder}; try again"
        ) from error
    return str(commit.commit_url)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
