/** Why the keys are sealed, as the key holder's client says it, for people; what a program or a system said stays as it is. */
const known: readonly [RegExp, string][] = [
  [/^sealed by an operator$/, "운영자가 봉인함"],
  [/^waiting for the passphrase$/, "암호문을 기다리는 중"],
  [/^waiting for a first passphrase$/, "첫 암호문을 기다리는 중"],
  [/^waiting for (\d+) shares$/, "조각 $1개를 기다리는 중"],
  [/^asking the (\S+) seal$/, "$1 봉인에 묻는 중"],
  [/^the key holder is restarting$/, "키 보관 프로세스를 다시 시작하는 중"],
  [/^the seal's secret file cannot be read$/, "봉인의 비밀 파일을 읽을 수 없음"],
  [/^the secret does not open this keyring$/, "비밀이 이 키링을 열지 못함"],
];

export function sealReason(reason: string): string {
  const [pattern, text] = known.find(([each]) => each.test(reason)) ?? [];
  return pattern && text !== undefined ? reason.replace(pattern, text) : reason;
}
