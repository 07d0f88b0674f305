import { FlightLimit } from '@quorate/base';

/** So much may always be on its way, as one piece of a snapshot may: some ms of most links, a quarter of a second of one with 1 MB/s. */
const LEAST_BYTES = 262_144;

/** A question that is on its way behind `bytes` of entries. */
interface Question {
  readonly round: number;
  readonly sentMs: number;
  readonly bytes: number;
}

/**
 * How many bytes of entries may be on their way to a peer: as many as the link carries well within the shortest election timeout. What else goes that way waits behind them: signs of life,
 * the rounds of reads, votes, entries of other groups (T73).
 *
 * Entries are answered when they are durable, which tells of the disk there. So while many are on their way a question goes with them that is answered as soon as it has come.
 */
export class LinkWindow {
  readonly #bytesMax: number;
  readonly #limit: FlightLimit;
  #question: Question | null = null;

  constructor({ windowBytes, slowMs }: { windowBytes: number; slowMs: number }) {
    this.#bytesMax = windowBytes;
    this.#limit = new FlightLimit({ slowMs, leastPart: Math.min(1, LEAST_BYTES / windowBytes), isAlone: false });
  }

  /** So many may be on their way. */
  get bytes(): number {
    return Math.max(Math.min(LEAST_BYTES, this.#bytesMax), Math.floor(this.#limit.part * this.#bytesMax));
  }

  /** True if a question is due behind so many bytes: few say nothing about the link. */
  wantsQuestion(inflightBytes: number): boolean {
    return this.#question === null && this.#bytesMax > LEAST_BYTES && 2 * inflightBytes >= LEAST_BYTES;
  }

  /** The question is this round, which nothing sent to the peer carried before. */
  asked(question: Question): void {
    this.#question = question;
  }

  /** The peer has acknowledged everything up to this round. */
  answered(ackedRound: number, nowMs: number): void {
    const question = this.#question;
    if (question === null || ackedRound < question.round) return;
    this.#question = null;
    const part = question.bytes / this.#bytesMax;
    this.#limit.answered({ sentMs: question.sentMs, nowMs, part, underWay: part });
  }

  /** What was on its way may be lost. */
  forget(): void {
    this.#question = null;
  }
}
