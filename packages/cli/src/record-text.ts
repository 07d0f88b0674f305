/** A record as `--json` prints it: `value` is the text if the bytes are UTF-8, else `base64` holds them. */
export type RecordJson = { readonly offset: number; readonly value: string } | { readonly offset: number; readonly base64: string };

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function recordJson({ offset, value }: { readonly offset: number; readonly value: Uint8Array }): RecordJson {
  try {
    return { offset, value: strict.decode(value) };
  } catch {
    return { offset, base64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Text with its control characters shown as escapes: a record must not drive the terminal of whoever reads it. */
export function printable(text: string): string {
  return text.replace(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
