"""What goes wrong in other readers of these pages, one trap a test."""

from __future__ import annotations

import json
from html import escape

import pytest

from illinstr.wikihow_scraper.encoding import decode
from illinstr.wikihow_scraper.licences import kind_of
from illinstr.wikihow_scraper.page import Method, PageStep
from illinstr.wikihow_scraper.sentences import first_sentence
from illinstr.wikihow_scraper.sites.site import NotAnArticle
from illinstr.wikihow_scraper.sites.wikihow import licences, metadata
from illinstr.wikihow_scraper.sites.wikihow.parse import parse
from tests.support.pages import OPEN, REFERENCE, RESERVED, HowTo, make_image, render, video

FRACTION = '<span class="frac nowrap"><sup>1</sup>⁄<sub>4</sub></span>'


def one_step(inner: str, *, before: str = "", wrap: bool = True) -> PageStep:
    """The step read from a page whose only step has this content."""
    body = f'<div class="step_num">1</div><div class="step">{inner}</div>' if wrap else inner
    page = parse(
        '<h1 id="section_0">How to Do</h1><div class="section steps"><div id="steps" class="section_text">'
        f'<ol class="steps_list_2"><li id="step-id-00">{before}{body}</li></ol></div></div>'
    )
    assert len(page.methods) == 1
    assert len(page.methods[0].steps) == 1
    return page.methods[0].steps[0]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (f"Cut it {FRACTION} inch deep.", "Cut it 1/4 inch deep."),
        (f"Add 2{FRACTION} cups.", "Add 2 1/4 cups."),
        (f"Add 2 {FRACTION} cups.", "Add 2 1/4 cups."),
        ('Add <span class="frac">3<sup>1</sup>⁄<sub>2</sub></span> cups.', "Add 3 1/2 cups."),
        ("Add <sup>1</sup>⁄<sub>3</sub> cup.", "Add 1/3 cup."),
        ("Add 1⁄3 cup.", "Add 1/3 cup."),
        ("Cover 5 m<sup>2</sup> with H<sub>2</sub>O.", "Cover 5 m² with H₂O."),
        ("Take the 1<sup>st</sup> one.", "Take the 1st one."),
    ],
)
def test_fractions_and_raised_figures_survive(markup, text):
    assert one_step(f"<b class='whb'>{markup}</b>").headline == text
    assert one_step(f"<b class='whb'>Go.</b> {markup}").body == text


def test_reference_pop_ups_leave_no_word_and_no_image():
    step = one_step(f"<b class='whb'>Drink.{REFERENCE}</b> Then rest.{REFERENCE}<ul><li>Sleep.{REFERENCE}</li></ul>")
    assert (step.headline, step.body, step.bullets, step.image) == ("Drink.", "Then rest.", ("Sleep.",), None)


def test_a_headline_cut_by_links_is_one_headline():
    step = one_step(
        "<b class='whb'>Open the </b><a href='/x'><b class='whb'>big box</b></a><b class='whb'>, and look.</b>"
        " It is dark."
    )
    assert (step.headline, step.body) == ("Open the big box, and look.", "It is dark.")


def test_a_headlines_full_stop_outside_its_bold_belongs_to_it():
    step = one_step("<b class='whb'>Open the box</b>. It is dark.")
    assert (step.headline, step.body) == ("Open the box.", "It is dark.")


def test_misnested_bold():
    step = one_step("<b><b class='whb'>Open it.</b> Look inside.")
    assert (step.headline, step.body) == ("Open it.", "Look inside.")


def test_bold_in_body_and_bullets_stays():
    step = one_step("<b class='whb'>Cook.</b> With <b>fresh</b> roots.<ul><li><b>Fresh ube:</b> boil it.</li></ul>")
    assert (step.body, step.bullets) == ("With fresh roots.", ("Fresh ube: boil it.",))


