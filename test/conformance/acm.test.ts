/** Imported certificates through the unmodified AWS SDK for JavaScript; openssl makes them. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ACM } from "@aws-sdk/client-acm";
import { run } from "../cli.ts";
import { startInstance, type Instance } from "../instance.ts";
import { advance } from "../operator.ts";

interface Pair {
  Certificate: Buffer;
  PrivateKey: Buffer;
}

describe("ACM: imported certificates", () => {
  let instance: Instance;
  let acm: ACM;
  let folder: string;
  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    acm = new ACM(instance.client);
    folder = await mkdtemp(join(tmpdir(), "jikimi-acm-"));
  });
  after(async () => {
    await instance.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const refused = (code: string, text?: string | RegExp) => (error: Error) => {
    assert.equal(error.name, code, error.message);
    if (typeof text === "string") assert.equal(error.message, text);
    else if (text) assert.match(error.message, text);
    return true;
  };

  async function openssl(...args: string[]): Promise<string> {
    const ran = await run("openssl", args, { PATH: process.env["PATH"], HOME: folder });
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout;
  }
  const file = (name: string) => join(folder, name);
  const read = async (name: string): Promise<Pair> => ({
    Certificate: await readFile(file(`${name}.pem`)),
    PrivateKey: await readFile(file(`${name}.key`)),
  });

  async function selfSigned(
    name: string,
    options: { days?: number; key?: string[]; more?: string[] } = {},
  ): Promise<Pair> {
    const { days = 90, key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], more = [] } = options;
    const subject = ["-subj", `/C=KR/O=Shop/CN=${name}`, "-days", String(days)];
    await openssl(
      "req",
      "-x509",
      "-nodes",
      ...key,
      "-keyout",
      file(`${name}.key`),
      "-out",
      file(`${name}.pem`),
      ...subject,
      ...more,
    );
    return read(name);
  }

  test("a self-signed certificate is imported, described, given back without its key, and deleted", async () => {
    const names = [
      "-addext",
      "subjectAltName=DNS:shop.example.com,DNS:*.Shop.example.com",
      "-addext",
      "extendedKeyUsage=serverAuth",
    ];
    const pair = await selfSigned("shop.example.com", { key: ["-newkey", "rsa:2048"], more: names });
    const { CertificateArn } = await acm.importCertificate({ ...pair, Tags: [{ Key: "team", Value: "web" }] });
    const { Certificate } = await acm.describeCertificate({ CertificateArn });
    assert.deepEqual(Certificate!.SubjectAlternativeNames, ["shop.example.com", "*.shop.example.com"]);
    assert.equal(Certificate!.Type, "IMPORTED");
    assert.equal(Certificate!.Status, "ISSUED");
    assert.equal(Certificate!.KeyAlgorithm, "RSA-2048");
    assert.equal(Certificate!.SignatureAlgorithm, "SHA256WITHRSA");
    assert.equal(Certificate!.Subject, "CN=shop.example.com,O=Shop,C=KR");
    assert.deepEqual(Certificate!.InUseBy, []);
    assert.deepEqual(
      Certificate!.ExtendedKeyUsages!.map(({ Name }) => Name),
      ["TLS_WEB_SERVER_AUTHENTICATION"],
    );
    const serial = (await openssl("x509", "-in", file("shop.example.com.pem"), "-noout", "-serial")).trim();
    assert.equal(`serial=${Certificate!.Serial!.replaceAll(":", "").toUpperCase()}`, serial);
    const given = await acm.getCertificate({ CertificateArn });
    assert.equal(given.Certificate, pair.Certificate.toString());
    assert.equal(given.CertificateChain, undefined);
    assert.deepEqual((await acm.listTagsForCertificate({ CertificateArn })).Tags, [{ Key: "team", Value: "web" }]);
    const listed = await acm.listCertificates({});
    assert.deepEqual(
      listed.CertificateSummaryList!.map((each) => [each.CertificateArn, each.InUse]),
      [[CertificateArn, false]],
    );
    const ResourceArn = CertificateArn!;
    await acm.tagResource({ ResourceArn, Tags: [{ Key: "stage", Value: "test" }] });
    await acm.untagResource({ ResourceArn, TagKeys: ["team"] });
    assert.deepEqual((await acm.listTagsForResource({ ResourceArn })).Tags, [{ Key: "stage", Value: "test" }]);
    await assert.rejects(
      acm.exportCertificate({ CertificateArn, Passphrase: Buffer.from("passphrase") }),
      refused("ValidationException", /is not a private certificate$/),
    );
    await acm.deleteCertificate({ CertificateArn });
    await assert.rejects(
      acm.describeCertificate({ CertificateArn }),
      refused("ResourceNotFoundException", `Could not find certificate ${CertificateArn}.`),
    );
  });

  test("a chain is verified link by link", async () => {
    const ca = ["-addext", "basicConstraints=critical,CA:TRUE"];
    await selfSigned("root", { more: ca });
    await selfSigned("stranger", { more: ca });
    const issue = async (name: string, by: string, extension: string): Promise<void> => {
      await writeFile(file(`${name}.ext`), `${extension}\n`);
      const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
      await openssl("req", ...key, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`), "-subj", `/CN=${name}`);
      const signer = ["-CA", file(`${by}.pem`), "-CAkey", file(`${by}.key`), "-CAcreateserial", "-days", "30"];
      await openssl(
        "x509",
        "-req",
        "-in",
        file(`${name}.csr`),
        ...signer,
        "-extfile",
        file(`${name}.ext`),
        "-out",
        file(`${name}.pem`),
      );
    };
    await issue("middle", "root", "basicConstraints=critical,CA:TRUE");
    await issue("leaf.example.com", "middle", "subjectAltName=DNS:leaf.example.com");
    const pair = await read("leaf.example.com");
    const chainOf = async (...names: string[]) =>
      Buffer.concat(await Promise.all(names.map((name) => readFile(file(`${name}.pem`)))));
    await assert.rejects(acm.importCertificate(pair), refused("ValidationException", /not a valid self signed/));
    const wrong = "Could not validate the certificate with the certificate chain.";
    for (const names of [["stranger"], ["root", "middle"], ["middle", "stranger"], ["leaf.example.com", "middle"]]) {
      const CertificateChain = await chainOf(...names);
      await assert.rejects(acm.importCertificate({ ...pair, CertificateChain }), refused("ValidationException", wrong));
    }
    const CertificateChain = await chainOf("middle", "root");
    const { CertificateArn } = await acm.importCertificate({ ...pair, CertificateChain });
    assert.equal((await acm.getCertificate({ CertificateArn })).CertificateChain, CertificateChain.toString());
    assert.equal((await acm.describeCertificate({ CertificateArn })).Certificate!.KeyAlgorithm, "EC-prime256v1");
    // Only RSA up to 2048 bits is listed unless others are asked for.
    assert.deepEqual((await acm.listCertificates({})).CertificateSummaryList, []);
    const elliptic = await acm.listCertificates({ Includes: { keyTypes: ["EC_prime256v1"] } });
    assert.equal(elliptic.CertificateSummaryList!.length, 1);
    await acm.deleteCertificate({ CertificateArn });
  });

  test("what cannot be served is refused", async () => {
    const pair = await selfSigned("good");
    const other = await selfSigned("other");
    const small = await selfSigned("small", { key: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"] });
    await openssl("ec", "-in", file("good.key"), "-aes256", "-passout", "pass:secret", "-out", file("locked.key"));
    const locked = await readFile(file("locked.key"));
    const cases: [Pair & { CertificateChain?: Buffer }, RegExp][] = [
      [{ ...pair, PrivateKey: other.PrivateKey }, /^The private key does not match the certificate\.$/],
      [{ ...pair, PrivateKey: locked }, /protected by a password/],
      [{ ...pair, PrivateKey: Buffer.from("nonsense") }, /^The private key is not PEM-encoded or is not valid\.$/],
      [{ ...pair, Certificate: Buffer.from("nonsense") }, /^The certificate is not PEM-encoded or is not valid\.$/],
      [{ ...pair, Certificate: Buffer.concat([pair.Certificate, other.Certificate]) }, /more than one certificate/],
      [
        { ...pair, CertificateChain: Buffer.from("nonsense") },
        /^The certificate chain is not PEM-encoded or is not valid\.$/,
      ],
      [small, /^The private key is not supported\.$/],
    ];
    for (const [given, text] of cases)
      await assert.rejects(acm.importCertificate(given), refused("ValidationException", text));
    const nobody = `arn:aws:acm:${instance.ready.region}:${instance.ready.accountId}:certificate/nobody`;
    await assert.rejects(
      acm.importCertificate({ ...pair, CertificateArn: nobody }),
      refused("ResourceNotFoundException"),
    );
    await assert.rejects(
      acm.describeCertificate({ CertificateArn: nobody.replace(":acm:", ":iam:") }),
      refused("ValidationException"),
    );
    await assert.rejects(acm.describeCertificate({ CertificateArn: `${nobody}/more` }), refused("InvalidArnException"));
    await assert.rejects(
      acm.requestCertificate({ DomainName: "example.com" }),
      refused("ValidationException", /issues no certificates/),
    );
  });

  test("a certificate that is imported again keeps its ARN; tags stay; expiry is told", async () => {
    const first = await selfSigned("renewed", { days: 100 });
    const { CertificateArn } = await acm.importCertificate({ ...first, Tags: [{ Key: "a", Value: "b" }] });
    const serial = async () => (await acm.describeCertificate({ CertificateArn })).Certificate!.Serial;
    const before = await serial();
    const second = await selfSigned("renewed", { days: 120 });
    await assert.rejects(
      acm.importCertificate({ ...second, CertificateArn, Tags: [{ Key: "c", Value: "d" }] }),
      refused("InvalidParameterException", "Tagging is not permitted on re-import."),
    );
    assert.equal((await acm.importCertificate({ ...second, CertificateArn })).CertificateArn, CertificateArn);
    assert.notEqual(await serial(), before);
    assert.deepEqual((await acm.listTagsForCertificate({ CertificateArn })).Tags, [{ Key: "a", Value: "b" }]);
    assert.equal((await acm.getAccountConfiguration({})).ExpiryEvents!.DaysBeforeExpiry, 45);
    await acm.putAccountConfiguration({ IdempotencyToken: "one", ExpiryEvents: { DaysBeforeExpiry: 10 } });
    assert.equal((await acm.getAccountConfiguration({})).ExpiryEvents!.DaysBeforeExpiry, 10);
    await advance(instance, 130 * 86_400_000);
    const { Certificate } = await acm.describeCertificate({ CertificateArn });
    assert.equal(Certificate!.Status, "EXPIRED");
    await assert.rejects(
      acm.importCertificate({ ...second, CertificateArn }),
      refused("ValidationException", "The certificate has expired, is not valid."),
    );
    await acm.deleteCertificate({ CertificateArn });
  });
});
