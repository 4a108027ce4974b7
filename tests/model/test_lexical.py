"""The lexical model: learns, survives saving, and explains itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.errors import FenboError
from model.lexical import LexicalModel
from model.ngrams import Document, occurrences
from training.lexical import LexicalSettings, fit_lexical

LETTERS = {
    "路灯": ["门口路灯不亮", "路灯坏了没人修", "巷子里路灯一直不亮", "晚上路灯全黑", "新装的路灯又坏"],
    "公交": ["公交车等了很久", "建议增加公交班次", "公交司机甩站", "公交车空调不开", "夜班公交太少"],
    "社保": ["社保断缴怎么补", "社保卡丢了怎么办", "社保转移要多久", "公司不交社保", "社保基数怎么算"],
}


@pytest.fixture(scope="module")
def model() -> LexicalModel:
    documents = [Document("", text) for texts in LETTERS.values() for text in texts]
    labels = [label for label, texts in LETTERS.items() for _ in texts]
    codes = (*LETTERS, "没有信件的部门")
    return fit_lexical(documents, labels, codes=codes, settings=LexicalSettings(fewest_documents=1))


def test_it_routes_letters_it_has_not_seen(model: LexicalModel) -> None:
    unseen = [
        Document("", "楼下路灯闪"),
        Document("路灯", ""),
        Document("", "公交改线了"),
        Document("", "社保怎么查"),
    ]
    best = [model.codes[column] for column in model.scores(unseen).argmax(axis=1)]
    assert best == ["路灯", "路灯", "公交", "社保"]


def test_a_department_without_letters_never_wins(model: LexicalModel) -> None:
    scores = model.scores([Document("", "完全无关的文字 xyz"), Document("", "")])
    assert (scores.argmax(axis=1) != 3).all()


def test_saved_and_loaded_it_answers_the_same(model: LexicalModel, tmp_path: Path) -> None:
    model.save(tmp_path / "lexical.npz")
    again = LexicalModel.load(tmp_path / "lexical.npz")
    letters = [Document("", text) for texts in LETTERS.values() for text in texts]
    assert again.codes == model.codes
    np.testing.assert_array_equal(again.scores(letters), model.scores(letters))


def test_a_batch_answers_what_single_letters_answer(model: LexicalModel) -> None:
    letters = [Document("", "路灯不亮"), Document("公交", "公交太少"), Document("", "")]
    singly = np.concatenate([model.scores([letter]) for letter in letters])
    np.testing.assert_allclose(model.scores(letters), singly, rtol=1e-5)


def test_the_telling_word_weighs_most(model: LexicalModel) -> None:
    document = Document("", "昨天晚上发现路灯不亮")
    found = occurrences([Document("", "别的"), document])
    terms = model.vocabulary.terms(found, 2)
    weights = model.character_weights(1, len(document.text), model.codes.index("路灯"), found, terms)
    assert weights.shape == (len(document.text),)
    assert weights.argmax() in (6, 7)
    contribution = model.scores([document])[0] - model.bias
    column = model.codes.index("路灯")
    assert weights.sum() == pytest.approx(contribution[column] - contribution.mean(), abs=1e-4)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "lexical.npz", keys=np.zeros(2, dtype=np.uint64))
    with pytest.raises(FenboError, match=r"lexical\.npz: arrays .*weights.* missing"):
        LexicalModel.load(tmp_path / "lexical.npz")


def test_an_unknown_label_is_an_error_that_lists_the_allowed() -> None:
    with pytest.raises(FenboError, match="'水务' is not in the taxonomy; allowed: 路灯, 公交"):
        fit_lexical([Document("", "a"), Document("", "b")], ["路灯", "水务"], codes=["路灯", "公交"])


def test_two_departments_are_enough() -> None:
    documents = [Document("", text) for label in ("路灯", "公交") for text in LETTERS[label]]
    labels = ["路灯"] * 5 + ["公交"] * 5
    small = fit_lexical(
        documents, labels, codes=["路灯", "公交"], settings=LexicalSettings(fewest_documents=1)
    )
    assert small.scores([Document("", "路灯"), Document("", "公交")]).argmax(axis=1).tolist() == [0, 1]