def test_scripts_styles_and_adverts_are_no_text():
    step = one_step(
        "<b class='whb'>Go.</b> Run.<script>WH.performance.mark('x');</script><style>b{}</style><noscript>no</noscript>"
        "<div class='wh_ad_inner'><div class='al_method'>Advertisement</div></div><!-- comment --><iframe>f</iframe>"
    )
    assert (step.headline, step.body) == ("Go.", "Run.")


def test_nested_lists_are_points_not_steps():
    step = one_step("<b class='whb'>Go.</b><ul><li>One<ul><li>Two</li></ul>tail</li></ul><ol><li>Three</li></ol>")
    assert step.bullets == ("One tail", "Two", "Three")


def test_green_boxes_are_notes_apart():
    step = one_step(
        "<b class='whb'>Go.</b> Run.<div class='green_box'><p><b>Tip:</b> Slow down.</p></div>"
        "<div class='green_box'><div class='green_box_expert'><p>I always walk.</p></div></div>"
        "<div class='green_box'><b>Did You Know?</b> Cats run.</div>"
    )
    assert (step.body, step.bullets) == ("Run.", ())
    assert [(note.kind, note.text) for note in step.notes] == [
        ("tip", "Tip: Slow down."),
        ("expert", "I always walk."),
        ("did-you-know", "Did You Know? Cats run."),
    ]


def test_icons_logos_and_experts_are_no_step_images():
    icon = '<div class="mwimg techicon"><img src="/images/i/ic/Icon.png" width="30"></div>'
    step = one_step(
        f"<b class='whb'>Tap {icon} it.</b> <img src='/images/thumb/a/ab/I.png/30px-I.png' width='30'> Wait."
        "<img src='data:image/gif;base64,AAAA'><img src='/skins/owl/images/x.png' width='200'>"
    )
    assert (step.headline, step.body, step.image, step.extra_images) == ("Tap it.", "Wait.", None, ())


def test_a_step_without_image_does_not_shift_the_others():
    steps = (
        PageStep(headline="One."),
        PageStep(headline="Two.", image=make_image("Two")),
        PageStep(headline="Three."),
        PageStep(headline="Four.", video=video("Four")),
        PageStep(headline="Five.", image=make_image("Five")),
    )
    for layout in ("2020", "2020-picture"):
        page = parse(render(HowTo("How to Count", (Method(steps=steps),)), layout))
        assert page.methods[0].steps == steps


def test_images_in_points_are_extra():
    step = one_step(
        "<b class='whb'>Go.</b><ul><li>Look<div class='mwimg'><img src='/images/a/ab/Point.jpg'></div></li></ul>",
        before='<div class="mwimg largeimage"><a class="image"><img src="/images/a/ab/Step.jpg"></a></div>',
    )
    assert step.image.url == "https://www.wikihow.com/images/a/ab/Step.jpg"
    assert [extra.url for extra in step.extra_images] == ["https://www.wikihow.com/images/a/ab/Point.jpg"]


def test_a_browser_saved_page_keeps_the_real_address_and_the_saved_file():
    step = one_step(
        "<b class='whb'>Go.</b>",
        before='<div class="mwimg"><img src="How_files/v4-460px-S.jpg" data-src="/images/a/ab/v4-460px-S.jpg"></div>',
    )
    assert step.image.url == "https://www.wikihow.com/images/a/ab/v4-460px-S.jpg"
    assert step.image.local_path == "How_files/v4-460px-S.jpg"


def test_a_image_only_in_noscript_counts_once():
    step = one_step(
        "<b class='whb'>Go.</b>",
        before='<div class="mwimg largeimage"><img src="data:image/gif;base64,AA"><noscript><img src="/images/S.jpg">'
        "</noscript></div>",
    )
    assert step.image.url == "https://www.wikihow.com/images/S.jpg"
    assert step.extra_images == ()


