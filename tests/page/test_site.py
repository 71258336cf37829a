"""The site in a real browser: what it marks is what the terminal marks, and what the lessons print is what they say."""

import functools
import http.server
import importlib.util
import os
import re
import shutil
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from test_practice import everything_written

from chromium import missing
from exercises import STUBS, classroom, marker
from exercises.show import recorded
from exercises.work import BY_NAME, EXERCISES, Work
from practice_answers import RIGHT, filled
from support.errors import UserError

SEED = 5
HERE = [exercise for exercise in EXERCISES if not exercise.needs_torch]
FORGED = "import os, sys\nopen(sys.argv[4], 'w').write('{}')\nos._exit(0)\n"
HOSTILE = [
    "while True:\n    pass\n",
    "while True:\n    try:\n        while 1: pass\n    except BaseException: pass\n",
    "for i in range(10**6):\n    print(i)\n",
    "import os\nos._exit(0)\n",
    "import os\nos._exit(3)\n",
    "raise SystemExit(0)\n",
    "def dz1(da1, z1:\n    return 1\n",
    "x = [0]\nx[1]\n",
    "def f():\n    return f()\nf()\n",
    "import numpy as np\nnp.zeros(10**12)\n",
    FORGED.format('{"trials": []}'),
    FORGED.format("{"),
    FORGED.format('{"trials": 1, "printed": "x"}'),
    "",
]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site's folder, built once for all processes that test."""
    if not importlib.util.find_spec("mdit_py_plugins") or not shutil.which("npm"):
        missing("needs requirements-site.txt and npm")
    from page import site

    shared = tmp_path_factory.getbasetemp()
    out = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "the-site"
    try:
        out.with_name("the-site-begun").mkdir()
    except FileExistsError:
        for _ in range(1200):
            if out.exists():
                return out
            time.sleep(0.1)
    site.main([str(out)])
    return out


