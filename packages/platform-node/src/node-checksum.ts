import { createRequire } from 'node:module';
import { type Checksum, crc32c } from '@quorate/base';

/** Below this the call into native code costs more than it saves (docs/decisions/0003-native-checksum.md). */
export const NATIVE_BYTES_MIN = 192;

type NativeChecksum = (bytes: Uint8Array, initial?: number) => number;

function requireNative(): unknown {
  return createRequire(import.meta.url)('@node-rs/crc32');
}

/**
 * CRC-32C with the native package for long inputs, or wholly in JavaScript if the package cannot be loaded on this machine or does not give
 * the same results. `load` is for tests.
 */
export function loadChecksum(load: () => unknown = requireNative): { readonly checksum: Checksum; readonly isNative: boolean } {
  const native = tryLoad(load);
  if (native === null) return { checksum: crc32c, isNative: false };
  return {
    checksum: (bytes, seed = 0) => (bytes.length < NATIVE_BYTES_MIN ? crc32c(bytes, seed) : native(bytes, seed)),
    isNative: true,
  };
}

function tryLoad(load: () => unknown): NativeChecksum | null {
  try {
    const native = (load() as { crc32c?: unknown }).crc32c as NativeChecksum;
    const probe = Uint8Array.from({ length: NATIVE_BYTES_MIN * 2 + 1 }, (_, i) => (i * 37) & 0xff);
    const isSame = native(probe) === crc32c(probe) && native(probe.subarray(3), 0x89ab_cdef) === crc32c(probe.subarray(3), 0x89ab_cdef);
    return isSame ? native : null;
  } catch {
    // No binary for this platform: JavaScript does the same, slower.
    return null;
  }
}

const loaded = loadChecksum();

/** CRC-32C, native where it pays. */
export const nodeChecksum: Checksum = loaded.checksum;
/** False if the native package could not be used. */
export const isChecksumNative: boolean = loaded.isNative;
