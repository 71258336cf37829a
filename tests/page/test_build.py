"""What writes the page, for a clone and for a site: the file, what goes into it, and what is refused."""

import graphlib
import html
import json
import re
import sys

import numpy as np
import pytest

from chromium import draw, frames, opened, text, weights
from conftest import ROOT, as_input, until
from page import build, bundle, data_file
from support.checkpoint import load_checkpoint
from support.errors import UserError

PAGE = (build.FOLDER / "index.html").read_text(encoding="utf-8")
MLP_NP = (ROOT / "mlp_np.py").read_text(encoding="utf-8")
SCRIPTS = {
    path: path.read_text(encoding="utf-8")
    for pattern in ("*.js", "*.jsx", "lessons/*.js", "lessons/*.jsx")
    for path in build.FOLDER.glob(pattern)
}


def test_the_licences_are_those_of_what_gets_installed(tmp_path, monkeypatch):
    """In a clean clone there is nothing before."""

    def install():
        (tmp_path / "preact").mkdir()
        (tmp_path / "preact" / "LICENSE").write_text("MIT")

    monkeypatch.setattr(bundle, "MODULES", tmp_path)
    monkeypatch.setattr(bundle, "install_npm_packages", install)
    assert [*bundle.iter_licences("preact")] == [("preact", "MIT")]


def test_the_page_names_the_lesson_that_asks_for_an_exercise():
    """Where there is no site around it."""
    titles = dict(
        re.findall(r'(\w+): "([^"]+)"', re.search(r"const TITLES = \{(.*)\}", SCRIPTS[build.FOLDER / "links.jsx"])[1])
    )
    shown = re.findall(
        r"<[^>]*data-exercise=[^>]*data-button[^>]*>", (build.FOLDER / "template.html").read_text(encoding="utf-8")
    )
    assert len(shown) > 4
    for tag in shown:
        given = dict(re.findall(r'data-(\w+)="([^"]*)"', tag))
        document = (ROOT / "docs" / f"{given.get('lesson', 'backprop')}.md").read_text(encoding="utf-8")
        assert document.startswith(f"# {titles[given.get('lesson', 'backprop')]}\n"), tag
        assert re.search(rf"`(python practice\.py )?{given['exercise']}`", document), tag


@pytest.fixture(scope="module")
def arrays():
    return data_file.load_arrays(build.DATA_FILE)


def test_the_committed_page_is_what_build_writes(arrays, npm):
    assert build.make_single_file(arrays) == PAGE, "run python -m page.build again"
    assert len(PAGE.encode()) <= build.MAX_PAGE_BYTES == 1_750_000


def test_the_data_file_has_the_run_of_the_readme_and_its_images(arrays, mnist):
    """The page and README.md name one accuracy; the images are MNIST's, bit for bit."""
    facts = data_file.make_facts(arrays)
    run = json.loads((ROOT / "learning_curves/published/history_np.json").read_text(encoding="utf-8"))
    assert run["options"]["hidden"] == 512 and run["options"]["seed"] == 0 and run["test_step"][-1] == 2340
    accuracy = f"{run['test_accuracy'][-1]:.4f}"
    assert facts["run"] == f"784-512-10, seed 0, 2,340 training steps, test accuracy {accuracy}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"test accuracy: {accuracy}\n" in readme
    assert len(facts["trainingLabels"]) >= 1000
    for kind, whose, chosen in [
        ("test", "test", arrays["test_numbers"]),
        ("training", "train", slice(len(facts["trainingLabels"]))),
        ("testing", "test", slice(len(facts["testingLabels"]))),
    ]:
        assert np.array_equal(arrays[f"{kind}_images"], getattr(mnist, f"{whose}_images")[chosen])
        assert np.array_equal(arrays[f"{kind}_labels"], getattr(mnist, f"{whose}_labels")[chosen])


