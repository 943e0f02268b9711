/** Hostile bodies, one generator for each syntax that is read from a client. */
import type { Choices } from "./random.ts";
import { nasty } from "./random.ts";

export type BodyMaker = (choices: Choices) => Buffer;

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

export const jsonBodies: readonly BodyMaker[] = [
  (c) => latin1("[".repeat(c.size(200_000))),
  (c) => {
    const n = c.size(50_000);
    return latin1('{"a":'.repeat(n) + "1" + "}".repeat(c.chance(0.5) ? n : 0));
  },
  (c) =>
    latin1(
      `{"KeyId":"${c.pick(nasty)}","KeyId":"${c.pick(nasty)}","__proto__":{"admin":true},"constructor":{"prototype":1}}`,
    ),
  (c) =>
    latin1(
      `{"KeyId":${c.pick(["1", "null", "[]", "{}", "true", "1e999", "-0", '"\\ud800"', '"\\u0000"', "01", "+1", "'x'", "NaN"])},"Plaintext":${c.pick(["1", '"!!!"', '"AAA"', "null", "[]"])}}`,
    ),
  (c) =>
    latin1(
      `{"EncryptionContext":{${Array.from({ length: c.size(5000) }, (_, i) => `"${c.chance(0.1) ? c.pick(["__proto__", "toString"]) : i}":"v"`).join(",")}},"KeyId":"a","Plaintext":"AA=="}`,
    ),
  (c) => latin1(`{"KeyId":"${"a".repeat(c.size(300_000))}"}`),
  (c) => Buffer.concat([latin1('{"KeyId":"'), c.bytes(c.size(200)), latin1('"}')]),
  (c) =>
    latin1(c.pick(["", " ", "null", "1", '"a"', "{", "}", "{}{}", "\ufeff{}", "//\n{}", '{"a":1,}', "[1,]", "tru"])),
  (c) => c.mutate(latin1('{"KeyId":"alias/a","Plaintext":"AAAA","EncryptionContext":{"a":"b"},"GrantTokens":["x"]}')),
];

const entities =
  '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>';

export const xmlBodies: readonly BodyMaker[] = [
  () => latin1(`<?xml version="1.0"?>${entities}<Tagging>&d;</Tagging>`),
  () =>
    latin1(
      '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Tagging><TagSet><Tag><Key>&e;</Key><Value>v</Value></Tag></TagSet></Tagging>',
    ),
  (c) => {
    const n = c.size(60_000);
    return latin1("<a>".repeat(n) + "</a>".repeat(c.chance(0.5) ? n : 0));
  },
  (c) => latin1(`<Tagging ${"a='b' ".repeat(c.size(20_000))}/>`),
  (c) =>
    latin1(`<Tagging><TagSet>${"<Tag><Key>k</Key><Value>v</Value></Tag>".repeat(c.size(3000))}</TagSet></Tagging>`),
  (c) => latin1(`<Tagging><![CDATA[${c.pick(nasty)}]]>${c.pick(["", "<!--", "<!-- -- -->", "<?pi", "]]>"])}</Tagging>`),
  (c) => latin1(`<${c.pick(nasty)}>${c.pick(nasty)}</${c.pick(nasty)}>`),
  (c) =>
    latin1(
      `<Tagging><TagSet><Tag><Key>${c.pick(["&#0;", "&#x110000;", "&#xD800;", "&unknown;", "&", "&#;", "&#99999999999;"])}</Key></Tag></TagSet></Tagging>`,
    ),
  (c) =>
    c.mutate(
      latin1(
        '<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>',
      ),
    ),
  (c) => c.bytes(c.size(3000)),
];

