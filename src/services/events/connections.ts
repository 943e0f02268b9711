/**
 * Connections: what is given, what is kept under the key holder and what may be shown.
 * Source: EventBridge API Reference, CreateConnection, UpdateConnection, DescribeConnection; EventBridge User Guide,
 * "Authorization methods for connections".
 */
import type { KeyHolder } from "#keys/contract.ts";
import { invalid } from "./errors.ts";
import type { ConnectionHttpParameters, UpdateConnectionAuthRequestParameters } from "./sdk.ts";
import type { Connection, ConnectionParameters, ConnectionSecret, HttpParameter, ShownAuth } from "./state.ts";

const purpose = "events-connection";

export async function keepSecret(keys: KeyHolder, uid: string, secret: unknown): Promise<string> {
  const kept = await keys.protect(purpose, uid, Buffer.from(JSON.stringify(secret)));
  return Buffer.from(kept).toString("base64");
}

export async function openSecret<T>(keys: KeyHolder, uid: string, kept: string): Promise<T> {
  return JSON.parse(Buffer.from(await keys.reveal(purpose, uid, Buffer.from(kept, "base64"))).toString("utf8")) as T;
}

type Method = "GET" | "POST" | "PUT";

/** The secrets after a call; what an update leaves out stays as it was. @throws ValidationException */
export function readSecret(
  type: Connection["authorizationType"],
  given: UpdateConnectionAuthRequestParameters,
  before: ConnectionSecret = {},
): ConnectionSecret {
  if (given.ConnectivityParameters) throw invalid("ConnectivityParameters are not served by this installation.");
  const invocation = given.InvocationHttpParameters
    ? { invocation: readParameters(given.InvocationHttpParameters) }
    : before.invocation && { invocation: before.invocation };
  return { ...invocation, ...readAuthorization(type, given, before) };
}

function readAuthorization(
  type: Connection["authorizationType"],
  given: UpdateConnectionAuthRequestParameters,
  before: ConnectionSecret,
): ConnectionSecret {
  switch (type) {
    case "BASIC": {
      const { Username: username = before.basic?.username, Password: password = before.basic?.password } =
        given.BasicAuthParameters ?? {};
      if (username === undefined || password === undefined) throw missing("BasicAuthParameters", type);
      return { basic: { username, password } };
    }
    case "API_KEY": {
      const { ApiKeyName: name = before.apiKey?.name, ApiKeyValue: value = before.apiKey?.value } =
        given.ApiKeyAuthParameters ?? {};
      if (name === undefined || value === undefined) throw missing("ApiKeyAuthParameters", type);
      return { apiKey: { name, value } };
    }
    case "OAUTH_CLIENT_CREDENTIALS": {
      const {
        ClientParameters = {},
        AuthorizationEndpoint,
        HttpMethod,
        OAuthHttpParameters,
      } = given.OAuthParameters ?? {};
      const clientId = ClientParameters.ClientID ?? before.oauth?.clientId;
      const clientSecret = ClientParameters.ClientSecret ?? before.oauth?.clientSecret;
      const endpoint = AuthorizationEndpoint ?? before.oauth?.endpoint;
      const method = (HttpMethod ?? before.oauth?.method) as Method | undefined;
      if (clientId === undefined || clientSecret === undefined || endpoint === undefined || method === undefined) {
        throw missing("OAuthParameters", type);
      }
      if (!isHttps(endpoint)) throw invalid("The authorization endpoint must be a valid HTTPS URL.");
      const parameters = OAuthHttpParameters ? readParameters(OAuthHttpParameters) : before.oauth?.parameters;
      return { oauth: { clientId, clientSecret, endpoint, method, ...(parameters ? { parameters } : {}) } };
    }
  }
}

const missing = (parameters: string, type: string) =>
  invalid(`Parameter(s) ${parameters} must be specified for authorization type: ${type}.`);

export function isHttps(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === "https:";
}

/** Headers that are the connection's own. Source: EventBridge User Guide, "API destinations": headers not to be set. */
const ownHeaders = new Set(
  "a-im accept-charset accept-datetime accept-encoding cache-control connection content-encoding content-length content-md5 date expect forwarded from host http2-settings if-match if-modified-since if-none-match if-range if-unmodified-since max-forwards origin pragma proxy-authorization range referer te trailer transfer-encoding user-agent upgrade via warning".split(
    " ",
  ),
);

export function isSettableHeader(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,512}$/.test(name) && !ownHeaders.has(name.toLowerCase());
}

export const isHeaderValue = (text: string): boolean => /^[\t -~\u0080-\u00FF]{0,4096}$/.test(text);

interface GivenParameter {
  Key?: string | undefined;
  Value?: string | undefined;
  IsValueSecret?: boolean | undefined;
}

function readParameters(given: ConnectionHttpParameters): ConnectionParameters {
  const read = (list: readonly GivenParameter[] | undefined): HttpParameter[] =>
    (list ?? []).map(({ Key: key = "", Value: value = "", IsValueSecret: secret = false }) => ({ key, value, secret }));
  const headers = read(given.HeaderParameters);
  for (const { key, value } of headers) {
    if (!isSettableHeader(key) || !isHeaderValue(value)) throw invalid(`The header ${key} cannot be set.`);
  }
  return { headers, query: read(given.QueryStringParameters), body: read(given.BodyParameters) };
}

/** What DescribeConnection shows. */
export function shownAuth(secret: ConnectionSecret): ShownAuth {
  const { basic, apiKey, oauth, invocation } = secret;
  return {
    ...(basic ? { BasicAuthParameters: { Username: basic.username } } : {}),
    ...(apiKey ? { ApiKeyAuthParameters: { ApiKeyName: apiKey.name } } : {}),
    ...(oauth
      ? {
          OAuthParameters: {
            AuthorizationEndpoint: oauth.endpoint,
            HttpMethod: oauth.method,
            ClientParameters: { ClientID: oauth.clientId },
            ...(oauth.parameters ? { OAuthHttpParameters: shownParameters(oauth.parameters) } : {}),
          },
        }
      : {}),
    ...(invocation ? { InvocationHttpParameters: shownParameters(invocation) } : {}),
  };
}

function shownParameters({ headers, query, body }: ConnectionParameters): ConnectionHttpParameters {
  const show = (list: readonly HttpParameter[]) =>
    list.map(({ key, value, secret }) => ({ Key: key, ...(secret ? {} : { Value: value }), IsValueSecret: secret }));
  return {
    ...(headers.length > 0 ? { HeaderParameters: show(headers) } : {}),
    ...(query.length > 0 ? { QueryStringParameters: show(query) } : {}),
    ...(body.length > 0 ? { BodyParameters: show(body) } : {}),
  };
}
