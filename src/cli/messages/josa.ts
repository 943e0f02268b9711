/** Korean particles depend on how the word before them ends when spoken; names are put in, so it is worked out. */
export type Josa = "은/는" | "이/가" | "을/를";

/** Digits and Latin letters whose Korean reading ends in a consonant: 영 일 삼 육 칠 팔; 엘 엠 엔 알. */
const closedDigits = "013678";
const closedLetters = "lmnrLMNR";

export function josa(word: string, particle: Josa): string {
  const [closed, open] = particle.split("/") as [string, string];
  return word + (endsClosed(word) ? closed : open);
}

function endsClosed(word: string): boolean {
  const last = word.at(-1);
  if (last === undefined) return false;
  const code = last.charCodeAt(0);
  // Hangul syllables come in blocks of 28; the first of a block has no final consonant (Unicode 3.12).
  if (code >= 0xac00 && code <= 0xd7a3) return (code - 0xac00) % 28 !== 0;
  return closedDigits.includes(last) || closedLetters.includes(last);
}
