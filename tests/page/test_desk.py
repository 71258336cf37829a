"""What the site asks Python, and what its scripts have taken over from Python: without a browser."""

import base64
import gzip
import json
import random
import shutil
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from functools import partial
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

import data
import main_np
import write as write_py
from chromium import missing
from conftest import ROOT, SMALL
from desk import archives, review
from desk.work import digest
from exercises import watched
from exercises.catalogue import BY_NAME, EXERCISES
from marker import runner
from marker.equal import agree
from marker.finders import repair
from marker.function import Notes
from marker.kind import Outcome
from mlp_np import softmax
from page import bundle, desk
from practice_answers import RIGHT, filled, write
from resnet_np import Conv
from support.errors import UserError
from support.texts import decode_names

SEED = 5


def beside(tmp_path, name, line):
    """What stands beside the right array after this line; and the inputs of the first trial."""
    path = tmp_path / f"{name}.py"
    path.write_text(filled(name, line), encoding="utf-8")
    exercise = BY_NAME[name]
    show = partial(desk.describe_first_wrong_array, exercise, SEED)
    report = runner.make_report(exercise, path, SEED, show=show)
    return report.shown, next(iter(exercise.draw_trials(SEED)))


def test_ones_own_array_stands_beside_the_right_one_with_the_entry_that_is_furthest_off(tmp_path):
    both, g = beside(tmp_path, "da1", "da1 = -dlogits @ W2.T")
    assert np.allclose(both["mine"], -g.da1) and np.allclose(both["right"], g.da1)
    assert both["furthest"] == [*np.unravel_index(np.abs(g.da1).argmax(), g.da1.shape)]
    assert (both["name"], both["lead"], both["axes"], both["isTelling"]) == ("da1", [], 2, False)
    both, g = beside(tmp_path, "dW2_db2", "dW2 = a1.T @ dlogits\ndb2 = dlogits.mean(axis=0)")
    assert both["name"] == "db2" and both["axes"] == 1 and np.allclose(both["right"], [g.db2])
    both, g = beside(tmp_path, "dW2_db2", "dW2 = dlogits.T @ a1\ndb2 = dlogits.sum(axis=0)")
    assert both["furthest"] is None and np.allclose(both["mine"], g.dW2.T)  # another shape
    both, g = beside(tmp_path, "layer_norm_dx", "dx = dy * np.nan")
    assert both["mine"][0][0] is None and np.allclose(both["right"], g.dx[tuple(both["lead"])])
    assert both["axes"] == g.dx.ndim == len(both["lead"]) + 2


def test_a_line_for_one_image_computes_the_first_derivative_until_there_is_one_for_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    monkeypatch.setattr(desk, "Path", lambda *parts: tmp_path.joinpath("out", *parts[1:]))
    (tmp_path / "out").mkdir()
    rng = np.random.default_rng(0)
    known = {"x": rng.normal(size=784), "z1": rng.normal(size=6), "W2": rng.normal(size=(6, 10))}
    known |= {"a1": np.maximum(known["z1"], 0), "p": softmax(rng.normal(size=(1, 10)))[0]}
    for name, array in known.items():
        (tmp_path / name).write_bytes(array.tobytes())
    for written, factor in (({"one_image": 2}, 2), ({"one_image": 2, "dlogits": 3}, 3)):
        for name, times in written.items():
            (tmp_path / f"{name}.py").write_text(filled(name, f"{RIGHT[name]}; dlogits = {times} * dlogits"))
        desk.write_derivatives([*written], 4)
        dlogits = np.frombuffer((tmp_path / "out" / "dlogits").read_bytes())
        assert np.allclose(dlogits, factor * (known["p"] - np.eye(10)[4]))


def test_what_would_tell_the_answer_stays_shut_until_the_first_hint(tmp_path):
    assert beside(tmp_path, "loss", "loss = 1.5")[0]["isTelling"]  # one entry
    assert beside(tmp_path, "dz1", "dz1 = da1")[0]["isTelling"]  # an input as it is
    never_as_they_are = RIGHT["clip_norm"].replace("min(1, most / norm)", "most / norm")
    assert beside(tmp_path, "clip_norm", never_as_they_are)[0]["isTelling"]  # an input as it is would be right
    assert beside(tmp_path, "dz1", "dz1 = z1 * da1")[0]["isTelling"] is False


def test_where_there_is_no_array_there_are_not_two():
    for notes in (Notes(), Notes([{}]), Notes([{"results": [{"type": "x"}]}]), Notes([{"results": [None]}]), 1):
        assert desk.describe_first_wrong_array(BY_NAME["da1"], SEED, Outcome(notes=notes)) is None


