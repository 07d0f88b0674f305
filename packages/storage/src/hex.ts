/** Eight bytes of 16 hexadecimal digits (cluster ids, incarnations, journal ids). */
export function hexToBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(8);
  for (let i = 0; i < 8; i++) bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** The 16 hexadecimal digits of eight bytes. */
export function bytesToHex(bytes: Uint8Array): string {
  let hex = '';
  for (let i = 0; i < 8; i++) hex += (bytes[i] as number).toString(16).padStart(2, '0');
  return hex;
}
