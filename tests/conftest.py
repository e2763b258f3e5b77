"""What holds for every test."""

import signal

import pytest

# Programs started in the background of a script inherit an ignored Ctrl-C; tests that press it need the real thing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """Nothing that a test computes comes from the user's cache or stays in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ILLINSTR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
