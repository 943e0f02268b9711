/** S3 through other clients than the SDK: our own blob store, the AWS CLI, boto3. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { chunks } from "#blob/conformance.ts";
import { BlobExists } from "#blob/contract.ts";
import { openBlobs } from "#blob/open.ts";
import { systemClock } from "#kernel/clock.ts";
import { MiB, instance, folder, bucket, sha256, aws, python } from "./s3Client.ts";

describe("our own blob store on S3", () => {
  test("keeps, reads in ranges, lists and removes bodies, a large one in parts", async () => {
    const Bucket = await bucket("blob-store");
    const { endpoint, region, accessKeyId, secretAccessKey } = instance.ready;
    const url = `s3://${Bucket}/blobs?endpoint=${encodeURIComponent(endpoint)}&region=${region}`;
    const blobs = await openBlobs(url, {
      clock: systemClock,
      credentials: { accessKeyId, secretAccessKey },
      partSize: 5 * MiB,
    });
    const body = randomBytes(12 * MiB + 5);
    await blobs.put("large", chunks(body));
    await assert.rejects(blobs.put("large", chunks("again")), BlobExists);
    const back: Uint8Array[] = [];
    for await (const piece of blobs.get("large", { start: 5 * MiB - 1, end: 5 * MiB + 1 })) back.push(piece);
    assert.deepEqual(Buffer.concat(back), body.subarray(5 * MiB - 1, 5 * MiB + 2));
    await blobs.put("empty", chunks());
    assert.deepEqual(
      (await blobs.list(undefined, 10)).map(({ id, size }) => [id, size]),
      [
        ["empty", 0],
        ["large", body.length],
      ],
    );
    await blobs.delete("large");
    assert.equal(await blobs.info("large"), undefined);
    await blobs.close();
  });
});

describe("the AWS CLI", () => {
  test("cp, sync, ls, presign, rm and rb", async (t) => {
    if (!aws("--version")) return t.skip("no AWS CLI here");
    await bucket("cli");
    const body = randomBytes(20 * MiB + 7);
    await writeFile(join(folder, "large"), body);
    await mkdir(join(folder, "tree/deep"), { recursive: true });
    for (const name of ["a.txt", "deep/b.txt", "deep/한글.txt"]) await writeFile(join(folder, "tree", name), name);
    const run = (...args: string[]) => {
      const result = aws(...args)!;
      assert.equal(result.status, 0, `${args.join(" ")}\n${result.stdout}${result.stderr}`);
      return result.stdout;
    };
    run("s3", "cp", join(folder, "large"), "s3://cli/large", "--no-progress");
    run("s3", "cp", "s3://cli/large", join(folder, "back"), "--no-progress");
    assert.equal(sha256(await readFile(join(folder, "back"))), sha256(body));
    run("s3", "sync", join(folder, "tree"), "s3://cli/tree", "--no-progress");
    assert.match(run("s3", "ls", "s3://cli/"), /PRE tree\/\n.*20971527 large/s);
    assert.match(run("s3", "ls", "s3://cli/tree/", "--recursive"), /tree\/deep\/한글.txt/);
    assert.equal(run("s3", "sync", join(folder, "tree"), "s3://cli/tree", "--no-progress"), "");
    run("s3", "sync", "s3://cli/tree", join(folder, "tree2"), "--no-progress");
    assert.equal(await readFile(join(folder, "tree2/deep/한글.txt"), "utf8"), "deep/한글.txt");
    const url = run("s3", "presign", "s3://cli/tree/a.txt").trim();
    assert.equal(await (await fetch(url)).text(), "a.txt");
    run("s3", "mv", "s3://cli/tree/a.txt", "s3://cli/moved");
    run("s3", "rm", "s3://cli", "--recursive");
    run("s3", "rb", "s3://cli");
    assert.match(aws("s3", "ls", "s3://cli")!.stderr, /NoSuchBucket/);
  });
});

describe("boto3", () => {
  test("uploads, reads, lists, presigns (SigV2) and sees errors", async (t) => {
    await bucket("boto");
    const run = python(`
import boto3, io, os, hashlib, urllib.request, botocore
from botocore.config import Config
s3 = boto3.client('s3', config=Config(s3={'addressing_style': 'path'}))
body = os.urandom(17 * 1024 * 1024 + 3)
s3.upload_fileobj(io.BytesIO(body), 'boto', 'big')
out = io.BytesIO()
s3.download_fileobj('boto', 'big', out)
assert hashlib.sha256(out.getvalue()).digest() == hashlib.sha256(body).digest()
s3.put_object(Bucket='boto', Key='a/b c', Body=b'hi', Metadata={'k': 'v'}, Tagging='t=1')
got = s3.get_object(Bucket='boto', Key='a/b c')
assert got['Body'].read() == b'hi' and got['Metadata'] == {'k': 'v'} and got['TagCount'] == 1
pages = list(s3.get_paginator('list_objects_v2').paginate(Bucket='boto', Delimiter='/', PaginationConfig={'PageSize': 1}))
assert [p['Prefix'] for page in pages for p in page.get('CommonPrefixes', [])] == ['a/'], pages
url = s3.generate_presigned_url('get_object', Params={'Bucket': 'boto', 'Key': 'a/b c'})
assert urllib.request.urlopen(url).read() == b'hi', url
for call, code in [(lambda: s3.get_object(Bucket='boto', Key='x'), 'NoSuchKey'), (lambda: s3.head_object(Bucket='boto', Key='x'), '404'),
                   (lambda: s3.get_bucket_lifecycle_configuration(Bucket='boto'), 'NoSuchLifecycleConfiguration')]:
    try:
        call()
        raise SystemExit('no error ' + code)
    except botocore.exceptions.ClientError as e:
        assert e.response['Error']['Code'] == code, e.response
s3.delete_objects(Bucket='boto', Delete={'Objects': [{'Key': 'a/b c'}, {'Key': 'big'}]})
s3.delete_bucket(Bucket='boto')
print('fine')
`);
    if (!run) return t.skip("no boto3 here");
    assert.equal(run.stdout, "fine\n", run.stderr);
  });
});
