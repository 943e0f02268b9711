/**
 * Arithmetic in GF(2⁸) with the polynomial x⁸ + x⁴ + x³ + x + 1 (FIPS 197, section 4).
 *
 * INVARIANT: no table and no branch depends on an operand: how long it takes, and which memory it touches, tell nothing.
 */
export function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) {
    product ^= a & -((b >> bit) & 1);
    a = ((a << 1) ^ (0x11b & -((a >> 7) & 1))) & 0xff;
  }
  return product;
}

/** a²⁵⁴, which is 1/a; 0 of 0. */
export function inverse(a: number): number {
  let power = a;
  let result = 1;
  // 254 = 2 + 4 + … + 128.
  for (let bit = 1; bit < 8; bit++) {
    power = multiply(power, power);
    result = multiply(result, power);
  }
  return result;
}
