/** Addresses of clients: as policies and logs write them, and grouped as one client holds them. */

/** IPv4 in IPv6 clothing, as a dual-stack socket reports it, becomes plain IPv4: `aws:SourceIp` and logs expect that. */
export function clientAddress(remote: string | undefined): string {
  if (remote === undefined) return "";
  return remote.startsWith("::ffff:") && remote.includes(".") ? remote.slice(7) : remote;
}

/**
 * What is counted as one client: an IPv4 address, or the /64 of an IPv6 address, since every customer of an IPv6
 * network holds at least that many addresses. Source: RFC 6177.
 */
export function addressGroup(address: string): string {
  if (!address.includes(":")) return address;
  const [bare] = address.split("%") as [string];
  const [front, back] = bare.split("::") as [string, string | undefined];
  const head = front === "" ? [] : front.split(":");
  if (back !== undefined) {
    const tail = back === "" ? 0 : back.split(":").length;
    for (let missing = 8 - head.length - tail; missing > 0; missing--) head.push("0");
  }
  return `${head.slice(0, 4).join(":")}::/64`;
}
