"""Terms: one spelling, stable ids, numbers apart from words."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from jacie_flask.text.terms import NUMBER_BIT, is_number, number_id, term_counts, term_ids, tokens, word_id


def test_tokens_are_words_and_numbers_in_order():
    """A currency sign or a bracket is no token; a decimal or grouped number is one."""
    assert tokens("Net sales $ 1,577.5 (up 3 %)") == ["net", "sales", "1,577.5", "up", "3"]


def test_thousands_separators_do_not_change_a_number():
    """1,577 and 1577 are the same term."""
    assert term_ids("1,577") == term_ids("1577")


def test_plural_and_singular_are_one_term():
    """Inventories finds inventory and the other way round."""
    assert term_ids("inventories liabilities expenses") == term_ids("inventory liability expense")


def test_operating_and_operations_stay_apart():
    """Stemming is light: words that statements tell apart are not folded."""
    assert term_ids("operating") != term_ids("operations")


def test_stop_words_are_no_terms():
    """Function words carry nothing."""
    assert term_ids("the of and is") == []


def test_ids_are_stable_across_processes():
    """An id is a published hash of the stem, not Python's salted one."""
    assert term_ids("goodwill") == [zlib.crc32(b"goodwill") & ~NUMBER_BIT]


def test_ligatures_and_case_fold():
    """Compatible forms of a letter are the same word."""
    assert term_ids("ﬁnancial") == term_ids("FINANCIAL")


@given(st.text())
def test_any_text_gives_nonzero_unsigned_32_bit_ids(text):
    """Ids fit Pinecone's sparse indices and 0 stays free for nothing."""
    assert all(0 < term < 2**32 for term in term_ids(text))


@given(st.integers(min_value=0, max_value=10**12), st.sampled_from(["revenue", "Übernahme", "x"]))
def test_numbers_carry_the_number_bit_and_words_do_not(number, word):
    """The top bit tells numbers from words."""
    counts = term_counts(f"{number} {word}")
    assert sorted(map(is_number, counts)) == [False, True]


@given(st.text("aB1 9.,m²³⁴×*†)\n\u00a0é\u0301ﬁΣ", max_size=60))
def test_term_ids_are_those_of_the_tokens(text):
    """Ids that are kept for each word are the ids of the tokens of the whole text, note marks and exponents included."""
    assert term_ids(text) == [
        term for token in tokens(text) if (term := number_id(token) if token[0].isdigit() else word_id(token))
    ]