def test_of_a_zip_file_with_a_damaged_progress_the_rest_is_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    monkeypatch.setattr(desk, "UNPACKED_FOLDER", tmp_path / "unpacked")
    with zipfile.ZipFile(tmp_path / "my_practice.zip", "w") as archive:
        archive.writestr("ada/da1.py", filled("da1", "da1 = dlogits @ W2.T"))
        archive.writestr("ada/progress.json", "[")
    found = desk.unpack_work("my_practice.zip")
    assert found["damaged"] and [*found["work"]["files"]] == ["da1"] and found["work"]["progress"] == {}


def test_what_has_passed_in_a_zip_file_has_passed_here_if_it_is_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    monkeypatch.setattr(desk, "UNPACKED_FOLDER", tmp_path / "unpacked")
    texts = {name: filled(name, RIGHT[name]) for name in ("da1", "dz1", "loss")}
    passed = {name: digest(write(tmp_path, name)) for name in ("da1", "dz1")}
    with zipfile.ZipFile(tmp_path / "my_practice.zip", "w") as archive:
        for name, text in (texts | {"dz1": texts["dz1"] + "# a thought\n"}).items():
            archive.writestr(f"my_practice/{name}.py", text)
        archive.writestr("my_practice/progress.json", json.dumps({"passed": passed}))
    found = desk.unpack_work("my_practice.zip")["work"]
    assert {*found["files"]} == {"da1", "dz1", "loss"} and found["passed"] == {"da1": texts["da1"]}


def test_blocks_run_one_after_the_other_with_the_same_names(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "start_reporting_lines", lambda *files: None)
    monkeypatch.setattr(desk, "Path", lambda name: tmp_path / name.rpartition("/")[2])
    for blocks, printed in ((["a = 3", "a\na + 1"], "4\n"), ([""], ""), (["print(1)", "# nothing"], "")):
        assert desk.run_blocks(blocks) == {"printed": printed}
    monkeypatch.setattr(desk, "explain_error_in_file", lambda error, file: f"{error}, in {file}")
    for blocks, said in (
        (["1 / 0", "2"], "In block 1 above: division by zero, in /tmp/block0.py"),
        (["2", "1 / 0"], "division by zero, in /tmp/block1.py"),
    ):
        assert desk.run_blocks(blocks)["error"] == said


def test_a_block_that_never_ends_is_named_if_it_is_not_the_last():
    for block, begins in ((0, "In block 1 above: "), (1, "")):
        said = desk.make_early_end_result(["while True: pass", "1"], seconds=8, stuck={"line": 1, "file": block})[
            "error"
        ]
        assert said == f"{begins}Stopped after 8 seconds, in line 1. Is there a loop that never ends?"


def test_a_kernel_that_the_reader_edits_computes_what_resnet_np_computes():
    """convolve.js in node: forward, and dW where dy is y."""
    if not shutil.which("node"):
        missing("needs node, which comes with npm")
    rng = np.random.default_rng(0)
    x, W = rng.random((28, 28)), rng.normal(size=(3, 3))
    module = (bundle.FOLDER / "lessons/convolve.js").as_uri()
    program = (
        f'import {{ convolve, gradient }} from "{module}"; '
        f"const y = convolve({x.ravel().tolist()}, {W.ravel().tolist()}); "
        f"console.log(JSON.stringify([y, gradient({x.ravel().tolist()}, y)]))"
    )
    node = ["node", "--input-type=module", "--no-warnings", "-"]
    ran = subprocess.run(node, input=program, capture_output=True, text=True, check=True)
    conv = Conv(rng, 1, 1)
    conv.params["W"] = W[..., np.newaxis, np.newaxis]
    y = conv.forward(x[np.newaxis, ..., np.newaxis])
    conv.backward(y)
    found = json.loads(ran.stdout)
    assert np.allclose(found[0], y.ravel(), rtol=1e-12, atol=1e-12)
    assert np.allclose(found[1], conv.grads["W"].ravel(), rtol=1e-12)


def test_a_training_is_called_slow_beside_what_products_take_on_this_computer(monkeypatch):
    trace = SimpleNamespace(seconds=7, n_scaled_batches=0, is_in_order=False, was_tested=np.zeros(0))
    for seconds, said in ((10, ["The training took 7 s."]), (1e-9, [])):
        monkeypatch.setattr(watched, "REFERENCE_PRODUCT_SECONDS", seconds)
        assert [remark[:22] for remark in watched.Trace.iter_remarks(trace)] == said


