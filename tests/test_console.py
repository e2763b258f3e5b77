import json

from illinstr.console import PlainReporter, RichReporter, emit, reporter
from illinstr.progress import SilentReporter


def test_results_go_to_stdout_with_the_path_last(capsys):
    emit({"made": 1}, "out/index.html", as_json=False, lines=("one article", "two"))
    captured = capsys.readouterr()
    assert captured.out.splitlines() == ["one article", "two", "out/index.html"]
    assert captured.err == ""


def test_json_is_one_object_and_nothing_else(capsys):
    emit({"goal": "Café"}, "ignored", as_json=True, lines=("ignored",))
    out = capsys.readouterr().out
    assert json.loads(out) == {"goal": "Café"}
    assert out.count("\n") == 1


def test_nothing_made_means_no_path(capsys):
    emit({}, None, as_json=False)
    assert capsys.readouterr().out == ""


def test_quiet_says_nothing(capsys):
    quiet = reporter(quiet=True)
    assert isinstance(quiet, SilentReporter)
    with quiet.task("work", total=2) as advance:
        advance(status="x")
    quiet.log("hello")
    assert capsys.readouterr() == ("", "")


def test_plain_lines_go_to_stderr(capsys):
    plain = reporter()
    assert isinstance(plain, PlainReporter)
    with PlainReporter(interval_s=0).task("draw", total=2) as advance:
        advance(status="first")
        advance()
    plain.log("done")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["draw: 1/2 first", "draw: 2/2 first", "draw: 2/2 first", "done"]


def test_plain_lines_are_rare(capsys):
    with PlainReporter(interval_s=3600).task("draw") as advance:
        for _ in range(100):
            advance()
    assert capsys.readouterr().err.splitlines() == ["draw: 100"]


def test_markup_in_untrusted_text_is_shown_and_not_obeyed(capsys):
    rich = RichReporter()
    with rich.task("[red]goal[/red]", total=1) as advance:
        advance(status="[bold]x[/bold]")
    rich.log("[link=https://example.org]title[/link]")
    err = capsys.readouterr().err
    assert "[red]goal[/red]" in err
    assert "[bold]x[/bold]" in err
    assert "[link=https://example.org]title[/link]" in err
