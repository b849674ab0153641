"""What is taken out of a model's text while it comes, wherever the pieces are cut, and what is recognised as no answer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jacie_flask.answer.model import repetition
from jacie_flask.answer.model.hygiene import Hygiene, is_markers_only
from jacie_flask.answer.model.repetition import Repetition

HEADERS = ("[1] a b.pdf, page 3 (Acme, annual report, 2023)", "[12] c.xlsx, page 4")
SAID = "Revenue was 5 [1]."

CLEANED = {
    "ChatML": ("<|im_start|>assistant\nRevenue was 5 [1].<|im_end|>\n<|im_start|>user\nAnd?", SAID),
    "Llama 3": ("<|start_header_id|>assistant<|end_header_id|>\n\nRevenue was 5 [1].<|eot_id|>assistant", SAID),
    "Llama 2": (" [/INST] Revenue was 5 [1].</s><s>[INST] And?", SAID),
    "system of Llama 2": ("<<SYS>><</SYS>>Revenue was 5 [1].", SAID),
    "Mistral tools": ("[AVAILABLE_TOOLS][/AVAILABLE_TOOLS]Revenue was 5 [1].</s>", SAID),
    "Gemma": ("<bos><start_of_turn>model\nRevenue was 5 [1].<end_of_turn>\n<start_of_turn>user\nAnd?", SAID),
    "Phi": ("<|assistant|>\nRevenue was 5 [1].<|end|>\n<|user|>And?", SAID),
    "Command R": ("<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Revenue was 5 [1].<|END_OF_TURN_TOKEN|>", SAID),
    "DeepSeek": ("<｜Assistant｜>Revenue was 5 [1].<｜end▁of▁sentence｜>", SAID),
    "Granite": ("<|start_of_role|>assistant<|end_of_role|>Revenue was 5 [1].<|end_of_text|>", SAID),
    "GLM": ("[gMASK]<sop><|assistant|>\nRevenue was 5 [1].<|observation|>x", SAID),
    "Falcon": ("Revenue was 5 [1].<|endoftext|>Once upon a time", SAID),
    "gpt-oss": ("<|channel|>analysis<|message|>Hm [1].<|end|><|start|>assistant<|channel|>final<|message|>Revenue was 5 [1].<|return|>", SAID),
    "Hermes tool call": ('<tool_call>{"name": "f"}</tool_call>Revenue was 5 [1].', SAID),
    "Alpaca": ("### Response:\nRevenue was 5 [1].\n### Instruction:\nAnd?", SAID + "\n"),
    "unused tokens": ("<unused12><pad>Revenue was 5 [1].<extra_id_0>", SAID),
    "fence": ("<excerpts 0123456789abcdef>\nRevenue was 5 [1].\n</excerpts 0123456789abcdef>", SAID + "\n"),
    "header": (f"{HEADERS[0]}\nRevenue was 5 [1].\n\n{HEADERS[1]}\nSo it was.", SAID + "\n\nSo it was."),
    "header, CR LF": (f"So:\r\n{HEADERS[0]}\r\nRevenue was 5 [1].", "So:\r\n" + SAID),
    "header in bold": (f"**{HEADERS[0]}**\nRevenue was 5 [1].", SAID),
    "header without what it is about": ("[1] a b.pdf, page 3\nRevenue was 5 [1].", SAID),
    "header at the end": (f"Revenue was 5 [1].\n{HEADERS[0]}", SAID + "\n"),
}  # fmt: skip

KEPT = [
    "- [1] says 5\n* [2] says 6\n\n[1] Revenue was 5 [2].\n",
    "a < b and c > d, <b>bold</b>, [Net income] and [a link](x)",
    "## Results\n1. First\n2. Second\n> quoted\n__bold__",
    "| a | b |\n|---|---|\n| 1 | 2 |\n" * 3,
    "[1] a b.pdf shows that revenue was 5.",
    "### Response to inflation\nPrices rose.",
    "42,280",
    "In 2023: 5.\r\nIn 2022: 4.\r\n",
    "Text with [INS and <|im_ and <",
    "  leading space",
]


def cleaned(*pieces: str) -> str:
    """Return what is shown of an answer that comes in these pieces."""
    hygiene = Hygiene(HEADERS)
    return "".join([*map(hygiene.feed, pieces), hygiene.end()])


@pytest.mark.parametrize(("text", "shown"), CLEANED.values(), ids=CLEANED.keys())
def test_marks_and_echoes_are_taken_out(text, shown):
    """At once, a character at a time, and cut at every place."""
    assert cleaned(text) == shown
    assert cleaned(*text) == shown
    for at in range(len(text)):
        assert cleaned(text[:at], text[at:]) == shown, (text[:at], text[at:])


@pytest.mark.parametrize("text", KEPT)
def test_what_a_model_may_write_is_kept(text):
    """However it is cut, no character is lost."""
    assert cleaned(text) == text
    assert cleaned(*text) == text
    for at in range(len(text)):
        assert cleaned(text[:at], text[at:]) == text, (text[:at], text[at:])


PIECES = [HEADERS[0], "\n", "[1]", "[", "]", "<", ">", "|", "<|im_start|>", "<|im_end|>", "assistant", "a b", "### ", "Response:", "*", "<s>",
          "\r", "Human:", "<|channel|>", "<|message|>", "final", ", page 3", "1. ", " "]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12), st.lists(st.integers(0, 200), max_size=6))
def test_where_a_text_is_cut_makes_no_difference(parts, cuts):
    """Any text gives the same in any pieces."""
    text = "".join(parts)
    places = sorted({min(cut, len(text)) for cut in cuts})
    pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    assert cleaned(*pieces) == cleaned(text)


@pytest.mark.parametrize("answer", ["[1]", "[1][2]", " [1], [2].", "- [1]\n- [2]\n", "([12])"])
def test_numbers_of_excerpts_alone_are_no_answer(answer):
    """They are recognised, and not shown."""
    hygiene = Hygiene()
    assert hygiene.feed(answer) + hygiene.end() == ""
    assert hygiene.markers_only
    assert is_markers_only(answer)


@pytest.mark.parametrize("answer", ["Yes [1]", "42 [1]", "42", "", "2023", "…", "是 [1]"])
def test_short_answers_are_answers(answer):
    """A figure or a word beside the number is one."""
    hygiene = Hygiene()
    assert hygiene.feed(answer) + hygiene.end() == answer
    assert not hygiene.markers_only


LOOPS = {
    "a word": "no ",
    "a sentence": "The revenue of the company was strong. ",
    "a long paragraph": " ".join(f"word{n}" for n in range(90)) + "\n",
    "a letter": "a",
    "a marker": "[1] ",
}


@pytest.mark.parametrize("unit", LOOPS.values(), ids=LOOPS.keys())
def test_a_repetition_is_found_and_stops_the_answer(unit):
    """Within a bounded number of characters after it began."""
    hygiene = Hygiene()
    shown = hygiene.feed("Revenue rose by 7 percent in 2023, as prices and volumes rose.\n")
    given_out = 0
    while not hygiene.stopped:
        shown += hygiene.feed(unit)
        given_out += len(unit)
        assert given_out < 6 * max(len(unit), 200)
    assert hygiene.repetition.found
    assert not hygiene.repetition.blank


def test_numbered_lines_that_say_the_same_are_a_repetition():
    """Only the number at the beginning of each line changes."""
    hygiene = Hygiene()
    for number in range(1, 100):
        hygiene.feed(f"{number}. Revenue grew because prices rose.\n")
    assert hygiene.repetition.found


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"| {2024 - n} | {n * 1234:,} | {n}.{n} % |\n" for n in range(60)),
        "".join(f"{n}. Revenue of segment {chr(65 + n % 26)} was {n * 7} million.\n" for n in range(100)),
        "|" + "---|" * 40 + "\n",
        "A short line.\n\n" * 7,
        " ".join(f"In {1990 + n} revenue was {n * 37} million and profit was {n * 3} million." for n in range(60)),
    ],
)
def test_tables_and_lists_are_no_repetition(text):
    """Rows that differ in their figures are what an answer may hold."""
    found = Repetition()
    for start in range(0, len(text), 7):
        found.feed(text[start : start + 7])
    assert not found.found


def test_white_space_without_end_stops_but_does_not_void():
    """What was said before it is the answer."""
    hygiene = Hygiene()
    hygiene.feed("Revenue was 5.")
    for _ in range(30):
        hygiene.feed("\n" * 40)
    assert hygiene.stopped
    assert hygiene.repetition.blank


@pytest.mark.parametrize("unit", ["<", "[", "\n", "<|", "[1", "###", "- ", "[1] ", "< ", "a\n", " "])
def test_kept_back_text_is_bounded(unit):
    """However long a text goes on, what waits is not longer than a line of the prompt."""
    hygiene = Hygiene(HEADERS)
    shown = 0
    given_in = 0
    while not hygiene.stopped and given_in < 20_000:
        shown += len(hygiene.feed(unit))
        given_in += len(unit)
        assert given_in - shown <= 1200


def test_the_window_is_bounded():
    """Memory does not grow with the answer."""
    looked_at = Repetition()
    for number in range(5000):
        looked_at.feed(f"word {number * number} ")
    assert not looked_at.found
    assert len(looked_at._window) <= repetition._WINDOW
    assert re.search("word", looked_at._window)