@pytest.fixture(scope="session")
def address(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def at(browser, address, path, **options):
    """That page in a window of its own. Afterwards: it has asked the site alone, and the console shows no error."""
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    try:
        page, seen, asked = context.new_page(), [], []
        page.on("console", lambda message: message.type in ("error", "warning") and seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        context.on("request", lambda request: asked.append(request.url))
        page.goto(address + path)
        page.wait_for_selector("html[data-ready]", state="attached")
        yield page
        assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
        assert seen == []
    finally:
        context.close()


@pytest.fixture(scope="module")
def practise(browser, address):
    with at(browser, address, "practise.html") as page:
        yield page


def judged(page, name, text, seed=SEED):
    return page.evaluate(
        "([name, text, seed]) => lessons.judge(lessons.python, lessons.byName.get(name), text, seed)",
        [name, text, seed],
    )


def written():
    """(exercise, text) of everything that the tests of the marker know, but for PyTorch; and hostile files."""
    for name, body, *_ in everything_written():
        if not BY_NAME[name].needs_torch:
            stub = (STUBS / f"{name}.py").read_text(encoding="utf-8")
            text = stub if body is None else filled(name, body)
            sizes = vars(next(iter(BY_NAME[name].inputs(SEED))))
            yield name, re.sub(r"\{(\w)\}", lambda m, sizes=sizes: str(sizes[m[1]]), text)
    yield from (("dz1", text) for text in HOSTILE)
    for exercise in HERE:
        if exercise.case:
            yield exercise.name, (STUBS / f"{exercise.name}.py").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_answer_is_marked_word_for_word_as_in_the_terminal(practise, tmp_path):
    # Pythons stop in different lines at a breakpoint().
    answers = [(name, text) for name, text in written() if "breakpoint()" not in text]

    def in_terminal(i):
        name, text = answers[i]
        path = tmp_path / str(i) / f"{name}.py"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return marker.mark(BY_NAME[name], path, SEED)

    with ThreadPoolExecutor(1) as pool:
        expected = pool.map(in_terminal, range(len(answers)))
        found = [judged(practise, name, text) for name, text in answers]
        differ = []
        for (name, text), here, there in zip(answers, found, expected, strict=True):
            here["text"], said = (re.sub(r"(seconds, in) line \d+", r"\1", t) for t in (here["text"], there.text))
            same_print = here["printed"] == there.printed or BY_NAME[name].case  # a training's last digits
            if (here["passed"], here["text"]) != (there.passed, said) or not same_print:
                differ.append((text, here["text"], said))
    assert not differ, "\n".join(
        f"--- {text[-300:]}\n--- here\n{here}\n--- there\n{there}" for text, here, there in differ
    )
    assert len(answers) - sum(here["passed"] for here in found) >= 100


@pytest.mark.slow
@pytest.mark.parametrize("exercise", HERE, ids=lambda exercise: exercise.name)
def test_every_exercise_starts_not_written_and_passes_with_its_right_answer(practise, exercise):
    stub = (STUBS / f"{exercise.name}.py").read_text(encoding="utf-8")
    if exercise.case:
        wrong, right = (recorded(exercise)[kind] for kind in ("wrong", "right"))
        assert wrong in stub
        answer = stub.replace(wrong, right).replace("DIAGNOSIS = ...", f'DIAGNOSIS = "{exercise.case.diagnosis}"')
    else:
        answer = filled(exercise.name, RIGHT[exercise.name])
    assert judged(practise, exercise.name, stub)["name"] == "not written"
    assert judged(practise, exercise.name, answer)["passed"]


def test_by_keyboard_alone_from_an_untouched_exercise_to_the_next_and_it_is_kept(browser, address):
    with at(browser, address, "practise.html#da1") as page:
        page.locator(".cm-content").focus()
        page.keyboard.press("Control+Enter")
        status = page.get_by_role("status").first
        status.filter(has_text="Nothing is written yet").wait_for()
        for _ in range(5):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("End")
        for key in ["Backspace"] * 3 + list("dlogits @ W2.T") + ["Control+Enter"]:
            page.keyboard.press(key)
        status.filter(has_text="Passed. That makes 1").wait_for()
        page.keyboard.press("Escape")
        for _ in range(9):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Next":
                break
        page.keyboard.press("Enter")
        page.locator("h2:focus", has_text="dz1").wait_for()
        page.reload()
        page.locator("#list .passed", has_text="da1").wait_for()
        page.goto(address + "practise.html#da1")
        assert "dlogits @ W2.T" in page.locator(".cm-content").inner_text()


def test_work_goes_to_the_terminal_and_back(browser, address, tmp_path):
    with at(browser, address, "practise.html#dz1") as page:
        page.evaluate(
            """(files) => localStorage.setItem("my_practice", JSON.stringify({
                files, progress: { current: "dz1", passed: {}, hints: { dz1: 2 }, seen: { loss: true } }}))""",
            {name: filled(name, RIGHT[name]) for name in ("dz1", "loss", "logits")},
        )
        page.reload()
        page.get_by_role("button", name="Mark").click()
        page.locator(".cm-content").press("#")  # while it is marked
        page.get_by_role("status").first.filter(has_text="Passed. That makes 1").wait_for()
        page.locator("#list .done", has_text="changed since it passed").wait_for()
        page.locator(".cm-content").press("Backspace")
        page.locator("#list .passed", has_text="dz1").wait_for()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download my work").click()
        path = tmp_path / "class" / "ada.zip"
        download.value.save_as(path)
        other = '{"files": {"dz1": "mine", "softmax": "mine"}, "passed": {"softmax": "mine"}}'
        page.evaluate("(other) => localStorage.setItem('my_practice', other)", other)
        page.reload()
        with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
            archive.writestr("notes.txt", "")
        (tmp_path / "text.zip").write_text("no zip file")
        for file, said in (("notes.zip", "there are no exercises in this file"), ("text.zip", "not a zip file")):
            page.locator("#upload").set_input_files(tmp_path / file)
            page.locator("#folder", has_text=said).wait_for()
        page.locator("#upload").set_input_files(path)
        page.locator("#list .done", has_text="seen").wait_for()
        page.locator("#list .passed", has_text="dz1").wait_for()
        kept = page.evaluate("JSON.parse(localStorage.my_practice)")
        assert kept["files"]["dz1.1"] == kept["files"]["softmax"] == kept["passed"]["softmax"] == "mine"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    assert Work(tmp_path / "my_practice").passed(BY_NAME["dz1"])
    (tmp_path / "unpacked").mkdir()
    files, seen = classroom.find_files(classroom.unpacked(path, tmp_path / "unpacked"))
    assert {*files} >= {"dz1", "loss", "logits"} and seen == {"loss"}


def test_opening_a_page_loads_no_python_and_nothing_that_was_written_is_lost(browser, address):
    with at(browser, address, "practise.html#dz1") as page:

        def click(name):
            page.get_by_role("button", name=name).click()

        def files():
            return page.evaluate("JSON.parse(localStorage.my_practice).files")

        click("Hint")
        page.reload()
        click("Hint")
        assert page.locator(".help li").count() == 2
        assert page.evaluate("lessons.python.starting") is None
        page.evaluate("setItem = Storage.prototype.setItem; Storage.prototype.setItem = null; 0")
        page.locator(".cm-content").press("a")  # the browser keeps nothing
        page.evaluate("Storage.prototype.setItem = setItem; 0")
        page.locator(".cm-content").press("b")
        click("Hint")
        assert "ab" in files()["dz1"]
        page.evaluate("location.hash = '#review/dz1'")
        page.locator("h2:focus").wait_for()
        page.locator(".cm-content").press("c")
        click("Reset")
        assert [*files()] == ["dz1"]


def test_a_failed_download_can_be_tried_again_and_a_second_visit_loads_nothing(browser, address):
    context, asked = browser.new_context(), []
    try:
        page = context.new_page()
        context.route("**/runtime/*", lambda route: route.abort())
        page.goto(address + "practise.html#dz1")
        page.get_by_role("button", name="Mark").click()
        again = page.get_by_role("button", name="Try again")
        again.wait_for()
        context.unroute("**/runtime/*")
        context.on("request", lambda request: asked.append(request.url))
        for visit in range(2):
            (again if visit == 0 else page.get_by_role("button", name="Mark")).click()
            page.get_by_role("status").first.filter(has_text="Nothing is written yet").wait_for()
            page.reload()
        assert len([url for url in asked if "/runtime/" in url]) == 4
    finally:
        context.close()


def test_a_browser_that_is_too_old_says_so_and_names_the_command(browser, address):
    context = browser.new_context()
    try:
        page = context.new_page()
        page.add_init_script("WebAssembly.validate = () => false")
        page.goto(address + "practise.html#dz1")
        page.get_by_text("python practice.py dz1").wait_for()
        assert "Firefox 131" in page.locator(".terminal").inner_text()
        assert not page.get_by_role("button", name="Mark").count()
    finally:
        context.close()


@pytest.mark.slow
def test_what_does_not_end_in_a_lesson_is_said_in_the_markers_words(browser, address):
    with at(browser, address, "autograd.html") as page:
        for text, seconds, said in (
            ("while True: pass", 1, "Stopped after 1 seconds"),
            ("import os; os._exit(3)", 9, "status 3"),
        ):
            found = page.evaluate("([text, seconds]) => lessons.python.session([text], seconds)", [text, seconds])
            assert said in found["error"]
        page.evaluate("lessons.python.session = () => Promise.reject(Error('No luck.')); lessons.blocks.run(0)")
        page.locator(".block + [role=status]", has_text=re.compile("^No luck.$")).wait_for()


LESSONS = ["backprop", *(pytest.param(name, marks=pytest.mark.slow) for name in ("autograd", "resnet", "transformer"))]


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_blocks_of_a_lesson_print_what_it_says(browser, address, lesson):
    with at(browser, address, f"{lesson}.html") as page:
        found = page.evaluate(
            """async () => {
                for (const fold of document.querySelectorAll("details")) fold.open = true;
                const found = [];
                const said = [...document.querySelectorAll(".block + [role=status]")].map((e) => e.innerText);
                for (let i = 0; i < said.length; i++) {
                    await lessons.blocks.run(i);
                    found.push([said[i], lessons.blocks.blocks[i].output.innerText]);
                }
                return found;
            }"""
        )
        assert len(found) >= 1
        for said, printed in found:
            assert not said or printed.strip() == said.strip()


OPTIONS = [
    pytest.param(390, {}, id="narrow"),
    pytest.param(1440, {}, id="wide", marks=pytest.mark.slow),
    pytest.param(390, {"color_scheme": "dark"}, id="dark", marks=pytest.mark.slow),
    pytest.param(1440, {"forced_colors": "active"}, id="forced", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("width", "options"), OPTIONS)
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_window(browser, address, axe, width, options):
    for path in ("practise.html#case_flat", "practise.html#torch_gradient", "backprop.html", "code-mlp_np.py.html"):
        with at(browser, address, path, viewport={"width": width, "height": 900}, bypass_csp=True, **options) as page:
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.evaluate(axe)
            found = page.evaluate("axe.run().then((result) => result.violations)")
            assert [(path, rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found] == []


def test_a_port_that_does_not_exist_is_refused(site):
    from page.site import main

    with pytest.raises(UserError, match="is not in the range"):
        main([str(site), "--serve", "99999"])


def test_every_link_of_the_site_leads_somewhere(site):
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    names = {name: {*re.findall(r'id="([^"]+)"', text)} for name, text in pages.items()}
    exercises = {exercise.name for exercise in EXERCISES}
    for name, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            if re.match("https?:|data:", link):
                continue
            path, _, fragment = link.partition("#")
            assert (site / (path or name)).is_file(), f"{name}: {link}"
            if fragment and (path or name) in pages and not fragment.startswith("L"):
                assert fragment in names[path or name] | exercises, f"{name}: {link}"
    assert sum(path.stat().st_size for path in (site / "runtime").glob("*.gzip")) < 12_500_000