def test_video_address_and_still():
    clip = one_step(
        "<b class='whb'>Go.</b>", before=f"<div class='mwimg'>{_player('/9/9d/Do It 1.360p.mp4')}</div>"
    ).video
    assert clip.url == "https://www.wikihow.com/video/9/9d/Do%20It%201.360p.mp4"
    assert clip.poster.url == "https://www.wikihow.com/images/thumb/P.jpg/550px-nowatermark-P.jpg"
    summary = _player("/9/9d/S.mp4").replace("<video", "<video data-summary='1'")
    assert one_step("<b class='whb'>Go.</b>", before=summary).video is None
    amp = '<amp-video src="https://x.org/v.mp4" poster="/p.jpg"></amp-video>'
    assert one_step("<b class='whb'>Go.</b>", before=amp).video.url == "https://x.org/v.mp4"


def _player(source: str) -> str:
    return (
        f'<div class="video-player"><video class="m-video" data-src="{source}" data-poster="/images/thumb/P.jpg/550px-'
        'nowatermark-P.jpg"></video><div class="m-video-wm"><img src="/skins/WikiHow/images/WH_logo.svg"></div></div>'
    )


@pytest.mark.parametrize(
    ("note", "kind"),
    [
        (RESERVED, "reserved"),
        (OPEN, "cc"),
        ("License: Fair Use (screenshot)", "fair-use"),
        ("This image is in the Public Domain", "public-domain"),
        ("CC BY-SA 4.0", "cc"),
        ("", "unknown"),
        (None, "unknown"),
        ("This is NOT   licensed under the Creative Commons license", "reserved"),
    ],
)
def test_image_licences(note, kind):
    assert kind_of(note) == kind


def test_every_image_has_its_own_licence():
    steps = (
        PageStep(headline="One.", image=make_image("One", license=OPEN)),
        PageStep(headline="Two.", image=make_image("Two", license=RESERVED)),
    )
    page = parse(render(HowTo("How to Count", (Method(steps=steps),))))
    assert [(step.image.license_kind, step.image.license) for step in page.methods[0].steps] == [
        ("cc", OPEN),
        ("reserved", RESERVED),
    ]


@pytest.mark.parametrize(
    ("modified", "expected"), [("2020-08-12", "CC BY-NC-SA 3.0"), ("2025-06-01", "proprietary"), (None, None)]
)
def test_the_texts_licence_follows_the_date_of_the_revision(modified, expected):
    assert licences.text_license(on_wikihow=True, linked=None, modified=modified).name == expected
    assert licences.text_license(on_wikihow=False, linked=None, modified=modified).name is None
    assert licences.text_license(on_wikihow=True, linked="CC BY 4.0", modified=modified).name == "CC BY 4.0"


def test_a_linked_licence_is_read():
    link = '<a href="https://creativecommons.org/licenses/by-nc-sa/2.5/">licence</a>'
    page = parse(render(HowTo("How to Do", (Method(steps=(PageStep(headline="Do."),)),)), "2007") + link)
    assert page.license == "CC BY-NC-SA 2.5"


def test_heading_references_and_labels_in_the_heading_itself():
    html = (
        "<h1>How to Do</h1><div id='steps'><h2>Steps</h2>"
        f"<h3><span class='mw-headline'>Slow way</span>{REFERENCE}</h3><ol class='steps_list_2'><li>Walk.</li></ol>"
        "<h3><span>Part 2: Fast way</span></h3><ol class='steps_list_2'><li>Run.</li></ol></div>"
    )
    assert [(m.name, m.label) for m in parse(html).methods] == [("Slow way", None), ("Fast way", "part")]


def test_votes_and_the_tip_form_are_no_tips():
    howto = HowTo("How to Do", (Method(steps=(PageStep(headline="Do."),)),), tips=("Rest.",), warnings=("Stop.",))
    page = parse(render(howto))
    assert (page.tips, page.warnings) == (("Rest.",), ("Stop.",))


