// Text that shows what it is: nothing invisible, nothing that turns other letters around.

// Controls but tab and newline, soft hyphens, fillers that are seen as blanks, marks that change the direction of what
// follows (Unicode TR 9), spaces without width, and the tag characters that nobody sees.
const DISGUISES =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;
const JOINERS = /(?<=^|[\u0000-\u007f])[\u200c\u200d]+/gu; // Persian and emoji need them, Latin letters never
const PILED_MARKS = /(\p{M}{4})\p{M}+/gu;

/** Return `text` without the characters that disguise; newlines and tabs stay. */
export function plain(text) {
  return text.replace(DISGUISES, "").replace(JOINERS, "").replace(PILED_MARKS, "$1");
}

/** Return `text` with those characters written out, for readers who want to see each of them. */
export function spelled(text) {
  return text.replace(DISGUISES, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);
}