def test_of_many_files_that_cannot_be_read_three_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    monkeypatch.setattr(desk, "UNPACKED_FOLDER", tmp_path / "unpacked")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 0)
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for i in range(100):
            archive.writestr(f"{i}/da{i}.py", "")
    with pytest.raises(UserError, match=r"^cannot be read: da0\.py \(.*\), da1\.py .*, 97 more$"):
        desk.unpack_work("mine.zip")


def test_what_is_due_is_due_here_on_the_same_days(monkeypatch):
    """review.js and review.py, with 300 states of a learner, each on some day of three years."""
    if not shutil.which("node"):
        missing("needs node, which comes with npm")
    rng, cases = random.Random(0), []
    for _ in range(300):
        today = date(2025, 1, 1) + timedelta(rng.randrange(1000))

        def some(value, share=0.3):
            return {exercise.name: value() for exercise in EXERCISES if rng.random() < share}

        def day(today=today):
            return (today + timedelta(rng.randrange(-20, 30))).isoformat()

        progress = {"passed": some(str, rng.random()), "due": some(day, rng.random())}
        cases.append((today, progress | {name: some(int, 0.1) for name in ("hints", "seen", "mistakes")}))
    given = [
        [progress, (today - date(1970, 1, 1)).days * 86_400_000 + rng.randrange(86_400_000)]
        for today, progress in cases
    ]
    script = f"""import {{ findDue }} from {json.dumps((bundle.FOLDER / "lessons/review.js").as_uri())};
        const rules = {json.dumps({"days": review.MIN_DAYS_TO_REVIEW, "few": review.MAX_REVIEWS_PER_DAY})};
        console.log(JSON.stringify({json.dumps(given)}.map(([progress, today]) => findDue(progress, rules, today))));"""
    command = ["node", "--input-type=module", "--no-warnings", "-"]
    ended = subprocess.run(command, input=script, capture_output=True, check=True, encoding="utf-8")
    found = json.loads(ended.stdout)
    for (today, progress), names in zip(cases, found, strict=True):
        monkeypatch.setattr(review, "date", type("Today", (date,), {"today": staticmethod(lambda today=today: today)}))
        assert names == review.list_due(progress), today
    assert sum(map(len, found)) > 1000


def test_of_a_large_array_the_part_is_shown_that_is_furthest_off(tmp_path):
    both, g = beside(tmp_path, "dW1_db1", "dW1 = x.T @ dz1 / 2\ndb1 = dz1.sum(axis=0)")
    (row, column), (r, c) = both["corner"], both["furthest"]
    assert (row + r, column + c) == np.unravel_index(np.abs(g.dW1).argmax(), g.dW1.shape) and g.dW1.shape == (784, 4)
    assert np.shape(both["mine"]) == (desk.MAX_SHOWN_ROWS, 4)
    part = np.s_[row : row + desk.MAX_SHOWN_ROWS]
    assert agree(both["right"], g.dW1[part]) and agree(both["mine"], g.dW1[part] / 2)


def test_the_entry_stands_in_the_middle_of_the_part_or_the_part_ends_where_the_array_does():
    right = np.zeros((40, 30))
    for at, corner in (((20, 15), [13, 8]), ((0, 29), [0, 16]), ((39, 3), [26, 0])):
        mine = right.copy()
        mine[at] = np.inf
        both = desk.describe_cropped_arrays(mine, right)
        row, column = both["furthest"]
        assert both["corner"] == corner and np.shape(both["right"]) == (desk.MAX_SHOWN_ROWS, desk.MAX_SHOWN_ROWS)
        assert both["mine"][row][column] is None and both["right"][row][column] == 0  # JSON knows no inf


def test_where_a_unit_goes_off_on_the_way_the_gradient_check_measures_nothing(npm):
    """training.js in node: the first of eight units is exactly at the bend of its ReLU."""
    if not shutil.which("node"):
        missing("needs node, which comes with npm")
    sizes = {"network": 4 * 4 + 2 * 21 + 784, "images": 784 * 5}  # a network with one hidden unit, and five images
    given = {"hidden": 1, "labels": [], "mean": 0.1307, "std": 0.3081}
    given |= {"trainingLabels": [0, 1, 2, 3], "testingLabels": [4]}
    for name, size in sizes.items():
        given[name] = {"packed": base64.b64encode(gzip.compress(bytes(size))).decode()}
    script = f"""
        const given = {{ textContent: {json.dumps(json.dumps(given))} }};
        globalThis.document = {{ documentElement: {{ dataset: {{}} }}, getElementById: () => given }};
        const {{ Training }} = await import({json.dumps((bundle.FOLDER / "training.js").as_uri())});
        const run = new Training({{ hidden: 8, init: "zeros", seed: 1 }}), {{ b1, W2 }} = run.model.params;
        b1.fill(1, 1);
        W2.forEach((_, n) => n % 10 === 0 && (W2[n] = 1));
        console.log(JSON.stringify(run.check(4).map(({{ j, noise }}) => [j, noise])));"""
    command = ["node", "--input-type=module", "--no-warnings", "-"]
    noise = dict(json.loads(subprocess.run(command, input=script, capture_output=True, text=True, check=True).stdout))
    assert noise.pop(0) is None and len(noise) == 7 and 0 < max(noise.values()) < 1e-9  # JSON's null: without end