def test_spaces_are_normalised():
    step = one_step("<b class='whb'>Heat\xa0 to  90\xa0°C .</b> Then\u200b wait\n here .")
    assert (step.headline, step.body) == ("Heat to 90 °C.", "Then wait here.")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Go now. Then stop.", ("Go now.", "Then stop.")),
        ("Use e.g. salt. Stir.", ("Use e.g. salt.", "Stir.")),
        ("Wait 3.5 min or 2:30 h. Stir.", ("Wait 3.5 min or 2:30 h.", "Stir.")),
        ("Stir!", ("Stir!", "")),
        ("混ぜる。待つ。", ("混ぜる。", "待つ。")),
        ("No end here", ("No end here", "")),
        ("Say “go.” Then go.", ("Say “go.”", "Then go.")),
    ],
)
def test_first_sentence(text, parts):
    assert first_sentence(text) == parts


@pytest.mark.parametrize(
    ("html", "why"),
    [
        ("", "the page is empty"),
        ("<html><body><h1>Hello</h1><p>World</p></body></html>", "no list of steps"),
        (
            '<script>RLCONF={"wgNamespaceNumber":14}</script><div id="steps"><ol><li>x</li></ol></div>',
            "a category page",
        ),
        ("<script>var wgNamespaceNumber = -1;</script>", "a special page"),
        ("<script>var wgNamespaceNumber = 99;</script>", "a page of namespace 99"),
        ('<script>x={"wgNamespaceNumber":0,"wgIsMainPage":true}</script>', "the main page"),
        ('<body class="page-Main_Page"><ol class="steps_list_2"><li>x</li></ol>', "the main page"),
        ('<script>x={"wgIsRestricted":true}</script>', "in review"),
    ],
)
def test_what_is_no_article_says_what_it_is(html, why):
    with pytest.raises(NotAnArticle, match=f"^not a how-to article: .*{why}"):
        parse(html)


@pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "utf-16-be", "cp1252", "iso-8859-1"])
def test_charsets(charset):
    html = "<h1>How to Brew Café</h1><ol class='steps_list_2'><li><b class='whb'>Brühe es.</b></li></ol>"
    if charset.startswith("utf-16"):
        content = ("\ufeff" + html).encode(charset)
    else:
        content = f"<meta charset='{charset}'>{html}".encode(charset)
    page = parse(content)
    assert (page.title, page.methods[0].steps[0].headline) == ("How to Brew Café", "Brühe es.")


def test_the_servers_charset_wins_and_unknown_ones_are_survived():
    assert decode("é".encode("cp1252"), "windows-1252") == "é"
    assert decode("é".encode(), "no-such-charset") == "é"
    assert decode(b"<meta charset=nonsense>" + "é".encode()) == "<meta charset=nonsense>é"
    assert decode("é".encode() * 500 + b"\xff").startswith("é")
    assert decode("éàü".encode("cp1252") * 10) == "éàü" * 10


def test_titles_from_other_places():
    steps = "<ol class='steps_list_2'><li><b class='whb'>Do.</b>%s</li></ol>"
    page = parse("<title>How to Make Juice: 4 Steps (with Pictures) - wikiHow</title>" + steps % "")
    assert page.title == "How to Make Juice"
    assert "title element" in page.missing["title"]
    image = '<div class="mwimg"><img src="http://pad1.whstatic.com/images/a/ab/Make-Juice-Step-3.jpg"></div>'
    page = parse(steps % image)
    assert page.goal == "How to Make Juice"
    assert "image" in page.missing["title"]


def test_script_variables_of_both_ages():
    assert metadata.integer('"wgArticleId":12,', "wgArticleId") == 12
    assert metadata.integer('wgArticleId = "12";', "wgArticleId") == 12
    assert metadata.integer('"wgArticleId":0', "wgArticleId") is None
    assert metadata.integer('"wgCurRevisionId":9,"wgRevisionId":8', "wgRevisionId") == 8


def test_damaged_details_do_no_harm():
    for details in ("{not json", json.dumps([1]), json.dumps({"licensing": 5, "bigUrl": "http://["}), "[" * 100_000):
        step = one_step(
            "<b class='whb'>Go.</b>",
            before=f'<div class="mwimg"><a class="image"><img src="/images/S.jpg"><div class="image_details"><span>'
            f"{escape(details)}</span></div></a></div>",
        )
        assert step.image.url == "https://www.wikihow.com/images/S.jpg"
