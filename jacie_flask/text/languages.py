"""Which language a question is in, by its function words, and its basic terms of finance in English."""

import re

from jacie_flask.text.terms import STOP_WORDS, tokens, word_set

_FUNCTION_WORDS = {
    "German": """
        der die das und wie wer wo wann welche welcher welches ist sind war waren hat haben wurde wurden im den dem des ein eine
        einen einer welchen hatte hatten betrug beträgt lag von vom zu zum zur mit für auf bei nicht hoch viel viele über nach warum jahr gab es
    """,
    "French": """
        le la les l un une des du de et quel quelle quels quelles est sont était étaient été au aux en dans pour par sur qui que
        quoi combien comment pourquoi ce cette son sa ses d année
    """,
    "Spanish": """
        el la los las un una de del y cuál cuáles cual es son fue fueron era ha en por para con qué que quién cuánto cuántos
        cuánta cómo cuándo su sus al año
    """,
    "Italian": """
        il lo la i gli le un una di del della dei delle dell e qual quale quali è sono era stato stata nel nella nell per con
        che chi quanto quanti come dove perché anno
    """,
    "Dutch": "de het een en van wat is was waren hoe hoeveel hoog welke wie waar wanneer waarom voor met op bij werd zijn heeft jaar",
    "Portuguese": """
        o a os as um uma de do da dos das e qual quais é são foi foram era em no na nos nas por para com que quem quanto quantos
        como quando seu sua ano
    """,
    "Swedish": "och i den det en ett är var vad hur mycket många vilken vilket vem på för av till med som hade har under år",
    "Danish": "og i den det en et er var hvad hvor meget mange hvilken hvem på for af til med som havde har under år",
    "Norwegian": "og i den det en et er var hva hvor mye mange hvilken hvem på for av til med som hadde har under år",
}
_KNOWN = {language: word_set(words) for language, words in _FUNCTION_WORDS.items()}
_ELIDED = re.compile(r"(?<!\w)(?:[dlmnst]|qu|dell|nell|all|un)['’](?=\w)", re.IGNORECASE)
"""An article or preposition that has lost its vowel before a name: "d'Averlinde"."""
_LEAST = 2
_LATIN_ENDS = "\u024f"


def _t(pattern: str, english: str) -> tuple[re.Pattern[str], str]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.I), english


_TERMS = (
    _t(
        r"umsatz(?:erlöse)?|umsätze|chiffre d['’]affaires|ingresos|ventas|omzet|ricavi|fatturato|receitas?|oms(?:ätt|æt|et)ning",
        "revenue",
    ),
    _t(
        r"betriebs(?:ergebnis|gewinn)|operatives ergebnis|résultat (?:opérationnel|d['’]exploitation)|driftsresultat"
        r"|(?:resultado|beneficio) operativo|resultado operacional|bedrijfsresultaat|(?:risultato|utile) operativo|rörelseresultat",
        "operating profit",
    ),
    _t(
        r"(?:netto|rein)?gewinn|(?:jahres|konzern)überschuss|résultat net|bénéfice(?: net)?|(?:beneficio|utilidad|ganancia)(?: net[oa])?"
        r"|(?:netto)?winst|utile(?: netto)?|lucro(?: líquido)?|nettoresultat|vinst|årets resultat|overskudd?",
        "net profit",
    ),
    _t(
        r"bilanzsumme|total de l['’]actif|activos? totale?s?|totaa?le? (?:activa|attivo)|ativo total|balansomslutning",
        "total assets",
    ),
    _t(
        r"eigenkapital|capitaux propres|patrimonio nett?o|eigen vermogen|patrimônio líquido|eget kapital|egenkapital",
        "total equity",
    ),
    _t(
        r"mitarbeiter\w*|employés|salariés|empleados|werknemers|medewerkers|dipendenti|funcionários|anställda|ansatte",
        "employees",
    ),
    _t(r"dividende[ns]?|dividendos?|dividendi|utdelning|utbytte|udbytte", "dividend"),
    _t(
        r"investitionen|investissements|inversiones|investeringen|investimenti|investimentos|investering[ae]r",
        "capital expenditure",
    ),
    _t(r"(?:finanz)?schulden|dettes?|deudas?|debiti|dívidas?|gjeld|gæld", "debt"),
    _t(r"risiken|risques|riesgos|rischi|risico['’]?s|riscos|risker|risikoer", "risk factors"),
    _t(
        r"vorstandsvorsitzende[rn]?|directeur général|director (?:general|ejecutivo)|amministratore delegato|bestuursvoorzitter"
        r"|diretor executivo|verkställande direktör|administrerende direktør",
        "CEO",
    ),
)


def language(text: str) -> str:
    """Return the language that a text seems to be in, as English names it; "" for English and what cannot be told."""
    letters = [letter for letter in text if letter.isalpha()]
    if sum(letter > _LATIN_ENDS for letter in letters) > len(letters) / 2:
        return "another language"
    words = tokens(text)
    english = sum(word in STOP_WORDS for word in words)
    counts = {name: sum(word in known for word in words) for name, known in _KNOWN.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= _LEAST and counts[best] > english else ""


def in_english(text: str) -> str:
    """Return a question of another language with its basic terms in English and without its function words."""
    known = _KNOWN.get(language(text))
    if known is None:
        return text
    for pattern, english in _TERMS:
        text = pattern.sub(english, text)
    text = _ELIDED.sub("", text)
    return " ".join(word for word in text.split() if word.strip("¿?¡!.,;:").lower() not in known)


def basic_terms(text: str) -> list[str]:
    """Return the basic terms of finance that a question of another language has, in English; none for English."""
    if not language(text):
        return []
    return [english for pattern, english in _TERMS if pattern.search(text)]
