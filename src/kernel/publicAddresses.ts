/**
 * Addresses of private, loopback, link-local and other special networks, for services that speak to endpoints which
 * clients name.
 */
import { lookup, type LookupAddress } from "node:dns";
import { BlockList, isIP } from "node:net";

/** Code of the error for a name that has such an address. */
export const privateAddressCode = "JIKIMI_PRIVATE_TARGET";

/** Source: IANA special-purpose address registries. */
const privateRanges = new BlockList();
for (const [address, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const) {
  privateRanges.addSubnet(address, bits, "ipv4");
}
for (const [address, bits] of [
  ["::", 127],
  ["64:ff9b::", 96],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const) {
  privateRanges.addSubnet(address, bits, "ipv6");
}

export function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = mapped ?? address;
  return privateRanges.check(plain, isIP(plain) === 6 ? "ipv6" : "ipv4");
}

type Found = (error: NodeJS.ErrnoException | null, address?: string | LookupAddress[], family?: number) => void;

/** INVARIANT: the address that is connected to is the one that was checked. One private address refuses the name. */
export function lookupPublic(hostname: string, options: { all?: boolean }, done: Found): void {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return done(error);
    const [first] = addresses;
    if (!first || addresses.some(({ address }) => isPrivate(address))) {
      return done(Object.assign(new Error("a private address"), { code: privateAddressCode }));
    }
    if (options.all) return done(null, addresses);
    done(null, first.address, first.family);
  });
}
