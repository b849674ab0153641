"""Languages of questions: told by their function words, basic terms of finance brought into English."""

import pytest

from jacie_flask.text.languages import in_english, language


@pytest.mark.parametrize(("question", "name"), [
    ("Wie hoch war der Gewinn im Jahr 2021?", "German"), ("Quel était le bénéfice de la société en 2021 ?", "French"),
    ("¿Cuántos empleados tiene la empresa en España?", "Spanish"), ("Qual è il fatturato della società nel 2021?", "Italian"),
    ("Hoeveel winst is er in het jaar gemaakt?", "Dutch"), ("Qual foi o lucro da empresa no ano?", "Portuguese"),
    ("Hur mycket var vinsten för året?", "Swedish"), ("Hvad var resultatet af driften, og hvem er direktør?", "Danish"),
    ("Hva var resultatet, og hvor mye er utbyttet?", "Norwegian"), ("2021年の売上高はいくらですか", "another language"),
    ("What was the net profit in 2021?", ""), ("Was the debt of the company due in May?", ""),
    ("How did Banco de la Costa do in 2021?", ""), ("Revenue 2021", ""), ("", ""),
])  # fmt: skip
def test_the_language_of_a_question(question, name):
    """Two function words of a language, and more of them than English ones, tell it; a name of that language does not."""
    assert language(question) == name


@pytest.mark.parametrize(("question", "english"), [
    ("Wie hoch war der Umsatz von Contoso im Jahr 2021?", "revenue Contoso 2021?"),
    ("Quel était le résultat net de Contoso en 2021 ?", "net profit Contoso 2021 ?"),
    ("¿Cuál fue el resultado operativo de Contoso?", "operating profit Contoso?"),
    ("Welche Umsätze hatte Contoso im Jahr 2021?", "revenue Contoso 2021?"),
    ("Quel est le chiffre d'affaires d'Averlinde ?", "revenue Averlinde ?"),
    ("Quali sono i rischi di Contoso?", "risk factors Contoso?"), ("Wie is de bestuursvoorzitter van Contoso?", "CEO Contoso?"),
])  # fmt: skip
def test_basic_terms_are_brought_into_english(question, english):
    """What the question is for stays, in the words that pages have; what only binds its words goes."""
    assert in_english(question) == english


def test_an_english_question_stays_as_it_is():
    """A word that means something in another language as well is left alone."""
    question = "What are the utile  and schuld of Contoso, and was it war?"
    assert in_english(question) == question
