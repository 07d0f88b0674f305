import { HistoryCheck, type HistoryEvent, type HistoryHeader, type Problem } from '@quorate/checkers';

/** Judges a history while it is made: the run ends where the first problem shows. */
export class LiveCheck {
  readonly #check: HistoryCheck;
  readonly #fault: (message: string) => void;
  #isTold = false;

  /** `fault` is told of the first problem; it must end the run. */
  constructor(header: HistoryHeader, fault: (message: string) => void) {
    this.#check = new HistoryCheck(header);
    this.#fault = fault;
  }

  take(event: HistoryEvent): void {
    this.#check.take(event);
    if (this.#check.problemCount === 0 || this.#isTold) return;
    this.#isTold = true;
    this.#fault(this.#check.problems.map(describeProblem).join('\n  '));
  }

  /** After the last event: what is wrong, and how much each rule judged. */
  finish(): { readonly faults: readonly string[]; readonly judged: Readonly<Record<string, number>> } {
    const { problems, stats } = this.#check.finish();
    return { faults: problems.map(describeProblem), judged: stats };
  }
}

function describeProblem({ type, rule, object, line, text }: Problem): string {
  return `${type} (${rule}) of ${object} at line ${line} of the history: ${text.replace(/x{20,}/gu, 'xx')}`;
}
