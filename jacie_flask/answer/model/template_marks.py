"""Takes the special tokens of chat templates and the fences of prompts out of a text that comes piece by piece."""

import re

_MARK = re.compile(
    r"<[|｜](?P<piped>[^<>|｜\n]{1,60})[|｜]>"  # ChatML, Llama 3, Phi, GLM, Granite, Cohere, DeepSeek, gpt-oss
    r"|<(?P<angled>/?s|bos|eos|pad|unk|sop|eop|eoa|eoh|(?:start|end)_of_turn|(?:reserved|unused|extra_id)_?\d{1,4}|/?tool_(?:call|response)s?)>"
    r"|\[(?P<squared>/?INST|gMASK|/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)|UNK|PAD|CLS|SEP|BOS|EOS)\]"
    r"|<</?SYS>>"
    r"|</?excerpts(?:[ \t][^<>\n]{0,64})?>"
)
_MAY_BEGIN = re.compile(r"<|\[/?[A-Zg]|\[/?\Z")
_BEGUN = re.compile(r"(?:<[|｜]?[^<>|｜\n]{0,72}[|｜]?|<</?S?Y?S?>?|\[/?[A-Zg][A-Z_]{0,20}|\[/?)\Z")
_LONGEST = 80
_LONGEST_ROLE = 40
_TURN_ENDS = frozenset(
    [
        "im_end",
        "eot_id",
        "eom_id",
        "end",
        "endoftext",
        "end_of_text",
        "return",
        "eos",
        "/s",
        "end_of_turn",
        "end_of_turn_token",
        "end▁of▁sentence",
        "eot",
    ]
)
_TURN_BEGINS = frozenset(["im_start", "start_header_id", "start_of_turn", "start", "start_of_role", "start_of_turn_token"])
_OTHERS_TURNS = frozenset(
    ["user", "system", "tool", "observation", "user_token", "system_token", "inst", "tool_results", "available_tools"]
)
_ROLE_ENDS = frozenset(["end_header_id", "end_of_role", "im_sep", "im_middle"])
_FINAL = "final"


class TemplateMarks:
    """Gives back the text without marks.

    ``over`` says that the model's turn has ended, so that nothing after it is its answer, ``marked`` that a mark was taken out.
    """

    def __init__(self) -> None:
        self.over = False
        self._tail = ""
        self._mode = "shown"
        self._word = ""
        self._spoke = False
        self.marked = False

    @property
    def idle(self) -> bool:
        """Whether a text without marks would pass as it is."""
        return self._spoke and not self._tail and self._mode == "shown"

    @staticmethod
    def in_text(text: str) -> bool:
        """Say whether a mark may be in a text or begin at its end."""
        return ("<" in text or "[" in text) and bool(_MAY_BEGIN.search(text))

    def feed(self, text: str) -> str:
        """Return what can be shown by now."""
        text = self._tail + text
        shown: list[str] = []
        start = 0
        for mark in _MARK.finditer(text):
            self._show(text[start : mark.start()], shown)
            start = mark.end()
            self._take((mark["piped"] or mark["angled"] or mark["squared"] or "").strip().lower())
            if self.over:
                self._tail = ""
                return "".join(shown)
        begun = _BEGUN.search(text, max(start, len(text) - _LONGEST))
        cut = begun.start() if begun else len(text)
        self._tail = text[cut:]
        self._show(text[start:cut], shown)
        return "".join(shown)

    def end(self) -> str:
        """Return the beginning of a mark that never became one."""
        tail, self._tail = self._tail, ""
        shown: list[str] = []
        self._show(tail, shown)
        return "".join(shown)

    def _take(self, name: str) -> None:
        """Take note of a mark."""
        self.marked = True
        if name in _TURN_ENDS or name in _TURN_BEGINS or name in _OTHERS_TURNS:
            self.over = self._spoke
            self._mode, self._word = "role" if name in _TURN_BEGINS else "shown", ""
        elif name == "channel":
            self._mode, self._word = "channel", ""
        elif name == "message":
            self._mode = "shown" if self._mode != "channel" or self._word.strip().startswith(_FINAL) else "hidden"
        elif name in _ROLE_ENDS:
            self._mode = "shown"
        elif name.removeprefix("/").startswith(("tool_call", "tool_response")):
            self._mode = "shown" if name.startswith("/") else "hidden"
        elif self._mode == "role":
            self._mode = "shown"

    def _show(self, text: str, shown: list[str]) -> None:
        if self._mode == "shown":
            if self.marked and not self._spoke:
                text = text.lstrip()
            if text:
                self._spoke = self._spoke or not text.isspace()
                shown.append(text)
        elif self._mode in ("role", "channel"):
            self._word += text
            name, line_end, rest = self._word.partition("\n")
            if self._mode == "role" and line_end:
                self._mode = "shown"
                self._show(rest, shown)
            elif len(name) > _LONGEST_ROLE:
                self._mode = "shown"
                self._show(self._word, shown)
