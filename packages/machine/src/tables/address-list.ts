const BLOCK = 4096;

/** A stack of addresses in blocks outside the JavaScript heap: it grows by steps and is never copied. */
export class AddressList {
  readonly #blocks: Uint32Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(address: number): void {
    const at = this.#length % BLOCK;
    const block = (this.#length - at) / BLOCK;
    if (block === this.#blocks.length) this.#blocks.push(new Uint32Array(BLOCK));
    (this.#blocks[block] as Uint32Array)[at] = address;
    this.#length++;
  }

  /** Takes the last one; the list must not be empty. */
  pop(): number {
    this.#length--;
    const at = this.#length % BLOCK;
    const block = (this.#length - at) / BLOCK;
    const address = (this.#blocks[block] as Uint32Array)[at] as number;
    // One block stays, for a list that is filled and emptied often.
    if (at === 0 && block > 0) this.#blocks.pop();
    return address;
  }
}
