/** What is ours beside the public APIs: `/_jikimi/*`, signed like them, read with the rights of whoever has signed in. */
import { ApiError, type Caller, type Output } from "./client.ts";
import { queryText, sha256, sign } from "./sigv4.ts";

/** @param path below `/_jikimi/`, e.g. "seal" */
export async function readOwn(
  caller: Caller,
  path: string,
  input: Readonly<Record<string, string>> = {},
): Promise<Output> {
  const query = Object.entries(input);
  const request = { method: "GET", path: `/_jikimi/${path}`, query, headers: {} };
  const headers = await sign(
    {
      ...request,
      payload: await sha256(new Uint8Array()),
      region: caller.region,
      service: "jikimi",
      host: location.host,
      now: new Date(),
    },
    await caller.credentials(),
  );
  const text = queryText(query);
  const response = await fetch(request.path + (text === "" ? "" : `?${text}`), {
    headers,
    credentials: "omit",
    cache: "no-store",
  });
  const answer = (await response.json()) as { code?: string; message?: string };
  if (!response.ok) throw new ApiError(answer.code ?? "", answer.message ?? "", response.status, "");
  return answer;
}