export const queryBodies: readonly BodyMaker[] = [
  (c) => latin1(`Action=ListUsers&Version=2010-05-08&${"a.member.1.".repeat(c.size(5000))}=x`),
  (c) =>
    latin1(
      `Action=TagUser&Version=2010-05-08&UserName=u&Tags.member.${c.pick(["99999999999999999999", "0", "-1", "1e9", "x", "2147483648", "1.1.1"])}.Key=k&Tags.member.1.Value=v`,
    ),
  (c) => latin1(`Action=${c.pick(nasty)}&Version=2010-05-08&Action=ListUsers`),
  (c) => latin1(`Action=TagUser&Version=2010-05-08&UserName=${"%41".repeat(c.size(50_000))}`),
  (c) =>
    latin1(
      `Action=TagUser&Version=2010-05-08&${Array.from({ length: c.size(3000) }, (_, i) => `Tags.member.${i + 1}.Key=k${i}`).join("&")}`,
    ),
  (c) =>
    latin1(
      `Action=ListUsers&Version=${c.pick(["", "x", "2010-05-08", "9999-99-99"])}&__proto__.x=1&constructor=1&MaxItems=${c.pick(nasty)}`,
    ),
  (c) => latin1("&".repeat(c.size(100_000))),
  (c) => latin1("=".repeat(c.size(100_000))),
  (c) => c.mutate(latin1("Action=TagUser&Version=2010-05-08&UserName=a&Tags.member.1.Key=k&Tags.member.1.Value=v")),
];

export const cborBodies: readonly BodyMaker[] = [
  (c) => Buffer.alloc(c.size(100_000), 0x81),
  (c) => Buffer.alloc(c.size(100_000), 0xa1),
  (c) => Buffer.alloc(c.size(100_000), 0x9f),
  (c) => Buffer.alloc(c.size(100_000), 0xc1),
  () => Buffer.from("9bffffffffffffffff", "hex"),
  () => Buffer.from("bbffffffffffffffff01", "hex"),
  () => Buffer.from("5bffffffffffffffff00", "hex"),
  () => Buffer.from("bf697f6f6e657350616365ff", "hex"),
  (c) => c.bytes(c.size(2000)),
  (c) => c.mutate(Buffer.from("bf694e616d657370616365614eff", "hex")),
];

/** Bodies for the aws-chunked decoder behind a signature that holds. */
export const chunkedBodies: readonly BodyMaker[] = [
  (c) => latin1(`${"f".repeat(c.size(2000))}\r\n`),
  (c) => latin1(`5;${"x".repeat(c.size(5000))}\r\nhello\r\n0\r\n\r\n`),
  () => latin1("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"),
  (c) => latin1(`5\r\nhello\r\n0\r\n${"a:b\r\n".repeat(c.size(2000))}\r\n`),
  (c) => latin1(`${"1\r\nx\r\n".repeat(c.size(5000))}0\r\n\r\n`),
  (c) => latin1(`5\r\nhello\r\n0\r\nx-amz-checksum-crc32:${c.pick(nasty)}\r\n\r\n`),
  (c) => latin1(`-5\r\nhello\r\n${c.pick(nasty)}\r\n`),
  (c) => c.mutate(latin1("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n")),
];

export const formBodies: readonly BodyMaker[] = [
  (c) => latin1(`--B\r\n${"X: y\r\n".repeat(c.size(3000))}\r\n`),
  (c) =>
    latin1(
      `--B\r\nContent-Disposition: form-data; name="${c.pick(nasty)}"\r\n\r\nv\r\n--B\r\nContent-Disposition: form-data; name="file"; filename="${c.pick(nasty)}"\r\n\r\n${"d".repeat(c.size(50_000))}\r\n--B--\r\n`,
    ),
  (c) => latin1(`--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n${"\r\n--".repeat(c.size(20_000))}`),
  (c) => latin1("--B\r\n".repeat(c.size(5000))),
  (c) =>
    latin1(
      `--B\r\nContent-Disposition: form-data; name="policy"\r\n\r\n${Buffer.from("[".repeat(c.size(9000))).toString("base64")}\r\n--B\r\nContent-Disposition: form-data; name="x-amz-signature"\r\n\r\n0\r\n--B\r\nContent-Disposition: form-data; name="file"\r\n\r\nd\r\n--B--`,
    ),
  (c) =>
    c.mutate(
      latin1(
        '--B\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nd\r\n--B--\r\n',
      ),
    ),
];
