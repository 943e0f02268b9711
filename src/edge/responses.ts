/**
 * Answers that the load balancer gives by itself, as the real one writes them.
 * Source: Elastic Load Balancing User Guide, "Troubleshoot your Application Load Balancers"; bodies as observed.
 */
export const serverName = "awselb/2.0";

/** Reason phrases in the pages; 46x and 561 are codes of load balancers. */
const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Authorization Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Not Allowed",
  408: "Request Time-out",
  413: "Request Entity Too Large",
  414: "Request-URI Too Large",
  421: "Misdirected Request",
  460: "Client Closed Request",
  463: "",
  464: "",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Temporarily Unavailable",
  504: "Gateway Time-out",
  561: "Unauthorized",
};

export function reasonPhrase(status: number): string {
  return phrases[status] ?? "";
}

export function errorPage(status: number): string {
  const title = `${status} ${reasonPhrase(status)}`.trim();
  return (
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n` +
    `<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`
  );
}

/** For connections that have no request object (yet): a whole HTTP/1.1 answer that ends the connection. */
export function rawAnswer(status: number, date: string): string {
  const body = errorPage(status);
  return (
    `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\nServer: ${serverName}\r\nDate: ${date}\r\n` +
    `Content-Type: text/html\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  );
}