@pytest.mark.slow(one_in=2)
def test_the_page_has_the_weights_of_the_data_file_and_says_how_well_they_read(arrays, committed, mnist):
    """W1 has 8 bits. The weights in the page are those that NumPy computes, bit for bit."""
    facts, model = data_file.make_facts(arrays), data_file.build_mlp(arrays)
    assert arrays["W1"].dtype == np.int8 and arrays["W1_scale"].shape == (512,)
    for name, p in weights(committed).items():
        assert np.array_equal(p, model.params[name]), name
    answers = model.forward(as_input(mnist.test_images, facts["pixels"], "float32")).argmax(axis=1)
    accuracy = (answers == mnist.test_labels).mean()
    assert facts["rounded"] == round(accuracy, 4) and accuracy == pytest.approx(0.985, abs=2e-4)
    shown = committed.evaluate("lab.tests.slice(0, 50).map((test, n) => (lab.pick(n), lab.pass.answer))")
    assert shown == answers[:50].tolist()
    assert f"{facts['run']}, {accuracy:.4f} with W1 rounded to 8 bits, as it is here" in text(committed, "footer")


def test_weights_are_rounded_by_half_a_scale_at_most():
    rng = np.random.default_rng(0)
    p = (rng.normal(size=(50, 6)) * 10.0 ** np.arange(-3, 3)).astype(np.float32)
    p[:, 2] = 0
    for largest, scales in ((127, 6), (32767, 1)):
        whole, scale = data_file.quantize(p, largest)
        assert scale.shape == (scales,) and np.abs(whole).max() == largest
        assert (np.abs(whole * scale.astype(np.float64) - p) <= scale * (0.5 + 1e-4)).all()
        assert not whole[:, 2].any()


def test_the_opening_image_comes_with_what_numpy_computes_of_it(arrays, committed):
    opening, shown = data_file.make_facts(arrays)["opening"], committed
    shown.evaluate("lab.pick(JSON.parse(network.textContent).opens)")
    assert shown.evaluate("Array.from(lab.pixels())") == opening["pixels"]
    for name in ("a1", "logits", "p"):
        assert opening[name] == pytest.approx(shown.evaluate(f"Array.from(lab.pass.{name})"), rel=1e-5, abs=1e-12)
    assert np.argmax(opening["p"]) == 2


def test_a_data_file_that_is_damaged_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "DATA_FILE", path := tmp_path / "data.npz")
    for content in (None, b"", b"PK", b"PK\3\4" + bytes(100)):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match=r"^cannot read \S*data.npz: [^\n]*git checkout[^\n]*$"):
            build.main(["--out", str(tmp_path / "page.html")])


@pytest.mark.slow(one_in=2)
def test_weights_without_out_replace_the_data_file_and_with_it_they_do_not(checkpoint, tmp_path, monkeypatch, npm):
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.setattr(build, "DATA_FILE", path := folder / "data.npz")
    monkeypatch.setattr(build, "DEFAULT_OUT", folder / "index.html")
    build.main(["--weights", str(checkpoint), "--out", str(tmp_path / "other.html")])
    assert not path.exists() and not (folder / "index.html").exists()
    build.main(["--weights", str(checkpoint)])
    assert data_file.make_facts(data_file.load_arrays(path))["hidden"] == 48
    pages = [(folder / "index.html").read_bytes(), (tmp_path / "other.html").read_bytes()]
    assert pages[0] == pages[1]
    build.main([])
    assert (folder / "index.html").read_bytes() == pages[0]


def test_the_scripts_import_each_other_in_one_direction():
    """Without a circle, and nothing that computes or acts imports what shows."""
    imported = re.compile(r'^(?:import|export)[^"]*?"(\.[^"]+)"', re.M)
    imports = {path: {(path.parent / to).resolve() for to in imported.findall(text)} for path, text in SCRIPTS.items()}
    assert len(imports) > 30 and sum(map(len, imports.values())) > 100
    graphlib.TopologicalSorter(imports).prepare()  # or a CycleError
    for path, names in imports.items():
        shows = path.suffix == ".jsx" or path.name == "lessons.js"
        assert shows or not [to for to in names if to.suffix == ".jsx"], path.name
    assert {path.name for path in imports[build.FOLDER / "state.js"]} == {"page_data.js"}


def test_a_digit_in_a_sentence_gets_its_article_from_words_js():
    """An 8 is no "a 8"."""
    assert [path.name for path, text in SCRIPTS.items() if re.search(r"\ba \$\{", text)] == []


