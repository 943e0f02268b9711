/** Request bodies before their protocol reads them: compression, form text, the stream form of a buffered body. */
import { isUtf8 } from "node:buffer";
import { gunzipSync } from "node:zlib";
import type { Bytes, ByteStream, HttpRequest } from "./contract.ts";
import { WireFailure } from "./failure.ts";

/**
 * Largest body after decompression. The largest request that SDKs compress is PutMetricData with 1 MB
 * (CloudWatch API Reference); the rest is head room. INVARIANT: a small body cannot grow beyond this.
 */
export const maxInflated = 16 * 1024 * 1024;

/** Throws `WireFailure` for broken gzip, for a bomb, and for an encoding that no AWS client uses. */
export function inflateBody(request: HttpRequest, body: Bytes): Bytes {
  const encoding = request.headers["content-encoding"];
  if (encoding === undefined || encoding === "" || encoding === "identity" || body.byteLength === 0) return body;
  if (encoding !== "gzip") throw new WireFailure("Unsupported content encoding", "UnsupportedMediaTypeException", 415);
  try {
    return gunzipSync(body, { maxOutputLength: maxInflated });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new WireFailure("Request body is too large", "RequestEntityTooLargeException", 413);
    }
    throw new WireFailure("Could not decompress request body");
  }
}

export function formText(request: HttpRequest, body: Bytes): string {
  return utf8Text(inflateBody(request, body));
}

export function utf8Text(bytes: Bytes): string {
  if (!isUtf8(bytes)) throw new WireFailure("Invalid UTF-8 in request body");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

async function* oneChunk(bytes: Bytes): ByteStream {
  if (bytes.byteLength > 0) yield bytes;
}

export function asStream(body: Bytes | ByteStream): ByteStream {
  return body instanceof Uint8Array ? oneChunk(body) : body;
}
