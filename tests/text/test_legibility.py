"""Text of a language is told from what a font without a map to Unicode gives."""

import pytest

from jacie_flask.text.legibility import is_language, is_legible

PROSE = {
    "English": "The board reviewed the refurbishment programme and approved the consolidated financial statements of the group for the year",
    "German": "Der Vorstand berichtet über das Geschäftsjahr und die Veränderung der Verbindlichkeiten gegenüber Kreditinstituten",
    "Czech": "Představenstvo předkládá konsolidovanou účetní závěrku skupiny za účetní období a výsledky provozní činnosti společnosti",
    "Swahili": "Bodi ya wakurugenzi inawasilisha taarifa za fedha za kampuni kwa mwaka uliomalizika pamoja na mapato na matumizi yote",
    "Vietnamese": "Hội đồng quản trị trình bày báo cáo tài chính hợp nhất của tập đoàn cho năm tài chính kết thúc và các khoản doanh thu",
}


def shifted(text, by):
    """Return a text with each letter exchanged for one further on."""
    return "".join(chr(97 + (ord(letter) - 97 + by) % 26) if "a" <= letter <= "z" else letter for letter in text.lower())


@pytest.mark.parametrize("language", PROSE)
def test_prose_is_legible(language):
    """European and other Latin prose is text."""
    assert is_legible(PROSE[language])


@pytest.mark.parametrize("by", [3, 5, 7, 9, 12, 14, 18, 23])
def test_exchanged_letters_are_not(by):
    """A map that gives wrong letters gives no words."""
    assert not is_legible(shifted(PROSE["English"], by))
    assert not is_language(shifted(PROSE["English"], by))


def test_control_and_private_characters_are_not():
    """Characters that no text has make a page unreadable; bullets and figures do not."""
    assert not is_legible("".join(chr(0xE000 + ord(letter)) for letter in PROSE["English"]))
    assert not is_legible("/XPRUD\x03+ROGLQJV\x03DQQXDO\x03UHSRUW\x03\x15\x13\x15\x17\n5HYHQXH\x03\x18\x0f\x18\x14\x13")
    assert is_legible("\n".join(f"\uf0b7 Point {number}: revenue 1,{number}00" for number in range(10, 40)))
    assert is_legible("1,204 1,180 1,120\n987 955 930")
    assert is_legible("营业收入 1,204 百万元")