def test_importing_the_desk_changes_nothing_and_needs_nothing_that_the_site_leaves_out():
    site = pytest.importorskip("page.site", exc_type=UserError)
    code = f"""
import faulthandler, sys
import data, numpy
before = data.load, faulthandler.dump_traceback_later
left_out = {[name for name in site.UNUSED_PREFIXES if "/" not in name]}
for name in left_out:
    sys.modules.setdefault(name, None)  # if NumPy has not asked for it here: from now on it is missing
import page.desk
assert before == (data.load, faulthandler.dump_traceback_later)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_network_of_ones_own_opens_in_the_page_if_it_is_one_of_the_pages(mnist):
    rng, images = np.random.default_rng(0), mnist.test_images[:300].reshape(300, 784)
    kept = [(rng.normal(0, 0.3, (20, 784)), rng.normal(0, 1, 20)), (rng.normal(0, 0.3, (10, 20)), rng.normal(0, 1, 10))]

    def relu(z):
        return np.maximum(z, 0)

    for between, mean, std, pixels, told in [
        (relu, 0, 1, "unit", "reads all 300 test images the same way"),
        (relu, 0.1307, 0.3081, "standardised", "the same way"),
        (np.tanh, 0, 1, None, "returns different digits"),
        (relu, 5, 1, None, "returns different digits"),
    ]:

        def read(params, images, between=between, mean=mean, std=std):
            (W1, b1), (W2, b2) = params
            return (between((images / 255 - mean) / std @ W1.T + b1) @ W2.T + b2).argmax(axis=1)

        found, proof = desk.pack_network_and_explain(SimpleNamespace(read=read), kept, images, "")
        assert told in proof and (found and (found["hidden"], found["pixels"])) == (pixels and (20, pixels))
    deep = [*kept[:1], (rng.normal(0, 0.3, (20, 20)), np.zeros((1, 20))), *kept[1:]]
    assert "3 layers of weights" in desk.pack_network_and_explain(SimpleNamespace(read=read), deep, images, "")[1]


def test_what_is_known_is_reported_before_the_search_for_a_place(tmp_path, monkeypatch):
    said, result = [], tmp_path / "result.json"
    path = write(tmp_path, "dz1", "dz1 = 3.7 * da1 * (z1 > 0) - 2.3 * (a1 > 1)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["", "dz1", str(path), "0", str(result)])
    monkeypatch.setattr(desk, "send_to_page", lambda **what: said.append(what))
    monkeypatch.setattr(desk, "start_reporting_lines", lambda *files: None)
    monkeypatch.setattr(repair, "search_edits_for_place", lambda *_: said.append("searched"))
    desk.run_and_write_report()
    *_, known, searched = said
    first, last = json.loads(known["outcome"]), json.loads(result.read_text())
    assert searched == "searched"
    assert first["verdict"]["name"] == last["verdict"]["name"] == "not right"
    assert first["shown"] == last["shown"] and first["shown"]["name"] == "dz1"


@pytest.mark.slow
def test_a_network_that_writes_is_refused_in_one_right_line_where_there_are_no_words(
    tmp_path, monkeypatch, quick_curves
):
    main_np.main(["--model", "gpt", *SMALL["gpt"].split(), "--steps", "1", "--out", str(tmp_path)])
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    monkeypatch.setattr("support.texts.load_vocabulary", lambda *_: pytest.fail("it has looked for the words"))
    with pytest.raises(UserError, match=r"^checkpoint_gpt_np\.npz is a GPT, a network that writes: "):
        desk.pack_checkpoint("checkpoint_gpt_np.npz")


def test_the_pixels_are_standardised_as_where_all_images_are():
    assert desk.MNIST.mean_and_std == data.SOURCES["mnist"].mean_and_std


def test_the_site_writes_what_the_network_writes_and_says_which_names_it_has_learned(tmp_path, monkeypatch):
    site = pytest.importorskip("page.site", exc_type=UserError)
    (tmp_path / "runtime").mkdir()
    known = data.load("names").train_tokens.astype(np.uint8)
    address = site.write_gpt(tmp_path / "runtime", "names.npz", known)
    (tmp_path / address).rename(tmp_path / "writer.npz")
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    names = desk.generate_names_with_details("Mc<", 30, 0.5, seed=1)["names"]
    assert len(names) == 30 and all(name.startswith("mc") for name, *_ in names)
    listed = {name for name, is_known, _ in names if is_known}
    assert listed and listed == {name for name, *_ in names} & {*decode_names(known)}
    assert (
        desk.generate_names_with_details("", 5, 0, seed=1)["names"]
        == desk.generate_names_with_details("", 5, 0, seed=2)["names"]
    )


@pytest.mark.parametrize(("file", "begun", "places"), [("gpt.npz", "", 49), ("names.npz", "ma", 12)])
def test_what_is_said_of_each_word_that_is_written_is_gpt_nps(file, begun, places, tmp_path, monkeypatch):
    """What was drawn, how likely that was, and what each head looked at, against one forward pass of the whole text."""
    said = []
    with np.load(desk.Path(desk.__file__).with_name(file)) as weights:
        np.savez(tmp_path / "writer.npz", words=np.zeros((128, 16) if places == 49 else (1, 12), np.uint8), **weights)
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    monkeypatch.setattr(desk, "send_to_page", lambda **what: said.append(what))
    model, _ = desk.load_writer()
    if begun:
        ((name, _, said),) = desk.generate_names_with_details(begun, 1, 0.7, seed=3)["names"]
        text = [27, *(desk.LETTERS.index(letter) + 1 for letter in name)]
        drawn = model.generate(np.array([text[:3]]), 0.7, np.random.default_rng(3))
        assert [one["word"] for one in said] == [int(word) for (word,) in drawn][: len(said)]
        assert len(said) == min(len(name) + 1, places) - len(begun)  # the end, too, if there is one
    else:
        desk.write_digit_to_page(4, 0.7, seed=3)
        said = said[1:]
        text = [128 + 4, *(one["word"] for one in said)][:places]
    text += [0] * (places - len(text))  # what follows changes nothing
    logits = model.forward(np.array([text]))[0, len(begun) :][: len(said)]
    blocks = [layer.layers["attention"].softmax.weights[0] for name, layer in model.layers.items() if "blocks" in name]
    for place, (row, one) in enumerate(zip(logits, said, strict=True), len(begun)):
        p = softmax(row / 0.7)
        assert np.allclose([p[k] for k, _ in one["likely"]], [share for _, share in one["likely"]], atol=1e-5)
        assert one["word"] in dict(one["likely"]) and {*p.argsort()[-5:].tolist()} <= {*dict(one["likely"])}
        for weights, looked in zip(blocks, one["attention"], strict=True):
            assert np.allclose(weights[:, place, : place + 1], looked, atol=1e-5)
            assert np.allclose(np.sum(looked, axis=1), 1, atol=1e-4)


def test_the_site_goes_on_with_a_text_as_write_does_and_says_where_it_looked(tmp_path, monkeypatch):
    """Beyond its last place, too; and what was drawn was as likely as one forward pass of the letters before says."""
    site = pytest.importorskip("page.site", exc_type=UserError)
    (tmp_path / "runtime").mkdir()
    letters = data.SOURCES["shakespeare"].letters
    assert (site.FOLDER / "text.npz").stat().st_size < 300_000
    (tmp_path / site.write_gpts(tmp_path / "runtime")["text"]).rename(tmp_path / "writer.npz")
    said = []
    monkeypatch.setattr(desk, "WORK_FOLDER", tmp_path)
    monkeypatch.setattr(desk, "send_to_page", lambda **what: said.append(what))
    desk.write_text_to_page("ROMEO:\u2603", 100, 0.8, seed=2)
    about, *said = said
    assert about == {"prompt": "ROMEO:", "letters": letters}
    model, _ = desk.load_writer()
    words = [letters.index(letter) for letter in "ROMEO:"]
    drawn = write_py.generate_endlessly(model, words, 0.8, np.random.default_rng(2))
    words += [int(word) for word in islice(drawn, 100)]
    assert [one["word"] for one in said] == words[6:]
    text = words[:64]
    p = softmax(model.forward(np.array([text]))[0].astype(np.float64) / 0.8)
    weights = model.layers["blocks.1"].layers["attention"].softmax.weights[0]
    for place, one in zip(range(5, 63), said, strict=False):
        assert dict(one["likely"])[one["word"]] == pytest.approx(p[place, one["word"]], abs=1e-4)
        assert np.allclose(weights[:, place, : place + 1], one["attention"][1], atol=1e-4)