def test_the_formulas_and_the_lines_that_links_lead_to_are_those_of_mlp_np():
    template = (build.FOLDER / "template.html").read_text(encoding="utf-8").replace("&gt;", ">")
    shown = re.findall(r'(?:data-show="Formula" data-name="\w+" data-words="|<b>dx</b><code>)(.*?)["<]', template)
    assert len(shown) == 9
    known = MLP_NP.replace("self.", "") + "dz1 @ W1.T"  # dx: what mlp_np.py leaves out
    assert [formula for formula in shown if formula not in known] == []
    stages = re.findall(r'line: "(\w+)"', SCRIPTS[build.FOLDER / "stages.js"])
    lines = re.findall(
        r'data-stage="(\w+)"><code>(.*?)</code>', "".join(map(build.render_computing_lines, build.SHOWN_FUNCTIONS))
    )
    assert {name for name, _ in lines} == {*stages} == {*build.ASSIGNMENT_PATTERNS}
    assert len(lines) == 17 and all(html.unescape(line) in MLP_NP for _, line in lines)
    found = [MLP_NP.splitlines()[int(n) - 1].strip() for n in re.findall(r'href="../mlp_np.py#L(\d+)"', PAGE)]
    starts = ["def forward(", "def softmax_cross_entropy(", "def backward(", "def backward(", "db1 = "]
    assert all(line.startswith(start) for line, start in zip(found, starts, strict=True))


def test_the_page_names_its_run(checkpoint):
    _, options, history = build.load_mlp_run(checkpoint)
    accuracy = f"{history.test_accuracy[-1]:.4f}"
    assert (
        data_file.describe_run(options, history) == f"784-48-10, seed 3, 300 training steps, test accuracy {accuracy}"
    )
    options.run.hold_out = 5000
    assert f"held-out accuracy {accuracy}" in data_file.describe_run(options, history)
    history.test_step[-1] = 299  # stopped a step after the last test: what it measured is another network
    assert "accuracy" not in data_file.describe_run(options, history)


def test_wrong_weights_are_one_line(checkpoint, tmp_path):
    out, kept = tmp_path / "page.html", load_checkpoint(checkpoint)
    large = {f"params/{name}": p * np.float32(1e30) for name, p in kept.groups["params"].items()}
    for words, options, arrays in [
        ("No such file", None, {}),
        ("not a checkpoint", None, b"PK"),
        ("does not hold the network", {"hidden": 47}, {}),
        ("fashion_mnist", {"dataset": "fashion_mnist"}, {}),
        ("are not valid", {"pixels": "loud"}, {}),
        ("are not valid", {"seed": "<meta http-equiv=refresh content='0;url=http://127.0.0.1/'>"}, {}),
        ("too large", {}, large),
    ]:
        path = tmp_path / "weights.npz"  # without these words
        if options is not None:
            np.savez(path, **dict(np.load(checkpoint)) | {"options": json.dumps(kept.options | options)} | arrays)
        elif arrays:
            path.write_bytes(arrays)
        with pytest.raises(UserError, match=rf"^[^\n]*{words}[^\n]*$"):
            build.main(["--weights", str(path), "--out", str(out)])
        assert not out.exists()


@pytest.mark.slow(one_in=2)
def test_a_page_that_is_too_large_is_refused(checkpoint, monkeypatch, tmp_path, npm):
    out = ["--out", str(tmp_path / "page.html")]
    monkeypatch.setattr(build, "bundle_scripts", lambda: "x" * build.MAX_PAGE_BYTES)
    with pytest.raises(UserError, match=r"^the page would have [\d,]+ bytes, more than 1,750,000$"):
        build.main(out)
    monkeypatch.setattr(build, "MAX_PAGE_BYTES", 700_000)
    with pytest.raises(UserError, match=r"^[^\n]*more than 700,000: train with fewer --hidden units \(512 fit\)$"):
        build.main(["--weights", str(checkpoint), *out])


def test_a_mistake_in_a_script_is_said_with_its_place(npm, tmp_path):
    (script := tmp_path / "new.jsx").write_text("const fine = 1;\nexport part = { fine };\n")
    with pytest.raises(UserError, match=r'^esbuild failed: page/\S*new.jsx:2: Unexpected "part"$'):
        bundle.bundle_with_esbuild(script)


