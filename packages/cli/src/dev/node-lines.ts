/** Fields of a log line that are shown at their own place. */
const PLACED = new Set(['level', 'time', 'node', 'msg']);

/** A log line of a node as people read it: `12:34:56.789 info  leadership group=0 role=leader`; other text stays as it is. */
export function readableLine(line: string): string {
  const fields = parseLine(line);
  if (fields === null) return line;
  const time = (typeof fields['time'] === 'string' ? fields['time'] : '').slice(11, 23);
  try {
    const rest = Object.entries(fields)
      .filter(([key]) => !PLACED.has(key))
      .map(([key, value]) => `${key}=${readableValue(value)}`);
    return [time, String(fields['level']).padEnd(5), String(fields['msg']), ...rest].join(' ');
  } catch {
    // A line that somebody else wrote: nested too deep, or with objects that have no text.
    return line;
  }
}

/** The fields of a JSON log line; null: not one. */
export function parseLine(line: string): Readonly<Record<string, unknown>> | null {
  if (!line.startsWith('{')) return null;
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null && 'level' in parsed && 'msg' in parsed ? { ...parsed } : null;
  } catch {
    return null;
  }
}

function readableValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(text);
}

/** Longest line kept together; a longer one is passed on in pieces, so that memory stays bounded. */
const LINE_CHARACTERS_MAX = 65_536;

/** Cuts a stream of text into lines. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.#onLine(part);
    if (this.#rest.length > LINE_CHARACTERS_MAX) this.end();
  }

  /** Passes on what has no line end yet. */
  end(): void {
    if (this.#rest !== '') this.#onLine(this.#rest);
    this.#rest = '';
  }
}
