import { LIMITS, QuorateError, utf8 } from '@quorate/base';

// Control characters, and the two separators that some terminals and parsers take for the end of a line.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Throws `nameInvalid`, which says what is wrong and where, unless `name` can name a stream: 1 to `LIMITS.nameBytesMax` bytes of UTF-8
 * without control characters, lone surrogates and leading or trailing white space. Names are equal if their bytes are.
 */
export function checkStreamName(name: string): void {
  if (typeof name !== 'string')
    throw new QuorateError('nameInvalid', `a stream name must be a string, not ${typeof name}`, { what: 'type' });
  if (name === '') throw new QuorateError('nameInvalid', 'a stream name must not be empty', { what: 'empty', at: 0 });
  // Each UTF-16 unit takes at least one byte: a huge string is refused before it is looked through.
  const bytes = name.length > LIMITS.nameBytesMax ? name.length : utf8(name).length;
  if (bytes > LIMITS.nameBytesMax) {
    const atLeast = name.length > LIMITS.nameBytesMax ? 'at least ' : '';
    throw new QuorateError('nameInvalid', `a stream name has at most ${LIMITS.nameBytesMax} bytes of UTF-8, this one ${atLeast}${bytes}`, {
      what: 'tooLong',
      bytes,
      max: LIMITS.nameBytesMax,
    });
  }
  const control = CONTROL.exec(name);
  if (control !== null) {
    throw new QuorateError(
      'nameInvalid',
      `a stream name must not contain control characters: ${codePoint(control[0])} at ${control.index}`,
      {
        what: 'controlCharacter',
        at: control.index,
      },
    );
  }
  const surrogate = LONE_SURROGATE.exec(name);
  if (surrogate !== null) {
    throw new QuorateError(
      'nameInvalid',
      `a stream name must be well-formed text: lone surrogate ${codePoint(surrogate[0])} at ${surrogate.index}`,
      {
        what: 'loneSurrogate',
        at: surrogate.index,
      },
    );
  }
  if (name.trimStart() !== name)
    throw new QuorateError('nameInvalid', 'a stream name must not start with white space', { what: 'space', at: 0 });
  if (name.trimEnd() !== name) {
    throw new QuorateError('nameInvalid', `a stream name must not end with white space (at ${name.length - 1})`, {
      what: 'space',
      at: name.length - 1,
    });
  }
}

function codePoint(character: string): string {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}
