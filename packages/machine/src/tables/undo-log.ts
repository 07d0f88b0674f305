import { AddressList } from './address-list.js';

/** What was done to an entry. */
export const INSERTED = 0;
export const REPLACED = 1;
export const REMOVED = 2;

/** Changes since `begin`, the last on top: an entry that was inserted, or the one that was replaced or removed and is kept until the end. */
export class UndoLog {
  readonly #list = new AddressList();

  get length(): number {
    return this.#list.length / 2;
  }
  push(action: number, entry: number): void {
    this.#list.push(entry);
    this.#list.push(action);
  }
  /** Takes what was done last; `takeEntry` must follow. */
  takeAction(): number {
    return this.#list.pop();
  }
  takeEntry(): number {
    return this.#list.pop();
  }
}
