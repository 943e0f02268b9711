/** Putting values into texts, with the Korean particles that the values ask for. */
import { josa, type Josa } from "../../../src/cli/messages/josa.ts";

export type Parameters = Readonly<Record<string, string | number>>;

/** `{name}` is put in; `{name:은/는}` brings the particle that the name asks for. */
export function fill(text: string, parameters: Parameters = {}): string {
  return text.replaceAll(/\{(\w+)(?::([^}]+))?\}/g, (whole, name: string, particle: string | undefined) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return particle === undefined ? String(value) : withParticle(String(value), particle);
  });
}

function withParticle(word: string, particle: string): string {
  if (particle !== "(으)로") return josa(word, particle as Josa);
  // After a final ㄹ, and after none, it is 로.
  const withSubject = josa(word, "이/가");
  const code = word.charCodeAt(word.length - 1);
  const endsInRieul = code >= 0xac00 && code <= 0xd7a3 ? (code - 0xac00) % 28 === 8 : /[178lrLR]$/.test(word);
  return word + (withSubject.endsWith("가") || endsInRieul ? "로" : "으로");
}
