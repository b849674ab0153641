"""metadata.json files that were made to stop whoever reads them, by name; none of them may cost more than itself."""

import json

FILENAME = "Alpha_2023_10K.pdf"


def _entry(**more: object) -> dict[str, object]:
    return {"filename": FILENAME, "document_link": f"s3://b/{FILENAME}", "document_type": "10k", "period": "2023", **more}


def _one(company: str = "Alpha", **more: object) -> bytes:
    return json.dumps({company: [_entry(**more)]}).encode()


def _raw(text: bytes) -> bytes:
    """Return one entry with raw bytes as the value of a field that nobody needs."""
    return b'{"Alpha": [{"filename": "%s", "extra": %s}]}' % (FILENAME.encode(), text)


_LINKS = {
    "bracket": "https://[bad/x",
    "closing bracket": "https://bad]/x",
    "address": "https://[::1/x",
    "no address": "https://[not an address]/x",
    "NFKC slash": "https://host\u2100evil/x",
    "NFKC question mark": "https://a\uff1fb/x",
    "NFKC at": "https://a\uff20b/x",
    "NFKC hash": "https://a\uff03b/x",
    "NFKC colon": "https://a\uff1ab/x",
    "future address": "s3://[v1.x/y",
}
_VALUES = {
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep and open": b"[" * 100_000,
    "deep mixture": b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000,
    "one wrong byte": b'"\xff"',
    "cut sequence": b'"\xe2\x82"',
    "overlong": b'"\xc0\xaf"',
    "surrogate bytes": b'"\xed\xa0\x80"',
    "beyond Unicode": b'"\xf5\x80\x80\x80"',
    "lone escape": b'"\\ud800"',
    "wrong escape": b'"\\x41"',
    "control character": b'"a\x00b"',
    "raw newline": b'"a\nb"',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "a bare word": b"undefined",
    "a leading zero": b"01",
    "a comment": b"1 /* x */",
    "an open text": b'"',
    "a trailing comma": b"[1,]",
}
_SHAPES = {
    "nothing": b"",
    "spaces": b"   \n",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "a text": b'"x"',
    "an object that is cut": b'{"Alpha": [{"filename"',
    "text after it": b"{} {}",
    "UTF-16": json.dumps({"Alpha": [_entry()]}).encode("utf-16"),
    "UTF-32": json.dumps({"Alpha": [_entry()]}).encode("utf-32"),
    "Latin-1": '{"Société": []}'.encode("latin-1"),
    "gzip": b"\x1f\x8b\x08\x00" + bytes(range(256)),
    "zeros": bytes(10_000),
    "a company that is an object": b'{"Alpha": {}}',
    "a company that is a text": b'{"Alpha": "x"}',
    "an entry that is a list": b'{"Alpha": [[]]}',
    "an entry that is null": b'{"Alpha": [null]}',
    "an entry without a name": b'{"Alpha": [{}]}',
    "a name that is a number": b'{"Alpha": [{"filename": 3}]}',
    "a name that is null": b'{"Alpha": [{"filename": null}]}',
    "a name that is a list": b'{"Alpha": [{"filename": ["a"]}]}',
    "a name with half a character": b'{"Alpha": [{"filename": "\\udc00.pdf"}]}',
    "a company with half a character": b'{"\\ud800": []}',
    "the same company twice": b'{"Alpha": [], "Alpha": []}',
    "the same field twice": b'{"Alpha": [{"filename": "a", "filename": "b"}]}',
}
_SIZES = {
    "a name of a megabyte": json.dumps({"Alpha": [{"filename": "a" * 1_000_000}]}).encode(),
    "a company of words": json.dumps({"word " * 200_000: [{"filename": FILENAME}]}).encode(),
    "a type of a megabyte": _one(document_type="k" * 1_000_000),
    "a period of 5,000 digits": b'{"Alpha": [{"filename": "a", "period": 1%s}]}' % (b"0" * 5000),
    "a period below nothing": b'{"Alpha": [{"filename": "a", "period": -1}]}',
    "a period of 20 digits": b'{"Alpha": [{"filename": "a", "period": 99999999999999999999}]}',
    "a fraction as period": b'{"Alpha": [{"filename": "a", "period": 1e400}]}',
    "a link of a megabyte": _one(document_link="https://x/" + "a/" * 500_000),
    "300,000 entries": b'{"Alpha": [%s]}' % b",".join([b'{"filename":"a"}'] * 300_000),
    "33 megabytes": b'{"Alpha": [{"filename": "a", "x": "%s"}]}' % (b"x" * 33_000_000),
}

UNUSABLE: dict[str, bytes] = {
    **{f"link: {name}": _one(document_link=link) for name, link in _LINKS.items()},
    **{f"value: {name}": _raw(value) for name, value in _VALUES.items()},
    **{f"shape: {name}": data for name, data in _SHAPES.items()},
    **{f"size: {name}": data for name, data in _SIZES.items()},
}