NO_NETWORK = """
npm error code ENOTFOUND
npm error syscall getaddrinfo
npm error errno ENOTFOUND
npm error network request to https://example.org/temml failed, reason: getaddrinfo ENOTFOUND example.org
npm error network This is a problem related to network connectivity.
npm error A complete log of this run can be found in: /home/me/.npm/_logs/debug-0.log
"""
NO_PERMISSION = """
npm ERR! code EACCES
npm ERR! syscall mkdir
npm ERR! path /home/me/page/node_modules
npm ERR! errno -13
npm ERR! Error: EACCES: permission denied, mkdir '/home/me/page/node_modules'
npm ERR!     at async mkdir (node:internal/fs/promises:856:10)
"""


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (NO_NETWORK, "network request to https://example.org/temml failed, reason: getaddrinfo ENOTFOUND example.org"),
        (NO_PERMISSION, "Error: EACCES: permission denied, mkdir '/home/me/page/node_modules'"),
        ("one line\nanother\n", "another"),
        ("", "no reason"),
    ],
)
def test_of_what_npm_prints_the_line_is_said_that_has_the_reason(printed, reason):
    with pytest.raises(UserError, match=f" failed: {re.escape(reason)}$"):
        bundle.run_tool(sys.executable, "-ISc", f"raise SystemExit({printed!r})")


@pytest.mark.slow(one_in=2)
def test_a_part_that_no_section_has_is_said_in_the_console(browser, tmp_path):
    """All other parts are there."""
    seen = []
    (copy := tmp_path / "page.html").write_text(PAGE.replace('data-show="Loss"', 'data-show="Lost"'), encoding="utf-8")
    said = "no section in page/main.jsx has a part Lost"
    with opened(browser, copy.as_uri(), problems=[said]) as page:
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.reload()
        page.wait_for_selector("[data-show=BiasErrors] *", state="attached")
        frames(page)
    assert any(said in text for text in seen)


def test_where_no_page_can_be_written(checkpoint, monkeypatch):
    """Not over what it is made from, either."""
    before, weights = checkpoint.read_bytes(), ["--weights", str(checkpoint)]
    monkeypatch.setattr(data_file, "make_page_arrays", lambda *_: {})  # which takes a second
    monkeypatch.setattr(build, "make_single_file", lambda _: "")
    for out in ("", ".", "/", str(checkpoint), str(build.FOLDER / "page.css")):
        with pytest.raises(UserError, match=f"--out {re.escape(out)}"):
            build.main([*weights, "--out", out])
    assert checkpoint.read_bytes() == before
    with pytest.raises(FileNotFoundError):
        build.main([*weights, "--out", "none/page.html"])


@pytest.mark.slow(one_in=2)
def test_nothing_acts_is_sent_or_stored(browser, tmp_path, npm):
    """What is hostile is shown as text; were a script to come in all the same, it could not run or send."""
    url = "http://127.0.0.1:9/"
    hostile = (
        f"</script></p><meta http-equiv=refresh content='0;url={url}'><script>window.hacked = true</script>"
        f"<img src={url} onerror='window.hacked = true'><iframe src={url}></iframe><base href={url}>"
        f"<link rel=stylesheet href={url}><style>body {{ display: none }}</style><!--{{{{script}}}}"
    )
    known = json.loads(re.search(r'id="network">(.*?)</script>', PAGE)[1]) | {"run": hostile, "note": hostile}
    (path := tmp_path / "hostile.html").write_text(
        build.fill_template(build.TEMPLATE_FILE.read_text(encoding="utf-8"), known), encoding="utf-8"
    )
    refused = ["Content Security Policy", "Failed to load", "Fetch API"]
    with opened(browser, path.as_uri(), own=(path.as_uri(), url), problems=refused) as page:
        assert hostile in text(page, "footer")
        assert page.evaluate("JSON.parse(document.getElementById('network').textContent).note") == hostile
        assert page.locator("meta[http-equiv=refresh], iframe, base, link:not([rel=icon]), img").count() == 0
        draw(page, [5])
        page.evaluate("lab.setLabel(5); lab.learn(1)")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        page.evaluate(
            """async (url) => {
                const script = document.createElement("script");
                window.blocked = [];
                addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
                await fetch(url).catch(() => {});
                new Image().src = url;
                script.textContent = "window.hacked = true";
                document.body.append(script);
                document.body.insertAdjacentHTML("beforeend", "<i style='color: red'>styled</i>");
            }""",
            url,
        )
        directives = {"connect-src", "img-src", "script-src-elem", "style-src-attr"}
        until(lambda: directives <= set(page.evaluate("blocked")))
        assert page.url == path.as_uri()
        assert page.evaluate("window.hacked") is None
