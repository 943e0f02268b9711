/**
 * What a browser is answered that has to show a token: a small page of our own that solves the puzzle, puts the token
 * into the cookie and asks again. Other clients get the status and the header alone.
 * Source of status, header and who gets the page: AWS WAF Developer Guide, "How the CAPTCHA and Challenge actions work".
 */
import type { Random } from "#kernel/ids.ts";
import { captchaAlphabet, captchaLength, captchaPicture } from "./captchaPicture.ts";
import type { WafRequest, WafResponse } from "./contract.ts";
import { challengeBits, issuePuzzle, tokenCookie, type TokenKind, tokenSeparator } from "./tokens.ts";

export const puzzleStatus: Readonly<Record<TokenKind, number>> = { challenge: 202, captcha: 405 };

export interface PuzzleRequest {
  kind: TokenKind;
  request: WafRequest;
  accept: string;
  /** Domain the token will be for; the cookie is set for it where it is not the host itself. */
  domain: string;
  host: string;
  immunitySeconds: number;
  nowMs: number;
  random: Random;
  key: Uint8Array;
}

export function puzzleResponse(puzzle: PuzzleRequest): WafResponse {
  const { kind } = puzzle;
  const wantsPage = puzzle.request.method === "GET" && puzzle.accept.includes("text/html");
  const body = wantsPage ? (kind === "challenge" ? challengePage(puzzle) : captchaPage(puzzle)) : "";
  return {
    status: puzzleStatus[kind],
    headers: [
      ["x-amzn-waf-action", kind],
      ["cache-control", "no-store, max-age=0"],
      ["content-length", String(Buffer.byteLength(body))],
      ...(wantsPage ? ([["content-type", "text/html; charset=UTF-8"]] as const) : []),
      ["access-control-expose-headers", "x-amzn-waf-action"],
    ],
    body,
  };
}

const nonceOf = (random: Random): string => random.bytes(12).toString("base64url");

function challengePage(puzzle: PuzzleRequest): string {
  const token = issuePuzzle("challenge", puzzle.domain, nonceOf(puzzle.random), puzzle.nowMs, puzzle.key);
  return page(
    "One moment",
    `<p>Checking your browser …</p><noscript><p>This page needs JavaScript.</p></noscript>`,
    `${cookieScript(puzzle, "h")}${hashScript}
var base=${JSON.stringify(token)}+".",n=0;
(function work(){for(var i=0;i<2000;i++,n++){if(sha256(base+n)>>>0<${2 ** (32 - challengeBits)}){keep(base+n);location.reload();return}}setTimeout(work,0)})();`,
  );
}

function captchaPage(puzzle: PuzzleRequest): string {
  let answer = "";
  for (let i = 0; i < captchaLength; i++) answer += captchaAlphabet[puzzle.random.below(captchaAlphabet.length)]!;
  const token = issuePuzzle("captcha", puzzle.domain, nonceOf(puzzle.random), puzzle.nowMs, puzzle.key, answer);
  const picture = captchaPicture(answer, puzzle.random).toString("base64");
  return page(
    "Human verification",
    `<form id="form"><p><label for="answer">Type the ${captchaLength} characters of the picture</label></p>
<p><img alt="distorted characters" width="240" height="80" src="data:image/png;base64,${picture}"></p>
<p><input id="answer" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="${captchaLength}" autofocus>
<button>Confirm</button></p></form><noscript><p>This page needs JavaScript.</p></noscript>`,
    `${cookieScript(puzzle, "c")}
document.getElementById("form").addEventListener("submit",function(event){event.preventDefault();
var answer=document.getElementById("answer").value.toUpperCase().replace(/[^A-Z0-9]/g,"");
if(answer){keep(${JSON.stringify(token)}+"."+answer);location.reload()}});`,
  );
}

const page = (title: string, body: string, script: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>${title}</title><style>body{font:16px system-ui,sans-serif;max-width:30em;margin:4em auto;padding:0 1em}img{image-rendering:pixelated;border:1px solid #888}</style></head>
<body><main><h1>${title}</h1>${body}</main><script>${script}</script></body></html>
`;

/** `keep` puts a token in the cookie, beside one of the other kind. */
function cookieScript({ domain, host, immunitySeconds }: PuzzleRequest, own: string): string {
  const scope = domain === host ? "" : `;domain=${domain}`;
  return `function keep(token){var found=document.cookie.match(/(?:^|; )${tokenCookie}=([^;]*)/);
var others=(found?found[1]:"").split(${JSON.stringify(tokenSeparator)}).filter(function(each){return each&&each.slice(0,2)!==${JSON.stringify(`${own}.`)}});
document.cookie=${JSON.stringify(`${tokenCookie}=`)}+others.concat(token).join(${JSON.stringify(tokenSeparator)})+${JSON.stringify(`;path=/;max-age=${Math.max(immunitySeconds, 300)};samesite=lax${scope}`)}+(location.protocol==="https:"?";secure":"")}`;
}

/** First 32 bits of SHA-256 of an ASCII text (FIPS 180-4); crypto.subtle is only there on https and localhost. */
const hashScript = `
var K=[],H0=[];(function(){for(var n=2,c=0;c<64;n++){for(var d=2;d*d<=n&&n%d;d++);if(d*d>n){if(c<8)H0[c]=(Math.sqrt(n)%1)*4294967296|0;K[c++]=(Math.cbrt(n)%1)*4294967296|0}}})();
function sha256(text){var length=text.length,size=((length+8>>6)+1)*16,W=new Int32Array(64),M=new Int32Array(size),H=H0.slice();
for(var i=0;i<length;i++)M[i>>2]|=text.charCodeAt(i)<<24-(i%4)*8;M[length>>2]|=128<<24-(length%4)*8;M[size-1]=length*8;
for(var o=0;o<size;o+=16){var a=H[0],b=H[1],c=H[2],d=H[3],e=H[4],f=H[5],g=H[6],h=H[7];
for(var t=0;t<64;t++){if(t<16)W[t]=M[o+t];else{var x=W[t-15],y=W[t-2];W[t]=W[t-16]+W[t-7]+((x>>>7|x<<25)^(x>>>18|x<<14)^x>>>3)+((y>>>17|y<<15)^(y>>>19|y<<13)^y>>>10)|0}
var p=h+((e>>>6|e<<26)^(e>>>11|e<<21)^(e>>>25|e<<7))+(e&f^~e&g)+K[t]+W[t]|0,q=((a>>>2|a<<30)^(a>>>13|a<<19)^(a>>>22|a<<10))+(a&b^a&c^b&c)|0;
h=g;g=f;f=e;e=d+p|0;d=c;c=b;b=a;a=p+q|0}
H=[H[0]+a|0,H[1]+b|0,H[2]+c|0,H[3]+d|0,H[4]+e|0,H[5]+f|0,H[6]+g|0,H[7]+h|0]}return H[0]}`;
