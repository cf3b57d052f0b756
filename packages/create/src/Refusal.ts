/** Why no project is made, and what to do about it. Nothing has been written. */
export class Refusal extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** The person at the terminal gave up on a question. Nothing has been written. */
export class Cancelled extends Error {}
