/**
 * Browser uploads. The wire layer reads the form and proves its policy; this maps a proved form to the input of
 * PutObject, and PutObject's output to the answer that the form asked for.
 * Source: Amazon S3 API Reference, "POST Object", "HTML form declaration" and "Redirection".
 */
import type { ByteStream } from "#gateway/service.ts";
import { parseXml, type XmlNode } from "#wire/xmlParse.ts";
import { invalidArgument, malformedXml } from "./errors.ts";
import { checkTags, tagSet } from "./tags.ts";
import type { In, Out } from "./sdk.ts";

/** What is needed of a form, names of fields in lower case. */
interface PostedForm {
  key: string;
  fields: ReadonlyMap<string, string>;
  contentType: string | undefined;
  stream: ByteStream;
}

/** Form field → PutObject member. */
const textFields = [
  ["acl", "ACL"],
  ["cache-control", "CacheControl"],
  ["content-disposition", "ContentDisposition"],
  ["content-encoding", "ContentEncoding"],
  ["content-language", "ContentLanguage"],
  ["x-amz-storage-class", "StorageClass"],
  ["x-amz-website-redirect-location", "WebsiteRedirectLocation"],
  ["x-amz-server-side-encryption", "ServerSideEncryption"],
  ["x-amz-server-side-encryption-aws-kms-key-id", "SSEKMSKeyId"],
  ["x-amz-server-side-encryption-context", "SSEKMSEncryptionContext"],
  ["x-amz-server-side-encryption-customer-algorithm", "SSECustomerAlgorithm"],
  ["x-amz-server-side-encryption-customer-key", "SSECustomerKey"],
  ["x-amz-server-side-encryption-customer-key-md5", "SSECustomerKeyMD5"],
  ["x-amz-object-lock-mode", "ObjectLockMode"],
  ["x-amz-object-lock-legal-hold", "ObjectLockLegalHoldStatus"],
  ["x-amz-checksum-algorithm", "ChecksumAlgorithm"],
  ["x-amz-checksum-crc32", "ChecksumCRC32"],
  ["x-amz-checksum-crc32c", "ChecksumCRC32C"],
  ["x-amz-checksum-crc64nvme", "ChecksumCRC64NVME"],
  ["x-amz-checksum-sha1", "ChecksumSHA1"],
  ["x-amz-checksum-sha256", "ChecksumSHA256"],
] as const;

const dateFields = [
  ["expires", "Expires"],
  ["x-amz-object-lock-retain-until-date", "ObjectLockRetainUntilDate"],
] as const;

export function putObjectInput(bucket: string, form: PostedForm): In<"PutObject"> {
  const input: Record<string, unknown> = { Bucket: bucket, Key: form.key, Body: form.stream };
  const contentType = form.fields.get("content-type") ?? form.contentType;
  if (contentType !== undefined) input["ContentType"] = contentType;
  for (const [field, member] of textFields) {
    const value = form.fields.get(field);
    if (value !== undefined) input[member] = value;
  }
  for (const [field, member] of dateFields) {
    const value = form.fields.get(field);
    if (value === undefined) continue;
    const date = new Date(value);
    if (Number.isNaN(date.getTime())) throw invalidArgument("Invalid date", field, value);
    input[member] = date;
  }
  const tagging = form.fields.get("tagging");
  if (tagging !== undefined) input["Tagging"] = taggingHeader(tagging);
  const metadata = [...form.fields].filter(([field]) => field.startsWith("x-amz-meta-"));
  if (metadata.length > 0) {
    input["Metadata"] = Object.fromEntries(
      metadata.map(([field, value]) => [field.slice("x-amz-meta-".length), value]),
    );
  }
  return input as unknown as In<"PutObject">;
}

/** The `tagging` field is a `<Tagging>` document; its tags in the form of the `x-amz-tagging` header. */
function taggingHeader(xml: string): string {
  const root = parseXml(Buffer.from(xml));
  const set = root.name === "Tagging" ? root.children.find((child) => child.name === "TagSet") : undefined;
  if (!set) throw malformedXml();
  const text = (tag: XmlNode, name: string) => tag.children.find((child) => child.name === name)?.text ?? "";
  const tags = set.children.map((tag) => ({ Key: text(tag, "Key"), Value: text(tag, "Value") }));
  return tagSet(checkTags(tags, "object"))
    .map(({ Key, Value }) => `${encodeURIComponent(Key)}=${encodeURIComponent(Value)}`)
    .join("&");
}

interface PostAnswer {
  status: number;
  headers: Record<string, string>;
  body: string | undefined;
}

/** 204 unless the form names another status, or a page to go to. */
export function postAnswer(
  endpoint: string,
  bucket: string,
  form: Pick<PostedForm, "key" | "fields">,
  output: Out<"PutObject">,
): PostAnswer {
  const location = `${endpoint}/${bucket}/${encodeURIComponent(form.key).replaceAll("%2F", "/")}`;
  const etag = output.ETag ?? "";
  const headers: Record<string, string> = {
    etag,
    location,
    ...(output.VersionId === undefined ? {} : { "x-amz-version-id": output.VersionId }),
    ...(output.ServerSideEncryption === undefined
      ? {}
      : { "x-amz-server-side-encryption": output.ServerSideEncryption }),
  };
  const redirect = redirectTo(form.fields.get("success_action_redirect") ?? form.fields.get("redirect"));
  if (redirect) {
    redirect.searchParams.set("bucket", bucket);
    redirect.searchParams.set("key", form.key);
    redirect.searchParams.set("etag", etag);
    return { status: 303, headers: { ...headers, location: redirect.href }, body: undefined };
  }
  const status = form.fields.get("success_action_status");
  if (status === "200") return { status: 200, headers, body: undefined };
  if (status !== "201") return { status: 204, headers, body: undefined };
  const body =
    `<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse><Location>${escaped(location)}</Location>` +
    `<Bucket>${escaped(bucket)}</Bucket><Key>${escaped(form.key)}</Key><ETag>${escaped(etag)}</ETag></PostResponse>`;
  return { status: 201, headers: { ...headers, "content-type": "application/xml" }, body };
}

/** "If the URL cannot be interpreted, Amazon S3 acts as if the field is not present." */
function redirectTo(text: string | undefined): URL | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
}

function escaped(text: string): string {
  return text.replace(
    /[&<>"]/g,
    (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character]!,
  );
}
