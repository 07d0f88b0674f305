/** Rolling 64-bit hash of what a simulation did: two runs that differ anywhere differ in it, nearly always. Not for secrets. */
export class TraceHash {
  readonly #bits = new Float64Array(1);
  readonly #words = new Uint32Array(this.#bits.buffer);
  #a = 0x9e3779b9;
  #b = 0x243f6a88;

  /** Mixes in a number, fractions included. */
  mix(value: number): void {
    this.#bits[0] = value;
    this.#word(this.#words[0] as number);
    this.#word(this.#words[1] as number);
  }

  /** Mixes in a text. */
  mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#word(text.charCodeAt(i));
    this.#word(text.length);
  }

  /** 16 hexadecimal digits. */
  get digest(): string {
    return (this.#a >>> 0).toString(16).padStart(8, '0') + (this.#b >>> 0).toString(16).padStart(8, '0');
  }

  #word(word: number): void {
    this.#a = Math.imul((this.#a ^ word) + ((this.#b << 7) | (this.#b >>> 25)), 0x85ebca6b);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul((this.#b + word) ^ this.#a, 0xc2b2ae35);
    this.#b ^= this.#b >>> 13;
  }
}
