/**
 * Whether a text carries script for a browser. An application may put it between tags, into the value of an attribute,
 * into a URL, or into a string of a script: each is looked at in its own language. Time is linear in the text, but for
 * tags within tags, whose number is bounded.
 * Source: AWS WAF Developer Guide, "Cross-site scripting attack rule statement"; WHATWG HTML.
 */
import { bareUrl, readAttributes, type Tag, tagsOf } from "./html.ts";
import { dangerousAttributes, dangerousElements, eventAttribute, eventNames, urlAttributes } from "./htmlNames.ts";

const worthReading = /[<>"'`({]|script|data:|&#|\\/i;

/** The pieces that betray it, as they are in the text; `undefined` when there are none. */
export function findCrossSiteScripting(text: string): readonly string[] | undefined {
  if (text.length < 4 || !worthReading.test(text)) return undefined;
  return inMarkup(text) ?? inUrl(text) ?? inAttribute(text) ?? inScript(text);
}

function inMarkup(text: string): string[] | undefined {
  if (!text.includes("<")) return undefined;
  for (const tag of tagsOf(text)) {
    const found = judgeTag(tag, text);
    if (found) return found;
  }
  return undefined;
}

function judgeTag(tag: Tag, text: string): string[] | undefined {
  const local = tag.name.slice(tag.name.indexOf(":") + 1);
  if (dangerousElements.has(tag.name) || dangerousElements.has(local)) {
    // `<link` in prose, `<set>` of a generic type: they need the form of a tag.
    return plausible(tag, text) ? [text.slice(tag.at, Math.min(tag.end, tag.at + 120))] : undefined;
  }
  if (tag.name === "!" && /^<!(?:entity|\[if|doctype[^>]*\[)/i.test(text.slice(tag.at, tag.at + 200)))
    return [text.slice(tag.at, tag.at + 80)];
  if (tag.name === "?" && /^<\?(?:xml-stylesheet|php|=)/i.test(text.slice(tag.at, tag.at + 40)))
    return [text.slice(tag.at, tag.at + 80)];
  for (const { name, value, at } of tag.attributes) {
    if (judgeAttribute(name, value))
      return [`<${tag.name}`, text.slice(at, at + Math.min(120, name.length + value.length + 3))];
  }
  return undefined;
}

const ambiguous = new Set([
  "set",
  "use",
  "base",
  "link",
  "comment",
  "param",
  "import",
  "template",
  "handler",
  "listener",
  "layer",
  "frame",
  "object",
  "style",
  "math",
]);

function plausible(tag: Tag, text: string): boolean {
  if (!ambiguous.has(tag.name)) return true;
  if (text[tag.at + 1] === "/") return false;
  if (tag.attributes.some(({ value }) => value !== "")) return true;
  return (tag.name === "style" || tag.name === "math") && text[tag.end - 1] === ">";
}

function judgeAttribute(name: string, value: string): boolean {
  const bare = name.replace(/[^a-z:]+/g, "");
  if (eventAttribute.test(bare) && value !== "") return true;
  if (dangerousAttributes.has(name) && value !== "") return true;
  if (name === "style") return dangerousStyle(value);
  if (urlAttributes.has(name) || name.endsWith(":href")) return scriptUrl(value);
  return false;
}

const dangerousStyle = (value: string): boolean =>
  /expression\(|javascript:|vbscript:|behaviou?r:|-moz-binding|@import/.test(
    bareUrl(
      value
        .replace(/\/\*[^]*?\*\//g, "")
        .replace(/\\([0-9a-f]{1,6}) ?/gi, (_whole, hex: string) => String.fromCharCode(Number.parseInt(hex, 16) & 255))
        .replaceAll("\\", ""),
    ),
  );

const scriptUrl = (value: string): boolean =>
  /^(?:javascript|vbscript|livescript|mocha|jscript):|^data:(?:text\/(?:html|xml|javascript)|image\/svg|application\/(?:xhtml|xml|javascript|x-javascript))|(?:^|;)(?:javascript|vbscript):|^feed:javascript:|^view-source:javascript:/.test(
    bareUrl(value),
  );

/** `script` also with the tabs and newlines in it that browsers drop, or with character references. */
const urlWorthReading = /s[\t\r\n\0]*c[\t\r\n\0]*r[\t\r\n\0]*i[\t\r\n\0]*p[\t\r\n\0]*t|data:|&/i;

/** The text is a URL, or the start of one's value. */
function inUrl(text: string): string[] | undefined {
  if (!urlWorthReading.test(text.slice(0, 400))) return undefined;
  const bare = bareUrl(text.slice(0, 400).replace(/^["'\s]+/, ""));
  const script = /^(?:(?:feed|view-source|jar|url):)*(?:javascript|vbscript|livescript):(.*)/s.exec(bare);
  if (script && /[(`=[%]|\/\/|\\[ux]|\/\*/.test(script[1]!)) return [text.slice(0, 80)];
  if (
    /^data:(?:text\/html|image\/svg\+xml|text\/xml|application\/xhtml\+xml|text\/javascript|application\/javascript)[;,]/.test(
      bare,
    )
  )
    return [text.slice(0, 80)];
  return undefined;
}

const eventAssignment = /(^|[\s\0\x0b/"'`;>])(on[a-z]{3,30})[\s\0\x0b]*=/gi;

/** The text stands in the value of an attribute, closes it, and adds another. */
function inAttribute(text: string): string[] | undefined {
  if (!text.includes("=")) return undefined;
  eventAssignment.lastIndex = 0;
  for (let found = eventAssignment.exec(text); found; found = eventAssignment.exec(text)) {
    const name = found[2]!.toLowerCase();
    if (!eventNames.has(name)) continue;
    const { attributes } = readAttributes(text, found.index + found[1]!.length);
    const value = attributes[0]?.value ?? "";
    const closes = /["'`]/.test(text.slice(0, found.index + 1));
    if (closes ? value !== "" : found.index === 0 && callsSomething(value))
      return [text.slice(found.index, found.index + 80)];
    if (!closes && /^\S*\s/.test(text.slice(0, found.index + 1)) && callsSink(value))
      return [text.slice(found.index, found.index + 80)];
  }
  // `" style="…`, `" href="javascript:…`, `" formaction=…`
  const added = /["'`][\s\0/]+([a-z:-]{3,20})[\s\0]*=[\s\0]*["'`]?([^"'`>]*)/gi;
  for (let found = added.exec(text); found; found = added.exec(text)) {
    if (judgeAttribute(found[1]!.toLowerCase(), found[2]!)) return [found[0]];
  }
  return undefined;
}

const callsSomething = (value: string): boolean => /[(`]|=|javascript:/i.test(value);

/** What scripts of attackers call, so that something is seen to happen, and what gets them further. */
const sinks =
  "alert|confirm|prompt|print|eval|execscript|settimeout|setinterval|setimmediate|function|fetch|import|xmlhttprequest|open|atob|unescape|decodeuricomponent|fromcharcode|importscripts|queuemicrotask|__import__";
const sinkCall = new RegExp(
  `(?:^|[^\\w$.])(?:(?:window|self|top|parent|frames|this|globalthis|document|location)\\s*(?:\\.|\\[)\\s*["'\`]?\\w+["'\`]?\\s*\\]?\\s*(?:\\(|=[^=]|\`)|(?:${sinks})\\s*(?:\\?\\.)?\\s*(?:\\(|\`)|\\(\\s*(?:${sinks})\\s*\\)\\s*(?:\\(|\`)|(?:document\\s*\\.\\s*(?:cookie|domain|write|location|body)|\\blocation\\s*(?:=[^=]|\\.\\s*(?:href|hash|assign|replace)|\\[))|string\\s*\\.\\s*fromcharcode\\s*\\()`,
  "i",
);

const callsSink = (text: string): boolean => sinkCall.test(text);

/** The text stands in a string of a script, ends it, and goes on in the script. */
function inScript(text: string): string[] | undefined {
  // Whatever it does, it calls something, or gives something a value.
  if (!/[(`=]|document|constructor/i.test(text)) return undefined;
  // `'-alert(1)-'`, `";alert(1);//`, `\';alert(1)//`, `'+alert(1)+'`, `')};alert(1)`
  const out = /\\?["'`]\s*[)\]}]*\s*(?:[;,+\-*/|&^%?:<>=~!]+|\b(?:in|instanceof)\b)/g;
  for (let found = out.exec(text), turns = 0; found && turns < 200; found = out.exec(text), turns++) {
    const rest = text.slice(found.index + found[0].length, found.index + found[0].length + 120);
    const call = sinkCall.exec(` ${rest}`);
    // What is called is what follows: not a word far behind in a sentence.
    if (call && call.index <= 12) return [text.slice(found.index, found.index + 60)];
  }
  // `${alert(1)}`, `{{constructor.constructor('alert(1)')()}}`
  const template = /\$\{([^}]{1,200})|\{\{([^]{1,300}?)(?:\}\}|$)/g;
  for (let found = template.exec(text), turns = 0; found && turns < 100; found = template.exec(text), turns++) {
    const code = found[1] ?? found[2] ?? "";
    if (callsSink(code) || /constructor\s*[.[(]|\$(?:on|eval|new)\b|\b__proto__\b/.test(code)) return [found[0]];
  }
  // `eval(atob(…))`, `alert(document.cookie)`: nothing else calls the one with the other.
  const nested =
    /\b(?:alert|confirm|prompt|eval)\s*(?:\(|`)\s*(?:document\.(?:cookie|domain)|atob\s*\(|string\.fromcharcode|unescape\s*\(|location\b|window\.)/i.exec(
      text,
    );
  if (nested) return [nested[0]];
  // `alert(1)` on its own, `(alert)(1)`, `a=alert,a(1)`, `[].constructor…`
  const whole = text.trim();
  if (
    /^[\s;(]*(?:alert|confirm|prompt)\s*\)?\s*[(`]\s*["'/]?\s*(?:xss|\d{1,6}|document|1|origin)?\b[^a-z]{0,12}[)`;/\s]*$/i.test(
      whole,
    )
  )
    return [whole.slice(0, 60)];
  if (
    /\.constructor\s*(?:\.|\[\s*["'`])\s*constructor|\[\s*["'`](?:constructor|\\x63onstructor)["'`]\s*\]\s*\[/i.test(
      text,
    )
  )
    return [whole.slice(0, 60)];
  return undefined;
}
